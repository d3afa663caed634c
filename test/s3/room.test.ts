/** Room in memory is made before a body is read; who then sends nothing must not keep it from others. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Node, type OpenBucket, openBucket, patch, post, sha256, someBytes, startNode } from '../support/stack.js'

const MiB = 1024 * 1024

let bucket: OpenBucket
let node: Node
before(async () => {
  bucket = await openBucket()
  node = await startNode(bucket, { preferredPartSize: 5 * MiB, bufferMemory: 5 * MiB })
})
after(async () => {
  await node.close()
  await bucket.close()
})

test('clients that announce parts and send nothing do not keep the memory from one that sends', async () => {
  const idle: http.ClientRequest[] = []
  for (let count = 0; count < 3; count++) {
    const url = (await post(node, { 'Upload-Length': String(5 * MiB) })).headers.get('Location')!
    const headers = {
      'Tus-Resumable': '1.0.0',
      'Upload-Offset': '0',
      'Content-Type': 'application/offset+octet-stream',
      'Content-Length': String(5 * MiB),
    }
    const request = http.request(url, { method: 'PATCH', headers })
    request.on('error', () => undefined)
    request.flushHeaders()
    idle.push(request)
  }
  await sleep(200)
  const bytes = someBytes(6 * MiB)
  const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
  // Their time-out is a minute; each is asked for the room within a second.
  const answer = await Promise.race([patch(url, 0, bytes), sleep(20_000)])
  for (const request of idle) request.destroy()
  assert.equal(answer?.status, 204)
  assert.equal((await bucket.object(url.split('/').at(-1)!)).sha256, sha256(bytes))
})
