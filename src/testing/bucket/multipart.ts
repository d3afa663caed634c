/**
 * Multipart uploads: created, filled part by part, and completed into an object that goes on living in the files of its
 * parts, so that completing costs no copy.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { readText, receive } from './body.js'
import { type Answer, type Call, type Context, checksumHeaders, etagFor, quote, readRoot, xmlAnswer } from './call.js'
import { type CompletionPart, checkCompletion, objectChecksum, readParts } from './completion.js'
import { checkRead, checkWrite, parseCopyRange, refuseConditions, unquote } from './conditions.js'
import { parseDescription } from './description.js'
import { CHECKSUMS, type ChecksumType, type DigestName, type Headers, parseAlgorithm } from './digests.js'
import { S3Error } from './errors.js'
import { checkLength, copyBytes, copyResult, findObject, MAX_PUT } from './objects.js'
import type { ObjectRecord, PartRecord, UploadRecord } from './records.js'
import { parseCopySource } from './route.js'
import { checkKey, checkTier, type Settings, toldOf } from './settings.js'
import type { Store, Upload } from './store.js'
import { element } from './xml.js'

const MAX_PARTS = 10_000
let created = 0

export async function createMultipartUpload({ store, now }: Context, { bucket, key, headers }: Call): Promise<Answer> {
  store.bucket(bucket)
  refuseConditions(headers)
  const checksum = parseUploadChecksum(headers)
  const initiated = now()
  // Time and count first: uploads of one key are listed in the order in which they were initiated.
  const id = `${initiated.toString(36).padStart(9, '0')}${(created++).toString(36).padStart(6, '0')}${randomBytes(16).toString('hex')}`
  const record = { ...parseDescription(headers), id, key, initiated, ...(checksum === undefined ? {} : { checksum }) }
  await store.createUpload(bucket, record)
  return xmlAnswer(
    'InitiateMultipartUploadResult',
    [element('Bucket', bucket), element('Key', key), element('UploadId', id)],
    {
      'x-amz-checksum-algorithm': checksum?.algorithm,
      'x-amz-checksum-type': checksum?.type,
      ...toldOf(record.settings),
    },
  )
}

function parseUploadChecksum(headers: Headers): UploadRecord['checksum'] {
  const algorithm = parseAlgorithm(headers.get('x-amz-checksum-algorithm'))
  const type = headers.get('x-amz-checksum-type')?.toUpperCase()
  if (algorithm === undefined) {
    if (type !== undefined)
      throw new S3Error(
        'InvalidRequest',
        'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
      )
    return undefined
  }
  const types: readonly ChecksumType[] = CHECKSUMS[algorithm].types
  const chosen = type === undefined ? types[0] : types.find((known) => known === type)
  if (chosen === undefined)
    throw new S3Error(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
    )
  return { algorithm, type: chosen }
}

export function findUpload(store: Store, { bucket, key, query }: Call): Upload {
  const upload = store.bucket(bucket).uploads.get(query.get('uploadId') ?? '')
  if (upload?.record.key !== key) throw new S3Error('NoSuchUpload')
  return upload
}

function parsePartNumber(text: string | undefined): number {
  const number = /^\d{1,5}$/.test(text ?? '') ? Number(text) : 0
  if (number >= 1 && number <= MAX_PARTS) return number
  throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
}

export async function uploadPart(context: Context, call: Call): Promise<Answer> {
  const { store, now } = context
  refuseConditions(call.headers)
  const upload = findUpload(store, call)
  const number = parsePartNumber(call.query.get('partNumber'))
  checkKey(upload.record.settings, call.headers)
  checkLength(call.body)
  const declared = upload.record.checksum?.algorithm
  const { blob, size, digests, expected } = await receive(
    store.blobs,
    call,
    declared === undefined ? ['MD5'] : ['MD5', declared],
  )
  const { settings } = upload.record
  const part = makePart(context, { number, size, blob, modified: now() }, digests, settings)
  const sent = expected.checksum?.algorithm
  await publishPart(store, call, upload, part, sent)
  const algorithm = sent ?? declared
  const echoed = algorithm && { algorithm, value: part.checksums[algorithm]! }
  return { status: 200, headers: { etag: quote(part.etag), ...checksumHeaders(echoed), ...toldOf(settings) } }
}

function makePart(
  context: Context,
  part: Omit<PartRecord, 'etag' | 'checksums'>,
  digests: ReadonlyMap<DigestName, Buffer>,
  settings: Settings | undefined,
): PartRecord {
  const checksums = [...digests]
    .filter(([name]) => name !== 'MD5')
    .map(([name, digest]) => [name, digest.toString('base64')])
  return { ...part, etag: etagFor(context, digests.get('MD5')!, settings), checksums: Object.fromEntries(checksums) }
}

/** The part takes its place unless the upload ended meanwhile. Of two with one number, the last to get here stays. */
async function publishPart(
  store: Store,
  call: Call,
  upload: Upload,
  part: PartRecord,
  sent?: DigestName,
): Promise<void> {
  try {
    const declared = upload.record.checksum?.algorithm
    if (declared !== undefined && sent !== undefined && sent !== declared) {
      throw new S3Error(
        'InvalidRequest',
        `Checksum Type mismatch occurred, expected checksum Type: ${declared.toLowerCase()}, actual checksum Type: ${sent.toLowerCase()}`,
      )
    }
    await store.withKey(call.bucket, call.key, async () => {
      findUpload(store, call)
      await store.putPart(call.bucket, upload, part)
    })
  } catch (error) {
    await store.blobs.discard([part.blob])
    throw error
  }
}

export async function uploadPartCopy(context: Context, call: Call): Promise<Answer> {
  const { store, now } = context
  const { headers, query } = call
  const upload = findUpload(store, call)
  const number = parsePartNumber(query.get('partNumber'))
  const from = parseCopySource(headers.get('x-amz-copy-source')!)
  const source = findObject(store, from.bucket, from.key)
  checkKey(upload.record.settings, headers)
  checkKey(source.settings, headers, 'x-amz-copy-source-')
  checkTier(source.settings)
  checkRead(headers, source, 'x-amz-copy-source-')
  const span = parseCopyRange(headers.get('x-amz-copy-source-range'), source.size)
  if (span.end - span.start > MAX_PUT)
    throw new S3Error('InvalidRequest', 'The specified copy source is larger than the maximum allowable size.')
  const algorithm = upload.record.checksum?.algorithm
  const { blob, size, digests } = await copyBytes(store, source, span, ['MD5', algorithm])
  const { settings } = upload.record
  const made = makePart(context, { number, size, blob, modified: now() }, digests, settings)
  const isSame = algorithm !== undefined && source.checksum?.algorithm === algorithm
  const isMistaken = isSame && context.quirks.objectChecksums === 'whole'
  const part = isMistaken ? { ...made, checksums: { [algorithm!]: source.checksum!.value } } : made
  await publishPart(store, call, upload, part)
  const checksum = algorithm && { algorithm, type: 'COMPOSITE' as const, value: part.checksums[algorithm]! }
  return xmlAnswer('CopyPartResult', copyResult(part, checksum), toldOf(settings))
}

export async function completeMultipartUpload(context: Context, call: Call): Promise<Answer> {
  const { bucket, key } = call
  const { store, quirks } = context
  store.bucket(bucket)
  // Here the checksum headers speak of the object, not of the XML.
  const ofBody = new Map([...call.headers].filter(([name]) => !name.startsWith('x-amz-checksum-')))
  const parts = readParts(readRoot(await readText({ headers: ofBody, body: call.body }), 'CompleteMultipartUpload'))
  const record = await store.withKey(
    bucket,
    key,
    async () => (quirks.completesOnce ? undefined : replay(store, call, parts)) ?? complete(context, call, parts),
  )
  return xmlAnswer(
    'CompleteMultipartUploadResult',
    [
      element('Location', `http://${call.headers.get('host')}/${bucket}/${encodeURIComponent(key)}`),
      element('Bucket', bucket),
      element('Key', key),
      element('ETag', quote(record.etag)),
      ...(record.checksum === undefined
        ? []
        : [
            element(`Checksum${record.checksum.algorithm}`, record.checksum.value),
            element('ChecksumType', record.checksum.type),
          ]),
    ],
    toldOf(record.settings),
  )
}

/** S3 answers a Complete that is sent again as it did the first time, whatever conditions it carries, while it can tell. */
function replay(
  store: Store,
  { bucket, key, query }: Call,
  parts: readonly CompletionPart[],
): ObjectRecord | undefined {
  const current = store.bucket(bucket).objects.get(key)
  const same = current?.uploadId === query.get('uploadId') && current?.etag === etagOf(parts)
  return same ? current : undefined
}

const etagOf = (parts: readonly { etag: string }[]) =>
  `${createHash('md5')
    .update(Buffer.from(parts.map(({ etag }) => unquote(etag)).join(''), 'hex'))
    .digest('hex')}-${parts.length}`

async function complete(
  { store, now, minPartSize, quirks }: Context,
  call: Call,
  listed: readonly CompletionPart[],
): Promise<ObjectRecord> {
  const { bucket, key, headers } = call
  const upload = findUpload(store, call)
  const parts = checkCompletion(upload, listed, headers, minPartSize)
  if (quirks.namesAllParts && parts.length < upload.parts.size) throw new S3Error('InvalidPart')
  const isFull = upload.record.checksum?.type === 'FULL_OBJECT'
  const isBare = listed.some(({ checksums }) => Object.keys(checksums).length === 0)
  if (quirks.objectChecksums === 'sent' && isFull && isBare) throw new S3Error('InvalidPart')
  const { headers: stored, metadata, tags, settings, id } = upload.record
  // As the parts have checksums, S3 must be able to read them.
  if (upload.record.checksum !== undefined) checkKey(settings, headers)
  const checksum = objectChecksum(upload.record.checksum, parts, headers)
  checkWrite(headers, store.bucket(bucket).objects.get(key))
  const record: ObjectRecord = {
    key,
    headers: stored,
    metadata,
    tags,
    settings,
    size: parts.reduce((sum, { size }) => sum + size, 0),
    etag: etagOf(parts),
    modified: now(),
    segments: parts.map(({ blob, size, number }) => ({ blob, size, part: number })),
    uploadId: id,
    ...(checksum === undefined ? {} : { checksum }),
  }
  await store.putObject(bucket, record)
  await store.dropUpload(bucket, upload, new Set(parts.map(({ blob }) => blob)))
  return record
}

export async function abortMultipartUpload({ store }: Context, call: Call): Promise<Answer> {
  await store.withKey(call.bucket, call.key, () => store.dropUpload(call.bucket, findUpload(store, call)))
  return { status: 204 }
}
