import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type FailureCode, UploadError } from '../../../src/errors.js'
import { chooseLayout, type Piece, planPieces } from '../../../src/s3/concat/plan.js'
import type { PartLimits } from '../../../src/s3/parts/plan.js'
import type { Layout } from '../../../src/store/file-info.js'

const MiB = 1024 * 1024
const GiB = 1024 * MiB
const TiB = 1024 * GiB

const AWS: PartLimits = {
  minPartSize: 5 * MiB,
  preferredPartSize: 8 * MiB,
  maxPartSize: 5 * GiB,
  maxMultipartParts: 10_000,
  maxObjectSize: 5 * TiB,
}
const COPIES = { copiesParts: true, equalParts: false }

/** `c0:0+5` copies 5 units of partial 0 from its start; `r…` reads; ranges of one piece are joined by `&`. */
const shown = (pieces: readonly Piece[], unit: number): string =>
  pieces
    .map(({ ranges, isCopy }) => {
      const texts = ranges.map(({ source, first, length }) => `${source}:${first / unit}+${length / unit}`)
      return `${isCopy ? 'c' : 'r'}${texts.join('&')}`
    })
    .join(' ')

const rows: [rule: string, sizes: number[], layout: Layout, expected: string][] = [
  ['each partial upload is one copy', [5, 9, 5], { least: 5, most: 20 }, 'c0:0+5 c1:0+9 c2:0+5'],
  ['a large one is several copies of nearly one size', [50], { least: 5, most: 20 }, 'c0:0+16 c0:16+17 c0:33+17'],
  ['the last may be small', [5, 1], { least: 5, most: 20 }, 'c0:0+5 c1:0+1'],
  ['a small one takes what it misses from the next', [2, 20], { least: 5, most: 20 }, 'r0:0+2&1:0+3 c1:3+17'],
  ['small ones in a row are merged', [2, 2, 2, 9], { least: 5, most: 20 }, 'r0:0+2&1:0+2&2:0+2 c3:0+9'],
  ['all small: one part', [1, 1, 1], { least: 5, most: 20 }, 'r0:0+1&1:0+1&2:0+1'],
  ['one small alone is copied', [1], { least: 5, most: 20 }, 'c0:0+1'],
  [
    'of the next, all is taken if too little would be left: or each later one would be read too',
    [1, 6, 6, 6],
    { least: 5, most: 20 },
    'r0:0+1&1:0+6 c2:0+6 c3:0+6',
  ],
  ['what is left of the last one may be little', [1, 6], { least: 5, most: 20 }, 'r0:0+1&1:0+4 c1:4+2'],
  [
    'a range of an object that is not larger than the least part is read: S3 does not copy it',
    [1, 5],
    { least: 5, most: 20 },
    'r0:0+1&1:0+4 r1:4+1',
  ],
  ['an empty one adds nothing', [0, 6, 0, 6, 0], { least: 5, most: 20 }, 'c1:0+6 c3:0+6'],
  ['only empty ones: one empty part', [0, 0], { least: 5, most: 20 }, 'r'],
  ['the same twice', [6, 6], { least: 5, most: 20 }, 'c0:0+6 c1:0+6'],
  [
    'a grid: pieces of one size, copied where they lie in one partial upload',
    [12, 8],
    { least: 5, most: 5 },
    'c0:0+5 c0:5+5 r0:10+2&1:0+3 c1:3+5',
  ],
  ['a grid: pieces over several', [2, 2, 2, 2], { least: 5, most: 5 }, 'r0:0+2&1:0+2&2:0+1 r2:1+1&3:0+2'],
  [
    'a grid that cuts where they end reads nothing',
    [10, 10, 7],
    { least: 5, most: 5 },
    'c0:0+5 c0:5+5 c1:0+5 c1:5+5 c2:0+5 c2:5+2',
  ],
]
for (const [rule, sizes, layout, expected] of rows) {
  test(`plan: ${rule}`, () => {
    const inMiB = { least: layout.least * MiB, most: layout.most * MiB }
    const pieces = planPieces(
      sizes.map((size) => size * MiB),
      inMiB,
    )
    const rounded = pieces.map((piece) => ({
      ...piece,
      ranges: piece.ranges.map(({ source, first, length }) => {
        const start = Math.floor(first / MiB)
        return { source, first: start * MiB, length: (Math.floor((first + length) / MiB) - start) * MiB }
      }),
    }))
    assert.equal(shown(rounded, MiB), expected)
  })
}

const layouts: [
  rule: string,
  limits: Partial<PartLimits>,
  copying: Partial<typeof COPIES>,
  sizes: number[],
  expected: Layout | FailureCode,
][] = [
  ['copies of 512 MiB, many at once', {}, {}, [5 * GiB, 1], { least: 5 * MiB, most: 512 * MiB }],
  [
    'larger copies where there would be too many',
    { maxMultipartParts: 10 },
    {},
    [9 * GiB],
    { least: 5 * MiB, most: GiB },
  ],
  [
    'at most the largest part',
    { maxMultipartParts: 10, maxPartSize: 3 * GiB },
    {},
    [25 * GiB],
    { least: 5 * MiB, most: 3 * GiB },
  ],
  ['too many partial uploads', { maxMultipartParts: 3 }, {}, Array(4).fill(6 * MiB), 'ERR_INVALID_CONCAT'],
  ['more than the largest object', { maxObjectSize: 10 * MiB }, {}, [6 * MiB, 6 * MiB], 'ERR_MAX_SIZE_EXCEEDED'],
  [
    'no copies: parts as of an ordinary upload',
    {},
    { copiesParts: false },
    [GiB, GiB],
    { least: 8 * MiB, most: 8 * MiB },
  ],
  [
    'equal parts: the largest size that ends where the partial uploads end',
    {},
    { equalParts: true },
    [GiB, GiB, 7],
    { least: 512 * MiB, most: 512 * MiB },
  ],
  [
    'equal parts: a divisor of different sizes',
    {},
    { equalParts: true },
    [60 * MiB, 24 * MiB, 7],
    { least: 12 * MiB, most: 12 * MiB },
  ],
  [
    'equal parts: the smallest size if there is no such',
    {},
    { equalParts: true },
    [60 * MiB + 1, 24 * MiB, 7],
    { least: 5 * MiB, most: 5 * MiB },
  ],
  [
    'equal parts: larger where there would be too many',
    { maxMultipartParts: 10 },
    { equalParts: true },
    [60 * MiB + 1, 24 * MiB, 16 * MiB],
    { least: 10 * MiB + 1, most: 10 * MiB + 1 },
  ],
  ['equal parts: one partial upload alone', {}, { equalParts: true }, [7 * GiB], { least: 512 * MiB, most: 512 * MiB }],
  [
    'no room between the least and the largest part: a grid',
    { maxPartSize: 6 * MiB },
    {},
    [9 * MiB, 9 * MiB],
    { least: 5 * MiB, most: 5 * MiB },
  ],
]
for (const [rule, limits, copying, sizes, expected] of layouts) {
  test(`layout: ${rule}`, () => {
    const choose = () => chooseLayout({ ...AWS, ...limits }, { ...COPIES, ...copying }, sizes)
    if (typeof expected !== 'string') return assert.deepEqual(choose(), expected)
    assert.throws(choose, (error) => error instanceof UploadError && error.code === expected)
  })
}

/** Sizes around what matters: nothing, little, the least, twice that, much. */
const anySizes = fc.array(
  fc.oneof(
    fc.constantFrom(0, 1, 4, 5, 6, 9, 10, 11, 19, 20, 21, 40),
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: 0, max: 200 }),
  ),
  { minLength: 1, maxLength: 40 },
)
const anyLayout = fc.oneof(
  fc.integer({ min: 10, max: 60 }).map((most) => ({ least: 5, most })),
  fc.integer({ min: 5, max: 30 }).map((size) => ({ least: size, most: size })),
)

test('plan: every byte once and in order; every piece but the last is a legal part; downloads are bounded', () => {
  fc.assert(
    fc.property(anySizes, anyLayout, (sizes, layout) => {
      const pieces = planPieces(sizes, layout)
      const total = sizes.reduce((sum, size) => sum + size, 0)
      const planned = pieces.flatMap(({ ranges }) =>
        ranges.flatMap(({ source, first, length }) => Array.from({ length }, (_, at) => `${source}/${first + at}`)),
      )
      const wanted = sizes.flatMap((size, source) => Array.from({ length: size }, (_, at) => `${source}/${at}`))
      assert.deepEqual(planned, wanted)
      for (const [index, { length, ranges, isCopy }] of pieces.entries()) {
        assert.equal(
          length,
          ranges.reduce((sum, range) => sum + range.length, 0),
        )
        assert.ok(
          length <= layout.most && (length >= layout.least || index === pieces.length - 1),
          `piece of ${length}`,
        )
        assert.ok(length > 0 || total === 0)
        if (layout.least === layout.most && index < pieces.length - 1) assert.equal(length, layout.most)
        if (isCopy) assert.equal(ranges.length, 1)
      }
      assert.ok(readBytes(pieces) <= most(sizes, layout), `${readBytes(pieces)} of ${total} bytes are read`)
    }),
    { numRuns: 3_000 },
  )
})

const readBytes = (pieces: readonly Piece[]): number =>
  pieces.filter(({ isCopy }) => !isCopy).reduce((sum, { length }) => sum + length, 0)

/** What may be read: on a grid, a piece where two partial uploads meet; otherwise for each small one less than two parts. */
function most(sizes: readonly number[], { least, most }: Layout): number {
  const some = sizes.filter((size) => size > 0)
  const small = some.filter((size) => size < least).length
  if (least === most) return some.filter((size) => size <= least).length * least + some.length * least
  return some.every((size) => size < least || size >= 2 * least) ? small * least : small * 2 * least
}

test('plan: with neighbours of two least parts and more, a small partial upload has at most one read', () => {
  const pieces = planPieces(
    [1, 6 * GiB, 3, 7 * GiB, 2, 10 * MiB],
    chooseLayout(AWS, COPIES, [1, 6 * GiB, 3, 7 * GiB, 2, 10 * MiB]),
  )
  assert.equal(readBytes(pieces), 3 * 5 * MiB)
})
