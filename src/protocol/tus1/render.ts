/**
 * tus 1.0.0: outcomes and failures become the heads of answers.
 * @module
 */
import type { UploadError } from '../../errors.js'
import type { UploadInfo } from '../../store/info.js'
import type { RenderContext, Rendered } from '../codec.js'
import { reprDigestFields } from '../digests.js'
import type { RequestHead, ResponseHead } from '../message.js'
import { CHECKSUM_ALGORITHMS } from './checksum.js'
import { renderConcat } from './concat.js'
import { encodeMetadata } from './metadata.js'
import { effectiveMethod, VERSION } from './parse.js'

/** On every answer, whatever it says. */
const common = (): Record<string, string> => ({ 'Tus-Resumable': VERSION, 'X-Content-Type-Options': 'nosniff' })

export function render(outcome: Rendered, context: RenderContext): ResponseHead {
  const fields = common()
  switch (outcome.kind) {
    case 'options':
      return { status: 204, fields: { ...fields, ...renderAbilities(context) } }
    case 'created':
      fields.Location = context.locate(outcome.info.id)
      Object.assign(fields, renderExpiry(outcome.info))
      if (outcome.appended) fields['Upload-Offset'] = String(outcome.info.offset)
      return { status: 201, fields }
    case 'appended':
      Object.assign(fields, renderExpiry(outcome.info))
      fields['Upload-Offset'] = String(outcome.info.offset)
      return { status: 204, fields }
    case 'offset':
      return { status: 200, fields: { ...fields, ...renderInfo(outcome.info, context) } }
    case 'cancelled':
      return { status: 204, fields }
  }
}

/** tus 1.0.0, OPTIONS. */
function renderAbilities({ extensions, maxSize }: RenderContext): Record<string, string> {
  const fields: Record<string, string> = { 'Tus-Version': VERSION }
  if (extensions.length > 0) fields['Tus-Extension'] = extensions.join(',')
  if (extensions.includes('checksum')) fields['Tus-Checksum-Algorithm'] = CHECKSUM_ALGORITHMS.join(',')
  if (maxSize !== undefined) fields['Tus-Max-Size'] = String(maxSize)
  return fields
}

/** tus 1.0.0, HEAD: the answer must not come from a cache. */
function renderInfo(info: UploadInfo, { locate, wantReprDigest }: RenderContext): Record<string, string> {
  const fields: Record<string, string> = { 'Cache-Control': 'no-store' }
  // "SHOULD NOT contain the Upload-Offset header unless the concatenation has been successfully finished".
  if (info.concat?.kind !== 'final' || info.state === 'complete') fields['Upload-Offset'] = String(info.offset)
  if (info.concat) fields['Upload-Concat'] = renderConcat(info.concat, locate)
  if (info.length === undefined) fields['Upload-Defer-Length'] = '1'
  else fields['Upload-Length'] = String(info.length)
  const metadata = metadataField(info)
  if (metadata !== '') fields['Upload-Metadata'] = metadata
  return { ...fields, ...renderExpiry(info), ...reprDigestFields(info, wantReprDigest) }
}

/** tus 1.0.0, Upload-Expires: of unfinished uploads, where it is known. */
const renderExpiry = ({ expiresAt, state }: UploadInfo): Record<string, string> =>
  expiresAt === undefined || state === 'complete' ? {} : { 'Upload-Expires': new Date(expiresAt).toUTCString() }

/** As sent; or made anew, if the record knows no field (another server wrote it) or one that no header can carry. */
function metadataField({ metadataField: sent, metadata }: UploadInfo): string {
  return sent !== undefined && /^[\t\x20-\x7e]*$/.test(sent) ? sent : encodeMetadata(metadata)
}

/** The code, and the sentence that says what to do. Not to be cached: a 404 or 410 otherwise may (RFC 9111, 4.2.2). */
export function renderFailure(error: UploadError, head: RequestHead, context: RenderContext): ResponseHead {
  const { status, code, offset, retryAfter, allow } = error
  const fields: Record<string, string> = { ...common(), 'Cache-Control': 'no-store' }
  if (offset !== undefined) fields['Upload-Offset'] = String(offset)
  if (retryAfter !== undefined) fields['Retry-After'] = String(Math.max(0, Math.ceil(retryAfter / 1000)))
  if (allow !== undefined) fields.Allow = allow.filter((method) => isOffered(method, context)).join(', ')
  // "MUST respond with the 412 status and MUST include the Tus-Version header" (tus 1.0.0, Tus-Resumable).
  if (code === 'ERR_UNSUPPORTED_VERSION') fields['Tus-Version'] = VERSION
  if (code === 'ERR_MAX_SIZE_EXCEEDED' && context.maxSize !== undefined) {
    fields['Tus-Max-Size'] = String(context.maxSize)
  }
  if (head.method === 'HEAD' || effectiveMethod(head) === 'HEAD') return { status, fields }
  fields['Content-Type'] = 'text/plain; charset=utf-8'
  return { status, fields, text: `${code}: ${error.message}\n` }
}

/** DELETE is the one method that an extension brings. */
const isOffered = (method: string, { extensions }: RenderContext): boolean =>
  method !== 'DELETE' || extensions.includes('termination')
