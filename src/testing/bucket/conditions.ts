/**
 * The conditions of a request (If-Match and its kin) and its range, judged against what is stored. Pure.
 * @module
 */
import type { Headers } from './digests.js'
import { S3Error } from './errors.js'

/** What conditions look at. */
export interface Current {
  /** Without quotes. */
  readonly etag: string
  /** Milliseconds since 1970. */
  readonly modified: number
}

/** Clients quote ETags or do not; S3 takes both. */
export const unquote = (etag: string) =>
  etag
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1')

/** PUT, COPY and Complete: throws unless the write may replace `current`. S3 takes one literal ETag, or * for "none yet". */
export function checkWrite(headers: Headers, current: Current | undefined): void {
  const ifMatch = headers.get('if-match')
  const ifNoneMatch = headers.get('if-none-match')
  if (ifNoneMatch !== undefined && (ifNoneMatch !== '*' || ifMatch !== undefined)) throw new S3Error('NotImplemented')
  if (ifNoneMatch !== undefined && current !== undefined) throw new S3Error('PreconditionFailed')
  if (ifMatch === undefined) return
  if (current === undefined) throw new S3Error('NoSuchKey')
  if (ifMatch !== '*' && unquote(ifMatch) !== current.etag) throw new S3Error('PreconditionFailed')
}

/** Operations that S3 has no write conditions for refuse them, instead of silently doing without. */
export function refuseConditions(headers: Headers): void {
  if (headers.has('if-match') || headers.has('if-none-match')) throw new S3Error('NotImplemented')
}

const matches = (list: string, etag: string) =>
  list.split(',').some((one) => one.trim() === '*' || unquote(one) === etag)

/**
 * GET and HEAD, and the source of a copy under its own prefix (where everything that fails is a 412).
 * @returns whether to answer 304
 */
export function checkRead(headers: Headers, current: Current, prefix = ''): boolean {
  const field = (name: string) => headers.get(prefix + name)
  const [ifMatch, ifNoneMatch] = [field('if-match'), field('if-none-match')]
  const [since, unmodifiedSince] = [date(field('if-modified-since')), date(field('if-unmodified-since'))]
  const modified = Math.floor(current.modified / 1000) * 1000
  // RFC 9110, 13.2.2: an ETag condition, where given, stands instead of the date condition beside it.
  const required = ifMatch !== undefined ? matches(ifMatch, current.etag) : !(modified > unmodifiedSince)
  if (!required) throw new S3Error('PreconditionFailed')
  const unchanged = ifNoneMatch !== undefined ? matches(ifNoneMatch, current.etag) : modified <= since
  if (unchanged && prefix !== '') throw new S3Error('PreconditionFailed')
  return unchanged
}

const date = (text: string | undefined) => (text === undefined ? Number.NaN : Date.parse(text))

export interface Span {
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

/** @returns the one range asked for, or undefined where S3 sends the whole: no range, several, or not understood. */
export function parseRange(value: string | undefined, size: number): Span | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(value?.trim() ?? '') ?? []
  if (first === undefined || (first === '' && last === '')) return undefined
  if (first === '') {
    if (Number(last) === 0 || size === 0) throw new S3Error('InvalidRange')
    return { start: Math.max(0, size - Number(last)), end: size }
  }
  if (last !== '' && Number(last) < Number(first)) return undefined
  if (Number(first) >= size) throw new S3Error('InvalidRange')
  return { start: Number(first), end: last === '' ? size : Math.min(size, Number(last) + 1) }
}

/** x-amz-copy-source-range takes only first-last, inside the source. */
export function parseCopyRange(value: string | undefined, size: number): Span {
  if (value === undefined) return { start: 0, end: size }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(value) ?? []
  if (first === undefined || Number(last) < Number(first)) {
    throw new S3Error('InvalidArgument', 'The x-amz-copy-source-range value must be of the form bytes=first-last.')
  }
  if (Number(last) >= size)
    throw new S3Error('InvalidArgument', `Range specified is not valid for source object of size: ${size}`)
  return { start: Number(first), end: Number(last) + 1 }
}
