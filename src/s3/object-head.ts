/**
 * What the final object carries besides its bytes: what was chosen for it, the client's metadata where nothing else was,
 * and the marks by which Holdfast recognises it. Pure.
 * @module
 */
import { Buffer } from 'node:buffer'
import { UploadError } from '../errors.js'
import type { Metadata, ObjectOptions } from '../store/info.js'
import type { Description } from './call/description.js'

/** Marks in the object's metadata: the upload it belongs to, and the write that made it. */
export const ID_MARK = 'holdfast-id'
export const TOKEN_MARK = 'holdfast-token'

/** S3 takes 2 KB of names and values together. */
const MAX_USER_METADATA = 2048

/** A header cannot carry more: such a character becomes `?`, as tusd writes it. */
const printable = (value: string): string => value.replace(/[^\x20-\x7e]/gu, '?')

/**
 * Metadata as S3's user metadata. Keys that are no header name stay in the record alone. Values lose blanks at their
 * ends, which no header keeps.
 */
export function userMetadata(metadata: Readonly<Metadata>): Record<string, string> {
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

/** Of the upload as its record has it. */
export interface Described {
  id: string
  metadata: Metadata
  object?: ObjectOptions | undefined
}

/** What goes along with the request that makes the object, by one PutObject or by a multipart upload. */
export function objectHead({ id, metadata, object = {} }: Described, token: string): Description {
  const { contentDisposition } = object
  return {
    contentType: object.contentType ? printable(object.contentType) : contentTypeOf(metadata),
    contentDisposition: contentDisposition && dispositionOf(contentDisposition),
    contentEncoding: object.contentEncoding && printable(object.contentEncoding),
    contentLanguage: object.contentLanguage && printable(object.contentLanguage),
    cacheControl: object.cacheControl && printable(object.cacheControl),
    storageClass: object.storageClass,
    acl: object.acl,
    tags: object.tags,
    metadata: { ...userMetadata(object.metadata ?? metadata), [ID_MARK]: id, [TOKEN_MARK]: token },
  }
}

/**
 * A name of a file in quotes that a header cannot carry as it is, is also given in RFC 8187's encoding, as RFC 6266 has it;
 * unless that is there already.
 */
function dispositionOf(text: string): string {
  const [, name] = /;\s*filename="((?:[^"\\]|\\.)*)"/iu.exec(text) ?? []
  if (name === undefined || /filename\*/i.test(text) || printable(name) === name) return printable(text)
  const bare = name.replace(/\\(.)/gu, '$1').replace(/\p{Cc}/gu, '')
  const extended = encodeURIComponent(Buffer.from(bare, 'utf8').toString('utf8')).replace(
    /[*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${printable(text)}; filename*=UTF-8''${extended}`
}

/** @throws UploadError ERR_METADATA_TOO_LARGE if S3 would refuse the object in the end */
export function checkMetadata(metadata: Readonly<Metadata>): void {
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
