/**
 * What is sent to S3 for each byte that a client sends, and how many requests a PATCH takes: counted at the bucket. The
 * same for thousands of sizes, by the plans alone, is in parts/amplification.test.ts.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
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

const KiB = 1024
const MiB = 1024 * KiB

interface Row {
  /** Bytes of a chunk, or those of one after the other, the last of them for all that follow. */
  chunk: number | readonly number[]
  total: number
  /** Bytes sent for each byte received: at most, and at least. */
  most: number
  least?: number
  deferred?: boolean
  /** The first chunk comes with the creation. */
  withUpload?: boolean
}

const UNDER_2 = 2 - 1e-6

const rows: Row[] = [
  { chunk: 5 * MiB, total: 17 * MiB, most: 1 },
  { chunk: 5 * MiB, total: 17 * MiB, most: 1, deferred: true },
  { chunk: 5 * MiB, total: 17 * MiB, most: 1, withUpload: true },
  { chunk: 7_654_607, total: 20 * MiB, most: 1 },
  { chunk: 10_000_000, total: 25_000_001, most: 1, deferred: true },
  { chunk: 16 * MiB + 1, total: 36 * MiB, most: 1.00001 },
  { chunk: 40 * MiB, total: 40 * MiB, most: 1 },
  { chunk: [5 * MiB, 7 * MiB], total: 26 * MiB, most: UNDER_2 },
  { chunk: [MiB, 7 * MiB], total: 22 * MiB, most: 1.2 },
  { chunk: Math.floor(4.99 * MiB), total: 20 * MiB, most: 1.6 },
  { chunk: MiB, total: 12 * MiB, most: UNDER_2, least: 1.5 },
  { chunk: 500 * KiB, total: 12 * MiB, most: UNDER_2, least: 1.5 },
  { chunk: 500 * KiB, total: 12 * MiB, most: UNDER_2, deferred: true },
  { chunk: 64 * KiB, total: 6 * MiB, most: UNDER_2, least: 1.5 },
  { chunk: 100 * KiB, total: MiB, most: UNDER_2 },
]

describe('what is sent to S3 for each byte received', () => {
  let bucket: OpenBucket
  let node: Node
  const sent = { data: 0, records: 0 }
  before(async () => {
    bucket = await openBucket({
      onRequest({ operation, key, bytes }) {
        if (operation !== 'PutObject' && operation !== 'UploadPart') return
        sent[key.endsWith('.info') ? 'records' : 'data'] += bytes
      },
    })
    node = await startNode(bucket)
  })
  after(async () => {
    await node.close()
    await bucket.close()
  })

  /** Since it was last asked; those for parts not counted. */
  const requests = (): number => {
    const counted = [...bucket.bucket.requests].filter(([name]) => name !== 'UploadPart')
    bucket.bucket.requests.reset()
    return counted.reduce((sum, [, count]) => sum + count, 0)
  }

  /** @returns requests of each PATCH, those for parts not counted */
  async function send({ chunk, total, deferred, withUpload }: Row, content: Buffer): Promise<[url: string, number[]]> {
    const sizes = typeof chunk === 'number' ? [chunk] : [...chunk]
    const next = (offset: number) => content.subarray(offset, offset + (sizes.length > 1 ? sizes.shift()! : sizes[0]!))
    const length = deferred ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(total) }
    const first = withUpload ? next(0) : undefined
    const type = withUpload ? { 'Content-Type': 'application/offset+octet-stream' } : {}
    const created = await post(node, { ...length, ...type }, first)
    assert.equal(created.status, 201)
    const url = created.headers.get('Location')!
    const counts: number[] = []
    for (let offset = first?.length ?? 0; offset < total; ) {
      requests()
      const bytes = next(offset)
      offset += bytes.length
      const declares = deferred && offset === total ? { 'Upload-Length': String(total) } : {}
      assert.equal((await patch(url, offset - bytes.length, bytes, declares)).status, 204)
      counts.push(requests())
    }
    return [url, counts]
  }

  for (const row of rows) {
    const { chunk, total, most, least = 1, deferred, withUpload } = row
    const how = `${deferred ? ', deferred length' : ''}${withUpload ? ', the first with the creation' : ''}`
    test(`chunks of ${chunk} bytes, ${total} in all${how}: ${least} to ${most}`, async (t) => {
      Object.assign(sent, { data: 0, records: 0 })
      const content = someBytes(total)
      const [url, counts] = await send(row, content)
      const amplification = sent.data / total
      t.diagnostic(`${amplification.toFixed(5)}, and ${(sent.records / total).toFixed(5)} for records`)
      assert.ok(amplification >= least && amplification <= most, String(amplification))
      const last = counts.pop()!
      // A tail and a record; with the first part CreateMultipartUpload.
      assert.ok(Math.max(0, ...counts) <= 3, `requests of each PATCH: ${counts}`)
      assert.ok(counts.filter((count) => count > 2).length <= 1, `requests of each PATCH: ${counts}`)
      assert.ok(last <= 5, `and of the last: ${last}`)
      assert.equal((await bucket.object(idOf(url))).sha256, sha256(content))
    })
  }
})
