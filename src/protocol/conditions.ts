/**
 * Conditional requests and ranges (RFC 9110, 13 and 14), for content that never changes once it is there.
 * @module
 */
import type { ByteRange } from '../store/store.js'
import { parseDate } from './fields.js'
import type { Fields } from './message.js'

export interface Validators {
  /** Strong, with its quotes. */
  etag: string | undefined
  /** Milliseconds since the epoch. */
  modifiedAt: number | undefined
}

/** The precedence of RFC 9110, 13.2.2, as far as a GET goes. If-Range is rangeOf's. @returns undefined: go on */
export function evaluate(fields: Fields, validators: Validators): 304 | 412 | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = fields
  const modified = inSeconds(validators.modifiedAt)
  if (match !== undefined) {
    if (!lists(match, validators.etag, 'strong')) return 412
  } else {
    const unmodifiedSince = parseDate(fields['if-unmodified-since'])
    if (unmodifiedSince !== undefined && modified !== undefined && modified > unmodifiedSince) return 412
  }
  if (noneMatch !== undefined) return lists(noneMatch, validators.etag, 'weak') ? 304 : undefined
  const modifiedSince = parseDate(fields['if-modified-since'])
  return modifiedSince !== undefined && modified !== undefined && modified <= modifiedSince ? 304 : undefined
}

/**
 * The one range that is asked for. Several ranges, other units and malformed ones are ignored, as RFC 9110, 14.2
 * allows; so are ranges of nothing.
 * @returns undefined: all of the content
 */
export function rangeOf(fields: Fields, validators: Validators, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=[ \t]*(?<first>[0-9]*)-(?<last>[0-9]*)[ \t]*$/i.exec(fields.range ?? '')
  if (!match?.groups || size === 0 || !unchanged(fields['if-range'], validators)) return undefined
  const { first = '', last = '' } = match.groups
  if (first === '' && last === '') return undefined
  // Digits beyond all sizes become a number beyond all sizes, which is what they mean.
  if (first === '')
    return last.match(/^0+$/) ? 'unsatisfiable' : { first: Math.max(0, size - Number(last)), last: size - 1 }
  if (last !== '' && Number(last) < Number(first)) return undefined
  if (Number(first) >= size) return 'unsatisfiable'
  return { first: Number(first), last: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
}

/** If-Range (RFC 9110, 13.1.5): the very entity tag, compared strongly, or the very date. */
function unchanged(ifRange: string | undefined, { etag, modifiedAt }: Validators): boolean {
  if (ifRange === undefined) return true
  const date = parseDate(ifRange)
  return date === undefined ? isStrong(ifRange) && ifRange === etag : date === inSeconds(modifiedAt)
}

/** Whether an If-Match or If-None-Match has this entity tag. A malformed list has none. */
function lists(field: string, etag: string | undefined, comparison: 'strong' | 'weak'): boolean {
  if (field.trim() === '*') return true
  if (etag === undefined || !TAGS.test(field)) return false
  const tags: readonly string[] = field.match(TAG) ?? []
  return comparison === 'strong' ? isStrong(etag) && tags.includes(etag) : tags.map(opaque).includes(opaque(etag))
}

const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g
const TAGS = new RegExp(`^[ \\t,]*${TAG.source}(?:[ \\t]*,[ \\t,]*${TAG.source})*[ \\t,]*$`)
const isStrong = (tag: string): boolean => tag.startsWith('"')
const opaque = (tag: string): string => tag.replace(/^W\//, '')

/** HTTP dates have no fraction. */
const inSeconds = (milliseconds: number | undefined): number | undefined =>
  milliseconds === undefined ? undefined : Math.floor(milliseconds / 1000) * 1000
