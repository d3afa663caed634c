import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../../src/cli/failure.js'
import { type Divided, shareOf, workersOf } from '../../../src/cli/workers/plan.js'

const MiB = 1024 * 1024
const usual: Divided = {
  workers: 'auto',
  s3Bucket: 'b',
  s3PartSize: 8 * MiB,
  bufferMemory: 256 * MiB,
  s3ConcurrentPartUploads: 10,
}

const counts: [what: string, options: Partial<Divided>, processors: number, expected: number | RegExp][] = [
  ['auto: one for each processor', {}, 4, 4],
  ['auto: not more than have a part of the memory each', { bufferMemory: 24 * MiB }, 4, 3],
  ['auto: not more than have a request each', {}, 64, 10],
  ['auto: a folder needs neither', { s3Bucket: undefined }, 64, 64],
  ['auto: one, where not even that has enough', { bufferMemory: 1 }, 4, 1],
  ['one is always right: the store says what is wrong', { workers: 1, bufferMemory: 1 }, 4, 1],
  ['a number is taken, however many processors there are', { workers: 8 }, 2, 8],
  ['a number for which memory just goes round', { workers: 3, bufferMemory: 24 * MiB }, 2, 3],
  ['a number for which memory does not go round', { workers: 3, bufferMemory: 24 * MiB - 1 }, 2, /--buffer-memory/],
  ['a number for which requests just go round', { workers: 10 }, 2, 10],
  ['a number for which requests do not go round', { workers: 11 }, 2, /--s3-concurrent-part-uploads \(10\)/],
  ['any number, over a folder', { workers: 64, s3Bucket: undefined }, 2, 64],
]
for (const [what, options, processors, expected] of counts) {
  test(what, () => {
    const count = (): number => workersOf({ ...usual, ...options }, processors)
    if (typeof expected === 'number') assert.equal(count(), expected)
    else assert.throws(count, (error: Error) => error instanceof UsageError && expected.test(error.message))
  })
}

for (const workers of [1, 2, 3, 7, 10]) {
  test(`the shares of ${workers} differ by one at most, and are the whole together`, () => {
    const shares = Array.from({ length: workers }, (_, index) => shareOf(usual, workers, index + 1))
    for (const name of ['bufferMemory', 's3ConcurrentPartUploads'] as const) {
      const each = shares.map((share) => share[name])
      assert.equal(
        each.reduce((sum, share) => sum + share, 0),
        usual[name],
      )
      assert.ok(Math.max(...each) - Math.min(...each) <= 1)
      assert.ok(Math.min(...each) > 0)
    }
    assert.equal(shares[0]!.s3PartSize, usual.s3PartSize)
  })
}
