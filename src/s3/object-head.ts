/**
 * What the final object carries besides its bytes: the client's metadata, Content-Type, and the marks by which
 * Holdfast recognises it. Pure.
 * @module
 */
import { UploadError } from '../errors.js'
import type { Metadata } from '../store/info.js'

/** Marks in the object's metadata: the upload it belongs to, and the write that made it. */
export const ID_MARK = 'holdfast-id'
export const TOKEN_MARK = 'holdfast-token'

/** S3 takes 2 KB of names and values together. */
const MAX_USER_METADATA = 2048

/** A header cannot carry more: such a character becomes `?`, as tusd writes it. */
const printable = (value: string): string => value.replace(/[^\x20-\x7e]/gu, '?')

/**
 * The client's metadata as S3's user metadata. Keys that are no header name stay in the record alone. Values lose
 * blanks at their ends, which no header keeps.
 */
export function userMetadata(metadata: Metadata): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [key, value] of Object.entries(metadata)) {
    const name = key.toLowerCase()
    if (/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && !name.startsWith('holdfast-')) result[name] = printable(value)
  }
  return result
}

export function contentTypeOf(metadata: Metadata): string | undefined {
  const type = metadata.filetype || metadata.type || metadata.contentType
  return type ? printable(type) : undefined
}

/** @throws UploadError ERR_METADATA_TOO_LARGE if S3 would refuse the object in the end */
export function checkMetadata(metadata: Metadata): void {
  const marks = { [ID_MARK]: 'x'.repeat(64), [TOKEN_MARK]: 'x'.repeat(32) }
  let bytes = 0
  for (const [name, value] of Object.entries({ ...userMetadata(metadata), ...marks }))
    bytes += name.length + value.length
  if (bytes > MAX_USER_METADATA) {
    throw new UploadError('ERR_METADATA_TOO_LARGE', {
      message: `S3 keeps ${MAX_USER_METADATA} bytes of metadata with an object; this upload has ${bytes}.`,
    })
  }
}

export function objectHead(
  id: string,
  metadata: Metadata,
  token: string,
): { contentType: string | undefined; metadata: Record<string, string> } {
  return {
    contentType: contentTypeOf(metadata),
    metadata: { ...userMetadata(metadata), [ID_MARK]: id, [TOKEN_MARK]: token },
  }
}
