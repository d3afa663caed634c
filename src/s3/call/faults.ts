/**
 * What S3's refusals mean. Providers spell the same refusal differently; this is the only place that knows.
 * @module
 */
import { UploadError } from '../../errors.js'
import type { OperationName } from './call.js'

/** An answer of S3 that is no success, or no answer at all (`status` 0). */
export class S3Fault extends Error {
  readonly operation: OperationName
  /** HTTP status; 0 if there was no answer. */
  readonly status: number
  /** S3's error code, or node's (`ECONNRESET`), or ''. */
  readonly code: string
  readonly meaning: Meaning
  /** Milliseconds after which S3 wants to be asked again, if it said so. */
  retryAfter: number | undefined

  constructor(operation: OperationName, status: number, code: string, message: string, cause?: unknown) {
    super(`${operation}: ${[status || '', code, message].filter(Boolean).join(' ')}`, cause ? { cause } : undefined)
    this.name = 'S3Fault'
    this.operation = operation
    this.status = status
    this.code = code
    this.meaning = meaningOf(operation, status, code)
  }
}

/**
 * `unknown`: no clear answer; the request may have been done or may still be. `throttled`, `transient`: not done, worth
 * another try. `conflict`: a concurrent request on the key, look again. `contradiction`: what S3 holds is not what it was
 * sent. The others are clear refusals.
 */
export type Meaning =
  | 'missing-object'
  | 'missing-upload'
  | 'precondition'
  | 'conflict'
  | 'throttled'
  | 'transient'
  | 'unknown'
  | 'invalid-part'
  | 'contradiction'
  | 'denied'
  | 'refused'

const BY_CODE: Record<string, Meaning> = {
  NoSuchUpload: 'missing-upload',
  NoSuchKey: 'missing-object',
  NotFound: 'missing-object',
  PreconditionFailed: 'precondition',
  ConditionalRequestConflict: 'conflict',
  OperationAborted: 'conflict',
  InvalidPart: 'invalid-part',
  InvalidPartOrder: 'invalid-part',
  SlowDown: 'throttled',
  TooManyRequests: 'throttled',
  RequestTimeout: 'transient',
  // Whoever sent it has learnt S3's time from the answer.
  RequestTimeTooSkewed: 'transient',
  NotImplemented: 'refused',
  // Ours: it was not sent (leased.ts).
  LeaseLost: 'refused',
  // The bytes changed on the way, so sending them again helps.
  BadDigest: 'transient',
  XAmzContentSHA256Mismatch: 'transient',
  // MinIO's name for BadDigest.
  XAmzContentChecksumMismatch: 'transient',
  // Ours: S3 confirmed other bytes (integrity.ts). A part is sent again in its place; an object is there.
  OtherChecksum: 'contradiction',
  // Clients go away in the middle of a body; Cloudflare R2 calls it so.
  ClientDisconnect: 'transient',
  ExpiredToken: 'transient',
}

const OF_AN_UPLOAD: ReadonlySet<OperationName> = new Set([
  'uploadPart',
  'uploadPartCopy',
  'completeMultipartUpload',
  'abortMultipartUpload',
  'listParts',
])

/** What was stored is other than was said of it. */
const OTHER_BYTES = ['BadDigest', 'XAmzContentChecksumMismatch']

function meaningOf(operation: OperationName, status: number, code: string): Meaning {
  // Of the object, that is: no other try will mend it.
  if (operation === 'completeMultipartUpload' && OTHER_BYTES.includes(code)) return 'contradiction'
  if (operation === 'uploadPart' && code === 'OtherChecksum') return 'transient'
  const meaning = BY_CODE[code]
  // DigitalOcean and Ceph answer NoSuchKey where AWS answers NoSuchUpload.
  if (OF_AN_UPLOAD.has(operation) && (meaning === 'missing-object' || (!meaning && status === 404))) {
    return 'missing-upload'
  }
  if (meaning) return meaning
  if (status === 404) return 'missing-object'
  if (status === 412) return 'precondition'
  if (status === 409) return 'conflict'
  if (status === 429) return 'throttled'
  if (status === 403 || status === 401) return 'denied'
  if (status === 501) return 'refused'
  if (status === 0 || status >= 500) return status === 503 ? 'throttled' : 'unknown'
  if (status === 408) return 'transient'
  return 'refused'
}

/** Whether the fault tells what the provider does, rather than how it fares. */
export function isClear(fault: S3Fault): boolean {
  if (fault.status === 501 || [...OTHER_BYTES, 'XAmzContentSHA256Mismatch'].includes(fault.code)) return true
  return !isWorthRetrying(fault) && fault.meaning !== 'conflict'
}

/** Whether the same request may succeed when it is sent again. */
export function isWorthRetrying(fault: S3Fault): boolean {
  return fault.meaning === 'throttled' || fault.meaning === 'transient' || fault.meaning === 'unknown'
}

/** The failure that a client is told when S3 did not do what was needed. */
export function asStoreFailure(error: unknown, offset?: number): unknown {
  if (!(error instanceof S3Fault)) return error
  const details = { cause: error, ...(offset === undefined ? {} : { offset }) }
  if (error.meaning === 'conflict' || error.meaning === 'precondition') return new UploadError('ERR_CONFLICT', details)
  if (error.code === 'LeaseLost') return new UploadError('ERR_LOCKER_UNAVAILABLE', { ...details, retryAfter: 1_000 })
  // Whether permissions or a bad request: what was committed stays, and a client may resume once it is mended.
  return new UploadError('ERR_STORE_UNAVAILABLE', { ...details, retryAfter: 1_000 })
}

/** Whether `error` is a fault of S3 with one of these meanings. */
export function means(error: unknown, ...meanings: Meaning[]): error is S3Fault {
  return error instanceof S3Fault && meanings.includes(error.meaning)
}

/** Whether S3 answered that it failed, for a reason that it does not tell. */
export function isServerError(error: unknown): boolean {
  return means(error, 'unknown') && error.status >= 500
}
