/**
 * From an event to the message that tells it, and from JSON to a reply. Both as tusd 2 does it, so that what was written
 * for tusd's hooks serves here; docs/hooks.md lists where they differ. Pure.
 * @module
 */
import type { Metadata, NewUpload, UploadInfo } from '../store/info.js'
import type { HookRequest } from '../upload/hooks.js'
import type { HookHttpRequest, HookMessage, HookReply, HookType, HookUpload } from './message.js'

export interface Told {
  readonly upload: Readonly<NewUpload> | UploadInfo
  readonly request: HookRequest | undefined
  readonly deliveryId: string
}

/** @param visible the header fields that are told, in lower case; undefined for all of them, credentials too */
export function messageOf(
  type: HookType,
  { upload, request, deliveryId }: Told,
  visible?: ReadonlySet<string>,
): HookMessage {
  const Event = { Upload: uploadOf(type, upload), HTTPRequest: requestOf(request, visible) }
  return { Type: type, Event, DeliveryID: deliveryId }
}

function uploadOf(type: HookType, upload: Readonly<NewUpload> | UploadInfo): HookUpload {
  const { id, length, metadata, concat } = upload
  const isNew = type === 'pre-create'
  return {
    // tusd has not chosen it yet by then; what it sends is what its receivers expect.
    ID: isNew ? '' : id,
    Size: length ?? 0,
    SizeIsDeferred: length === undefined,
    Offset: 'offset' in upload ? upload.offset : 0,
    MetaData: { ...metadata } satisfies Metadata,
    IsPartial: concat?.kind === 'partial',
    IsFinal: concat?.kind === 'final',
    PartialUploads: concat?.kind === 'final' ? [...concat.partials] : null,
    Storage: !isNew && 'storage' in upload ? { ...upload.storage } : null,
  }
}

/** Go's net/http keeps these from its users. */
const HIDDEN = ['transfer-encoding', 'trailer']

function requestOf(request: HookRequest | undefined, visible: ReadonlySet<string> | undefined): HookHttpRequest {
  if (!request) return { Method: '', URI: '', RemoteAddr: '', Header: {} }
  const { method, target, headers, remoteAddress } = request
  const isTold = (name: string): boolean => visible?.has(name) ?? true
  // HTTP/2 has a pseudo field for it.
  const all = { ...headers, host: headers.host ?? headers[':authority'] }
  const told = Object.entries(all).flatMap(([name, value]): [string, string[]][] => {
    const isHidden = value === undefined || name.startsWith(':') || HIDDEN.includes(name) || !isTold(name)
    return isHidden ? [] : [[canonical(name), [value]]]
  })
  const Header = Object.fromEntries(told)
  // A token is as good as a password: who is not to see all fields does not see it either.
  const URI = visible ? target.replace(/([?&]token=)[^&#]*/g, '$1…') : target
  return { Method: method, URI, RemoteAddr: remoteAddress ?? '', Header }
}

/** As Go's CanonicalHeaderKey: content-type is Content-Type. */
export const canonical = (name: string): string =>
  name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())

/** Reads one value. @throws Error that names the place and not the value */
type Read<T> = (value: unknown, place: string) => T

function wrong(place: string, what: string): never {
  throw new Error(`${place} of the answer must be ${what}`)
}

const text: Read<string> = (value, place) => (typeof value === 'string' ? value : wrong(place, 'a text'))
const flag: Read<boolean> = (value, place) => (typeof value === 'boolean' ? value : wrong(place, 'true or false'))
const count: Read<number> = (value, place) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : wrong(place, 'a whole number')

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const texts: Read<Record<string, string>> = (value, place) => {
  if (!isObject(value)) return wrong(place, 'an object')
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, text(item, `${place}.${name}`)]))
}

/** Fields by name, capital or not as Go reads them. Null counts as absent, what is not known is passed over. */
function fields<Readers extends Record<string, Read<unknown>>>(
  readers: Readers,
): Read<{ [Name in keyof Readers]?: ReturnType<Readers[Name]> }> {
  const known = new Map(Object.keys(readers).map((name) => [name.toLowerCase(), name]))
  return (value, place) => {
    if (!isObject(value)) return wrong(place || 'the whole', 'an object')
    const found: Record<string, unknown> = {}
    for (const [given, item] of Object.entries(value)) {
      const name = known.get(given.toLowerCase())
      if (name === undefined || item === null) continue
      found[name] = readers[name]!(item, place === '' ? name : `${place}.${name}`)
    }
    return found as { [Name in keyof Readers]?: ReturnType<Readers[Name]> }
  }
}

const reply = fields({
  HTTPResponse: fields({ StatusCode: count, Body: text, Header: texts }),
  RejectUpload: flag,
  RejectTermination: flag,
  StopUpload: flag,
  ChangeFileInfo: fields({
    ID: text,
    MetaData: texts,
    Storage: texts,
    Object: fields({
      ContentType: text,
      ContentDisposition: text,
      ContentEncoding: text,
      ContentLanguage: text,
      CacheControl: text,
      Metadata: texts,
      Tags: texts,
      StorageClass: text,
      ACL: text,
    }),
    ExpiresAfter: count,
    MaxSize: count,
  }),
})

/** @throws Error for the log, if a known field has a value of another kind */
export const readReply = (value: unknown): HookReply => (value === null ? {} : reply(value, ''))

/** @param json empty text is an empty reply */
export function parseReply(json: string): HookReply {
  if (json.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // What the parser says would quote the text.
    throw new Error('the answer is not JSON')
  }
  return readReply(value)
}
