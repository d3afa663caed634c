/**
 * Objects put, read and copied.
 * @module
 */
import { type RequestBody, receive, writeDigested } from './body.js'
import {
  type Answer,
  type Call,
  type Context,
  checksumHeaders,
  etagFor,
  httpTime,
  isoTime,
  parseCount,
  quote,
  xmlAnswer,
} from './call.js'
import { checkRead, checkWrite, parseRange, type Span } from './conditions.js'
import { metadataHeaders, parseDescription } from './description.js'
import { type DigestName, Digests, type Headers, parseAlgorithm } from './digests.js'
import { S3Error } from './errors.js'
import type { ObjectRecord } from './records.js'
import { parseCopySource } from './route.js'
import { checkKey, checkTier, toldOf } from './settings.js'
import type { Store } from './store.js'
import { element, type Xml } from './xml.js'

export const MAX_PUT = 5 * 1024 ** 3
const OVERRIDES = /^response-(?:content-(?:type|disposition|encoding|language)|cache-control|expires)$/

export function findObject(store: Store, bucket: string, key: string): ObjectRecord {
  const record = store.bucket(bucket).objects.get(key)
  if (record === undefined) throw new S3Error('NoSuchKey')
  return record
}

/** Refuses a body whose size is unknown, or over what one request may bring. */
export function checkLength({ length }: RequestBody): void {
  if (length === undefined) throw new S3Error('MissingContentLength')
  if (length > MAX_PUT) throw new S3Error('EntityTooLarge')
}

export async function putObject(context: Context, call: Call): Promise<Answer> {
  const { store, now } = context
  const { bucket, key, headers, body } = call
  const description = parseDescription(headers)
  checkLength(body)
  checkWrite(headers, store.bucket(bucket).objects.get(key))
  const { blob, size, digests, expected } = await receive(store.blobs, call, ['MD5'])
  const checksum = digestRecord(digests, expected.checksum?.algorithm)
  const etag = etagFor(context, digests.get('MD5')!, description.settings)
  const record = { ...description, key, size, etag, modified: now(), segments: [{ blob, size }], ...checksum }
  await publishObject(store, call, record)
  const told = toldOf(description.settings)
  return { status: 200, headers: { etag: quote(etag), ...checksumHeaders(record.checksum), ...told } }
}

function digestRecord(
  digests: ReadonlyMap<DigestName, Buffer>,
  algorithm: DigestName | undefined,
): Pick<ObjectRecord, 'checksum'> {
  if (algorithm === undefined || algorithm === 'MD5') return {}
  return { checksum: { algorithm, type: 'FULL_OBJECT', value: digests.get(algorithm)!.toString('base64') } }
}

/** Makes the object visible if its conditions hold at that moment; otherwise forgets its bytes. */
async function publishObject(store: Store, { bucket, key, headers }: Call, record: ObjectRecord): Promise<void> {
  try {
    await store.withKey(bucket, key, async () => {
      checkWrite(headers, store.bucket(bucket).objects.get(key))
      await store.putObject(bucket, record)
    })
  } catch (error) {
    await store.blobs.discard(record.segments.map(({ blob }) => blob))
    throw error
  }
}

export async function getObject({ store }: Context, { bucket, key, headers, query }: Call): Promise<Answer> {
  const found = findObject(store, bucket, key)
  checkTier(found.settings)
  const answer = describe(found, headers, query)
  if (answer.status === 304) return { status: 304, headers: answer.headers }
  return { ...answer, content: store.blobs.read(answer.record.segments, answer.span.start, answer.span.end) }
}

export async function headObject({ store }: Context, { bucket, key, headers, query }: Call): Promise<Answer> {
  const { status, headers: answered } = describe(findObject(store, bucket, key), headers, query)
  return { status, headers: answered }
}

function describe(record: ObjectRecord, headers: Headers, query: ReadonlyMap<string, string>) {
  checkKey(record.settings, headers)
  const validators = { etag: quote(record.etag), 'last-modified': httpTime(record.modified) }
  const whole = { start: 0, end: record.size }
  if (checkRead(headers, record)) return { status: 304, headers: validators, record, span: whole }
  const part = query.get('partNumber')
  const asked = part === undefined ? parseRange(headers.get('range'), record.size) : partSpan(record, part)
  const span = asked ?? whole
  const tags = Object.keys(record.tags).length
  const answered: Record<string, string | number | undefined> = {
    ...record.headers,
    ...metadataHeaders(record),
    ...toldOf(record.settings, true),
    ...overrides(query),
    ...validators,
    'accept-ranges': 'bytes',
    'content-length': span.end - span.start,
    'content-range': asked && record.size > 0 ? `bytes ${span.start}-${span.end - 1}/${record.size}` : undefined,
    'x-amz-tagging-count': tags > 0 ? tags : undefined,
    'x-amz-mp-parts-count': part !== undefined && record.uploadId !== undefined ? record.segments.length : undefined,
    ...(asked === undefined && headers.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED'
      ? checksumHeaders(record.checksum)
      : {}),
  }
  return { status: asked === undefined ? 200 : 206, headers: answered, record, span }
}

/** response-content-type and its kin, which a link may carry. */
function overrides(query: ReadonlyMap<string, string>): Record<string, string> {
  const given = [...query].filter(([name]) => OVERRIDES.test(name))
  if (given.some(([, value]) => /[\x00-\x1f\x7f]/.test(value)))
    throw new S3Error('InvalidArgument', 'A header cannot hold this value.')
  // Node writes header text as Latin-1; this makes the bytes UTF-8.
  return Object.fromEntries(
    given.map(([name, value]) => [name.slice('response-'.length), Buffer.from(value).toString('latin1')]),
  )
}

function partSpan({ segments, uploadId }: ObjectRecord, text: string): Span {
  const number = parseCount('partNumber', text, 1)
  let start = 0
  for (const { size, part } of segments) {
    if (number === (uploadId === undefined ? 1 : part)) return { start, end: start + size }
    start += size
  }
  throw new S3Error('InvalidPartNumber')
}

export async function copyObject(context: Context, call: Call): Promise<Answer> {
  const { store, now } = context
  const { bucket, key, headers } = call
  const from = parseCopySource(headers.get('x-amz-copy-source')!)
  const source = findObject(store, from.bucket, from.key)
  checkKey(source.settings, headers, 'x-amz-copy-source-')
  checkTier(source.settings)
  checkRead(headers, source, 'x-amz-copy-source-')
  checkWrite(headers, store.bucket(bucket).objects.get(key))
  if (source.size > MAX_PUT)
    throw new S3Error('InvalidRequest', 'The specified copy source is larger than the maximum allowable size.')
  const replaces = directive(headers, 'x-amz-metadata-directive')
  if (from.bucket === bucket && from.key === key && !replaces) {
    throw new S3Error(
      'InvalidRequest',
      'This copy request is illegal because it copies an object to itself without changing its metadata.',
    )
  }
  const given = parseDescription(headers)
  const tags = directive(headers, 'x-amz-tagging-directive') ? given.tags : source.tags
  // How it is kept is never the source's.
  const { settings } = given
  const description = { ...(replaces ? given : { headers: source.headers, metadata: source.metadata, settings }), tags }
  const algorithm = parseAlgorithm(headers.get('x-amz-checksum-algorithm')) ?? source.checksum?.algorithm
  const { blob, size, digests } = await copyBytes(store, source, { start: 0, end: source.size }, ['MD5', algorithm])
  const etag = etagFor(context, digests.get('MD5')!, settings)
  const record = {
    ...description,
    key,
    size,
    etag,
    modified: now(),
    segments: [{ blob, size }],
    ...digestRecord(digests, algorithm),
  }
  await publishObject(store, call, record)
  return xmlAnswer('CopyObjectResult', copyResult(record, record.checksum), toldOf(settings))
}

/** COPY, which is the default, or REPLACE. */
function directive(headers: Headers, name: string): boolean {
  const value = headers.get(name) ?? 'COPY'
  if (value !== 'COPY' && value !== 'REPLACE') throw new S3Error('InvalidArgument', `Unknown ${name}.`)
  return value === 'REPLACE'
}

/** Copies a span of an object into a blob of its own. */
export async function copyBytes(
  store: Store,
  source: ObjectRecord,
  span: Span,
  names: readonly (DigestName | undefined)[],
) {
  const digests = new Digests(names.filter((name) => name !== undefined))
  const content = store.blobs.read(source.segments, span.start, span.end)
  try {
    return await writeDigested(store.blobs, content.bytes, digests)
  } finally {
    content.close()
  }
}

export function copyResult(
  { etag, modified }: { etag: string; modified: number },
  checksum: ObjectRecord['checksum'],
): Xml[] {
  return [
    element('LastModified', isoTime(modified)),
    element('ETag', quote(etag)),
    ...(checksum === undefined ? [] : [element(`Checksum${checksum.algorithm}`, checksum.value)]),
  ]
}
