/**
 * One append: tail and body → parts on the grid → commit. Read this file first.
 *
 * Bytes fill a piece; a full piece is sent as the next part while the following one fills. Parts count in order, and
 * what counts is committed at most once a second and at the end. What does not fill a part becomes a tail segment,
 * or, if the upload ends with it, the last part; an upload that fits into one part is one PutObject.
 * @module
 */
import { setMaxListeners } from 'node:events'
import { UploadError } from '../errors.js'
import { laterOf } from '../store/file-info.js'
import { noted } from '../store/notes.js'
import type { AppendOptions, Body } from '../store/store.js'
import { failureOf } from './append-failure.js'
import type { Payload, Stored } from './call/call.js'
import { complete, putWhole, replacedBy } from './complete.js'
import { Held } from './held.js'
import { SLOTS } from './keys.js'
import { Multipart } from './multipart.js'
import { gridOf, planSegment } from './parts/plan.js'
import { PartWindow } from './parts/window.js'
import { advance } from './record/advance.js'
import { tailLength, type UploadRecord, withSlot } from './record/record.js'
import { writeSegment } from './tail.js'
import type { S3Upload } from './upload.js'

/** @returns the committed offset @throws UploadError; what was committed before stays */
export async function append(upload: S3Upload, body: Body, options: AppendOptions): Promise<number> {
  const run = new Append(upload, body, options)
  await run.begin()
  for await (const chunk of body) {
    // Awaiting nothing would cost a promise for each chunk.
    const taking = run.take(chunk)
    if (taking !== undefined) await taking
  }
  await run.end()
  return upload.record.offset
}

/** Milliseconds that S3 has for parts on their way once somebody waits for the append to end. */
const PATIENCE = 1_500

class Append {
  readonly #upload: S3Upload
  readonly #body: Body
  readonly #options: AppendOptions
  readonly #start: number
  readonly #partSize: number
  readonly #window: PartWindow
  readonly #multipart: Multipart
  readonly #held: Held
  #received = 0
  #nextPart: number
  #lastCommit: number
  /** Commits follow one another. */
  #commits: Promise<void> = Promise.resolve()
  /** A flush that makes room for others, while it runs. */
  #flushing: Promise<void> | undefined
  /** `take` or `end` is at work: a flush must wait for it. */
  #busy = false
  #hurried = false
  /** Somebody waits for this append to end, and there was no room: what comes from now on is not taken. */
  #isCut = false
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
    this.#partSize = gridOf(context.limits, record, body.length)
    this.#window = new PartWindow((pending) => context.mayFill(this.#partSize, pending))
    this.#multipart = new Multipart(upload)
    this.#held = new Held(upload)
    this.#nextPart = record.parts + 1
    this.#lastCommit = context.now()
    // One for each part on its way.
    setMaxListeners(0, this.#giveUp.signal)
    options.signal?.addEventListener('abort', this.#limitPatience, { once: true })
    if (options.signal?.aborted) this.#limitPatience()
  }

  /**
   * Makes room before the first byte is read: of clients that wait for it, nothing is in memory but what came with the head.
   */
  async begin(): Promise<void> {
    if (this.#body.length === 0) return
    try {
      this.#isCut = !(await this.#makeRoom(0))
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Takes bytes of the body. Failures are kept for `end`: the body is stopped instead. */
  take(chunk: Uint8Array): Promise<void> | undefined {
    const isWithinPart = this.#held.takesAtOnce && chunk.length < this.#partSize - this.#held.length
    if (!isWithinPart || this.#flushing !== undefined || !this.#isTaking()) return this.#takeInPieces(chunk)
    try {
      void this.#keep(chunk)
      this.#commitNowAndThen()
    } catch (error) {
      this.#fail(error)
    }
    return undefined
  }

  /** Fills parts, and waits for room and for S3. */
  async #takeInPieces(chunk: Uint8Array): Promise<void> {
    await this.#flushing
    this.#busy = true
    try {
      for (let rest = chunk; rest.length > 0 && this.#isTaking(); ) rest = await this.#hold(rest)
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
      if (this.#failure === undefined && (await this.#mayCommit())) {
        await (this.#isComplete() ? this.#conclude() : this.#flush())
      }
      if (this.#failure !== undefined) await this.#saveWhatCounts()
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#options.signal?.removeEventListener('abort', this.#limitPatience)
      clearTimeout(this.#patience)
      this.#held.letGo([])()
    }
    if (this.#failure !== undefined) throw await failureOf(this.#upload, this.#multipart, this.#failure)
  }

  /** Holds as much of the chunk as belongs to the present part. @returns the rest */
  async #hold(chunk: Uint8Array): Promise<Uint8Array> {
    if (!this.#held.hasRoom && !(await this.#makeRoom(chunk.length))) {
      this.#isCut = true
      return chunk
    }
    const room = this.#partSize - this.#held.length
    const rest = chunk.subarray(Math.min(room, chunk.length))
    const fills = chunk.length >= room
    // A view of a part of the chunk, or the chunk itself, whose memory may be gone afterwards.
    await this.#keep(chunk.length > room ? chunk.subarray(0, room) : chunk)
    // The last part is the end's business: it may be the whole upload.
    const isLast = this.#isLast() && this.#options.completes !== 'no'
    if (fills && !isLast) await this.#sendPart()
    return rest
  }

  #keep(bytes: Uint8Array): Promise<void> | undefined {
    this.#received += bytes.length
    return this.#held.piece.add(bytes, this.#body.isOurs)
  }

  /** A body with a checksum counts whole or not at all. */
  async #mayCommit(): Promise<boolean> {
    if (this.#options.verify === undefined) return true
    const isWhole = this.#body.ended === 'end' && !this.#isCut
    if (isWhole) this.#options.verify()
    else await this.#multipart.abandon()
    return isWhole
  }

  #isTaking(): boolean {
    return this.#failure === undefined && !this.#isCut
  }

  /** All bytes that the length allows have come. */
  #isLast(): boolean {
    const { length } = this.#upload.record
    return length !== undefined && this.#start + this.#received === length
  }

  #isComplete(): boolean {
    const { completes = 'at-length' } = this.#options
    if (completes !== 'yes') return completes === 'at-length' && this.#isLast()
    const isWhole = this.#body.ended === 'end' && !this.#isCut
    return isWhole && (this.#upload.record.length === undefined || this.#isLast())
  }

  /** @returns false if there was none before somebody asked this append to end */
  #makeRoom(atLeast: number): Promise<boolean> {
    const coming = Math.max(atLeast, (this.#body.length ?? Number.POSITIVE_INFINITY) - this.#received)
    const bytes = Math.min(this.#partSize - this.#held.length, coming)
    const hurry = (): void => this.#hurry()
    return this.#held.makeRoom(bytes, this.#needsTail(coming), hurry, this.#options.signal, this.#body.unread)
  }

  /** Whether the bytes that come will end in one part, or one segment, with the tail. */
  #needsTail(coming: number): boolean {
    const { tail } = this.#held
    if (tail.length === 0) return false
    const { length } = this.#upload.record
    const reaches = length !== undefined && this.#start + this.#received + coming >= length
    const fills = tailLength(tail) + coming >= this.#partSize
    return fills || reaches || this.#options.completes === 'yes' || tail.length >= SLOTS - 1
  }

  /** Sends what is held as the next part; the following bytes begin a new piece. */
  async #sendPart(): Promise<void> {
    const partNumber = this.#nextPart++
    if (partNumber > this.#upload.context.limits.maxMultipartParts) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
    await this.#held.loadTail()
    const payload = this.#held.payload()
    this.#held.filled()
    const giveBack = this.#held.letGo([])
    const settled = (): void => {
      giveBack()
      if (this.#window.failure !== undefined) this.#fail(this.#window.failure)
    }
    const part = { length: payload.length, crc32: payload.crc32 }
    this.#window.add(part, () => this.#uploadPart(partNumber, payload), settled)
    await this.#window.room()
  }

  async #uploadPart(partNumber: number, body: Payload): Promise<Stored> {
    const { context, keys } = this.#upload
    const uploadId = await this.#multipart.id()
    return context.call('uploadPart', { key: keys.object, uploadId, partNumber, body }, this.#giveUp.signal)
  }

  /** Commits the parts that were confirmed by now, and `changes`. */
  #commit(changes: Partial<UploadRecord> = {}): Promise<void> {
    const commit = this.#commits.then(async () => {
      const confirmed = this.#window.take()
      const notes = noted(this.#options.notes?.(false))
      const next = { ...advance(this.#upload.record, confirmed), ...this.#multipart.offer(), ...notes, ...changes }
      const offset = next.partBytes + tailLength(next.tail)
      const deadline = laterOf(this.#upload.record.deadline, this.#options.deadline?.())
      await this.#upload.commit({ ...next, offset, deadline, partSize: this.#partSize }).catch((error) => {
        this.#window.putBack(confirmed)
        throw error
      })
      this.#upload.parts?.push(...confirmed.map(({ etag, crc32 }) => ({ etag, crc32 })))
      this.#lastCommit = this.#upload.context.now()
      this.#options.onCommit?.(this.#upload.record.offset)
    })
    this.#commits = commit.catch(() => undefined)
    return commit
  }

  #commitNowAndThen(): void {
    const { now, commitInterval } = this.#upload.context
    if (this.#options.verify || !this.#window.hasConfirmed || now() - this.#lastCommit < commitInterval) return
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
    const { record, version } = this.#upload
    const held = this.#held
    this.#hurried = false
    if (held.piece.length === 0) {
      // Room that was made before anything came is given to others.
      held.letGo(held.tail)()
      if (this.#multipart.isUncommitted || this.#window.hasConfirmed || version === undefined) await this.#commit()
      return
    }
    const { slot, keep } = planSegment(held.tail, record.tail, held.piece.length)
    if (keep < held.tail.length) await held.loadTail()
    const segment = await this.#writeSegment(slot, held.payload(keep))
    const inMemory = held.inMemory()
    const slots = withSlot(this.#upload.record.slots, slot, segment.etag)
    await this.#commit({ tail: [...held.tail.slice(0, keep), segment], slots })
    held.letGo(this.#upload.record.tail)()
    if (inMemory) this.#upload.rememberTail(inMemory, held.length)
  }

  #writeSegment(slot: number, bytes: Payload): ReturnType<typeof writeSegment> {
    const { context, keys } = this.#upload
    const owner = {
      known: (index: number) => this.#upload.record.slots[index] ?? null,
      fence: (index: number, etag: string | null) =>
        this.#upload.commit({ slots: withSlot(this.#upload.record.slots, index, etag) }),
    }
    return writeSegment(context.call, keys, owner, slot, bytes)
  }

  /** Others wait for memory: what is held is stored now, and this upload lines up again. */
  #hurry(): void {
    // What waits for its checksum cannot be committed to make room; it ends with the part that it fills.
    if (this.#options.verify) return
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
    await this.#held.loadTail()
    const length = this.#start + this.#received
    if (!this.#multipart.exists && this.#held.length === length) {
      if (await putWhole(this.#upload, this.#held.payload(), this.#partSize, this.#options)) {
        this.#options.onCommit?.(this.#upload.record.offset)
        return
      }
    }
    // An empty upload that cannot be one PutObject, because its key is taken, is one empty part.
    if (this.#held.length > 0 || this.#nextPart === 1) {
      await this.#sendPart()
      await this.#settleParts()
      if (this.#failure !== undefined) return
    }
    await this.#commit({ length, state: 'completing', ...(await replacedBy(this.#upload)) })
    await complete(this.#upload, this.#options)
  }

  /** Somebody waits for this append to end: S3 gets a moment for what is on its way. */
  readonly #limitPatience = (): void => {
    this.#patience = setTimeout(() => this.#giveUp.abort(), PATIENCE)
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
    const lostRace = this.#failure instanceof UploadError && this.#failure.code === 'ERR_CONFLICT'
    const counts = !lostRace && this.#options.verify === undefined
    if (counts && this.#upload.record.state === 'open' && this.#window.hasConfirmed) {
      await this.#commit().catch(() => undefined)
    }
  }
}
