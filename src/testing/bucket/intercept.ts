/**
 * Faults on purpose: what a test may make the server do instead of, or after, an operation.
 * @module
 */
import type { OperationName, Route } from './route.js'

/** A request that the development bucket is about to serve. */
export interface InterceptedRequest {
  /** The S3 operation, such as `UploadPart`. */
  readonly operation: OperationName
  /** The bucket; empty for operations on the account. */
  readonly bucket: string
  /** The key; empty for operations on the bucket. */
  readonly key: string
  /** The number of the part, for operations on one. */
  readonly partNumber: number | undefined
  /** The ID of the multipart upload, for operations on one. */
  readonly uploadId: string | undefined
  /** 1 for the first request with this operation, bucket, key and part number since `intercept` was set. */
  readonly occurrence: number
}

/** What is to happen instead of the operation, or with it. */
export type Fault =
  /** Answers an error without doing the work. */
  | { action: 'status'; status: number; code: string; message?: string }
  /** Cuts the connection without doing the work. */
  | { action: 'reset-before' }
  /** Does the work, then cuts the connection instead of answering. */
  | { action: 'reset-after' }
  /** Takes the request, cuts the connection, and does the work `ms` milliseconds later: a request that was slow on its way. */
  | { action: 'late'; ms: number }
  /** Neither works nor answers, until the client goes or the server closes. */
  | { action: 'hang' }
  /**
   * Works and answers; but of what it stored (by UploadPart, UploadPartCopy, PutObject or CopyObject), the last byte is another from
   * then on. Checksums that S3 computes of it later are of that.
   */
  | { action: 'corrupt' }
  /** Works and answers, `ms` milliseconds later. */
  | { action: 'delay'; ms: number }

/** Chooses the fault of a request; undefined lets it pass. */
export type Intercept = (request: InterceptedRequest) => Fault | undefined

/** Counts while a function is set. */
export class Interceptor {
  #intercept: Intercept | undefined
  readonly #occurrences = new Map<string, number>()

  get intercept(): Intercept | undefined {
    return this.#intercept
  }

  set intercept(intercept: Intercept | undefined) {
    this.#intercept = intercept
    this.#occurrences.clear()
  }

  ask({ operation, bucket, key, query }: Route): Fault | undefined {
    if (this.#intercept === undefined) return undefined
    const part = query.get('partNumber')
    const name = JSON.stringify([operation, bucket, key, part])
    const occurrence = (this.#occurrences.get(name) ?? 0) + 1
    this.#occurrences.set(name, occurrence)
    const partNumber = part === undefined ? undefined : Number(part)
    return this.#intercept({ operation, bucket, key, partNumber, uploadId: query.get('uploadId'), occurrence })
  }
}
