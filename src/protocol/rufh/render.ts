/**
 * Resumable Uploads for HTTP: outcomes, reports and failures become the heads of answers. They carry what any of the
 * versions wants, since each ignores what it does not know.
 * @module
 */
import type { UploadError } from '../../errors.js'
import type { UploadInfo } from '../../store/info.js'
import type { Report } from '../../upload/command.js'
import type { RenderContext, Rendered } from '../codec.js'
import { reprDigestFields } from '../digests.js'
import type { RequestHead, ResponseHead } from '../message.js'
import { BODY_TYPE, UPLOAD_METHODS } from './parse.js'
import { problemOf } from './problem.js'
import type { Version } from './versions.js'

type FieldMap = Record<string, string>

export function render(version: Version, outcome: Rendered, context: RenderContext): ResponseHead {
  const fields = common(version)
  switch (outcome.kind) {
    case 'options':
      return { status: 204, fields: { ...fields, ...limits(version, undefined, context), 'Accept-Patch': BODY_TYPE } }
    case 'created':
      return {
        status: 201,
        fields: { ...fields, ...located(outcome.info, context), ...told(version, outcome.info, context) },
      }
    case 'appended': {
      const isComplete = outcome.info.state === 'complete'
      const location = isComplete ? located(outcome.info, context) : {}
      const status = isComplete ? 201 : version.appendedStatus
      return { status, fields: { ...fields, ...location, ...told(version, outcome.info, context) } }
    }
    case 'offset':
      return {
        status: 204,
        fields: { ...fields, ...told(version, outcome.info, context), 'Cache-Control': 'no-store' },
      }
    case 'cancelled':
      return { status: 204, fields }
  }
}

/** "A successful response to a HEAD or GET request against an upload resource MUST include …" (Offset Retrieval). */
export const renderBeside = (version: Version, info: UploadInfo, context: RenderContext): FieldMap => ({
  ...interop(version),
  ...told(version, info, context),
})

/** 104 (Upload Resumption Supported): first where the upload is, then how far it came. */
export function renderReport(version: Version, report: Report, context: RenderContext): ResponseHead | undefined {
  if (report.kind === 'created') {
    const fields = { ...interop(version), ...located(report.info, context), ...limits(version, report.info, context) }
    return { status: 104, fields }
  }
  if (!version.progress) return undefined
  return { status: 104, fields: { ...interop(version), 'Upload-Offset': String(report.offset) } }
}

const common = (version: Version): FieldMap => ({ ...interop(version), 'X-Content-Type-Options': 'nosniff' })

const interop = ({ interop }: Version): FieldMap =>
  interop === undefined ? {} : { 'Upload-Draft-Interop-Version': String(interop) }

const located = ({ id }: UploadInfo, { locate }: RenderContext): FieldMap => ({ Location: locate(id) })

/** What is told of an upload with every answer about it. */
function told(version: Version, info: UploadInfo, context: RenderContext): FieldMap {
  const isComplete = info.state === 'complete'
  // Of a final upload of tus whose parts are still to come, nothing is there yet.
  const fields = { ...completeness(version, isComplete), 'Upload-Offset': String(info.offset) }
  const length = info.length === undefined ? {} : { 'Upload-Length': String(info.length) }
  return { ...fields, ...length, ...limits(version, info, context), ...reprDigestFields(info, context.wantReprDigest) }
}

function completeness({ completeness: field }: Version, isComplete: boolean): FieldMap {
  const value = field === 'Upload-Complete' ? isComplete : !isComplete
  return { [field]: value ? '?1' : '?0' }
}

/** Upload-Limit; `min-size=0` where there is no limit, since the field must not be empty. */
function limits(version: Version, info: UploadInfo | undefined, context: RenderContext): FieldMap {
  const { maxSize } = context
  const members: string[] = []
  if (maxSize !== undefined) members.push(`max-size=${maxSize}`)
  const left = lifetimeOf(info, context)
  if (left !== undefined && version.lifetime !== undefined) {
    const seconds = Math.max(0, Math.floor(left / 1000))
    // Keys that a version does not know are ignored.
    members.push(...new Set([version.lifetime, 'max-age'].map((key) => `${key}=${seconds}`)))
  }
  return { 'Upload-Limit': members.length > 0 ? members.join(', ') : 'min-size=0' }
}

/** Milliseconds: of an upload that is not complete, or of one that is still to be created. */
function lifetimeOf(info: UploadInfo | undefined, { now, lifetime }: RenderContext): number | undefined {
  if (info === undefined) return lifetime
  return info.expiresAt === undefined || info.state === 'complete' ? undefined : info.expiresAt - now
}

export function renderFailure(
  version: Version,
  error: UploadError,
  head: RequestHead,
  context: RenderContext,
): ResponseHead {
  const { offset, retryAfter, allow, code } = error
  // That all bytes are there and not the right ones is what has come of the upload, and not a refusal on the way.
  const isResult = code === 'ERR_DIGEST_MISMATCH'
  const { status, text } = problemOf(error, head)
  const fields: FieldMap = { ...common(version), ...completeness(version, isResult), 'Cache-Control': 'no-store' }
  if (offset !== undefined) fields['Upload-Offset'] = String(offset)
  if (retryAfter !== undefined) fields['Retry-After'] = String(Math.max(0, Math.ceil(retryAfter / 1000)))
  const allowed = status === 405 ? (allow ?? UPLOAD_METHODS.filter((method) => method !== head.method)) : undefined
  if (allowed !== undefined) fields.Allow = allowed.join(', ')
  if (code === 'ERR_INVALID_CONTENT_TYPE') fields['Accept-Patch'] = BODY_TYPE
  if (status === 413) Object.assign(fields, limits(version, undefined, context))
  if (head.method === 'HEAD') return { status, fields }
  fields['Content-Type'] = 'application/problem+json'
  return { status, fields, text }
}
