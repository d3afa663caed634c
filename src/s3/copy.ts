/**
 * The object of a complete upload, copied by S3 to another key or bucket. Made to be repeated: events come at least once, and a
 * process may end anywhere. A copy carries the marks of its upload, so the next try finds it done.
 * @module
 */
import { UploadError } from '../errors.js'
import type { ObjectOptions } from '../store/info.js'
import type { Call, NamedPart, Operations } from './call/call.js'
import type { Description } from './call/description.js'
import { asStoreFailure, means, S3Fault } from './call/faults.js'
import { removeLeftovers } from './clean-up.js'
import { isUsableKey } from './keys.js'
import { headObject } from './look.js'
import { ID_MARK, objectHead, TOKEN_MARK } from './object-head.js'
import { checkObject } from './object-options.js'
import type { UploadRecord } from './record/record.js'
import type { S3Upload } from './upload.js'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** Bytes that one CopyObject takes at most. */
const MOST_AT_ONCE = 5 * GiB

/** Bytes of a part: S3 copies many of this size at once faster than few of 5 GiB. */
const PART = 512 * MiB

/** Parts of one object that are copied at once. */
const AT_ONCE = 10

/** Where an object is copied to, and as what. */
export interface CopyTarget {
  /** The whole key; no prefix is added. */
  key: string
  /** Default: the bucket of the store. */
  bucket?: string | undefined
  /** What is stored with the copy instead of what the object has. What is absent here is carried over. */
  object?: ObjectOptions | undefined
  /** Bytes: larger objects are copied in parts. Default, and most that S3 takes: 5 GiB. */
  multipartFrom?: number | undefined
}

/** A copy as it was seen in the end. */
export interface CopiedObject {
  /** The bucket of the copy. */
  readonly bucket: string
  /** The key of the copy. */
  readonly key: string
  /** The entity tag of the copy. */
  readonly etag: string
  /** Bytes. */
  readonly size: number
  /** That of the upload and of the copy, if both are known; else only the sizes were compared. */
  readonly crc32: number | undefined
}

type Found = Operations['headObject'][1]

/** Where to. */
export interface Place extends CopyTarget {
  bucket: string
  call: Call
}

/**
 * @param upload complete
 * @throws UploadError ERR_INVALID_KEY · ERR_INVALID_OPTIONS · ERR_UPLOAD_GONE or ERR_STORE_CORRUPT if the object is not that of the
 *   upload, or the copy is not what was copied · ERR_STORE_UNAVAILABLE: it can be repeated
 */
export async function copyTo(upload: S3Upload, place: Place): Promise<CopiedObject> {
  check(upload, place)
  // A bad one is made anew.
  const done = await copyAt(upload, place).catch((error: unknown) => {
    if (error instanceof UploadError && error.code === 'ERR_STORE_CORRUPT') return undefined
    throw error
  })
  if (done !== undefined) return done
  const source = await upload.look()
  const description = await describe(upload, source, place)
  const isLarge = source.length > (place.multipartFrom ?? MOST_AT_ONCE)
  try {
    await (isLarge ? copyInParts(upload, source, place, description) : copyAtOnce(upload, place, description))
  } catch (error) {
    // The answer may be all that was lost.
    const unheard = await copyAt(upload, place).catch(() => undefined)
    if (unheard !== undefined) return unheard
    if (means(error, 'precondition')) throw new UploadError('ERR_CONFLICT', { cause: error })
    throw asStoreFailure(error)
  }
  const copied = await copyAt(upload, place)
  if (copied === undefined) throw corrupt('the copy is not there after it was made')
  return copied
}

/** @throws UploadError as above, and ERR_CONFLICT */
export async function moveTo(upload: S3Upload, place: Place): Promise<CopiedObject> {
  const { bucket, key } = place
  const { moved } = upload.record
  if (moved !== undefined && (moved.bucket !== bucket || moved.key !== key)) throw new UploadError('ERR_CONFLICT')
  const copied = moved === undefined ? await copyTo(upload, place) : await copyAt(upload, place)
  // Moved before; what became of it since is the application's business.
  if (copied === undefined) throw new UploadError('ERR_UPLOAD_GONE')
  if (moved === undefined) await upload.commit({ moved: { bucket, key }, leftovers: true })
  // What cannot be removed now is removed by whoever opens it next.
  await removeLeftovers(upload, { isWriter: true })
  return copied
}

/** @returns what is at the place, if it is a copy of this upload's object @throws UploadError ERR_STORE_CORRUPT if it is a bad one */
export async function copyAt(upload: S3Upload, { call, bucket, key }: Place): Promise<CopiedObject | undefined> {
  const { record, context } = upload
  const found = await headObject(call, key, undefined, context.provider.checksums)
  if (found?.metadata[ID_MARK] !== record.id || found.metadata[TOKEN_MARK] !== tokenOf(record)) return undefined
  const isOther = found.crc32 !== undefined && record.crc32 !== undefined && found.crc32 !== record.crc32
  if (isOther || found.length !== record.offset) throw corrupt('the copy has other bytes than the upload')
  const { etag, length: size } = found
  return { bucket, key, etag, size, crc32: record.crc32 === undefined ? undefined : found.crc32 }
}

/** An object that another server made has no token; its ETag is as good. */
const tokenOf = ({ token, etag }: UploadRecord): string => token ?? etag!.replaceAll('"', '')

const corrupt = (detail: string): UploadError => new UploadError('ERR_STORE_CORRUPT', { cause: new Error(detail) })

function check({ context, keys }: S3Upload, { bucket, key, object = {}, multipartFrom = MOST_AT_ONCE }: Place): void {
  const must = (holds: boolean, message: string): void => {
    if (!holds) throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  must(bucket !== context.bucket || key !== keys.object, 'key: an object cannot be copied to itself.')
  must(multipartFrom > 0 && multipartFrom <= MOST_AT_ONCE, `multipartFrom: must be from 1 to ${MOST_AT_ONCE} bytes.`)
  // The names of records are taken in the bucket of the store alone.
  const { metadataObjectPrefix } = bucket === context.bucket ? context.prefixes : { metadataObjectPrefix: '\0' }
  if (!isUsableKey(key, { objectPrefix: '', metadataObjectPrefix })) throw new UploadError('ERR_INVALID_KEY')
  checkObject(object)
}

/** What the object has, and over it what was asked for, and the marks. */
async function describe({ record, context, keys }: S3Upload, source: Found, place: Place): Promise<Description> {
  const { object = {} } = place
  const { metadata: _, ...chosen } = objectHead({ id: record.id, metadata: {}, object }, '')
  const stated = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined))
  const own = object.metadata === undefined ? source.metadata : objectHead({ ...record, object }, '').metadata
  const marks = { [ID_MARK]: record.id, [TOKEN_MARK]: tokenOf(record) }
  const isLarge = source.length > (place.multipartFrom ?? MOST_AT_ONCE)
  // A multipart upload copies parts, and nothing beside them.
  const mustAsk = isLarge && object.tags === undefined && context.provider.tags
  const ask = () => context.call('getObjectTagging', { key: keys.object })
  const { tags } = mustAsk ? await unlessUnsupported(ask(), async () => ({ tags: undefined })) : object
  const { contentType, contentDisposition, contentEncoding, contentLanguage, cacheControl, storageClass } = source
  const carried = { contentType, contentDisposition, contentEncoding, contentLanguage, cacheControl, storageClass }
  return { ...carried, acl: record.object?.acl, ...stated, tags, metadata: { ...own, ...marks } }
}

async function copyAtOnce(upload: S3Upload, place: Place, description: Description): Promise<void> {
  const { context, keys, record } = upload
  const { tags, checksums } = context.provider
  const input: Operations['copyObject'][0] = {
    key: place.key,
    source: keys.object,
    sourceBucket: context.bucket,
    sourceEtag: record.etag,
    description,
    tagging: !tags ? undefined : description.tags === undefined ? 'COPY' : 'REPLACE',
    checksum: checksums,
  }
  // Tags that are asked for are not left out.
  const tagging = input.tagging === 'COPY' ? undefined : input.tagging
  await unlessUnsupported(place.call('copyObject', input), () =>
    place.call('copyObject', { ...input, sourceEtag: undefined, tagging }),
  )
}

/** There are providers that take no condition on a source, or know no tags. The source was looked at right before. */
async function unlessUnsupported<T, Other>(request: Promise<T>, without: () => Promise<Other>): Promise<T | Other> {
  try {
    return await request
  } catch (error) {
    const isUnsupported = error instanceof S3Fault && (error.status === 501 || error.code === 'NotImplemented')
    if (!isUnsupported) throw error
    return without()
  }
}

async function copyInParts(upload: S3Upload, source: Found, place: Place, description: Description): Promise<void> {
  const { provider, limits } = upload.context
  const { crc32 } = upload.record
  const isVerified = crc32 !== undefined && provider.fullObjectChecksums === 'all'
  const { key, call } = place
  const { uploadId, fullObject } = await call('createMultipartUpload', { ...description, key, fullObject: isVerified })
  try {
    const most = Math.min(PART, limits.maxPartSize, place.multipartFrom ?? PART)
    const size = Math.max(limits.minPartSize, most, Math.ceil(source.length / limits.maxMultipartParts))
    const parts = await copyParts(upload, source.length, size, place, uploadId)
    const whole = fullObject && isVerified ? { whole: { crc32, size: source.length } } : {}
    await call('completeMultipartUpload', { key, uploadId, parts, ...whole })
  } catch (error) {
    await call('abortMultipartUpload', { key, uploadId }).catch(() => undefined)
    throw error
  }
}

async function copyParts(
  { context, keys, record }: S3Upload,
  length: number,
  size: number,
  { key, call }: Place,
  uploadId: string,
): Promise<NamedPart[]> {
  const parts: NamedPart[] = []
  const count = Math.ceil(length / size)
  let next = 1
  let failure: unknown
  const work = async (): Promise<void> => {
    for (let partNumber = next++; partNumber <= count && failure === undefined; partNumber = next++) {
      const first = (partNumber - 1) * size
      const range = `bytes=${first}-${Math.min(length, first + size) - 1}`
      const place = { key, uploadId, partNumber, range, source: keys.object, sourceBucket: context.bucket }
      try {
        const copy = (sourceEtag: string | undefined) => call('uploadPartCopy', { ...place, sourceEtag })
        parts[partNumber - 1] = { partNumber, ...(await unlessUnsupported(copy(record.etag), () => copy(undefined))) }
      } catch (error) {
        failure ??= error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, work))
  if (failure !== undefined) throw failure
  return parts
}
