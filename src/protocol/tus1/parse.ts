/**
 * tus 1.0.0: a request's head becomes a command, or is refused. No state is known here; whether the command fits the
 * upload is upload/rules.ts's business.
 * @module
 */
import { UploadError } from '../../errors.js'
import type { Append, Command, Create } from '../../upload/command.js'
import type { ParseOptions } from '../codec.js'
import { parseReprDigest } from '../digests.js'
import { parseBodyLength, parseInteger } from '../fields.js'
import type { Fields, RequestHead } from '../message.js'
import { parseChecksums } from './checksum.js'
import { parseConcat } from './concat.js'
import { parseMetadata } from './metadata.js'

export const VERSION = '1.0.0'

const BODY_TYPE = 'application/offset+octet-stream'

/** What the collection takes, and what an upload takes. */
const COLLECTION_METHODS = ['POST', 'OPTIONS'] as const
const UPLOAD_METHODS = ['HEAD', 'GET', 'PATCH', 'DELETE', 'OPTIONS'] as const
type Method = (typeof COLLECTION_METHODS)[number] | (typeof UPLOAD_METHODS)[number]

/** @throws UploadError */
export function parse(head: RequestHead, options: ParseOptions): Command {
  const { fields } = head
  const { id } = options
  const allow = id === undefined ? COLLECTION_METHODS : UPLOAD_METHODS
  const method = methodOf(head, allow)
  if (method === 'OPTIONS') return { kind: 'options' }
  mustSpeak(method, fields)
  if (!(allow as readonly Method[]).includes(method)) throw new UploadError('ERR_METHOD_NOT_ALLOWED', { allow })
  if (id === undefined) return parseCreate(fields, options)
  if (method === 'PATCH') return parseAppend(fields, id, options)
  if (method === 'DELETE') return { kind: 'cancel', id }
  return method === 'GET' ? { kind: 'read', id } : { kind: 'offset', id, completes: 'at-length' }
}

/** X-HTTP-Method-Override "MUST be interpreted as the request's method", whatever the method is (tus 1.0.0, Headers). */
export const effectiveMethod = ({ method, fields }: RequestHead): string => fields['x-http-method-override'] ?? method

function methodOf(head: RequestHead, allow: readonly Method[]): Method {
  const method = effectiveMethod(head)
  const known = [...COLLECTION_METHODS, ...UPLOAD_METHODS].find((candidate) => candidate === method)
  if (known === undefined) throw new UploadError('ERR_METHOD_NOT_ALLOWED', { allow })
  return known
}

/**
 * Tus-Resumable "MUST be included in every request" but OPTIONS. Reading harms nobody, so HEAD and GET may do without
 * it (links, load balancers, tusd's clients); a HEAD that names another version is refused all the same.
 */
function mustSpeak(method: Method, fields: Fields): void {
  const version = fields['tus-resumable']
  if (version === VERSION || method === 'GET') return
  if (method === 'HEAD' && version === undefined) return
  throw new UploadError('ERR_UNSUPPORTED_VERSION')
}

/** tus 1.0.0, Creation, Creation With Upload and Concatenation. */
function parseCreate(fields: Fields, { maxMetadataSize, idOfUrl, trailers }: ParseOptions): Create {
  const concat = parseConcat(fields['upload-concat'], idOfUrl ?? (() => undefined))
  const isFinal = concat?.kind === 'final'
  if (isFinal) mustBeFinal(fields)
  const length = isFinal ? undefined : parseLength(fields)
  const field = fields['upload-metadata']
  const metadata = parseMetadata(field, maxMetadataSize)
  const withBody = hasBodyType(fields)
  const digests = parseReprDigest(fields['repr-digest'])
  return {
    kind: 'create',
    length,
    metadata,
    metadataField: field === '' ? undefined : field,
    withBody,
    bodyLength: withBody ? parseBodyLength(fields) : undefined,
    ...(withBody ? parseChecksums(fields, trailers) : { checksum: undefined }),
    completes: 'at-length',
    whenTooLong: 'keep',
    ...(concat ? { concat } : {}),
    ...(digests ? { digests } : {}),
  }
}

/** "The Client MUST NOT include the Upload-Length header in the final upload creation" (tus 1.0.0, Concatenation). */
function mustBeFinal(fields: Fields): void {
  if (hasBodyType(fields)) throw new UploadError('ERR_MODIFY_FINAL')
  if (fields['upload-length'] === undefined && fields['upload-defer-length'] === undefined) return
  const message = 'The length of a final upload is that of its partial uploads; send no Upload-Length.'
  throw new UploadError('ERR_INVALID_UPLOAD_LENGTH', { message })
}

/** tus 1.0.0, PATCH; and Creation for the Upload-Length of an upload that deferred it. */
function parseAppend(fields: Fields, id: string, { trailers }: ParseOptions): Append {
  if (!hasBodyType(fields)) throw new UploadError('ERR_INVALID_CONTENT_TYPE')
  const offset = parseInteger(fields['upload-offset'])
  if (offset === undefined) throw new UploadError('ERR_INVALID_OFFSET')
  const length = parseInteger(fields['upload-length'])
  if (length === undefined && fields['upload-length'] !== undefined) throw new UploadError('ERR_INVALID_UPLOAD_LENGTH')
  return {
    kind: 'append',
    id,
    offset,
    length,
    bodyLength: parseBodyLength(fields),
    ...parseChecksums(fields, trailers),
    completes: 'at-length',
    whenComplete: 'repeat',
    whenTooLong: 'keep',
  }
}

/** Upload-Length or Upload-Defer-Length, one of them. @returns undefined for a deferred length */
function parseLength(fields: Fields): number | undefined {
  const { 'upload-length': length, 'upload-defer-length': defer } = fields
  if (defer !== undefined) {
    if (length !== undefined) throw new UploadError('ERR_AMBIGUOUS_UPLOAD_LENGTH')
    if (defer !== '1') throw new UploadError('ERR_INVALID_UPLOAD_LENGTH_DEFER')
    return undefined
  }
  const value = parseInteger(length)
  if (value === undefined) throw new UploadError('ERR_INVALID_UPLOAD_LENGTH')
  return value
}

/** Of a body whose type says that it is the upload's bytes. Parameters have no meaning for this type. */
const hasBodyType = (fields: Fields): boolean =>
  (fields['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() === BODY_TYPE
