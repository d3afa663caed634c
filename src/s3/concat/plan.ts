/**
 * How the object of a final upload is put together: the sizes of its partial uploads → the pieces that become its
 * parts. Pure, and the same for every node that drives the upload: a part number is always the same bytes.
 *
 * A piece that lies in one partial upload is copied inside S3. What is too small to be a part is read and merged with
 * just enough of its neighbour.
 * @module
 */
import { UploadError } from '../../errors.js'
import type { Layout } from '../../store/file-info.js'
import { choosePartSize, type PartLimits } from '../parts/plan.js'

/** Bytes of one source. */
export interface Range {
  /** Index of the partial upload. */
  source: number
  first: number
  length: number
}

export interface Piece {
  /** In order; one alone if the piece is copied. */
  ranges: readonly Range[]
  /** Bytes. */
  length: number
  /** Made inside S3; otherwise its bytes are read and sent. */
  isCopy: boolean
}

/** Bytes of a copied piece: S3 copies many of this size at once faster than few of 5 GiB. */
const COPY_SIZE = 512 * 1024 * 1024

export interface Copying {
  /** The provider copies parts. */
  copiesParts: boolean
  /** All parts but the last must have one size. */
  equalParts: boolean
}

/**
 * @param sizes bytes of each partial upload, in order
 * @throws UploadError ERR_MAX_SIZE_EXCEEDED · ERR_INVALID_CONCAT if no layout keeps to the limits
 */
export function chooseLayout(
  limits: PartLimits,
  { copiesParts, equalParts }: Copying,
  sizes: readonly number[],
): Layout {
  const { minPartSize, maxPartSize, maxMultipartParts, maxObjectSize } = limits
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total > maxObjectSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
  if (!copiesParts) return gridOf(readPartSize(limits, total))
  // Cuts where partial uploads end want room between the least and the most.
  if (equalParts || maxPartSize < 2 * minPartSize) return gridOf(gridSize(limits, sizes, total))
  let most = Math.max(2 * minPartSize, Math.min(COPY_SIZE, maxPartSize))
  for (; ; most = Math.min(2 * most, maxPartSize)) {
    const layout = { least: minPartSize, most }
    const { length } = planPieces(sizes, layout)
    if (length <= maxMultipartParts) return layout
    if (most === maxPartSize) throw tooMany(length, maxMultipartParts)
  }
}

function tooMany(pieces: number, most: number): UploadError {
  const message = `These partial uploads would make ${pieces} parts of an object, and the store takes ${most}; send fewer and larger ones.`
  return new UploadError('ERR_INVALID_CONCAT', { message })
}

/** Bytes of a part that goes through this process. */
export const readPartSize = (limits: PartLimits, total: number): number => choosePartSize(limits, total, undefined)

const gridOf = (size: number): Layout => ({ least: size, most: size })

/** The size of equal parts: if there is one that cuts where partial uploads end, the largest such; else the smallest. */
function gridSize(limits: PartLimits, sizes: readonly number[], total: number): number {
  const { minPartSize, maxPartSize, maxMultipartParts } = limits
  const least = Math.max(minPartSize, Math.ceil(total / maxMultipartParts))
  if (least > maxPartSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
  const most = Math.max(least, Math.min(COPY_SIZE, maxPartSize))
  const common = sizes
    .filter((size) => size > 0)
    .slice(0, -1)
    .reduce(divisorOf, 0)
  // One alone ends nowhere but at the end.
  if (common === 0) return most
  for (let count = Math.max(1, Math.ceil(common / most)); common / count >= least; count++) {
    if (common % count === 0) return common / count
  }
  return least
}

/** The greatest common divisor. */
function divisorOf(one: number, other: number): number {
  return other === 0 ? one : divisorOf(other, one % other)
}

/** All pieces of the object, in order: its parts, from number 1. */
export function planPieces(sizes: readonly number[], layout: Layout): Piece[] {
  const cut = layout.least === layout.most ? cutOnGrid(sizes, layout.most) : cutAtEnds(sizes, layout)
  // An object of no bytes is one empty part.
  if (cut.length === 0) return [{ ranges: [], length: 0, isCopy: false }]
  return cut.map((ranges) => ({
    ranges,
    length: ranges.reduce((sum, { length }) => sum + length, 0),
    isCopy: ranges.length === 1 && isCopyable(ranges[0]!, sizes, layout),
  }))
}

/** S3 copies any object whole, but a range only of one that is larger than the smallest part. */
const isCopyable = ({ source, length }: Range, sizes: readonly number[], { least }: Layout): boolean =>
  length === sizes[source] || sizes[source]! > least

function cutOnGrid(sizes: readonly number[], grid: number): Range[][] {
  const cut: Range[][] = []
  let room = 0
  for (const [source, size] of sizes.entries()) {
    for (let first = 0; first < size; ) {
      if (room === 0) {
        cut.push([])
        room = grid
      }
      const length = Math.min(room, size - first)
      cut.at(-1)!.push({ source, first, length })
      first += length
      room -= length
    }
  }
  return cut
}

/**
 * Bytes that are too few for a part wait for as many of the next partial upload as make one. If too few would then be
 * left of that, all of it is taken: otherwise one small partial upload could have every later one read.
 */
function cutAtEnds(sizes: readonly number[], { least, most }: Layout): Range[][] {
  const cut: Range[][] = []
  const last = sizes.findLastIndex((size) => size > 0)
  let waiting: Range[] = []
  let missing = 0
  const wait = (range: Range): void => {
    if (waiting.length === 0) missing = least
    waiting.push(range)
    missing -= range.length
    if (missing > 0) return
    cut.push(waiting)
    waiting = []
  }
  for (const [source, size] of sizes.entries()) {
    let first = 0
    if (waiting.length > 0 && size > 0) {
      const isLeft = size - missing >= least || (source === last && size > missing)
      first = isLeft ? missing : size
      wait({ source, first: 0, length: first })
    }
    const left = size - first
    if (left > 0 && left < least && source !== last) wait({ source, first, length: left })
    else if (left > 0) cut.push(...split({ source, first, length: left }, most))
  }
  if (waiting.length > 0) cut.push(waiting)
  return cut
}

/** Into as few pieces as there can be, of nearly one size. */
function split({ source, first, length }: Range, most: number): Range[][] {
  const count = Math.ceil(length / most)
  const at = (index: number): number => first + Math.floor((length / count) * index)
  return Array.from({ length: count }, (_, index) => {
    const end = index === count - 1 ? first + length : at(index + 1)
    return [{ source, first: at(index), length: end - at(index) }]
  })
}
