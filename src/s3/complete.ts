/**
 * From all bytes stored to the object readable. Idempotent and owned by nobody: whoever meets a `completing` record
 * drives it to the end (docs/invariants.md, 6 to 8).
 * @module
 */
import { UploadError } from '../errors.js'
import { combineCrc32 } from '../store/crc32.js'
import { noted } from '../store/notes.js'
import type { FinishOptions } from '../store/store.js'
import type { ListedPart, NamedPart, Operations, Payload, Stored } from './call/call.js'
import { asStoreFailure, isServerError, means, S3Fault } from './call/faults.js'
import { abortStrays, deleteSlots } from './clean-up.js'
import { headObject, listParts } from './look.js'
import { ID_MARK, objectHead, TOKEN_MARK } from './object-head.js'
import { isOwn } from './ownership.js'
import { chainEtag, newNonce, type UploadRecord } from './record/record.js'
import type { S3Upload } from './upload.js'

/**
 * Writes an upload that fits into one part as one object, and commits it.
 *
 * The key must be free: a late writer of other bytes then cannot replace what was committed.
 * @returns false if the key holds another object (of a writer that died before its commit): the caller then goes by
 *   way of a multipart upload, whose completion names exactly the bytes that were committed
 * @throws UploadError
 */
export async function putWhole(
  upload: S3Upload,
  body: Payload,
  partSize: number,
  options: FinishOptions,
): Promise<boolean> {
  const token = newNonce()
  const etag = await putObject(upload, body, token)
  if (etag === undefined) return false
  const whole = { etag, token, offset: body.length, length: body.length, crc32: body.crc32, tail: [], partSize }
  const { now } = upload.context
  const hasSlots = upload.inherited || upload.record.slots.some((etag) => etag !== null)
  if (!hasSlots && !upload.mayHaveStrays && !options.beforeComplete) {
    await upload.commit({ ...whole, state: 'complete', completedAt: now(), ...noted(options.notes?.(true)) })
    return true
  }
  // What is left behind goes once no record can name it any more, and before the last commit, so that none is forgotten.
  await upload.commit({ ...whole, state: 'completing' })
  await complete(upload, options)
  return true
}

async function putObject(upload: S3Upload, body: Payload, token: string): Promise<string | undefined> {
  const { context, keys, record } = upload
  const head = objectHead(record, token)
  try {
    return (await context.call('putObject', { key: keys.object, body, data: true, ifAbsent: true, ...head })).etag
  } catch (error) {
    if (means(error, 'denied', 'refused')) throw asStoreFailure(error, record.offset)
    if (means(error, 'contradiction')) return upload.objectContradicts(String(error))
    const found = await headObject(context.call, keys.object, record.offset, context.provider.checksums)
    if (found?.metadata[TOKEN_MARK] === token && found.length === body.length) {
      return isOther(body.crc32, found) ? upload.objectContradicts(saysOther(body.crc32, found)) : found.etag
    }
    if (means(error, 'precondition')) return undefined
    throw asStoreFailure(error, record.offset)
  }
}

const TAKEN = 'There is an object of this name already, and it is not replaced; create another upload.'

/** The upload will never be complete: what is under its key is another's, and stays. */
async function isTaken(upload: S3Upload): Promise<never> {
  await upload.fail(TAKEN)
  throw new UploadError('ERR_OBJECT_EXISTS')
}

/** Under which condition the completion is asked for. @throws UploadError ERR_OBJECT_EXISTS */
async function conditionOf(upload: S3Upload): Promise<Condition> {
  const { context, keys, record } = upload
  if (context.overwrite) return {}
  const found = await headObject(context.call, keys.object, record.offset)
  if (found === undefined) return { ifAbsent: true }
  return isOwn(record, found) ? { ifMatch: found.etag } : isTaken(upload)
}

type Condition = Pick<Operations['completeMultipartUpload'][0], 'ifMatch' | 'ifAbsent'>

/** Whether S3 says that it holds other bytes. What cannot be compared contradicts nothing. */
const isOther = (crc32: number | undefined, told: Stored): boolean =>
  crc32 !== undefined && told.crc32 !== undefined && told.crc32 !== crc32

const saysOther = (crc32: number | undefined, told: Stored): string =>
  `the CRC32 of what was sent is ${crc32}, and of the object ${told.crc32}`

/** What a commit to `completing` says so that the object can be recognised afterwards; nothing, if it will have marks. */
export async function replacedBy({ context, keys, record }: S3Upload): Promise<Partial<UploadRecord>> {
  if (record.uploadId === undefined || record.token !== undefined) return {}
  return { replaces: (await headObject(context.call, keys.object, record.offset))?.etag ?? null }
}

/** Drives a `completing` upload to `complete`. @throws UploadError */
export async function complete(upload: S3Upload, { beforeComplete, notes }: FinishOptions = {}): Promise<void> {
  // Before the object is made: a server was seen that removes the object of a key whose multipart upload is aborted.
  const hasStrays = !(await abortStrays(upload))
  const etag = upload.record.uploadId === undefined ? upload.record.etag : await completeMultipart(upload)
  if (etag === undefined) throw new UploadError('ERR_STORE_CORRUPT', { cause: new Error('nothing to complete') })
  const hasSlots = !(await deleteSlots(upload))
  const leftovers = hasStrays || hasSlots || undefined
  await beforeComplete?.(() => upload.content(etag), upload.record.offset)
  try {
    const completedAt = upload.context.now()
    await upload.commit({ state: 'complete', etag, completedAt, leftovers, ...noted(notes?.(true)) })
  } catch (error) {
    // Several may drive the same completion; one of them commits it.
    await upload.refresh()
    if (upload.record.state !== 'complete') throw error
  }
  upload.parts = undefined
}

/** @returns the ETag of the object, if it is the one of this very multipart upload */
async function objectOf(upload: S3Upload): Promise<string | undefined> {
  const { context, keys, record } = upload
  const found = await headObject(context.call, keys.object, record.offset, record.fullObject)
  const isMarked = found?.metadata[ID_MARK] === record.id && found.metadata[TOKEN_MARK] === record.token
  // A multipart upload of another server has no marks.
  const ours = record.token === undefined ? found?.etag !== record.replaces : isMarked
  if (!found || !ours || found.length !== record.offset) return undefined
  return record.fullObject && isOther(record.crc32, found)
    ? upload.objectContradicts(saysOther(record.crc32, found))
    : found.etag
}

/** Parts of one size cannot become larger: without an end clients would wait for ever. */
const TOO_SMALL = 'The store takes no parts as small as those of this upload (minPartSize); create a new one.'

/** Tries at naming the parts of a final upload, which another node may be copying once more. */
const NAMINGS = 3

/** @returns the ETag of the object */
async function completeMultipart(
  upload: S3Upload,
  naming = 1,
  whole = wholeOf(upload),
  given?: Condition,
): Promise<string> {
  const { context, keys, record } = upload
  const uploadId = record.uploadId!
  const parts = await partsToName(upload)
  // Another node was faster, or an earlier try succeeded unheard.
  if (parts === undefined) return settle(upload, new Error('ListParts: the multipart upload is gone'), true)
  const condition = given ?? (await conditionOf(upload))
  const completed = await context
    .call('completeMultipartUpload', { key: keys.object, uploadId, parts, ...(whole ? { whole } : {}), ...condition })
    .catch((error: unknown) => error)
  if (!(completed instanceof Error)) {
    const told = completed as Stored
    if (whole && isOther(whole.crc32, told)) return upload.objectContradicts(saysOther(whole.crc32, told))
    // Ceph answers the first Complete with an empty ETag.
    if (told.etag.replaceAll('"', '') !== '') return told.etag
    return settle(upload, new Error('CompleteMultipartUpload: no ETag'), false)
  }
  const isConditional = Object.keys(condition).length > 0
  if (isConditional && means(completed, 'precondition')) {
    // It may be one's own, completed unheard.
    const done = await objectOf(upload)
    if (done !== undefined) return done
    return naming === NAMINGS ? settle(upload, completed, false) : completeMultipart(upload, naming + 1, whole)
  }
  if (isConditional && completed instanceof S3Fault && completed.status === 501) {
    return completeMultipart(upload, naming, whole, {})
  }
  if (means(completed, 'contradiction')) return upload.contradicts(String(completed))
  if (means(completed, 'invalid-part')) {
    // S3Proxy says so of an upload that was completed already, unheard.
    const done = await objectOf(upload)
    if (done !== undefined) return done
    if (!isFinal(record) || naming === NAMINGS) return upload.contradicts(String(completed))
    upload.parts = undefined
    return completeMultipart(upload, naming + 1, whole)
  }
  if (completed instanceof S3Fault && completed.code === 'EntityTooSmall') {
    return upload.contradicts(String(completed), TOO_SMALL)
  }
  if (whole && means(completed, 'refused') && (await areTheSame(upload, completed))) {
    return completeMultipart(upload, naming, null)
  }
  return settle(upload, completed, means(completed, 'missing-upload'))
}

/** What S3 is to verify; null if nothing. */
type Whole = { crc32: number; size: number } | null

const wholeOf = ({ record: { fullObject, crc32, offset } }: S3Upload): Whole =>
  fullObject && crc32 !== undefined ? { crc32, size: offset } : null

/**
 * A completion is refused for a reason that servers name differently: because the bytes are others, or because this one
 * takes no checksum there after all. The parts tell, by their own checksums, which S3 verified as they came.
 * @returns whether they are those that were committed; false if that cannot be told
 */
async function areTheSame(upload: S3Upload, refusal: S3Fault): Promise<boolean> {
  const { context, keys, record } = upload
  const listed = await listParts(context.call, keys.object, record.uploadId!, record.offset)
  if (listed === undefined) return false
  const parts = listed.filter(({ partNumber }) => partNumber <= record.parts)
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  const crc32 = parts.reduce((crc: number | undefined, part) => combineCrc32(crc, part.crc32, part.size), 0)
  const isSame = size === record.offset && crc32 === record.crc32
  if (!isSame && (size !== record.offset || crc32 !== undefined)) return upload.contradicts(String(refusal))
  return isSame
}

/**
 * What became of a Complete whose answer was lost or refused: the object itself tells, if it carries the marks of this
 * very multipart upload and has the size.
 */
async function settle(upload: S3Upload, cause: unknown, isGone: boolean): Promise<string> {
  const done = await objectOf(upload)
  if (done !== undefined) return done
  if (isGone) return upload.multipartIsGone(cause)
  // Some servers answer 500 for a multipart upload that they dropped. Who does not remember the parts asks for them, and
  // is told.
  if (isServerError(cause)) upload.parts = undefined
  throw new UploadError('ERR_COMPLETION_PENDING', { cause, retryAfter: 1_000 })
}

/**
 * Exactly the committed parts: from memory, or from S3 after a restart. Their ETags must chain to the record's digest.
 * @returns undefined if S3 does not know the multipart upload
 */
async function partsToName(upload: S3Upload): Promise<NamedPart[] | undefined> {
  const { record } = upload
  if (upload.parts?.length === record.parts)
    return upload.parts.map((part, index) => ({ partNumber: index + 1, ...part }))
  const listed = await listParts(upload.context.call, upload.keys.object, record.uploadId!, record.offset)
  if (listed === undefined) return undefined
  const parts = listed.filter(({ partNumber }) => partNumber <= record.parts)
  const inOrder = parts.length === record.parts && parts.every(({ partNumber }, index) => partNumber === index + 1)
  const digest = parts.reduce((chain, { etag }) => chainEtag(chain, etag), '')
  const isSame = digest === record.partsDigest || isRecopied(record, parts)
  // Of an upload that was completed, some servers list no parts instead of saying that it is gone.
  if ((!inOrder || !isSame) && (await objectOf(upload)) !== undefined) return undefined
  if (!inOrder || !isSame) return upload.contradicts('the parts in S3 are not the committed ones')
  return parts
}

const isFinal = (record: UploadRecord): boolean => record.joined?.kind === 'final'

/**
 * Two nodes may copy the parts of a final upload at the same time. They are the same bytes, but many providers give each
 * copy an ETag of its own, and the last one counts.
 */
function isRecopied(record: UploadRecord, parts: readonly ListedPart[]): boolean {
  return isFinal(record) && parts.reduce((sum, { size }) => sum + size, 0) === record.offset
}

/** Whether S3 says, when asked about its parts, that the multipart upload is not there. */
export async function isDropped({ context, keys, record }: S3Upload): Promise<boolean> {
  return (await listParts(context.call, keys.object, record.uploadId!, record.offset)) === undefined
}
