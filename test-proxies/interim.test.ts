/** What real proxies make of 104, as docs/rufh.md says; and that uploads come through them with the setting that is advised. */
import assert from 'node:assert/strict'
import http from 'node:http'
import http2 from 'node:http2'
import { after, before, describe, test } from 'node:test'
import * as tus from 'tus-js-client'
import type { InterimResponses } from '../src/http/interim.js'
import { type Node, openBucket, sha256, someBytes, startNode } from '../test/support/stack.js'
import { type Front, startHaproxy, startNginx } from './support.js'

const MiB = 1024 * 1024
const FIELDS = { 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1' }

interface Heard {
  interim: number[]
  status: number | undefined
  location: string | undefined
  failure: string | undefined
}

function overHttp1(port: number, bytes: Uint8Array): Promise<Heard> {
  return new Promise((resolve) => {
    const headers = { ...FIELDS, 'Content-Length': bytes.length }
    const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/files/', headers, agent: false })
    const heard: Heard = { interim: [], status: undefined, location: undefined, failure: undefined }
    request.on('information', ({ statusCode }) => heard.interim.push(statusCode))
    request.on('response', (response) => {
      heard.status = response.statusCode
      heard.location = response.headers.location
      response.resume().on('end', () => resolve(heard))
    })
    request.on('error', (error) => resolve({ ...heard, failure: String(error) }))
    request.end(bytes)
  })
}

function overHttp2(port: number, bytes: Uint8Array): Promise<Heard> {
  return new Promise((resolve) => {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    const heard: Heard = { interim: [], status: undefined, location: undefined, failure: undefined }
    const timer = setTimeout(() => {
      heard.failure ??= 'no answer within 10 s'
      done()
    }, 10_000)
    const done = (): void => {
      clearTimeout(timer)
      session.destroy()
      resolve(heard)
    }
    session.on('error', (error) => {
      heard.failure ??= String(error)
      done()
    })
    const headers = { ':method': 'POST', ':path': '/files/', ...FIELDS, 'content-length': bytes.length }
    const stream = session.request(headers)
    stream.on('headers', (fields) => heard.interim.push(fields[':status']!))
    stream.on('response', (fields) => {
      heard.status = fields[':status']
      heard.location = fields.location
    })
    stream.on('error', (error) => {
      heard.failure ??= String(error)
    })
    stream.on('close', done)
    stream.resume()
    stream.end(bytes)
  })
}

describe('through real proxies', () => {
  let bucket: Awaited<ReturnType<typeof openBucket>>
  const closing: (() => Promise<void>)[] = []
  before(async () => {
    bucket = await openBucket()
  })
  after(async () => {
    for (const close of closing.reverse()) await close()
    await bucket.close()
  })

  async function behind(
    make: (upstream: number) => Promise<Front>,
    interimResponses: InterimResponses,
  ): Promise<{ node: Node; proxy: Front }> {
    const node = await startNode(bucket, {}, { interimResponses, relativeLocation: true })
    closing.push(() => node.close())
    const proxy = await make(node.port)
    closing.push(() => proxy.stop())
    return { node, proxy }
  }

  const bytes = someBytes(7 * MiB)

  async function mustHave(heard: Heard, node: Node): Promise<void> {
    assert.equal(heard.failure, undefined)
    assert.equal(heard.status, 201)
    const read = await fetch(new URL(heard.location!, node.origin))
    assert.equal(sha256(new Uint8Array(await read.arrayBuffer())), sha256(bytes))
  }

  test('HAProxy passes 104 on, over HTTP/1.1 and HTTP/2', async () => {
    const { node, proxy } = await behind(startHaproxy, 'on')
    for (const send of [() => overHttp1(proxy.port, bytes), () => overHttp2(proxy.h2port, bytes)]) {
      const heard = await send()
      await mustHave(heard, node)
      assert.equal(heard.interim[0], 104)
    }
  })

  test('nginx that talks HTTP/1.1 to the node breaks on 104: an HTTP/2 client gets no answer', async () => {
    const { proxy } = await behind(startNginx, 'on')
    const heard = await overHttp2(proxy.h2port, bytes)
    assert.notEqual(heard.status, 201)
  })

  const good: [string, InterimResponses, string[]][] = [
    ['off', 'off', []],
    ['auto and a field that shows nginx', 'auto', ['proxy_set_header X-Forwarded-For $remote_addr;']],
  ]
  for (const [name, setting, fields] of good) {
    test(`nginx with ${name}: uploads come through, over HTTP/1.1 and HTTP/2`, async () => {
      const { node, proxy } = await behind((upstream) => startNginx(upstream, fields), setting)
      for (const send of [() => overHttp1(proxy.port, bytes), () => overHttp2(proxy.h2port, bytes)]) {
        const heard = await send()
        await mustHave(heard, node)
        assert.deepEqual(heard.interim, [])
      }
    })
  }

  for (const [name, make] of [
    ['nginx', startNginx],
    ['HAProxy', startHaproxy],
  ] as const) {
    test(`tus-js-client through ${name}`, async () => {
      const { node, proxy } = await behind(make, 'auto')
      const url = await new Promise<string>((resolve, reject) => {
        const upload = new tus.Upload(Buffer.from(bytes), {
          endpoint: `http://127.0.0.1:${proxy.port}/files/`,
          chunkSize: 3 * MiB,
          retryDelays: null,
          onError: reject,
          onSuccess: () => resolve(upload.url!),
        })
        upload.start()
      })
      const read = await fetch(new URL(new URL(url).pathname, node.origin))
      assert.equal(sha256(new Uint8Array(await read.arrayBuffer())), sha256(bytes))
    })
  }
})
