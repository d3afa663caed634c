/**
 * The names of an upload's objects. Pure.
 * @module
 */

/** How many tail slots an upload has: `.part`, `.part1` … `.part7`. */
export const SLOTS = 8

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
  record: string
  object: string
  slot(index: number): string
}

export function keysOf({ objectPrefix, metadataObjectPrefix }: Prefixes, id: string): Keys {
  return {
    record: `${metadataObjectPrefix}${id}.info`,
    object: `${objectPrefix}${id}`,
    slot: (index) => `${metadataObjectPrefix}${id}.part${index || ''}`,
  }
}

/** S3's bound of a key, in bytes of UTF-8. The longest of our suffixes has 6. */
const MAX_KEY_BYTES = 1024 - 6

/**
 * Whether an ID may become part of a key: segments of unreserved and harmless characters, joined by single slashes,
 * none of them `.` or `..`, and none that would make it another upload's record or slot.
 */
export function isUsableId(id: string, { objectPrefix, metadataObjectPrefix }: Prefixes): boolean {
  if (!/^[A-Za-z0-9._~+=@,:!$'()*-]+(\/[A-Za-z0-9._~+=@,:!$'()*-]+)*$/.test(id)) return false
  if (id.split('/').some((segment) => segment === '.' || segment === '..')) return false
  if (/\.(info|part[1-7]?)$/.test(id)) return false
  return Math.max(objectPrefix.length, metadataObjectPrefix.length) + id.length <= MAX_KEY_BYTES
}
