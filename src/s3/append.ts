/**
 * One append: tail and body → parts on the grid → commit. Read this file first.
 *
 * Bytes fill a piece; a full piece is sent as the next part while the following one fills. Parts count in order, and
 * what counts is committed at most once a second and at the end. What does not fill a part becomes a tail segment,
 * or, if the upload ends with it, the last part; an upload that fits into one part is one PutObject.
 * @module
 */
import { UploadError } from '../errors.js'
import type { AppendOptions, Body } from '../store/store.js'
import type { Payload } from './call/call.js'
import { asStoreFailure, means } from './call/faults.js'
import { complete, putWhole } from './complete.js'
import { SLOTS } from './keys.js'
import { objectHead } from './object-head.js'
import type { Reservation } from './parts/budget.js'
import { type Bytes, FileBytes, MemoryBytes } from './parts/bytes.js'
import { combineCrc32 } from './parts/crc.js'
import { Piece, payloadAfter } from './parts/piece.js'
import { choosePartSize, planSegment } from './parts/plan.js'
import { PartWindow } from './parts/window.js'
import { chainEtag, newNonce, type Segment, tailLength, type UploadRecord } from './record/record.js'
import { readSegments, writeSegment } from './tail.js'
import type { S3Upload } from './upload.js'

/** @returns the committed offset @throws UploadError; what was committed before stays */
export async function append(upload: S3Upload, body: Body, options: AppendOptions): Promise<number> {
  const run = new Append(upload, body, options)
  for await (const chunk of body) await run.take(chunk)
  await run.end()
  return upload.record.offset
}

const NO_BYTES = new MemoryBytes()

/** Milliseconds that S3 has for parts on their way once somebody waits for the append to end. */
const PATIENCE = 1_500

/** Stands for a reservation where the piece waits in a file. */
const ON_DISK: Reservation = { bytes: 0, filled: () => undefined, release: () => undefined }

class Append {
  readonly #upload: S3Upload
  readonly #body: Body
  readonly #options: AppendOptions
  readonly #start: number
  readonly #partSize: number
  readonly #window: PartWindow
  #received = 0
  #piece = new Piece()
  #nextPart: number
  /** Segments before the piece that belong to the same part. */
  #tail: readonly Segment[]
  /** Their bytes, if they were loaded. */
  #tailBytes: Bytes | undefined
  #reservation: Reservation | undefined
  /** The multipart upload, once it was asked for. */
  #multipart: Promise<string> | undefined
  #created: string | undefined
  #token: string | undefined
  #lastCommit: number
  /** Commits follow one another. */
  #commits: Promise<void> = Promise.resolve()
  /** A flush that makes room for others, while it runs. */
  #flushing: Promise<void> | undefined
  /** `take` or `end` is at work: a flush must wait for it. */
  #busy = false
  #hurried = false
  #failure: unknown
  /** Gives up parts that S3 does not take. */
  readonly #giveUp = new AbortController()
  #patience: NodeJS.Timeout | undefined

  constructor(upload: S3Upload, body: Body, options: AppendOptions) {
    const { record, context } = upload
    this.#upload = upload
    this.#body = body
    this.#options = options
    this.#start = record.offset
    this.#partSize = record.partSize || choosePartSize(context.limits, record.length, body.length)
    this.#window = new PartWindow(context.window(this.#partSize))
    this.#nextPart = record.parts + 1
    this.#tail = record.tail
    this.#lastCommit = context.now()
    options.signal?.addEventListener('abort', this.#limitPatience, { once: true })
    if (options.signal?.aborted) this.#limitPatience()
  }

  /** Somebody waits for this append to end: S3 gets a moment for what is on its way. */
  readonly #limitPatience = (): void => {
    this.#patience = setTimeout(() => this.#giveUp.abort(), PATIENCE)
  }

  get #tailLength(): number {
    return tailLength(this.#tail)
  }

  /** Takes bytes of the body. Failures are kept for `end`: the body is stopped instead. */
  async take(chunk: Uint8Array): Promise<void> {
    await this.#flushing
    this.#busy = true
    try {
      for (let rest = chunk; rest.length > 0 && this.#failure === undefined; ) {
        if (this.#reservation === undefined) await this.#begin(rest.length)
        const room = this.#partSize - this.#tailLength - this.#piece.length
        const bytes = rest.length > room ? rest.subarray(0, room) : rest
        rest = rest.subarray(bytes.length)
        await this.#piece.add(bytes)
        this.#received += bytes.length
        // The last part is the end's business: it may be the whole upload.
        if (bytes.length === room && !this.#isLast()) await this.#sendPart()
      }
      this.#commitNowAndThen()
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#busy = false
    }
    if (this.#hurried) this.#hurry()
  }

  /** Stores and commits what came, and completes the upload if that was all of it. */
  async end(): Promise<void> {
    try {
      await this.#flushing
      this.#busy = true
      if (this.#failure === undefined) await this.#settleParts()
      if (this.#failure === undefined) await (this.#isComplete() ? this.#conclude() : this.#flush())
      if (this.#failure !== undefined) await this.#saveWhatCounts()
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#options.signal?.removeEventListener('abort', this.#limitPatience)
      clearTimeout(this.#patience)
      this.#letGo()()
    }
    if (this.#failure !== undefined) await this.#throwFailure()
  }

  /** All bytes that the length allows have come. */
  #isLast(): boolean {
    const { length } = this.#upload.record
    return length !== undefined && this.#start + this.#received === length
  }

  #isComplete(): boolean {
    return this.#isLast() || (this.#options.completes === true && this.#body.ended === 'end')
  }

  /** Makes room for a piece, and loads the tail if the piece will need it. */
  async #begin(atLeast: number): Promise<void> {
    const coming = Math.max(atLeast, (this.#body.length ?? Number.POSITIVE_INFINITY) - this.#received)
    const needsTail = this.#needsTail(coming)
    const bytes = Math.min(this.#partSize - this.#tailLength, coming) + (needsTail ? this.#tailLength : 0)
    const { budget, temporaryDirectory } = this.#upload.context
    const hurry = (): void => this.#hurry()
    this.#reservation = temporaryDirectory ? budget.tryReserve(bytes, hurry) : await budget.reserve(bytes, hurry)
    if (this.#reservation === undefined) {
      this.#reservation = ON_DISK
      this.#piece = new Piece(new FileBytes(temporaryDirectory!))
    }
    if (needsTail) await this.#loadTail()
  }

  #needsTail(coming: number): boolean {
    if (this.#tail.length === 0) return false
    const { length } = this.#upload.record
    const reaches = length !== undefined && this.#start + this.#received + coming >= length
    const fills = this.#tailLength + coming >= this.#partSize
    return fills || reaches || this.#options.completes === true || this.#tail.length >= SLOTS - 1
  }

  async #loadTail(): Promise<void> {
    if (this.#tailBytes || this.#tail.length === 0) return
    const { context, keys, tailBytes } = this.#upload
    const onDisk = this.#reservation === ON_DISK && context.temporaryDirectory !== undefined
    const bytes = tailBytes ?? (onDisk ? new FileBytes(context.temporaryDirectory!) : new MemoryBytes())
    if (bytes !== tailBytes) await readSegments(context.call, keys, this.#tail, bytes)
    this.#tailBytes = bytes
  }

  /** Sends what is held as the next part; the following bytes begin a new piece. */
  async #sendPart(): Promise<void> {
    const { context } = this.#upload
    const partNumber = this.#nextPart++
    if (partNumber > context.limits.maxMultipartParts) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
    await this.#loadTail()
    const payload = payloadAfter(this.#tail, this.#tailBytes ?? NO_BYTES, this.#piece)
    this.#reservation?.filled()
    const discard = this.#letGo()
    this.#tail = []
    const part = { length: payload.length, crc32: payload.crc32! }
    this.#window.add(
      part,
      () => this.#uploadPart(partNumber, payload),
      () => {
        discard()
        if (this.#window.failure !== undefined) this.#fail(this.#window.failure)
      },
    )
    await this.#window.room()
  }

  async #uploadPart(partNumber: number, body: Payload): Promise<{ etag: string }> {
    this.#multipart ??= this.#openMultipart()
    const uploadId = await this.#multipart
    const { context, keys } = this.#upload
    return context.call('uploadPart', { key: keys.object, uploadId, partNumber, body }, this.#giveUp.signal)
  }

  /** The multipart upload is made when the first full part is ready, not before. */
  async #openMultipart(): Promise<string> {
    const { record, context, keys } = this.#upload
    if (record.uploadId !== undefined) return record.uploadId
    this.#token = newNonce()
    const head = objectHead(record.id, record.metadata, this.#token)
    const { uploadId } = await context.call('createMultipartUpload', { key: keys.object, ...head })
    this.#created = uploadId
    return uploadId
  }

  /** What the confirmed parts add to the record. */
  #progress(): Partial<UploadRecord> {
    const { record } = this.#upload
    let { parts, partBytes, partsDigest, crc32 } = record
    const confirmed = this.#window.take()
    for (const part of confirmed) {
      parts++
      partBytes += part.length
      partsDigest = chainEtag(partsDigest, part.etag)
      crc32 = combineCrc32(crc32, part.crc32, part.length)
      this.#upload.etags?.push(part.etag)
    }
    const tail = confirmed.length > 0 ? [] : record.tail
    const multipart = this.#created === undefined ? {} : { uploadId: this.#created, token: this.#token }
    const offset = partBytes + tailLength(tail)
    return { parts, partBytes, partsDigest, crc32, tail, offset, partSize: this.#partSize, ...multipart }
  }

  #commit(changes: Partial<UploadRecord> = {}): Promise<void> {
    const commit = this.#commits.then(async () => {
      const progress = this.#progress()
      const next = { ...progress, ...changes }
      next.offset = changes.offset ?? next.partBytes! + tailLength(next.tail!)
      await this.#upload.commit(next)
      this.#lastCommit = this.#upload.context.now()
      this.#options.onCommit?.(this.#upload.record.offset)
    })
    this.#commits = commit.catch(() => undefined)
    return commit
  }

  #commitNowAndThen(): void {
    const { now, commitInterval } = this.#upload.context
    if (!this.#window.hasConfirmed || now() - this.#lastCommit < commitInterval) return
    // Not awaited: bytes go on while the record is written. The next one is due an interval after this one began.
    this.#lastCommit = now()
    this.#commit().catch((error) => this.#fail(error))
  }

  async #settleParts(): Promise<void> {
    await this.#window.settled()
    await this.#commits
    if (this.#window.failure !== undefined) this.#fail(this.#window.failure)
  }

  /** Commits all that is held: confirmed parts as parts, the rest as a segment. */
  async #flush(): Promise<void> {
    const { record } = this.#upload
    if (this.#piece.length === 0) {
      const opened = this.#created !== undefined && this.#created !== record.uploadId
      if (opened || this.#window.hasConfirmed || this.#upload.version === undefined) await this.#commit()
      return
    }
    const plan = planSegment(this.#tail, record.tail, this.#piece.length)
    const kept = this.#tail.slice(0, plan.keep)
    const merged = this.#tail.slice(plan.keep)
    if (merged.length > 0) await this.#loadTail()
    const skip = tailLength(kept)
    const payload = payloadAfter(merged, this.#tailBytes ?? NO_BYTES, this.#piece, skip)
    const segment = await this.#writeSegment(plan.slot, payload)
    const slots = [...this.#upload.record.slots]
    slots[plan.slot] = segment.etag
    const inMemory = this.#inMemory(kept)
    await this.#commit({ tail: [...kept, segment], slots })
    this.#tail = this.#upload.record.tail
    this.#hurried = false
    this.#letGo()()
    if (inMemory) this.#upload.rememberTail(inMemory, this.#tailLength)
  }

  /** The bytes of the tail that the flush makes, if all of them are in memory. */
  #inMemory(kept: readonly Segment[]): MemoryBytes | undefined {
    const before = this.#tailBytes ?? (this.#tail.length === 0 ? NO_BYTES : this.#upload.tailBytes)
    if (!(this.#piece.bytes instanceof MemoryBytes) || !(before instanceof MemoryBytes)) return undefined
    if (this.#tailBytes === undefined && kept.length !== this.#tail.length) return undefined
    return new MemoryBytes([...before.chunks(), ...this.#piece.bytes.chunks()])
  }

  /** Begins a new piece. @returns what gives back the room of the one before */
  #letGo(): () => void {
    const held = [this.#piece.bytes, this.#tailBytes]
    const reservation = this.#reservation
    this.#piece = new Piece()
    this.#tailBytes = undefined
    this.#reservation = undefined
    return () => {
      // Bytes in memory go with their last reference; a remembered tail may still have one.
      for (const bytes of held) if (bytes instanceof FileBytes) bytes.discard()
      reservation?.release()
    }
  }

  #writeSegment(slot: number, bytes: Payload): Promise<Segment> {
    const { context, keys } = this.#upload
    const owner = {
      known: (index: number) => this.#upload.record.slots[index] ?? null,
      fence: (index: number, etag: string | null) => {
        const slots = [...this.#upload.record.slots]
        slots[index] = etag
        return this.#upload.commit({ slots })
      },
    }
    return writeSegment(context.call, keys, owner, slot, bytes)
  }

  /** Others wait for memory: what is held is stored now, and this upload lines up again. */
  #hurry(): void {
    this.#hurried = this.#busy
    if (this.#busy) return
    this.#flushing ??= this.#settleParts()
      .then(() => (this.#failure === undefined ? this.#flush() : undefined))
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#flushing = undefined
      })
  }

  /** The upload has all its bytes: the rest becomes the last part, or all of it the object. */
  async #conclude(): Promise<void> {
    await this.#loadTail()
    const { record } = this.#upload
    const payload = payloadAfter(this.#tail, this.#tailBytes ?? NO_BYTES, this.#piece)
    const length = this.#start + this.#received
    const onlyPart = record.uploadId === undefined && this.#created === undefined && record.parts === 0
    if (onlyPart && payload.length === length && (await putWhole(this.#upload, payload, this.#partSize))) {
      this.#options.onCommit?.(this.#upload.record.offset)
      return
    }
    if (payload.length > 0) {
      await this.#sendPart()
      await this.#settleParts()
      if (this.#failure !== undefined) return
    }
    await this.#commit({ length, state: 'completing' })
    await complete(this.#upload)
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#body.stop()
  }

  /** After a failure: the parts before the first hole still count. */
  async #saveWhatCounts(): Promise<void> {
    await this.#window.settled()
    await this.#commits
    if (!this.#lostRace && this.#upload.record.state === 'open' && this.#window.hasConfirmed) {
      await this.#commit().catch(() => undefined)
    }
  }

  get #lostRace(): boolean {
    return this.#failure instanceof UploadError && this.#failure.code === 'ERR_CONFLICT'
  }

  async #throwFailure(): Promise<never> {
    const { record } = this.#upload
    if (means(this.#failure, 'missing-upload') && record.uploadId !== undefined) {
      await this.#upload.multipartIsGone(this.#failure)
    }
    // A multipart upload that no record names would stay for ever.
    if (this.#created !== undefined && record.uploadId !== this.#created) {
      await this.#upload.abortMultipart(this.#created).catch(() => undefined)
    }
    throw asStoreFailure(this.#failure, record.offset)
  }
}
