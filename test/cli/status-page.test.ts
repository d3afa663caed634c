import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { UploadError } from 'holdfast'
// Built, as the files of the page are.
import { createStatusPage } from '../../dist/cli/status-page.js'
import { StatusBoard } from '../../src/status/board.js'

async function start(context: TestContext, auth?: string) {
  const ended: string[] = []
  const page = createStatusPage({
    auth,
    snapshot: async () => new StatusBoard().snapshot(),
    async terminate(id) {
      if (id === 'none') throw new UploadError('ERR_UPLOAD_NOT_FOUND')
      ended.push(id)
    },
  })
  const server = http.createServer((request, response) => {
    if (!page(request, response)) response.writeHead(418).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return { ended, url: `http://127.0.0.1:${port}`, port }
}

const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })

/** By node, since fetch sends the host of the URL. */
async function asked(port: number, headers: Record<string, string>): Promise<number> {
  const request = http.get({ port, host: '127.0.0.1', path: '/status/data', headers })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.resume()
  return response.statusCode!
}

test('the page and its files are there, and nothing beside them', async (context) => {
  const { url } = await start(context)
  for (const path of ['/status/', '/status/status.js', '/status/status.css', '/status/style.css', '/status/icon.svg']) {
    const answer = await fetch(url + path)
    assert.equal(answer.status, 200, path)
    assert.equal(answer.headers.get('X-Content-Type-Options'), 'nosniff')
    assert.match(answer.headers.get('Content-Security-Policy')!, /default-src 'self'/)
    assert.ok((await answer.text()).length > 50)
  }
  const folder = await fetch(`${url}/status`, { redirect: 'manual' })
  assert.deepEqual([folder.status, folder.headers.get('Location')], [308, '/status/'])
  assert.equal((await fetch(`${url}/status/../cli/main.js`)).status, 418)
  assert.equal((await fetch(`${url}/status/%2e%2e/index.html`)).status, 418)
  assert.equal((await fetch(`${url}/status/index.html`)).status, 404)
  assert.equal((await fetch(`${url}/status/data`, { method: 'PUT' })).status, 405)
  assert.equal((await fetch(`${url}/statusx`)).status, 418)
})

test('without a password only this machine is answered, by its own name and without a proxy in between', async (context) => {
  const { port } = await start(context)
  assert.equal(await asked(port, {}), 200)
  assert.equal(await asked(port, { Host: `localhost:${port}` }), 200)
  for (const headers of [
    { Host: 'evil.example' },
    { Host: `evil.example:${port}` },
    { Host: 'localhost.evil.example' },
    { 'X-Forwarded-For': '10.0.0.1' },
    { Forwarded: 'for=10.0.0.1' },
    { Via: '1.1 proxy' },
  ] as Record<string, string>[]) {
    assert.equal(await asked(port, headers), 403, JSON.stringify(headers))
  }
})

test('with a password nobody is answered who does not know it', async (context) => {
  const { url, port } = await start(context, 'admin:s3cret:with colon')
  for (const headers of [{}, basic('admin:wrong'), basic(''), { Authorization: 'Bearer admin:s3cret:with colon' }]) {
    const answer = await fetch(`${url}/status/data`, { headers: headers as Record<string, string> })
    assert.equal(answer.status, 401)
    assert.match(answer.headers.get('WWW-Authenticate')!, /^Basic /)
  }
  const right = basic('admin:s3cret:with colon')
  assert.equal((await fetch(`${url}/status/data`, { headers: right })).status, 200)
  assert.equal(await asked(port, { ...right, Host: 'uploads.example.com', 'X-Forwarded-For': '10.0.0.1' }), 200)
  assert.equal((await fetch(`${url}/status/terminate`, { method: 'POST' })).status, 401)
})

test('an upload is terminated by the page alone, and what is wrong is told', async (context) => {
  const { url, ended } = await start(context)
  const send = async (body: string, headers: Record<string, string> = { 'X-Holdfast': 'status' }): Promise<number> =>
    (await fetch(`${url}/status/terminate`, { method: 'POST', body, headers })).status
  assert.equal(await send('{"id":"a"}', {}), 403, 'a form of another site cannot set that field')
  for (const body of ['', '{', '{"id":5}', '{"id":""}', `{"id":"${'x'.repeat(5_000)}"}`]) {
    assert.equal(await send(body), 400)
  }
  assert.equal(await send('{"id":"none"}'), 404)
  assert.deepEqual(ended, [])
  assert.equal(await send('{"id":"a"}'), 204)
  assert.deepEqual(ended, ['a'])
})
