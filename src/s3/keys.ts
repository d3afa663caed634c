/**
 * The names of an upload's objects. Pure.
 * @module
 */
import { Buffer } from 'node:buffer'

/**
 * How many tail slots an upload has: `.part`, `.part1` … `.part127`. So many that chunks of 40 KiB fill the smallest part
 * of S3 without being merged (docs/decisions/0006-merging-the-tail.md).
 */
export const SLOTS = 128

export interface Prefixes {
  objectPrefix: string
  metadataObjectPrefix: string
}

/** Adds the missing trailing slash; the metadata prefix defaults to the object prefix (as tusd's s3store does). */
export function prefixes(objectPrefix = '', metadataObjectPrefix?: string): Prefixes {
  const closed = (prefix: string): string => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`)
  const object = closed(objectPrefix)
  return { objectPrefix: object, metadataObjectPrefix: metadataObjectPrefix ? closed(metadataObjectPrefix) : object }
}

export interface Keys {
  /** What the names begin with after the prefix: the upload's ID, without the multipart upload that tusd adds to it. */
  id: string
  record: string
  object: string
  slot(index: number): string
  /** Of a partial upload: which final ones wait for it. */
  finals: string
}

/** @param key of the object after its prefix, if one was chosen */
export function keysOf({ objectPrefix, metadataObjectPrefix }: Prefixes, id: string, key = id): Keys {
  return {
    id,
    record: `${metadataObjectPrefix}${id}${RECORD}`,
    object: `${objectPrefix}${key}`,
    slot: (index) => `${metadataObjectPrefix}${id}.part${index || ''}`,
    finals: `${metadataObjectPrefix}${id}.finals`,
  }
}

const RECORD = '.info'

/** What the names of an upload's objects begin with, by the key of its record; undefined if no record can be there. */
export function nameOfRecord(key: string, all: Prefixes): string | undefined {
  const { metadataObjectPrefix: prefix } = all
  if (!key.startsWith(prefix) || !key.endsWith(RECORD)) return undefined
  const name = key.slice(prefix.length, -RECORD.length)
  return isUsableId(name, all) ? name : undefined
}

/** S3's bound of a key, in bytes of UTF-8. The longest of our suffixes has 8. */
const MAX_KEY_BYTES = 1024 - 8

/**
 * Whether an ID may become part of a key: segments of unreserved and harmless characters, joined by single slashes,
 * none of them `.` or `..`, and none that would make it another object of another upload.
 */
export function isUsableId(id: string, { objectPrefix, metadataObjectPrefix }: Prefixes): boolean {
  if (!/^[A-Za-z0-9._~+=@,:!$'()*-]+(\/[A-Za-z0-9._~+=@,:!$'()*-]+)*$/.test(id)) return false
  if (id.split('/').some((segment) => segment === '.' || segment === '..')) return false
  if (/\.(info|part\d{0,3}|finals)$/.test(id)) return false
  return Math.max(objectPrefix.length, metadataObjectPrefix.length) + id.length <= MAX_KEY_BYTES
}

/**
 * Whether an object may have this key, after its prefix: any text that S3, XML and a URL's path can carry, in segments as IDs
 * have them, but not a name that a record or a slot could have.
 */
export function isUsableKey(key: string, { objectPrefix, metadataObjectPrefix }: Prefixes): boolean {
  // Controls, what XML cannot carry, and half surrogate pairs.
  if (/[\p{Cc}\p{Cs}\ufffe\uffff]/u.test(key) || key.trim() !== key) return false
  if (key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) return false
  const whole = objectPrefix + key
  if (whole.startsWith(metadataObjectPrefix) && /\.(info|part\d{0,3}|finals)$/.test(key)) return false
  return Buffer.byteLength(whole) <= 1024
}

/**
 * What an upload's names may begin with, likeliest first. tusd's IDs are `object+multipart`: its version 2 divides them
 * at the last plus sign, its version 1 at the first. Any other ID is the name itself.
 */
export function objectIdsOf(id: string, all: Prefixes): string[] {
  const before = (at: number): string[] => (at > 0 && at < id.length - 1 ? [id.slice(0, at)] : [])
  const found = new Set([...before(id.lastIndexOf('+')), ...before(id.indexOf('+')), id])
  return [...found].filter((name) => isUsableId(name, all))
}
