/**
 * Every way in which Holdfast refuses or fails: one table, one class. Failures are thrown where they are found and
 * caught once, in server.ts. Codes are tusd's where tusd has one, so that dashboards and hook authors know them.
 * @module
 */

/** Code → HTTP status and the sentence that tells the client (or the operator) what to do. */
export const FAILURES = {
  ERR_UNSUPPORTED_VERSION: [412, 'Tus-Resumable must be 1.0.0, the version of tus that this server speaks.'],
  ERR_METHOD_NOT_ALLOWED: [405, 'This resource does not take this method; the Allow header lists those it takes.'],
  ERR_INVALID_CONTENT_TYPE: [415, 'The Content-Type of a PATCH must be application/offset+octet-stream.'],
  ERR_INVALID_UPLOAD_LENGTH: [400, 'Upload-Length must be one non-negative integer in decimal digits.'],
  ERR_INVALID_UPLOAD_LENGTH_DEFER: [400, 'Upload-Defer-Length must be 1.'],
  ERR_AMBIGUOUS_UPLOAD_LENGTH: [400, 'Send either Upload-Length or Upload-Defer-Length, not both.'],
  ERR_INVALID_OFFSET: [400, 'Upload-Offset must be one non-negative integer in decimal digits.'],
  ERR_INVALID_METADATA: [400, 'Upload-Metadata must be comma-separated pairs of a key and a Base64 value.'],
  ERR_INVALID_CHECKSUM: [400, 'Upload-Checksum must be the name of an algorithm, a space and a Base64 digest.'],
  ERR_UNSUPPORTED_CHECKSUM_ALGORITHM: [400, 'This server does not have the algorithm of Upload-Checksum.'],
  ERR_CHECKSUM_MISMATCH: [460, 'The body does not have the checksum that was sent with it; send it again.'],
  ERR_INVALID_DIGEST: [400, 'Content-Digest or Repr-Digest has a value that its algorithm cannot give.'],
  ERR_DIGEST_MISMATCH: [
    400,
    'The upload does not have the Repr-Digest that was sent when it was created; create a new one.',
  ],
  ERR_METADATA_TOO_LARGE: [431, 'Upload-Metadata is larger than this server takes; send less of it.'],
  ERR_INVALID_ID: [404, 'There is no upload with this ID.'],
  ERR_INVALID_KEY: [400, 'The store cannot keep an object under the name that this upload would get.'],
  ERR_OBJECT_EXISTS: [409, 'There is an object of this name already, and it is not replaced.'],
  ERR_INVALID_REQUEST: [400, 'The request is malformed.'],
  ERR_UPLOAD_NOT_FOUND: [404, 'There is no upload with this ID; create a new one.'],
  ERR_UPLOAD_GONE: [410, 'This upload has ended and cannot be resumed; create a new one.'],
  ERR_INVALID_CONCAT: [
    400,
    "Upload-Concat must be 'partial', or 'final;' and the URLs of partial uploads of this server.",
  ],
  ERR_CONCATENATION_UNSUPPORTED: [
    400,
    'This server does not offer concatenation; send the request without Upload-Concat.',
  ],
  ERR_MODIFY_FINAL: [403, 'A final upload is made of its partial uploads and takes no bytes of its own.'],
  ERR_MISMATCHED_OFFSET: [409, 'The upload is at another offset; ask for it with HEAD and go on there.'],
  ERR_CONFLICT: [409, 'Another request changed this upload meanwhile; ask for the offset with HEAD and go on there.'],
  ERR_UPLOAD_INTERRUPTED: [409, 'A newer request took this upload over; ask for the offset with HEAD and go on there.'],
  ERR_UPLOAD_SIZE_EXCEEDED: [413, 'The body goes past the length of the upload.'],
  ERR_MAX_SIZE_EXCEEDED: [413, 'The upload is larger than this server accepts; Tus-Max-Size tells the limit.'],
  ERR_LENGTH_ALREADY_DECLARED: [400, 'The length of this upload was declared before and cannot change.'],
  ERR_INCONSISTENT_UPLOAD_LENGTH: [
    400,
    'What the requests say of the length of the upload contradicts each other, or the bytes that came.',
  ],
  ERR_INVALID_UPLOAD_COMPLETE: [400, 'Upload-Complete must be ?1 or ?0.'],
  ERR_UPLOAD_COMPLETED: [400, 'The upload is complete and takes no more bytes.'],
  ERR_INCOMPLETE_UPLOAD: [409, 'The upload is not finished, so it cannot be read yet.'],
  ERR_UPLOAD_LOCKED: [423, 'Another request still writes this upload and did not yield in time; try again.'],
  ERR_UNEXPECTED_EOF: [400, 'The connection ended before the body did; what arrived was stored.'],
  ERR_READ_TIMEOUT: [503, 'The body came too slowly, or not at all, for too long; what arrived was stored.'],
  ERR_UPLOAD_REJECTED: [400, 'The server has rejected this upload.'],
  ERR_UPLOAD_TERMINATION_REJECTED: [400, 'The server has rejected the termination of this upload.'],
  ERR_UPLOAD_STOPPED: [400, 'The server has stopped this upload; create a new one.'],
  ERR_ACCESS_DENIED: [403, 'This request is not allowed.'],
  ERR_INVALID_TOKEN: [403, 'The token of this URL is missing, does not fit, or has expired; ask for a new URL.'],
  ERR_UNSUPPORTED_TYPE: [415, 'Files of this type are not taken here.'],
  ERR_TOO_MANY_UPLOADS: [429, 'As many uploads as are allowed are being sent already; try again later.'],
  ERR_HOOK_FAILED: [503, 'The application could not be asked now; what was stored stays. Try again shortly.'],
  ERR_NOT_IMPLEMENTED: [501, 'This server does not offer this extension.'],
  ERR_COMPLETION_PENDING: [503, 'All bytes are stored and the object is being completed; ask again shortly.'],
  ERR_SERVER_SHUTDOWN: [503, 'The server is shutting down; what arrived was stored. Try again shortly.'],
  ERR_STORE_UNAVAILABLE: [503, 'The store could not take or give the bytes now; try again shortly.'],
  ERR_LOCKER_UNAVAILABLE: [503, 'The lock of this upload cannot be had or kept now; what was stored stays. Try again.'],
  ERR_STORE_REFUSED: [500, 'The store refused the operation; the operator finds the cause in the log.'],
  ERR_STORE_CORRUPT: [500, 'The stored upload contradicts its record; it will not be completed with wrong bytes.'],
  ERR_BODY_CONSUMED: [
    500,
    'Something in front of Holdfast has read this body, and nothing of it can be stored; the operator mounts Holdfast first.',
  ],
  ERR_INVALID_OPTIONS: [500, 'The options of the server contradict each other.'],
  ERR_INTERNAL_SERVER_ERROR: [500, 'An unexpected failure; the operator finds the cause in the log.'],
} as const satisfies Record<string, readonly [status: number, advice: string]>

/** The name of a failure; it stays the same from version to version. */
export type FailureCode = keyof typeof FAILURES

/** What is added to the answer of a failure. */
export interface Addition {
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
}

export interface FailureDetails {
  /** The underlying failure, for the log; it never reaches a client. */
  cause?: unknown
  /** Replaces the table's sentence where more can be said. Reaches clients: never put secrets or store internals in. */
  message?: string
  /** The committed offset in bytes, told to the client where it is known. */
  offset?: number
  /** When it is worth trying again, in milliseconds. */
  retryAfter?: number
  /** 400 to 599. Replaces the table's status where a hook says so. */
  status?: number
  /** What a hook adds to the answer. */
  answer?: Addition | undefined
  /** A hook has refused the upload for ever. */
  isFinal?: boolean
  /** For ERR_METHOD_NOT_ALLOWED: the methods that the resource takes. */
  allow?: readonly string[]
}

/** A failure with a stable code, an HTTP status and a sentence that says what to do. */
export class UploadError extends Error {
  /** The row of the table. */
  readonly code: FailureCode
  /** The HTTP status of the answer. */
  readonly status: number
  /** The committed offset in bytes, where it is known. */
  readonly offset: number | undefined
  /** Milliseconds after which it is worth trying again, where that helps. */
  readonly retryAfter: number | undefined
  /** The methods that the resource takes, for ERR_METHOD_NOT_ALLOWED. */
  readonly allow: readonly string[] | undefined
  /** What a hook adds to the answer. */
  readonly answer: Addition | undefined
  /** Whether a hook has refused for good, so that the upload has failed. */
  readonly isFinal: boolean

  constructor(code: FailureCode, details: FailureDetails = {}) {
    super(details.message ?? FAILURES[code][1], details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'UploadError'
    this.code = code
    this.status = details.status ?? FAILURES[code][0]
    this.offset = details.offset
    this.retryAfter = details.retryAfter
    this.allow = details.allow
    this.answer = details.answer
    this.isFinal = details.isFinal === true
  }
}

/** Whatever was thrown, as an UploadError: the unknown becomes ERR_INTERNAL_SERVER_ERROR with its cause kept. */
export function asUploadError(error: unknown): UploadError {
  return error instanceof UploadError ? error : new UploadError('ERR_INTERNAL_SERVER_ERROR', { cause: error })
}
