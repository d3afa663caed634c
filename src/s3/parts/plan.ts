/**
 * Decisions about parts and segments: sizes and slots. Pure.
 * @module
 */
import { UploadError } from '../../errors.js'
import { SLOTS } from '../keys.js'
import { type Segment, tailLength, type UploadRecord } from '../record/record.js'

export interface PartLimits {
  /** Bytes. */
  minPartSize: number
  preferredPartSize: number
  maxPartSize: number
  maxMultipartParts: number
  maxObjectSize: number
}

/**
 * The grid of an append: the one of the record, or, as long as no multipart upload was made on it, the one that suits
 * this body. Before the first part, a client may have sent less than its chunks usually are.
 *
 * @param chunk bytes of the body, if it says them
 * @throws UploadError ERR_MAX_SIZE_EXCEEDED
 */
export function gridOf(limits: PartLimits, record: Grid, chunk: number | undefined): number {
  if (record.partSize > 0 && record.uploadId !== undefined) return record.partSize
  const isRest = chunk !== undefined && record.offset + chunk === record.length
  const size = choosePartSize(limits, record.length, isRest ? undefined : chunk)
  // A tail is always less than a part.
  return size > tailLength(record.tail) ? size : record.partSize
}

type Grid = Pick<UploadRecord, 'length' | 'offset' | 'partSize' | 'uploadId' | 'tail'>

/**
 * The one size of all parts but the last.
 *
 * A client that sends its upload in chunks (bodies shorter than the upload) gets a grid that its chunks end on. Chunks
 * of a part and more are cut into equal parts, and no tail is ever written. Smaller ones fill the smallest part that is
 * a multiple of them: each byte is written once in a tail and once in a part, but for those that fill it.
 *
 * @param length bytes of the upload; undefined for a deferred one
 * @param chunk bytes of the first body, if it says them
 * @throws UploadError ERR_MAX_SIZE_EXCEEDED
 */
export function choosePartSize(limits: PartLimits, length: number | undefined, chunk: number | undefined): number {
  if (length !== undefined && length > limits.maxObjectSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
  const least = Math.max(limits.minPartSize, leastFor(limits, length, chunk))
  if (least > limits.maxPartSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
  const wanted = Math.max(least, limits.preferredPartSize)
  const isChunk = chunk !== undefined && chunk > 0 && chunk !== length && chunk <= limits.maxObjectSize
  if (!isChunk) return wanted
  const most = Math.min(limits.maxPartSize, 2 * wanted)
  if (chunk >= least) return cut(chunk, wanted, least, most)
  const multiple = Math.ceil(least / chunk) * chunk
  return multiple <= most ? multiple : wanted
}

/**
 * Parts of a deferred upload: large enough for the largest object, but at most 50 MiB, tusd's part size. The largest
 * object of AWS would ask for parts of half a GiB, which every small deferred upload would pay for in memory; with
 * 50 MiB a deferred upload may have 488 GiB, as with tusd. And at most what can be made of chunks without writing a byte
 * more often than it must be: a chunk that is a part by itself, or as many small ones as there are slots. The upload may
 * then have 10,000 chunks at least (docs/decisions/0003-parts-of-deferred-uploads.md).
 */
const MOST_FOR_DEFERRED = 50 * 1024 * 1024

function leastFor(limits: PartLimits, length: number | undefined, chunk: number | undefined): number {
  if (length !== undefined) return Math.ceil(length / limits.maxMultipartParts)
  const least = Math.min(Math.ceil(limits.maxObjectSize / limits.maxMultipartParts), MOST_FOR_DEFERRED)
  if (!chunk) return least
  return Math.min(least, chunk >= limits.minPartSize ? chunk : chunk * (SLOTS - 1))
}

/**
 * The size of equal parts of a chunk, near `wanted`. Where none of `least` to `most` divides it, some bytes are left over,
 * fewer than there are parts: the next chunk takes them along.
 */
function cut(chunk: number, wanted: number, least: number, most: number): number {
  const nearer = (one: number, other: number): number =>
    Math.abs(one - wanted) <= Math.abs(other - wanted) ? one : other
  const counts = Array.from({ length: Math.floor(chunk / least) }, (_, index) => index + 1)
  const sizes = counts.map((count) => chunk / count).filter((size) => Math.floor(size) <= most)
  const whole = sizes.filter(Number.isInteger)
  if (whole.length > 0) return whole.reduce(nearer)
  return sizes.length > 0 ? sizes.map(Math.floor).reduce(nearer) : wanted
}

/**
 * The size of the parts that follow those of another server.
 *
 * It is the size of the largest part there: some providers refuse parts of two sizes, and then all have this one. It
 * is smaller if the bytes to come would else take fewer part numbers than were used there: a part that is left over
 * behind the last one makes Ceph refuse the completion.
 *
 * @param length bytes of the upload; undefined while deferred
 * @param listed all parts there, those behind a hole too
 * @param kept how many of them count, their bytes, and the bytes of the tail after them
 * @throws UploadError ERR_MAX_SIZE_EXCEEDED
 */
export function partSizeAfter(
  limits: PartLimits,
  length: number | undefined,
  listed: readonly { partNumber: number; size: number }[],
  kept: { parts: number; bytes: number; tail: number },
): number {
  if (length === kept.bytes) return limits.preferredPartSize
  const rest = (length ?? limits.maxObjectSize) - kept.bytes
  const numbers = limits.maxMultipartParts - kept.parts
  const needed = Math.ceil(rest / numbers)
  const leastForRest = length === undefined ? Math.min(needed, MOST_FOR_DEFERRED) : needed
  // A tail is always less than a part.
  const least = Math.max(limits.minPartSize, leastForRest, kept.tail + 1)
  if (numbers <= 0 || least > limits.maxPartSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
  const used = Math.max(0, ...listed.map(({ partNumber }) => partNumber)) - kept.parts
  const wanted = Math.max(0, ...listed.map(({ size }) => size)) || limits.preferredPartSize
  const leavesOne = length !== undefined && Math.ceil(rest / wanted) < used
  return Math.min(Math.max(least, leavesOne ? Math.floor(rest / used) : wanted), limits.maxPartSize)
}

export interface SegmentPlan {
  /** The free slot to write. */
  slot: number
  /** How many segments of the present tail stay; those after them are written again with the new bytes. */
  keep: number
}

/**
 * Where new tail bytes go. One slot is always left free for the next write; when only one is left, the youngest
 * segments are written again together with the new bytes, as many as are not longer than what follows them. So each
 * byte is rewritten a logarithmic number of times, not once for each small PATCH.
 *
 * @param tail segments before the new bytes
 * @param named segments of the committed record: their slots are not free, even if confirmed parts hold their bytes by now
 */
export function planSegment(tail: readonly Segment[], named: readonly Segment[], length: number): SegmentPlan {
  const used = new Set([...tail, ...named].map(({ slot }) => slot))
  const slot = Array.from({ length: SLOTS }, (_, index) => index).find((index) => !used.has(index))
  if (slot === undefined) throw new Error('no tail slot is free')
  let keep = tail.length
  if (tail.length === SLOTS - 1) {
    let merged = length
    do merged += tail[--keep]!.length
    while (keep > 0 && tail[keep - 1]!.length <= merged)
  }
  return { slot, keep }
}
