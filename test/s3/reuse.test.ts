/** The memory of parts is used again; a request that was given up, and may still send from it, must not be harmed by that. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Node, type OpenBucket, openBucket, patch, post, sha256, someBytes, startNode } from '../support/stack.js'

const MiB = 1024 * 1024
const SIZE = 24 * MiB

let bucket: OpenBucket
let node: Node
before(async () => {
  bucket = await openBucket()
  // Without checksums nobody would notice other bytes, but for us.
  node = await startNode(bucket, { preferredPartSize: 5 * MiB, disableContentHashes: true, requestTimeout: 1_000 })
})
after(async () => {
  await node.close()
  await bucket.close()
})

for (const action of ['reset-before', 'reset-after', 'hang', 'status'] as const) {
  test(`parts whose first try ends by "${action}" are sent whole by the next, whatever other uploads do meanwhile`, async () => {
    const tried = new Set<string>()
    bucket.bucket.intercept = ({ operation, key, partNumber }) => {
      const part = `${key} ${partNumber}`
      if (operation !== 'UploadPart' || partNumber! % 2 === 0 || tried.has(part)) return undefined
      tried.add(part)
      return action === 'status' ? { action, status: 503, code: 'SlowDown' } : { action }
    }
    const upload = async (): Promise<void> => {
      const bytes = someBytes(SIZE)
      const url = (await post(node, { 'Upload-Length': String(SIZE) })).headers.get('Location')!
      assert.equal((await patch(url, 0, bytes)).status, 204)
      assert.equal((await bucket.object(url.split('/').at(-1)!)).sha256, sha256(bytes))
    }
    await Promise.all([upload(), upload(), upload(), upload()])
    await Promise.all([upload(), upload()])
    assert.equal(tried.size, 18)
  })
}
