/**
 * Resumable Uploads for HTTP: a request's head becomes a command, or is refused. A malformed field counts as absent.
 * @module
 */
import { parse as parseDisposition } from 'content-disposition'
import { UploadError } from '../../errors.js'
import type { Metadata } from '../../store/info.js'
import type { Completion } from '../../store/store.js'
import type { Append, Command, Create } from '../../upload/command.js'
import type { ParseOptions } from '../codec.js'
import { parseContentDigest, parseReprDigest } from '../digests.js'
import { parseBodyLength, parseMediaType } from '../fields.js'
import type { Fields, RequestHead } from '../message.js'
import { parseSfBoolean, parseSfInteger } from '../structured.js'
import { parseMetadata } from '../tus1/metadata.js'
import type { Version } from './versions.js'

export const BODY_TYPE = 'application/partial-upload'

const COLLECTION_METHODS = ['POST', 'OPTIONS'] as const
export const UPLOAD_METHODS = ['HEAD', 'GET', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** @throws UploadError */
export function parse(version: Version, head: RequestHead, options: ParseOptions): Command {
  const { method, fields } = head
  const { id } = options
  if (method === 'OPTIONS') return { kind: 'options' }
  if (id === undefined) {
    if (method === 'POST') return parseCreate(version, fields, options)
    throw new UploadError('ERR_METHOD_NOT_ALLOWED', { allow: COLLECTION_METHODS })
  }
  if (method === 'PATCH') return parseAppend(version, fields, id)
  if (method === 'DELETE') return { kind: 'cancel', id }
  if (method === 'GET') return { kind: 'read', id }
  if (method === 'HEAD') return { kind: 'offset', id, completes: version.incomplete }
  throw new UploadError('ERR_METHOD_NOT_ALLOWED', { allow: UPLOAD_METHODS })
}

/** What the request says of its body's part in the upload; undefined if it says nothing. */
export function parseCompleteness({ completeness }: Version, fields: Fields): boolean | undefined {
  const value = parseSfBoolean(fields[completeness.toLowerCase()])
  return value === undefined || completeness === 'Upload-Complete' ? value : !value
}

/** Upload Creation. */
function parseCreate(version: Version, fields: Fields, { maxMetadataSize }: ParseOptions): Create {
  const isComplete = parseCompleteness(version, fields)
  if (isComplete === undefined) throw new UploadError('ERR_INVALID_UPLOAD_COMPLETE')
  const bodyLength = parseBodyLength(fields)
  const metadataField = fields['upload-metadata'] || undefined
  return {
    kind: 'create',
    length: parseLength(version, fields, isComplete, 0, bodyLength),
    metadata: { ...representationMetadata(fields, maxMetadataSize), ...parseMetadata(metadataField, maxMetadataSize) },
    metadataField: undefined,
    withBody: true,
    bodyLength,
    checksum: parseContentDigest(fields['content-digest']),
    completes: isComplete ? 'yes' : version.incomplete,
    whenTooLong: version.whenTooLong,
    ...digestsOf(fields),
  }
}

function digestsOf(fields: Fields): Pick<Create, 'digests'> {
  const digests = parseReprDigest(fields['repr-digest'])
  return digests ? { digests } : {}
}

/** Upload Append. */
function parseAppend(version: Version, fields: Fields, id: string): Append {
  if (version.typed && parseMediaType(fields['content-type']) !== BODY_TYPE) {
    throw new UploadError('ERR_INVALID_CONTENT_TYPE')
  }
  const offset = parseSfInteger(fields['upload-offset'])
  if (offset === undefined) throw new UploadError('ERR_INVALID_OFFSET')
  const completes = completionOf(version, fields)
  const bodyLength = parseBodyLength(fields)
  return {
    kind: 'append',
    id,
    offset,
    length: parseLength(version, fields, completes === 'yes', offset, bodyLength),
    bodyLength,
    checksum: parseContentDigest(fields['content-digest']),
    completes,
    // Only what could have been the last request is answered as that was.
    whenComplete: completes === 'no' ? 'refuse' : version.whenComplete,
    whenTooLong: version.whenTooLong,
  }
}

function completionOf(version: Version, fields: Fields): Completion {
  const isComplete = parseCompleteness(version, fields)
  if (isComplete !== undefined) return isComplete ? 'yes' : version.incomplete
  if (version.withoutCompleteness === 'refused') throw new UploadError('ERR_INVALID_UPLOAD_COMPLETE')
  return version.withoutCompleteness
}

/** From Upload-Length, and from the body if the upload ends with it; both "MUST match". */
function parseLength(
  { lengths }: Version,
  fields: Fields,
  isComplete: boolean,
  offset: number,
  bodyLength: number | undefined,
): number | undefined {
  const declared = lengths ? parseSfInteger(fields['upload-length']) : undefined
  const implied = isComplete && bodyLength !== undefined ? offset + bodyLength : undefined
  if (declared !== undefined && implied !== undefined && declared !== implied) {
    throw new UploadError('ERR_INCONSISTENT_UPLOAD_LENGTH')
  }
  return declared ?? implied
}

/**
 * Content-Type and the name in Content-Disposition, under the keys that tus's clients use.
 * @throws UploadError ERR_METADATA_TOO_LARGE
 */
function representationMetadata(fields: Fields, maxSize: number): Metadata {
  const { 'content-type': type, 'content-disposition': disposition } = fields
  const essence = parseMediaType(type)
  const filename = filenameOf(disposition)
  if ((type?.length ?? 0) + (disposition?.length ?? 0) > maxSize) throw new UploadError('ERR_METADATA_TOO_LARGE')
  return {
    ...(filename ? { filename } : {}),
    ...(type !== undefined && essence !== undefined && essence !== BODY_TYPE ? { filetype: type } : {}),
  }
}

function filenameOf(disposition: string | undefined): string | undefined {
  try {
    return disposition === undefined ? undefined : parseDisposition(disposition).parameters.filename
  } catch {
    return undefined
  }
}
