/** tus-js-client sends one file as several partial uploads at once. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { Upload } from 'tus-js-client'
import { DiskStore } from '../../src/disk/index.js'
import { nodeHandler } from '../../src/http/node.js'
import { createServer } from '../../src/server.js'
import { idOf, openBucket, someBytes, startNode, temporaryFolder } from '../support/stack.js'

const MiB = 1024 * 1024
const METADATA = { filename: 'talk.mp4', filetype: 'video/mp4' }

/** @returns the URL of the final upload, and how many requests went out */
function upload(endpoint: string, bytes: Buffer, parallelUploads: number): Promise<{ url: string; requests: number }> {
  let requests = 0
  return new Promise((resolve, reject) => {
    const sending = new Upload(bytes, {
      endpoint,
      parallelUploads,
      chunkSize: 3 * MiB,
      metadata: METADATA,
      onBeforeRequest: () => void requests++,
      onError: reject,
      onSuccess: () => resolve({ url: sending.url!, requests }),
    })
    sending.start()
  })
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

for (const size of [1_000, 23 * MiB + 17]) {
  test(`parallelUploads: 4 of ${size} bytes: the object in the bucket is the file`, async () => {
    const bucket = await openBucket()
    const node = await startNode(bucket, { preferredPartSize: 5 * MiB }, { deletePartials: size > MiB })
    const bytes = someBytes(size)
    const { url, requests } = await upload(node.url, bytes, 4)
    assert.ok(requests >= 9, `${requests} requests: four partial uploads and the final one`)
    const object = await bucket.object(idOf(url))
    assert.equal(object.sha256, digest(bytes))
    assert.equal(object.contentType, 'video/mp4')
    assert.equal(object.metadata.filename, 'talk.mp4')
    const left = await bucket.keys()
    assert.equal(left.length, size > MiB ? 2 : 10, left.join(', '))
    assert.equal(await bucket.multiparts(), 0)
    await node.close()
    await bucket.close()
  })
}

test('parallelUploads: 4, stopped after ten and after twenty chunks and started again: the object in the bucket is the file', async (context) => {
  const bucket = await openBucket()
  context.after(() => bucket.close())
  const node = await startNode(bucket, { preferredPartSize: 5 * MiB }, { deletePartials: true })
  context.after(() => node.close())
  const bytes = someBytes(32 * MiB + 17)
  let chunks = 0
  let resumed = 0
  const url = await new Promise<string>((resolve, reject) => {
    const sending = new Upload(bytes, {
      endpoint: node.url,
      parallelUploads: 4,
      chunkSize: MiB,
      retryDelays: null,
      metadata: METADATA,
      onBeforeRequest: (request) => {
        if (request.getMethod() === 'HEAD') resumed++
      },
      onChunkComplete() {
        if (![10, 20].includes(++chunks)) return
        void sending.abort()
        setTimeout(() => sending.start(), 100)
      },
      onError: reject,
      onSuccess: () => resolve(sending.url!),
    })
    sending.start()
  })
  assert.equal((await bucket.object(idOf(url))).sha256, digest(bytes))
  assert.ok(resumed >= 8, `${resumed} of the partial uploads went on`)
  assert.deepEqual(await bucket.keys(), [idOf(url), `${idOf(url)}.info`])
})

test('parallelUploads: 4 into a folder: the file there is the file', async () => {
  const folder = await temporaryFolder()
  const holdfast = createServer({ store: new DiskStore({ directory: folder.path }), deletePartials: true })
  const server = http.createServer(nodeHandler(holdfast)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const bytes = someBytes(9 * MiB + 1)
  const { url } = await upload(`http://127.0.0.1:${(server.address() as AddressInfo).port}/files/`, bytes, 4)
  assert.equal(digest(readFileSync(join(folder.path, idOf(url)))), digest(bytes))
  assert.deepEqual(readdirSync(folder.path).sort(), [idOf(url), `${idOf(url)}.info`])
  await holdfast.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await folder.remove()
})
