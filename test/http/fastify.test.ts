/** The plugin in a real Fastify; what is the same in all frameworks is in test-frameworks/. */
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { DiskStore } from '../../src/disk/index.js'
import { uploads } from '../../src/http/fastify.js'
import { createServer } from '../../src/server.js'
import { someBytes, temporaryFolder } from '../support/bucket.js'
import { append, ask, create, offsetAt, stall } from '../support/workers.js'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function listen(app: FastifyInstance = Fastify(), outer = ''): Promise<{ app: FastifyInstance; url: string }> {
  const folder = await temporaryFolder()
  closing.push(() => folder.remove())
  const holdfast = createServer({ store: new DiskStore({ directory: folder.path }), basePath: `${outer}/files` })
  await app.register((scope) => scope.register(uploads, { prefix: '/files', holdfast }), { prefix: outer })
  app.post('/echo', (request) => request.body)
  await app.listen({ port: 0, host: '127.0.0.1' })
  closing.push(() => app.close())
  return { app, url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}${outer}/files` }
}

describe('the plugin of Fastify', () => {
  test('takes bodies of every type, and beyond the bodyLimit of the server', async () => {
    const { url } = await listen(Fastify({ bodyLimit: 1_000 }))
    const bytes = someBytes(300_000)
    const location = await create(url, bytes.length)
    assert.equal((await append(location, 0, bytes)).status, 204)
    const draft = { 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1', 'Content-Type': 'application/json' }
    const { status, headers: told } = await fetch(url, { method: 'POST', headers: draft, body: '{ "a": 1 }' })
    assert.equal(status, 201)
    assert.equal(await (await fetch(told.get('Location')!)).text(), '{ "a": 1 }')
  })

  test('leaves the body parsers of the rest as they are', async () => {
    const { url } = await listen()
    const headers = { 'Content-Type': 'application/json' }
    const echo = await fetch(new URL('/echo', url), { method: 'POST', headers, body: '{"a":1}' })
    assert.deepEqual(await echo.json(), { a: 1 })
    const other = await fetch(new URL('/echo', url), { method: 'POST', headers: { 'Content-Type': 'a/b' }, body: 'x' })
    assert.equal(other.status, 415)
  })

  test('works below the prefix of another scope, with a slash at the end and without', async () => {
    const { url } = await listen(Fastify(), '/api')
    assert.match(await create(url, 10), /\/api\/files\/\w+$/)
    assert.match(await create(`${url}/`, 10), /\/api\/files\/\w+$/)
  })

  test('hooks around it may refuse and hear of the end, and fields that they set are sent', async () => {
    const app = Fastify()
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-frame-options', 'DENY').header('set-cookie', ['a=1', 'b=2'])
      if (request.headers.authorization === undefined) await reply.code(401).send('who are you?')
    })
    const ended: number[] = []
    app.addHook('onResponse', async (_, reply) => void ended.push(reply.raw.statusCode))
    const { url } = await listen(app)
    assert.equal((await ask(url, 'OPTIONS')).status, 401)
    const { status, headers } = await ask(url, 'OPTIONS', { Authorization: 'Bearer x' })
    assert.equal(status, 204)
    assert.equal(headers['x-frame-options'], 'DENY')
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
    assert.deepEqual(ended, [401, 204])
  })

  test('close() has uploads stored that still come, tells their clients, and does not wait for them', async () => {
    const { app, url } = await listen()
    const location = await create(url, 100)
    const standing = await stall(location, 0, 100, someBytes(40))
    await new Promise((resolve) => setTimeout(resolve, 200))
    const since = performance.now()
    await app.close()
    assert.ok(performance.now() - since < 3_000)
    assert.equal((await standing.answer)?.status, 503)
  })

  test('a client that leaves ends nothing', async () => {
    const { url } = await listen()
    const location = await create(url, 100)
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Offset': 0, 'Content-Length': 100 }
    const type = { 'Content-Type': 'application/offset+octet-stream' }
    const leaving = http.request(location, { method: 'PATCH', headers: { ...headers, ...type } })
    leaving.on('error', () => undefined).write(someBytes(40))
    await new Promise((resolve) => setTimeout(resolve, 200))
    leaving.socket!.resetAndDestroy()
    assert.equal(await offsetAt(location), 40)
  })
})
