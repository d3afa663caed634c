/**
 * The ways in which servers that call themselves S3-compatible differ from S3, as switches: around the operations, so
 * that the operations themselves stay S3.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Call, Context, Operation } from './call.js'
import { checkWrite } from './conditions.js'
import { S3Error } from './errors.js'
import { findUpload, uploadPart } from './multipart.js'
import type { OperationName } from './route.js'

/** How the development bucket differs from S3, as some provider does. */
export interface Quirks {
  /**
   * What becomes of `If-Match` and `If-None-Match` with writes. `ignored`: they are, silently (Garage 1, Google's
   * interoperable API). `refused`: 501 (Backblaze B2). `unquoted`: `If-Match` holds for an ETag without quotes only
   * (Ceph, DigitalOcean, Hetzner). `late`: they are tested, and the write comes a little later, whatever happened in
   * between (VersityGW).
   */
  conditions?: 'ignored' | 'refused' | 'unquoted' | 'late'
  /** What becomes of `x-amz-checksum-*` with a body: not verified and not kept, or 501. */
  checksums?: 'ignored' | 'refused'
  /**
   * What becomes of the checksum of a whole multipart upload (`x-amz-checksum-type: FULL_OBJECT`). `refused`: 501 at
   * CreateMultipartUpload. `ignored`: nothing is kept of it (Ceph 16, rclone). `unverified`: it is answered, and never
   * compared (moto). `sent`: each part must then come with its checksum, so none can be copied, and Complete must name it
   * (MinIO). `whole`: a part that is the copy of a range counts as if it were all of its source (VersityGW).
   */
  objectChecksums?: 'refused' | 'ignored' | 'unverified' | 'sent' | 'whole'
  /** DeleteObjects without a Content-MD5 is refused (older MinIO, R2), or there is no DeleteObjects at all (Google). */
  deleteObjects?: 'md5-only' | 'absent'
  /** Milliseconds that must pass before a key is written again; sooner is 429 (R2, Google: 1,000). */
  writeInterval?: number
  /** Highest part number (Scaleway: 1,000). */
  maxParts?: number
  /** All parts but the last must have one size, and the last no more (R2, Mega). */
  uniformParts?: boolean
  /**
   * UploadPartCopy is refused with 501 (Google), or only with a condition on its source (R2), or taken for an UploadPart
   * whose body is empty (rclone).
   */
  partCopies?: 'refused' | 'unconditional' | 'ignored'
  /** Complete must name every part that was uploaded (Ceph). */
  namesAllParts?: boolean
  /** The first Complete answers with an empty ETag (Ceph). */
  emptyCompleteEtag?: boolean
  /** A Complete that is sent again is answered NoSuchUpload (MinIO). */
  completesOnce?: boolean
  /** A missing multipart upload is called NoSuchKey (DigitalOcean, Ceph). */
  missingUpload?: 'NoSuchKey'
  /** A missing key is called AccessDenied, as S3 does for those who may not list the bucket. */
  missingKey?: 'AccessDenied'
  /** Milliseconds after which unfinished multipart uploads are said to be dropped, by `x-amz-abort-date` (AWS, by a rule). */
  announcesAbort?: number
  /** Milliseconds for which a read of a replaced object has its bytes, but the ETag of the version before (VersityGW). */
  lateEtag?: number
  /** A part is not taken again under its number: 501 (rclone, if its bytes are others). */
  fixedParts?: boolean
  /** ETags that have nothing to do with the content (SSE-KMS, and many providers). */
  opaqueEtags?: boolean
}

/** Milliseconds between a condition and its write. */
const LATE = 20

const WRITES: ReadonlySet<OperationName> = new Set(['PutObject', 'CopyObject', 'CompleteMultipartUpload'])
const WITH_BODY: ReadonlySet<OperationName> = new Set(['PutObject', 'UploadPart'])

/** Wraps operations in the quirks of one server. */
export function withQuirks(quirks: Quirks): (operation: OperationName, operate: Operation) => Operation {
  const written = new Map<string, number>()
  const replaced = new Map<string, { etag: string | undefined; at: number }>()
  return (operation, operate) => async (context, call) => {
    refuse(quirks, operation, context, call)
    if (quirks.writeInterval && WRITES.has(operation)) limitWrites(written, quirks.writeInterval, context, call)
    if (quirks.conditions === 'late' && operation === 'PutObject') {
      checkWrite(call.headers, context.store.bucket(call.bucket).objects.get(call.key))
      await sleep(LATE)
    }
    const name = `${call.bucket}/${call.key}`
    if (quirks.lateEtag && operation === 'PutObject') {
      const etag = context.store.bucket(call.bucket).objects.get(call.key)?.etag
      replaced.set(name, { etag, at: context.now() })
    }
    const headers = new Map([...call.headers].filter(([name]) => !isIgnored(quirks, operation, name)))
    const isIgnoredCopy = operation === 'UploadPartCopy' && quirks.partCopies === 'ignored'
    try {
      if (isIgnoredCopy) return await uploadPart(context, call)
      const answer = answered(quirks, operation, await operate(context, { ...call, headers }), context.now())
      const { etag, at = 0 } = replaced.get(name) ?? {}
      const isLate = operation === 'GetObject' && etag !== undefined && context.now() - at < quirks.lateEtag!
      return isLate ? { ...answer, headers: { ...answer.headers, etag: `"${etag}"` } } : answer
    } catch (error) {
      throw renamed(quirks, operation, error)
    }
  }
}

function refuse(quirks: Quirks, operation: OperationName, context: Context, call: Call): void {
  const { headers, query } = call
  const ifMatch = headers.get('if-match')
  if (WRITES.has(operation)) {
    const isConditional = ifMatch !== undefined || headers.has('if-none-match')
    if (quirks.conditions === 'refused' && isConditional) throw new S3Error('NotImplemented')
    if (quirks.conditions === 'unquoted' && ifMatch?.startsWith('"')) throw new S3Error('PreconditionFailed')
  }
  const hasCondition = headers.has('x-amz-copy-source-if-match')
  const isRefused = quirks.partCopies === 'refused' || (quirks.partCopies === 'unconditional' && hasCondition)
  if (isRefused && operation === 'UploadPartCopy') throw new S3Error('NotImplemented')
  if (quirks.checksums === 'refused' && WITH_BODY.has(operation) && [...headers.keys()].some(isChecksum)) {
    throw new S3Error('NotImplemented')
  }
  if (quirks.objectChecksums === 'refused' && headers.has('x-amz-checksum-type')) throw new S3Error('NotImplemented')
  if (quirks.objectChecksums === 'sent' && query.has('partNumber')) refuseUnsummed(context, call)
  if (operation === 'DeleteObjects') {
    if (quirks.deleteObjects === 'absent') throw new S3Error('NotImplemented')
    if (quirks.deleteObjects === 'md5-only' && !headers.has('content-md5')) throw new S3Error('MissingContentMD5')
  }
  if (operation === 'UploadPart' && Number(query.get('partNumber')) > (quirks.maxParts ?? Number.POSITIVE_INFINITY)) {
    throw new S3Error('InvalidArgument', `Part number must be an integer between 1 and ${quirks.maxParts}, inclusive`)
  }
  if (operation === 'UploadPart' && quirks.fixedParts) {
    const { parts } = findUpload(context.store, call)
    if (parts.has(Number(query.get('partNumber')))) throw new S3Error('NotImplemented')
  }
  if (operation === 'CompleteMultipartUpload') refuseCompletion(quirks, context, call)
}

/** Of an object that is to be verified, each part comes with its checksum. */
function refuseUnsummed({ store }: Context, call: Call): void {
  if (!call.query.has('uploadId') || findUpload(store, call).record.checksum?.type !== 'FULL_OBJECT') return
  const { headers } = call
  const isSummed = headers.has('x-amz-trailer') || [...headers.keys()].some(isChecksum)
  if (!isSummed) throw new S3Error('InvalidArgument')
}

/** Quirks that look at all parts there are. What Complete's list names is the operation's business. */
function refuseCompletion(quirks: Quirks, { store }: Context, call: Call): void {
  const isDone = store.bucket(call.bucket).objects.get(call.key)?.uploadId === call.query.get('uploadId')
  if (isDone && !quirks.completesOnce) return
  if (!quirks.uniformParts) return
  const sizes = [...findUpload(store, call).parts].sort(([a], [b]) => a - b).map(([, { size }]) => size)
  const isUniform = sizes.every((size, at) => (at === sizes.length - 1 ? size <= sizes[0]! : size === sizes[0]))
  if (!isUniform) throw new S3Error('InvalidPart', 'All non-trailing parts must have the same length.')
}

const isChecksum = (name: string): boolean => name.startsWith('x-amz-checksum-')

function isIgnored(quirks: Quirks, operation: OperationName, name: string): boolean {
  const isCondition = name === 'if-match' || name === 'if-none-match'
  if (isCondition && WRITES.has(operation))
    return quirks.conditions === 'ignored' || (quirks.conditions === 'late' && operation === 'PutObject')
  if (operation === 'CreateMultipartUpload') return quirks.objectChecksums === 'ignored' && isChecksum(name)
  if (operation === 'CompleteMultipartUpload') {
    const isIgnored = quirks.objectChecksums === 'ignored' || quirks.objectChecksums === 'unverified'
    return isIgnored && (isChecksum(name) || name === 'x-amz-mp-object-size')
  }
  return quirks.checksums === 'ignored' && WITH_BODY.has(operation) && isChecksum(name)
}

function limitWrites(written: Map<string, number>, interval: number, { now }: Context, call: Call): void {
  const name = `${call.bucket}/${call.key}`
  if (now() - (written.get(name) ?? Number.NEGATIVE_INFINITY) < interval) throw new S3Error('TooManyRequests')
  written.set(name, now())
}

function answered(quirks: Quirks, operation: OperationName, answer: Answer, now: number): Answer {
  if (operation === 'CreateMultipartUpload' && quirks.announcesAbort !== undefined) {
    const announced = { 'x-amz-abort-date': new Date(now + quirks.announcesAbort).toUTCString() }
    return { ...answer, headers: { ...answer.headers, ...announced } }
  }
  if (operation !== 'CompleteMultipartUpload' || !quirks.emptyCompleteEtag) return answer
  return { ...answer, body: answer.body!.replace(/<ETag>[^<]*<\/ETag>/, '<ETag></ETag>') }
}

function renamed(quirks: Quirks, operation: OperationName, error: unknown): unknown {
  if (!(error instanceof S3Error)) return error
  if (error.code === 'NoSuchUpload' && quirks.missingUpload) return new S3Error(quirks.missingUpload)
  const isRead = operation === 'GetObject' || operation === 'HeadObject'
  if (error.code === 'NoSuchKey' && isRead && quirks.missingKey) return new S3Error(quirks.missingKey)
  return error
}
