import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as tus from 'tus-js-client'
import {
  head,
  idOf,
  type Node,
  type OpenBucket,
  offsetOf,
  openBucket,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
} from '../support/stack.js'

const MiB = 1024 * 1024

/** A PATCH over a raw socket that says it has all the rest and sends only some of it. */
function startPatch(url: string, offset: number, rest: number, some: Uint8Array): net.Socket & { heard: string } {
  const { hostname, port, pathname } = new URL(url)
  const socket = Object.assign(net.connect(Number(port), hostname), { heard: '' })
  socket.on('data', (chunk) => {
    socket.heard += chunk.toString('latin1')
  })
  socket.on('error', () => undefined)
  socket.write(
    `PATCH ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: ${offset}\r\n` +
      `Content-Type: application/offset+octet-stream\r\nContent-Length: ${rest}\r\n\r\n`,
  )
  socket.write(some)
  return socket
}

describe('interrupted requests', () => {
  let bucket: OpenBucket
  let node: Node
  before(async () => {
    bucket = await openBucket()
    node = await startNode(bucket, { preferredPartSize: 5 * MiB })
  })
  after(async () => {
    await node.close()
    await bucket.close()
  })
  const create = async (length: number): Promise<string> =>
    (await post(node, { 'Upload-Length': String(length) })).headers.get('Location')!
  const arrived = () => sleep(150)

  for (const size of [1000, 3 * MiB, 5 * MiB, 13 * MiB + 7]) {
    test(`a client that vanishes after ${size} bytes finds all of them stored`, async () => {
      const bytes = someBytes(16 * MiB)
      const url = await create(bytes.length)
      const socket = startPatch(url, 0, bytes.length, bytes.subarray(0, size))
      for (let tries = 0; socket.writableLength > 0 && tries < 100; tries++) await sleep(10)
      await arrived()
      socket.destroy()
      for (let tries = 0; node.holdfast.active > 0 && tries < 500; tries++) await sleep(10)
      const offset = offsetOf(await head(url))
      assert.equal(offset, size)
      assert.equal((await patch(url, offset, bytes.subarray(offset))).status, 204)
      assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
      assert.deepEqual(await bucket.keys(idOf(url)), [idOf(url), `${idOf(url)}.info`])
    })
  }

  test('HEAD makes a request yield whose socket hangs, within two seconds, and tells what it stored', async () => {
    const bytes = someBytes(8 * MiB)
    const url = await create(bytes.length)
    bucket.bucket.requests.reset()
    const hanging = startPatch(url, 0, bytes.length, bytes.subarray(0, 6 * MiB))
    for (let tries = 0; !bucket.bucket.requests.get('UploadPart') && tries < 500; tries++) await sleep(10)
    await sleep(300)
    const started = performance.now()
    const told = await head(url)
    assert.ok(performance.now() - started < 2_000)
    assert.equal(told.status, 200)
    assert.ok(offsetOf(told) >= 5 * MiB && offsetOf(told) <= 6 * MiB, `${offsetOf(told)}`)
    await sleep(200)
    assert.match(hanging.heard, /^HTTP\/1\.1 409 [\s\S]*ERR_UPLOAD_INTERRUPTED/)
    hanging.destroy()
  })

  test('PATCH takes an upload over from one whose socket hangs', async () => {
    const bytes = someBytes(1 * MiB)
    const url = await create(bytes.length)
    const hanging = startPatch(url, 0, bytes.length, bytes.subarray(0, 1000))
    await sleep(500)
    const wrong = await patch(url, 0, bytes)
    assert.equal(wrong.status, 409, 'the thousand bytes of the first request count')
    assert.equal(offsetOf(wrong), 1000)
    assert.equal((await patch(url, 1000, bytes.subarray(1000))).status, 204)
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
    hanging.destroy()
  })

  test('DELETE ends an upload that is being written', async () => {
    const url = await create(8 * MiB)
    const hanging = startPatch(url, 0, 8 * MiB, someBytes(6 * MiB))
    await sleep(300)
    assert.equal((await fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } })).status, 204)
    assert.deepEqual(await bucket.keys(idOf(url)), [])
    assert.equal(await bucket.multiparts(idOf(url)), 0)
    hanging.destroy()
  })

  test('many small interrupted appends on nodes in turn make the right object, and leave no slot', async () => {
    const other = await startNode(bucket, { preferredPartSize: 5 * MiB })
    const bytes = someBytes(6 * MiB)
    const url = await create(bytes.length)
    let offset = 0
    for (let turn = 0; offset < bytes.length; turn++) {
      const step = turn < 40 ? 1 + ((turn * 7919) % 30_000) : 2 * MiB
      const at = `${turn % 2 ? node.url : other.url}${idOf(url)}`
      const answer = await patch(at, offset, bytes.subarray(offset, offset + step))
      assert.equal(answer.status, 204, await answer.text())
      offset = offsetOf(answer)
    }
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
    assert.deepEqual(await bucket.keys(idOf(url)), [idOf(url), `${idOf(url)}.info`])
    await other.close()
  })

  test('closing the server stores and commits what arrived, and answers 503', async () => {
    const closing = await startNode(bucket, { preferredPartSize: 5 * MiB })
    const bytes = someBytes(8 * MiB)
    const url = await create(bytes.length)
    const open = startPatch(`${closing.url}${idOf(url)}`, 0, bytes.length, bytes.subarray(0, 7 * MiB))
    await sleep(300)
    await closing.holdfast.close({ timeout: 5_000 })
    await sleep(200)
    assert.match(open.heard, /^HTTP\/1\.1 503 [\s\S]*ERR_SERVER_SHUTDOWN/)
    const offset = offsetOf(await head(url))
    assert.ok(offset > 0 && offset <= 7 * MiB)
    assert.match(open.heard, new RegExp(`Upload-Offset: ${offset}\r`))
    open.destroy()
    await closing.close()
  })

  test('an upload that waits for memory yields too', async () => {
    const small = await startNode(bucket, { preferredPartSize: 5 * MiB, bufferMemory: 5 * MiB })
    const [first, second] = [await create(5 * MiB), await create(5 * MiB)]
    const holder = startPatch(`${small.url}${idOf(first)}`, 0, 5 * MiB, someBytes(1000))
    await sleep(200)
    const waiter = startPatch(`${small.url}${idOf(second)}`, 0, 5 * MiB, someBytes(1000))
    await sleep(200)
    const started = performance.now()
    assert.equal(offsetOf(await head(`${small.url}${idOf(second)}`)), 0)
    assert.ok(performance.now() - started < 900, 'before the memory is taken from the other')
    holder.destroy()
    waiter.destroy()
    await small.close()
  })

  test('tus-js-client: interrupted three times, the object is the file', async () => {
    const bytes = someBytes(20 * MiB)
    let isDone = false
    let url: string | null = null
    for (let interruptions = 0; !isDone; interruptions++) {
      assert.ok(interruptions < 10)
      await new Promise<void>((resolve, reject) => {
        const upload = new tus.Upload(bytes, {
          endpoint: node.url,
          uploadUrl: url,
          retryDelays: null,
          metadata: { filename: 'Ünïcödé.bin', filetype: 'application/x-test' },
          onProgress: (sent) => {
            if (interruptions >= 3 || sent < (interruptions + 1) * 5 * MiB) return
            upload.abort().then(() => resolve(), reject)
          },
          onSuccess: () => {
            isDone = true
            resolve()
          },
          onError: reject,
          onUploadUrlAvailable: () => {
            url = upload.url
          },
        })
        upload.start()
      })
    }
    const object = await bucket.object(idOf(url!))
    assert.equal(object.sha256, sha256(bytes))
    assert.equal(object.contentType, 'application/x-test')
    assert.equal(object.metadata.filename, '?n?c?d?.bin')
    const read = await fetch(url!)
    assert.equal(read.headers.get('Content-Type'), 'application/x-test')
    assert.match(read.headers.get('Content-Disposition') ?? '', /filename\*=UTF-8''%C3%9Cn%C3%AFc%C3%B6d%C3%A9\.bin/)
    await read.body?.cancel()
  })
})
