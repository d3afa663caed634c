/**
 * What a reply decides: to refuse, to change, or to go on. Pure.
 * @module
 */
import { FAILURES, type FailureCode } from '../errors.js'
import type { Answer, ObjectOptions, Refusal } from '../store/info.js'
import type { CreateDecision } from '../upload/hooks.js'
import type { FileInfoChanges, HookHttpResponse, HookReply, ObjectChanges } from './message.js'

/** Refuses; a client is answered so. Any other error of a hook is for the log, and has the client try again. */
export class HookRejection extends Error implements Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string

  constructor({ status, headers, body }: { status: number; headers: Record<string, string>; body: string }) {
    super('A hook refused it.')
    this.name = 'HookRejection'
    this.status = status
    this.headers = headers
    this.body = body
  }
}

/** pre-create. @throws HookRejection · Error */
export function decideCreate({ RejectUpload, HTTPResponse, ChangeFileInfo }: HookReply): CreateDecision {
  if (RejectUpload) throw rejection('ERR_UPLOAD_REJECTED', HTTPResponse)
  return { ...changesOf(ChangeFileInfo ?? {}), answer: answerOf(HTTPResponse, 'RejectUpload') }
}

/** pre-finish. @throws HookRejection · Error */
export function decideFinish({ RejectUpload, HTTPResponse }: HookReply): Answer | undefined {
  if (RejectUpload) throw rejection('ERR_UPLOAD_REJECTED', HTTPResponse)
  return answerOf(HTTPResponse, 'RejectUpload')
}

/** pre-terminate. @throws HookRejection · Error */
export function decideTerminate({ RejectTermination, HTTPResponse }: HookReply): void {
  if (RejectTermination) throw rejection('ERR_UPLOAD_TERMINATION_REJECTED', HTTPResponse)
  answerOf(HTTPResponse, 'RejectTermination')
}

/** post-receive. @throws HookRejection */
export function decideProgress({ StopUpload, HTTPResponse }: HookReply): void {
  // A status from 500 would mean that the hook failed, and the upload went on.
  if (StopUpload) throw rejection('ERR_UPLOAD_STOPPED', HTTPResponse, 499)
}

/** As tusd merges it with its own answer: what the hook gives replaces ours, field by field. */
function rejection(code: FailureCode, response: HookHttpResponse = {}, greatest = 599): HookRejection {
  const { StatusCode = 0, Body = '', Header = {} } = response
  const isFailure = StatusCode >= 400 && StatusCode <= greatest
  return new HookRejection({
    status: isFailure ? StatusCode : 400,
    headers: checked({ ...(hasType(Header) ? {} : { 'Content-Type': 'text/plain; charset=utf-8' }), ...Header }),
    body: Body === '' ? `${code}: ${FAILURES[code][1]}\n` : Body,
  })
}

const hasType = (header: Readonly<Record<string, string>>): boolean =>
  Object.keys(header).some((name) => name.toLowerCase() === 'content-type')

/**
 * Additions to the answer of what goes well.
 * @param refuses what would have refused it: a status of a failure without it is a mistake, and nothing is done
 */
function answerOf(response: HookHttpResponse | undefined, refuses: string): Answer | undefined {
  const { StatusCode = 0, Body = '', Header = {} } = response ?? {}
  if (StatusCode !== 0 && (StatusCode < 200 || StatusCode > 299)) {
    throw new Error(`HTTPResponse.StatusCode is ${StatusCode}, but there is no ${refuses}`)
  }
  if (StatusCode === 0 && Body === '' && Object.keys(Header).length === 0) return undefined
  return {
    ...(StatusCode === 0 ? {} : { status: StatusCode }),
    ...(Body === '' ? {} : { body: Body }),
    headers: checked(Header),
  }
}

/** Fields that could end a header, or begin another answer, are a failure of the hook. */
function checked(header: Readonly<Record<string, string>>): Record<string, string> {
  for (const [name, value] of Object.entries(header)) {
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) throw new Error('HTTPResponse.Header has a name that is none')
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw new Error(`HTTPResponse.Header.${name} cannot be sent`)
  }
  return { ...header }
}

/** tusd's rule of IDs. @throws Error */
function checkId(id: string): string {
  if (id.startsWith('/') || id.endsWith('/')) {
    throw new Error(`ChangeFileInfo.ID must not begin or end with a slash: ${JSON.stringify(id)}`)
  }
  if (!/^[A-Za-z0-9\-._~%!$'()*+,;=/:@]*$/.test(id)) {
    throw new Error(`ChangeFileInfo.ID may only have characters that are safe in a path: ${JSON.stringify(id)}`)
  }
  return id
}

function changesOf({ ID = '', MetaData, Storage, Object: object, ExpiresAfter, MaxSize }: FileInfoChanges) {
  const key = Storage?.Key ?? Storage?.Path
  return {
    ...(ID === '' ? {} : { id: checkId(ID) }),
    ...(MetaData ? { metadata: { ...MetaData } } : {}),
    ...(key ? { key } : {}),
    ...(object ? { object: optionsOf(object) } : {}),
    ...(ExpiresAfter ? { expiresAfter: ExpiresAfter } : {}),
    ...(MaxSize ? { limits: { maxSize: MaxSize } } : {}),
  } satisfies CreateDecision
}

const optionsOf = (changes: ObjectChanges): ObjectOptions => ({
  contentType: changes.ContentType,
  contentDisposition: changes.ContentDisposition,
  contentEncoding: changes.ContentEncoding,
  contentLanguage: changes.ContentLanguage,
  cacheControl: changes.CacheControl,
  metadata: changes.Metadata,
  tags: changes.Tags,
  storageClass: changes.StorageClass,
  acl: changes.ACL,
})
