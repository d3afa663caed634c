import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contiguousParts } from '../../../src/s3/foreign/run.js'
import { partSizeAfter } from '../../../src/s3/parts/plan.js'

const parts = (sizes: Record<number, number>) =>
  Object.entries(sizes).map(([number, size]) => ({ partNumber: Number(number), size, etag: `"${number}"` }))

/** Rule, part number → bytes, length, how many count. The least part has 5 bytes. */
const runs: [string, Record<number, number>, number | undefined, number][] = [
  ['none', {}, 100, 0],
  ['all in a row count', { 1: 8, 2: 8, 3: 6 }, 100, 3],
  ['a hole ends the run', { 1: 8, 3: 8, 4: 8 }, 100, 1],
  ['without part 1 there is none', { 2: 8, 3: 8 }, 100, 0],
  ['a part that S3 would refuse in the middle ends the run', { 1: 8, 2: 4, 3: 8 }, 100, 1],
  ['the last part of the upload may be small', { 1: 8, 2: 4 }, 12, 2],
  ['a small one is not the last while the length is deferred', { 1: 8, 2: 4 }, undefined, 1],
  ['an empty upload is one empty part', { 1: 0 }, 0, 1],
  ['a part that passes the length ends the run', { 1: 8, 2: 8 }, 12, 1],
]
for (const [rule, sizes, length, count] of runs) {
  test(`the run: ${rule}`, () => assert.equal(contiguousParts(parts(sizes), length, 5).length, count))
}

const limits = { minPartSize: 5, preferredPartSize: 8, maxPartSize: 1000, maxMultipartParts: 100, maxObjectSize: 5000 }
/** Rule, part number → bytes, length, kept parts, bytes and tail, expected size. */
const sizes: [string, Record<number, number>, number | undefined, [number, number, number], number][] = [
  ['that of the parts there', { 1: 12, 2: 12 }, 100, [2, 24, 0], 12],
  ['that of the largest part there', { 1: 12, 2: 6, 3: 7 }, 100, [3, 25, 0], 12],
  ['that of the parts behind a hole', { 2: 12 }, 100, [0, 0, 0], 12],
  ['the preferred one, if there are none', {}, 100, [0, 0, 6], 8],
  ['more than the tail', {}, 100, [0, 0, 30], 31],
  ['more, if too few numbers are left', { 1: 6, 2: 6 }, 2000, [2, 12, 0], 21],
  ['more for a deferred length', { 1: 6 }, undefined, [1, 6, 0], 51],
  ['less, so that no number behind a hole is left over', { 1: 12, 3: 6, 4: 6, 5: 6 }, 42, [1, 12, 0], 7],
  ['the same, if the parts to come reach behind the hole', { 1: 12, 3: 12, 4: 12 }, 46, [1, 12, 0], 12],
]
for (const [rule, listed, length, [count, bytes, tail], expected] of sizes) {
  test(`the parts after them have ${rule}`, () => {
    assert.equal(partSizeAfter(limits, length, parts(listed), { parts: count, bytes, tail }), expected)
  })
}
test('if the numbers are used up, the upload is too large', () => {
  const kept = { parts: 100, bytes: 600, tail: 0 }
  assert.throws(() => partSizeAfter(limits, 700, parts({ 100: 6 }), kept), { code: 'ERR_MAX_SIZE_EXCEEDED' })
  assert.equal(partSizeAfter(limits, 600, parts({ 100: 6 }), kept), 8, 'but not if all bytes are there')
})
