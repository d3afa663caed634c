import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UploadError } from '../../../src/errors.js'
import { SLOTS } from '../../../src/s3/keys.js'
import { choosePartSize, type PartLimits, planSegment } from '../../../src/s3/parts/plan.js'
import type { Segment } from '../../../src/s3/record/record.js'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const TiB = 1024 * GiB
const aws: PartLimits = {
  minPartSize: 5 * MiB,
  preferredPartSize: 8 * MiB,
  maxPartSize: 5 * GiB,
  maxMultipartParts: 10_000,
  maxObjectSize: 5 * TiB,
}

/** Rule, limits, length, chunk, expected. */
type Row = [string, Partial<PartLimits>, number | undefined, number | undefined, number | 'ERR_MAX_SIZE_EXCEEDED']
const rows: Row[] = [
  ['a small upload has the preferred size', {}, 1, undefined, 8 * MiB],
  ['the largest upload of preferred parts', {}, 80_000 * MiB, undefined, 8 * MiB],
  ['one byte more makes all parts larger', {}, 80_000 * MiB + 1, undefined, 8 * MiB + 1],
  ['the largest object fits into the parts', {}, 5 * TiB, undefined, Math.ceil((5 * TiB) / 10_000)],
  ['more than the largest object is refused', {}, 5 * TiB + 1, undefined, 'ERR_MAX_SIZE_EXCEEDED'],
  [
    'more than all parts can hold is refused',
    { maxPartSize: 8 * MiB },
    80_000 * MiB + 1,
    undefined,
    'ERR_MAX_SIZE_EXCEEDED',
  ],
  ['few parts make large ones (Scaleway)', { maxMultipartParts: 1000 }, 80_000 * MiB, undefined, 80 * MiB],
  ['a deferred upload may grow to 488 GiB', {}, undefined, undefined, 50 * MiB],
  ['a deferred upload with a small limit has preferred parts', { maxObjectSize: GiB }, undefined, undefined, 8 * MiB],
  ['chunks of 5 MiB are parts of 5 MiB', {}, 100 * MiB, 5 * MiB, 5 * MiB],
  ['chunks of 16 MiB are two preferred parts each', {}, 100 * MiB, 16 * MiB, 8 * MiB],
  ['chunks of 50 MiB are divided without rest', {}, 500 * MiB, 50 * MiB, 6.25 * MiB],
  ['chunks of 13 MiB are two parts each', {}, 130 * MiB, 13 * MiB, 6.5 * MiB],
  ['chunks of 7.3 MiB, of a length that nothing divides, are parts', {}, 100 * MiB, 7_654_607, 7_654_607],
  ['small chunks fill the smallest part that is a multiple of them', {}, 100 * MiB, 500 * KiB, 5500 * KiB],
  ['chunks of 64 KiB fill parts of 5 MiB', {}, 100 * MiB, 64 * KiB, 5 * MiB],
  [
    'a multiple that is larger than a part may be is not taken',
    { maxPartSize: 8 * MiB },
    100 * MiB,
    4900 * KiB,
    8 * MiB,
  ],
  ['parts larger than chunks are multiples of them', {}, 80_000 * MiB, 5 * MiB, 10 * MiB],
  ['an empty body changes nothing', {}, 100 * MiB, 0, 8 * MiB],
  ['a chunk larger than every upload changes nothing', {}, undefined, Number.MAX_SAFE_INTEGER, 50 * MiB],
  ['chunks of a deferred upload are parts', {}, undefined, 5 * MiB, 5 * MiB],
  ['chunks of 16 MiB of a deferred upload are parts, so that it may have many', {}, undefined, 16 * MiB, 16 * MiB],
  ['chunks of 1 MiB of a deferred upload fill parts of 50 MiB', {}, undefined, MiB, 50 * MiB],
  ['as many small chunks of a deferred upload make a part as there are slots', {}, undefined, 64 * KiB, 127 * 64 * KiB],
  ['a body that is the whole upload changes nothing', {}, 100 * MiB, 100 * MiB, 8 * MiB],
  ['a chunk that no part divides leaves fewer bytes over than it has parts', {}, GiB, 104_857_601, 8_065_969],
]
for (const [rule, limits, length, chunk, expected] of rows) {
  test(`part size: ${rule}`, () => {
    const choose = (): number => choosePartSize({ ...aws, ...limits }, length, chunk)
    if (typeof expected === 'number') assert.equal(choose(), expected)
    else assert.throws(choose, (error: unknown) => error instanceof UploadError && error.code === expected)
  })
}

test('part size: every length up to 5 TiB fits into 10,000 parts within the limits', () => {
  for (let length = 1; length <= 5 * TiB; length = Math.ceil(length * 1.37)) {
    for (const chunk of [undefined, 5 * MiB, 7 * MiB + 3, 64 * MiB]) {
      const size = choosePartSize(aws, length, chunk)
      assert.ok(Number.isInteger(size) && size >= aws.minPartSize && size <= aws.maxPartSize, `${length}: ${size}`)
      assert.ok(Math.ceil(length / size) <= 10_000, `${length}: ${size}`)
    }
  }
})

const segment = (slot: number, length: number): Segment => ({ slot, length, etag: `"${slot}"`, crc32: 0 })

test('segments: the first goes to the first slot', () => {
  assert.deepEqual(planSegment([], [], 10), { slot: 0, keep: 0 })
})
test('segments: a slot that the committed record names is not free, even if the tail is gone', () => {
  assert.deepEqual(planSegment([], [segment(0, 5), segment(1, 5)], 10), { slot: 2, keep: 0 })
})
test('segments: with one free slot left, equally long ones are merged into it', () => {
  const tail = Array.from({ length: SLOTS - 1 }, (_, index) => segment(index, 10))
  assert.deepEqual(planSegment(tail, tail, 10), { slot: SLOTS - 1, keep: 0 })
})
test('segments: long ones stay when short ones are merged', () => {
  const tail = Array.from({ length: SLOTS - 1 }, (_, index) => segment(index, 10 * (SLOTS - index)))
  assert.deepEqual(planSegment(tail, tail, 1), { slot: SLOTS - 1, keep: SLOTS - 2 })
})
for (const chunk of [1, 4 * KiB, 64 * KiB, MiB]) {
  test(`segments: a part of ${chunk} byte chunks never runs out of slots and rewrites little`, () => {
    const partSize = Math.min(8 * MiB, chunk * 4096)
    let tail: Segment[] = []
    let written = 0
    for (let sent = 0; sent < partSize; sent += chunk) {
      const { slot, keep } = planSegment(tail, tail, chunk)
      assert.ok(!tail.some((named) => named.slot === slot), 'a named slot is never written')
      const length = tail.slice(keep).reduce((sum, merged) => sum + merged.length, chunk)
      written += length
      tail = [...tail.slice(0, keep), segment(slot, length)]
      assert.ok(tail.length < SLOTS, 'one slot stays free')
    }
    assert.ok(written <= partSize * 3, `${written / partSize} times the bytes were written`)
  })
}
