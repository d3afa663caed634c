/**
 * How the content of a finished upload is answered: whole, in part, or not at all. Anyone may have uploaded it, so
 * nothing of it may run in the origin of this server: what a browser shows by itself is a short list, everything else
 * is a download.
 * @module
 */
import type { Metadata } from '../store/info.js'
import type { ByteRange } from '../store/store.js'
import { evaluate, rangeOf, type Validators } from './conditions.js'
import { formatDate, parseMediaType } from './fields.js'
import type { RequestHead, ResponseHead } from './message.js'

/** The content as its record tells it. */
export interface Downloadable extends Validators {
  /** Bytes. */
  size: number
  /** What the client said of it; `filename` and `filetype` become fields of the answer. */
  metadata: Metadata
  /** Fields that describe the content beyond its type and name, such as Repr-Digest. */
  described?: Record<string, string> | undefined
}

/** What a GET is answered with. */
export interface DownloadPlan {
  /** The head of the answer. */
  head: ResponseHead
  /** The part that is to be read; undefined for all of it. */
  range?: ByteRange
  /** Whether content follows the head. */
  sendsContent: boolean
}

/** Decides 200, 206, 304, 412 or 416 for a GET (RFC 9110, 13 and 14). */
export function planDownload(request: RequestHead, content: Downloadable): DownloadPlan {
  const { fields: sent } = request
  const fields = { ...common, ...validatorFields(content) }
  const verdict = evaluate(sent, content)
  if (verdict === 412) return refusal(412, fields, 'A condition of the request does not hold.')
  if (verdict === 304) return { head: { status: 304, fields }, sendsContent: false }
  const range = rangeOf(sent, content, content.size)
  if (range === 'unsatisfiable') {
    const unsatisfied = { ...fields, 'Content-Range': `bytes */${content.size}` }
    return refusal(416, unsatisfied, 'The content ends before this range.')
  }
  const length = range ? range.last - range.first + 1 : content.size
  const described = { ...fields, ...content.described, ...describe(content.metadata), 'Content-Length': String(length) }
  if (!range) return { head: { status: 200, fields: described }, sendsContent: length > 0 }
  const partial = { ...described, 'Content-Range': `bytes ${range.first}-${range.last}/${content.size}` }
  return { head: { status: 206, fields: partial }, range, sendsContent: true }
}

/**
 * Sends whoever asked for the content to where the store gives it. The URL is a secret that runs out: nobody keeps it.
 * 307, so that the method stays what it was.
 */
export function redirectTo(url: string): ResponseHead {
  return { status: 307, fields: { 'Tus-Resumable': '1.0.0', Location: url, 'Cache-Control': 'no-store' } }
}

const common = {
  'Tus-Resumable': '1.0.0',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  // Compressed on the way it would have another length than its ranges, its ETag and its digests are of.
  'Cache-Control': 'private, no-cache, no-transform',
  'Accept-Ranges': 'bytes',
} satisfies Record<string, string>

function refusal(status: number, fields: Record<string, string>, sentence: string): DownloadPlan {
  const typed = { ...fields, 'Content-Type': 'text/plain; charset=utf-8' }
  return { head: { status, fields: typed, text: `${sentence}\n` }, sendsContent: false }
}

function validatorFields({ etag, modifiedAt }: Validators): Record<string, string> {
  const fields: Record<string, string> = {}
  if (etag !== undefined && /^"[\x21\x23-\x7e]*"$/.test(etag)) fields.ETag = etag
  if (modifiedAt !== undefined) fields['Last-Modified'] = formatDate(modifiedAt)
  return fields
}

/** What a browser may show by itself: it can run no script. SVG, HTML, XML and PDF can. */
const INLINE = new Set([
  'text/plain',
  ...['png', 'jpeg', 'gif', 'bmp', 'webp', 'avif'].map((subtype) => `image/${subtype}`),
  ...['wave', 'wav', 'x-wav', 'x-pn-wav', 'webm', 'ogg', 'mpeg'].map((subtype) => `audio/${subtype}`),
  ...['mp4', 'webm', 'ogg'].map((subtype) => `video/${subtype}`),
  'application/ogg',
])

function describe(metadata: Metadata): Record<string, string> {
  const claimed = first(metadata, 'filetype', 'type', 'contentType')
  const essence = parseMediaType(claimed)
  return {
    'Content-Type': essence === undefined ? 'application/octet-stream' : claimed!,
    'Content-Disposition': disposition(
      essence !== undefined && INLINE.has(essence) ? 'inline' : 'attachment',
      first(metadata, 'filename', 'name') ?? '',
    ),
  }
}

/** The first of these keys that has a value. */
function first(metadata: Metadata, ...keys: readonly string[]): string | undefined {
  const key = keys.find((candidate) => Object.hasOwn(metadata, candidate) && metadata[candidate] !== '')
  return key === undefined ? undefined : metadata[key]
}

/**
 * RFC 6266: an ASCII name for all recipients, and the real one in RFC 8187's encoding where they differ. Only
 * characters that both grammars allow as they are get through, so a name cannot end the field.
 */
function disposition(type: 'inline' | 'attachment', filename: string): string {
  const name = presentable(filename)
  if (name === '') return type
  const fallback = name.replace(/[^\x20-\x7e]|["%]/gu, '_')
  const plain = `${type}; filename="${fallback}"`
  return fallback === name ? plain : `${plain}; filename*=UTF-8''${extended(name)}`
}

/**
 * Without what has no place in a name: controls, marks that turn the direction of writing (they disguise an ending),
 * and separators of paths. A name that is too long for a file system loses its middle, not its ending.
 */
function presentable(filename: string): string {
  // By way of bytes, since half a surrogate pair cannot be percent-encoded.
  const characters = Array.from(
    Buffer.from(filename, 'utf8')
      .toString('utf8')
      .replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, '')
      .replace(/[/\\]/g, '_')
      .trim(),
  )
  return characters.length <= 255
    ? characters.join('')
    : [...characters.slice(0, 200), ...characters.slice(-55)].join('')
}

/** encodeURIComponent leaves four characters that RFC 8187's attr-char does not have. */
const extended = (name: string): string =>
  encodeURIComponent(name).replace(/[*'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
