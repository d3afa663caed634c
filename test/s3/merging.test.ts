/** Tails of more PATCHes than there are slots: the youngest segments are merged (docs/decisions/0006-merging-the-tail.md). */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SLOTS } from '../../src/s3/keys.js'
import {
  idOf,
  type Node,
  type OpenBucket,
  openBucket,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
} from '../support/stack.js'

describe('a tail of more PATCHes than slots', () => {
  let bucket: OpenBucket
  const nodes: Node[] = []
  before(async () => {
    bucket = await openBucket()
    nodes.push(await startNode(bucket), await startNode(bucket))
  })
  after(async () => {
    for (const node of nodes) await node.close()
    await bucket.close()
  })
  const CHUNKS = 2 * SLOTS
  const sizeOf = (chunk: number): number => 1 + ((chunk * 7) % 11)
  const total = Array.from({ length: CHUNKS }, (_, chunk) => sizeOf(chunk)).reduce((sum, size) => sum + size, 0)

  /** @returns the ID */
  async function send(content: Buffer, nodeOf: (chunk: number) => Node): Promise<string> {
    const created = await post(nodes[0]!, { 'Upload-Length': String(total + 1) })
    const id = idOf(created.headers.get('Location')!)
    let offset = 0
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const bytes = content.subarray(offset, offset + sizeOf(chunk))
      const answer = await patch(`${nodeOf(chunk).url}${id}`, offset, bytes)
      assert.equal(answer.status, 204, `chunk ${chunk}: ${await answer.text()}`)
      offset += bytes.length
    }
    const slots = (await bucket.keys(id)).filter((key) => key.includes('.part')).length
    assert.equal(slots, SLOTS, 'all were used, and none beyond')
    assert.equal((await patch(`${nodeOf(0).url}${id}`, offset, content.subarray(offset))).status, 204)
    return id
  }

  for (const [how, nodeOf] of [
    ['on one node', () => nodes[0]!],
    ['on two nodes by turns', (chunk: number) => nodes[chunk % 2]!],
  ] as const) {
    test(`${how}: the object is what was sent, and no slot is left`, async () => {
      const content = someBytes(total + 1)
      const id = await send(content, nodeOf)
      assert.equal((await bucket.object(id)).sha256, sha256(content))
      assert.deepEqual(await bucket.keys(id), [id, `${id}.info`])
    })
  }

  for (const action of ['reset-before', 'reset-after'] as const) {
    test(`from the first merged segment on each write is struck once (${action}): the object is what was sent`, async () => {
      let struck = 0
      let isRetry = false
      bucket.bucket.intercept = ({ operation, key }) => {
        if (operation !== 'PutObject' || !key.includes('.part')) return undefined
        const isLate = struck > 0 || key.endsWith(`.part${SLOTS - 1}`)
        // Of each write the first try. The waits before the second make it few.
        if (!isLate || struck >= 10) return undefined
        isRetry = !isRetry
        if (!isRetry) return undefined
        struck++
        return { action }
      }
      const content = someBytes(total + 1)
      const id = await send(content, () => nodes[1]!).finally(() => {
        bucket.bucket.intercept = undefined
      })
      assert.equal(struck, 10)
      assert.equal((await bucket.object(id)).sha256, sha256(content))
      assert.deepEqual(await bucket.keys(id), [id, `${id}.info`])
    })
  }
})
