/**
 * One upload in S3: its committed record, what this process remembers beside it, and the ways to advance it.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { Notes, UploadInfo, UploadState } from '../store/info.js'
import type { WriteLease } from '../store/locker.js'
import { hasNotes, noted, TERMINATED } from '../store/notes.js'
import type {
  AppendOptions,
  Body,
  ByteRange,
  FailOptions,
  FinishOptions,
  Measure,
  PresignOptions,
  StoreRemedy,
  TerminateOptions,
  UploadHandle,
} from '../store/store.js'
import { append } from './append.js'
import type { Operations, Stored } from './call/call.js'
import { asStoreFailure, means } from './call/faults.js'
import { leased } from './call/leased.js'
import { leaveNothingEnded, removeAll, removeBytes, removeLeftovers } from './clean-up.js'
import { complete } from './complete.js'
import { join } from './concat/join.js'
import type { Source } from './concat/source.js'
import { noteWaiting, readWaiting } from './concat/waiting.js'
import type { S3Context } from './context.js'
import type { Keys } from './keys.js'
import { headObject } from './look.js'
import { mend } from './mend.js'
import { ID_MARK } from './object-head.js'
import type { MemoryBytes } from './parts/bytes.js'
import { type Committed, commitRecord, readRecord } from './record/commit.js'
import { infoOf, type UploadRecord } from './record/record.js'

/** With these a writer learns that the record is not, or no more, what it knew. */
const OVERTAKEN: readonly FailureCode[] = ['ERR_CONFLICT', 'ERR_UPLOAD_NOT_FOUND']

export class S3Upload implements UploadHandle {
  readonly context: S3Context
  readonly keys: Keys
  /** Undefined until the record of a new upload was first written. */
  #committed: Committed | undefined
  #draft: UploadRecord
  /** What S3 said of each committed part, in order, if this process knows it. */
  parts: Stored[] | undefined
  /** The bytes of the committed tail, while they are kept in memory. */
  tailBytes: MemoryBytes | undefined
  /** Somebody else may have written slots or parts that no record tells of: more is cleaned up in the end. */
  inherited: boolean
  /** This process may have made multipart uploads that no record names. */
  mayHaveStrays = false
  /** Under which it is written, if there is a locker. One that was released allows nothing any more. */
  lease: WriteLease | undefined
  /** A commit failed, so what is remembered may be out of date. */
  isStale = false
  /** Present where the object can be read by a URL. */
  readonly presign?: (options: PresignOptions) => Promise<string>

  constructor(context: S3Context, keys: Keys, record: UploadRecord, committed?: Committed) {
    this.context = { ...context, call: leased(context.call, () => this.lease) }
    this.keys = keys
    this.#committed = committed
    this.#draft = record
    this.parts = record.parts === 0 ? [] : undefined
    this.inherited = committed !== undefined
    if (context.presign) this.presign = (options) => this.#presign(options)
  }

  get record(): UploadRecord {
    return this.#committed?.record ?? this.#draft
  }

  /** Another server began it, and nothing was committed here yet. */
  get isForeign(): boolean {
    return this.#committed?.isForeign === true
  }

  /** The ETag of the committed record. */
  get version(): string | undefined {
    return this.#committed?.etag
  }

  get storage(): Record<string, string> {
    const { bucket = this.context.bucket, key = this.keys.object } = this.record.moved ?? {}
    return { Type: 's3store', Bucket: bucket, Key: key }
  }

  get info(): UploadInfo {
    return infoOf(this.record, this.storage, this.#committed?.modified)
  }

  /** The one way to advance. @throws UploadError ERR_CONFLICT if another process did meanwhile */
  async commit(changes: Partial<UploadRecord>): Promise<void> {
    const before = this.record
    const next = { ...before, ...changes, fence: this.#fence() }
    try {
      const modified = this.context.now()
      const committed = await commitRecord(this.context, this.keys, this.#committed, next, this.storage)
      this.#committed = { modified, ...committed }
    } catch (error) {
      this.isStale = true
      throw error
    }
    if (before.tail !== this.record.tail) this.forgetTail()
  }

  /** The fencing token to commit. @throws UploadError ERR_CONFLICT if a later holder of the lock has committed */
  #fence(): number | undefined {
    const before = this.record.fence
    const { lease, context } = this
    if (lease === undefined) return before
    if (before === undefined || before <= lease.fence) return lease.fence
    // Where the provider compares and swaps, that is the fence.
    if (context.provider.conditionalWrites !== 'none') return before
    this.isStale = true
    const cause = new Error(`the record has the fencing token ${before}, and this lease ${lease.fence}`)
    throw new UploadError('ERR_CONFLICT', { cause })
  }

  /** Reads the record again. @throws UploadError */
  async refresh(): Promise<void> {
    this.#committed = await readRecord(this.context, this.keys)
  }

  /** Throws `error` if this is the present record, and ERR_CONFLICT if another process has committed meanwhile. */
  async throwIfCurrent(error: unknown): Promise<never> {
    const now = await readRecord(this.context, this.keys)
    if (now.etag === this.version) throw error
    this.isStale = true
    throw new UploadError('ERR_CONFLICT', { cause: error })
  }

  /**
   * Whether the record names this multipart upload, or may yet do so by a commit of this handle that is still on its way:
   * such a commit can only fail once another one has replaced the record that it was to replace.
   */
  async mayName(uploadId: string | undefined): Promise<boolean> {
    const now = await this.current()
    if (now === undefined) return this.version === undefined
    return now.etag === this.version || now.record.uploadId === uploadId
  }

  /** @returns undefined if there is no record (any more) */
  async current(): Promise<Committed | undefined> {
    return readRecord(this.context, this.keys).catch((error) => {
      if (error instanceof UploadError && error.code === 'ERR_UPLOAD_NOT_FOUND') return undefined
      throw error
    })
  }

  /** Drops the tail's bytes from memory. */
  forgetTail(): void {
    this.tailBytes = undefined
    this.context.budget.give(this)
  }

  /** Keeps the bytes of the tail that was just committed, if there is room to spare. */
  rememberTail(bytes: MemoryBytes, length: number): void {
    const drop = (): void => {
      this.tailBytes = undefined
    }
    if (this.context.budget.keep(this, length, drop)) this.tailBytes = bytes
  }

  async append(offset: number, body: Body, options: AppendOptions = {}): Promise<number> {
    this.#mustBeOpen()
    if (offset !== this.record.offset) throw new UploadError('ERR_MISMATCHED_OFFSET', { offset: this.record.offset })
    return this.#append(body, options)
  }

  async #append(body: Body, options: AppendOptions): Promise<number> {
    try {
      if (this.isForeign) await this.commit({})
      return await append(this, body, options)
    } catch (error) {
      const isOvertaken = error instanceof UploadError && OVERTAKEN.includes(error.code)
      if (isOvertaken) await leaveNothingEnded(this)
      throw error
    }
  }

  async finish(options: FinishOptions = {}): Promise<void> {
    const { state, length, offset, joined } = this.record
    if (state === 'complete') return
    if (state === 'failed') throw this.#gone()
    if (state === 'completing') return complete(this, options)
    if (length !== offset || joined?.kind === 'final') throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    await this.#append(NOTHING, { ...options, completes: 'yes' })
  }

  async concat(sources: readonly UploadInfo[], options: FinishOptions = {}): Promise<void> {
    if (this.record.state === 'failed') throw this.#gone()
    if (sources.some(({ storage }) => storage.Bucket !== this.context.bucket)) throw new UploadError('ERR_CONFLICT')
    const objects = sources.map(sourceOf)
    await join(this, objects, options)
    // Another process may have ended it meanwhile.
    if ((this.record.state as UploadState) === 'failed') throw this.#gone()
  }

  /**
   * `failed` is committed first, so that no other node goes on with it. What cannot be removed now, or is not because of a
   * crash, is removed by whoever opens it next.
   */
  async fail(failure: string, { notes }: FailOptions = {}): Promise<void> {
    const { state } = this.record
    if (state === 'complete') throw new UploadError('ERR_CONFLICT')
    if (state !== 'failed') await this.commit({ state: 'failed', failure, leftovers: true, ...noted(notes) })
    await this.#removeFailed()
  }

  async #removeFailed(): Promise<void> {
    this.forgetTail()
    // What is left may also be of writers on other nodes that did not know it yet.
    this.inherited = true
    if (this.record.leftovers) await removeLeftovers(this, { isWriter: true })
    else await removeBytes(this)
  }

  async note(notes: Notes): Promise<void> {
    if (!hasNotes(this.record, notes)) await this.commit(noted(notes))
  }

  noteFinal(finalId: string): Promise<void> {
    return noteWaiting(this.context, this.keys.finals, finalId)
  }

  finals(): Promise<string[]> {
    return readWaiting(this.context, this.keys.finals)
  }

  mend(remedy: StoreRemedy, measured?: Measure): Promise<boolean> {
    return mend(this, remedy, measured)
  }

  async read(range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    this.#mustHaveObject()
    return this.content(this.record.etag!, range)
  }

  async #presign({ expiresIn, contentType, contentDisposition }: PresignOptions): Promise<string> {
    // Whoever follows the URL names no ETag.
    await this.look()
    return this.context.presign!(this.keys.object, expiresIn, {
      ...(contentType === undefined ? {} : { 'response-content-type': contentType }),
      ...(contentDisposition === undefined ? {} : { 'response-content-disposition': contentDisposition }),
    })
  }

  /** What S3 tells of the object, if it is the one that was completed. @throws UploadError as for `read` */
  async look(): Promise<Operations['headObject'][1]> {
    this.#mustHaveObject()
    const found = await headObject(this.context.call, this.keys.object)
    if (found !== undefined && found.etag === this.record.etag) return found
    throw this.#isAnother(found, new Error('there is another object, or none'))
  }

  #mustHaveObject(): void {
    if (this.record.state === 'failed') throw this.#gone()
    if (this.record.state !== 'complete') throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    if (this.record.moved) throw new UploadError('ERR_UPLOAD_GONE', { message: MOVED })
  }

  /** The bytes of the object, if it has this ETag. @throws UploadError */
  async content(etag: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    try {
      const header = range && `bytes=${range.first}-${range.last}`
      return (await this.context.call('getObject', { key: this.keys.object, range: header, ifMatch: etag })).body
    } catch (error) {
      if (!means(error, 'missing-object', 'precondition')) throw asStoreFailure(error)
      throw this.#isAnother(await headObject(this.context.call, this.keys.object), error)
    }
  }

  /** An object under a chosen key is the application's to replace; one that has the upload's mark must be its object. */
  #isAnother(found: Pick<Operations['headObject'][1], 'metadata'> | undefined, cause: unknown): UploadError {
    const mark = found?.metadata[ID_MARK]
    const isReplaced = mark !== undefined && mark !== this.record.id
    const mayBeReplaced = this.record.key !== undefined && mark !== this.record.id
    if (isReplaced || mayBeReplaced) return new UploadError('ERR_UPLOAD_GONE', { message: REPLACED, cause })
    return new UploadError('ERR_STORE_CORRUPT', { cause })
  }

  async declareLength(length: number): Promise<void> {
    this.#mustBeOpen()
    if (this.record.length === length) return
    if (this.record.length !== undefined) throw new UploadError('ERR_LENGTH_ALREADY_DECLARED')
    if (length < this.record.offset) throw new UploadError('ERR_INVALID_UPLOAD_LENGTH')
    const { limits } = this.context
    const { partSize, uploadId, base = { parts: 0, bytes: 0 } } = this.record
    const isFixed = partSize > 0 && uploadId !== undefined
    const most = isFixed ? base.bytes + partSize * (limits.maxMultipartParts - base.parts) : limits.maxObjectSize
    if (length > Math.min(most, limits.maxObjectSize)) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
    await this.commit({ length })
  }

  /** `failed` is committed first: it fences other writers, and a crash in between leaves nothing that looks alive. */
  async terminate({ notes }: TerminateOptions = {}): Promise<void> {
    if (notes !== undefined) {
      const ended = { state: 'failed', failure: TERMINATED, leftovers: true, ...noted(notes) } as const
      if (this.record.state !== 'failed') await this.commit(ended)
      return this.#removeFailed()
    }
    if (this.record.state !== 'failed') await this.commit({ state: 'failed', failure: TERMINATED })
    await removeAll(this)
    this.forgetTail()
  }

  async abortMultipart(uploadId: string | undefined): Promise<void> {
    if (uploadId === undefined) return
    await this.context.call('abortMultipartUpload', { key: this.keys.object, uploadId }).catch((error) => {
      if (!means(error, 'missing-upload')) throw error
    })
  }

  /**
   * Settles a NoSuchUpload: if the record still names that multipart upload, the provider dropped it (expired, or
   * aborted by hand), and with it all parts. A missing multipart upload never means "complete".
   */
  async multipartIsGone(cause: unknown): Promise<never> {
    const stillCurrent = await this.throwIfCurrent(cause).catch((error: unknown) => error)
    if (stillCurrent !== cause) throw stillCurrent
    await this.commit({ state: 'failed', failure: this.record.key === undefined ? DROPPED : DROPPED_OR_REPLACED })
    throw this.#gone(cause)
  }

  /** Past its expiry only S3 can tell whether the multipart upload is still there; if not, the record says so from now on. */
  async settleExpiry(): Promise<void> {
    const { state, uploadId, expiresAt } = this.record
    const { call, now } = this.context
    if (state !== 'open' || uploadId === undefined || expiresAt === undefined || now() < expiresAt) return
    // Whoever opens it only to look has no lock; whoever has one finds out.
    if (this.lease?.mayWrite() === false) return
    try {
      await call('listParts', { key: this.keys.object, uploadId, after: 0 })
    } catch (error) {
      if (!means(error, 'missing-upload')) throw asStoreFailure(error)
      await this.multipartIsGone(error).catch((gone) => {
        if (this.record.state !== 'failed') throw gone
      })
    }
  }

  /** Commits that what S3 holds is not what was committed, so that no wrong object is ever made of it. */
  async contradicts(
    detail: string,
    failure = 'The stored parts are not those that were committed; create a new upload.',
  ): Promise<never> {
    await this.commit({ state: 'failed', failure })
    throw new UploadError('ERR_STORE_CORRUPT', { cause: new Error(detail) })
  }

  /** The object itself is not what was committed: nothing of it stays. */
  async objectContradicts(detail: string): Promise<never> {
    await this.fail('The stored object is not what was sent; create a new upload.')
    throw new UploadError('ERR_STORE_CORRUPT', { cause: new Error(detail) })
  }

  #mustBeOpen(): void {
    if (this.record.joined?.kind === 'final') throw new UploadError('ERR_MODIFY_FINAL')
    if (this.record.state === 'failed') throw this.#gone()
    if (this.record.state === 'open') return
    const { offset } = this.record
    throw new UploadError(this.record.state === 'complete' ? 'ERR_MISMATCHED_OFFSET' : 'ERR_COMPLETION_PENDING', {
      offset,
    })
  }

  #gone(cause?: unknown): UploadError {
    const { failure } = this.record
    return new UploadError('ERR_UPLOAD_GONE', { cause, ...(failure ? { message: failure } : {}) })
  }
}

const DROPPED = 'The store dropped the unfinished upload (expired or aborted there); create a new one.'
const DROPPED_OR_REPLACED =
  'The store dropped the unfinished upload (expired or aborted there), or another upload replaced its object; create a new one.'
const REPLACED = 'The object of this upload was replaced or removed.'
const MOVED = 'The object of this upload was moved by the application.'

const sourceOf = ({ storage, etag, offset, crc32 }: UploadInfo): Source => ({
  key: storage.Key!,
  etag: etag!,
  size: offset,
  crc32,
})

/** A body of no bytes: for finishing what has them all. */
const NOTHING: Body = {
  length: 0,
  ended: 'end',
  stop: () => undefined,
  [Symbol.asyncIterator]: async function* () {},
}
