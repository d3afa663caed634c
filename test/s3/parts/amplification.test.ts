/**
 * What an upload costs in bytes and requests, by the plans alone: the steps of src/s3/append.ts without S3, for many sizes
 * of chunks and uploads. test/s3/amplification.test.ts counts the same at a bucket.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gridOf, type PartLimits, planSegment } from '../../../src/s3/parts/plan.js'
import { type Segment, tailLength } from '../../../src/s3/record/record.js'
import { NONCE_BYTES } from '../../../src/s3/tail.js'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const aws: PartLimits = {
  minPartSize: 5 * MiB,
  preferredPartSize: 8 * MiB,
  maxPartSize: 5 * GiB,
  maxMultipartParts: 10_000,
  maxObjectSize: 5 * 1024 * GiB,
}

interface Cost {
  /** Bytes sent as parts, tails and objects, for each byte received. */
  amplification: number
  /** Requests of one PATCH but the last, at most: those for parts not counted. */
  most: number
  /** Segments that were written. */
  segments: number
}

/** An upload of `total` bytes whose chunks are the next ones of `chunks`. @param declared false for a deferred length */
function cost(total: number, chunks: () => number, { limits = aws, declared = true } = {}): Cost {
  const record = {
    length: declared ? total : undefined,
    offset: 0,
    partSize: 0,
    uploadId: undefined as string | undefined,
    tail: [] as Segment[],
  }
  let sent = 0
  let most = 0
  let segments = 0
  while (record.offset < total) {
    const chunk = Math.min(chunks(), total - record.offset)
    const isLast = record.offset + chunk === total
    const partSize = gridOf(limits, record, chunk)
    let requests = 1
    let tail = record.tail
    let piece = chunk
    while (tailLength(tail) + piece > partSize || (tailLength(tail) + piece === partSize && !isLast)) {
      sent += partSize
      piece -= partSize - tailLength(tail)
      tail = []
      if (record.uploadId === undefined) requests++
      record.uploadId = 'id'
    }
    if (isLast) sent += tailLength(tail) + piece
    else if (piece > 0) {
      const { slot, keep } = planSegment(tail, record.tail, piece)
      const length = tailLength(tail.slice(keep)) + piece
      tail = [...tail.slice(0, keep), { slot, length, etag: '', crc32: 0 }]
      sent += length + NONCE_BYTES
      requests++
      segments++
    }
    if (!isLast) most = Math.max(most, requests)
    Object.assign(record, { partSize, tail, offset: record.offset + chunk })
  }
  return { amplification: sent / total, most, segments }
}

/** Reproducible numbers from 0 to 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const MB = 1_000_000
const large = [5 * MiB, 6 * MiB, 7_654_607, 8 * MiB, 10 * MB, 13 * MiB, 16 * MiB, 25 * MiB, 50 * MB, 100 * MiB]
for (const chunk of large) {
  for (const declared of [true, false]) {
    test(`chunks of ${chunk} bytes, ${declared ? 'declared' : 'deferred'} length: no byte is sent twice`, () => {
      for (const total of [chunk, 3 * chunk, 7 * chunk + 1, 1_234_567_891]) {
        const { amplification, segments } = cost(total, () => chunk, { declared })
        assert.equal(amplification, 1, `${total} bytes`)
        assert.equal(segments, 0)
      }
    })
  }
}

test('chunks of 5 MiB and more, of any size: not one byte in 100,000 is sent twice', () => {
  const next = random(1)
  for (let round = 0; round < 2_000; round++) {
    const chunk = Math.floor(5 * MiB + next() ** 2 * 200 * MiB)
    const total = Math.floor(chunk * (1 + next() * 20))
    const { amplification, most } = cost(total, () => chunk, { declared: next() < 0.5 })
    assert.ok(amplification <= 1.00001, `${total} bytes in chunks of ${chunk}: ${amplification}`)
    assert.ok(most <= 3)
  }
})

test('an upload of more than 10,000 chunks has larger parts, and sends less than two bytes for each', () => {
  const { amplification } = cost(60_000 * MiB, () => 5 * MiB)
  assert.ok(amplification <= 1.50001, String(amplification))
})

const small = [40 * KiB, 64 * KiB, 256 * KiB, 500 * KiB, MiB, 3 * MiB, Math.floor(4.99 * MiB)]
for (const chunk of small) {
  for (const declared of [true, false]) {
    test(`chunks of ${chunk} bytes, ${declared ? 'declared' : 'deferred'} length: less than two bytes are sent for each`, () => {
      for (const total of [MiB, 20 * MiB, 200 * MiB + 1]) {
        const { amplification, most } = cost(total, () => chunk, { declared })
        assert.ok(amplification < 2, `${total} bytes: ${amplification}`)
        assert.ok(most <= 3)
      }
    })
  }
}

test('chunks of random sizes of 40 KiB and more: less than two bytes are sent for each', () => {
  const next = random(2)
  for (let round = 0; round < 1_000; round++) {
    const least = 40 * KiB + next() * 2 * MiB
    const spread = next() * 12 * MiB
    const total = Math.floor(MiB + next() * 200 * MiB)
    const { amplification, most } = cost(total, () => Math.floor(least + next() * spread))
    assert.ok(amplification < 2, `${total} bytes in chunks of ${least} and up to ${spread} more: ${amplification}`)
    assert.ok(most <= 3)
  }
})

test('a client that changes its chunks after the first part sends less than two bytes for each', () => {
  const next = random(3)
  for (let round = 0; round < 1_000; round++) {
    const sizes = Array.from({ length: 3 }, () => Math.floor(160 * KiB + next() ** 2 * 40 * MiB))
    let count = 0
    const { amplification } = cost(300 * MiB, () => sizes[Math.min(2, Math.floor(count++ / 3))]!)
    assert.ok(amplification < 2, `${sizes}: ${amplification}`)
  }
})

test('a first chunk that is smaller than those after it does not fix the grid', () => {
  let count = 0
  const { amplification } = cost(280 * MiB + 64 * KiB, () => (count++ === 0 ? 64 * KiB : 7 * MiB))
  assert.ok(amplification < 1.01, String(amplification))
})

for (const [chunk, total, most] of [
  [KiB, 12 * MiB, 3.1],
  [4 * KiB, 12 * MiB, 3],
  [16 * KiB, 20 * MiB, 3],
] as const) {
  test(`chunks of ${chunk} bytes are merged on their way: at most ${most} bytes are sent for each`, () => {
    const { amplification, most: requests } = cost(total, () => chunk)
    assert.ok(amplification > 2 && amplification <= most, String(amplification))
    assert.ok(requests <= 3)
  })
}

test('of single bytes each is sent four times at most, and the mark of each segment', () => {
  const total = 40_000
  const { amplification, segments } = cost(total, () => 1)
  assert.ok(amplification - (segments * NONCE_BYTES) / total <= 4, String(amplification))
})
