/**
 * The commands, each from its rules to the store. Knows no header and no S3.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { Locker } from '../store/locker.js'
import type { ByteRange, UploadHandle } from '../store/store.js'
import { checked } from './checked.js'
import { verified } from './checksum.js'
import type { Append, Command, Create, Ground, Offset, Outcome } from './command.js'
import { Completions, type CompletionsOptions, isPending, isWrong, orGiveUp } from './completions.js'
import { admitFinal, isFinal, noteAll } from './concatenate.js'
import { type Counters, noCounts } from './counters.js'
import { newId } from './ids.js'
import { present } from './present.js'
import { admitAppend, admitCreate, complaint, hasExpired, mustBeAlive, wantsCompletion } from './rules.js'
import { Sweeper, type SweepOptions, type SweepReport } from './sweep.js'
import { WholeDigests } from './whole-digests.js'
import { settlesWithin, type Writer, Writers } from './writers.js'

export interface UploadsOptions extends CompletionsOptions {
  locker: Locker | undefined
  /** Whoever runs this says that no other process writes. */
  singleProcess: boolean
  allowTermination: boolean
  allowDownload: boolean
  allowConcatenation: boolean
  /** How many partial uploads a final one may name. */
  maxConcatParts: number
  /** Milliseconds after which an unfinished upload expires; undefined: never. */
  expiresAfter: number | undefined
  /** What they are counted from: the last bytes that were stored, or the creation. */
  expiresFrom: 'activity' | 'creation'
  /** Milliseconds for which a sweep keeps the record of what has expired. */
  keepExpired: number
  /** Milliseconds without a commit after which a sweep ends an upload without a deadline; undefined: never. */
  abandonedAfter: number | undefined
}

type Final = NonNullable<Create['concat']> & { kind: 'final' }

/** With these a newcomer learns that it cannot have the upload to itself now. */
const LOCKED: readonly FailureCode[] = ['ERR_UPLOAD_LOCKED', 'ERR_LOCKER_UNAVAILABLE']

export class Uploads {
  readonly #options: UploadsOptions
  readonly #writers: Writers
  /** The store's look at its backend, once it succeeded or while it goes on. */
  #readiness: Promise<void> | undefined
  readonly #digests = new WholeDigests()
  readonly #completions: Completions
  readonly #sweeper: Sweeper
  readonly counters: Counters = noCounts()

  constructor(options: UploadsOptions) {
    this.#options = options
    this.#writers = new Writers(options.locker)
    this.#completions = new Completions(options, this.#writers, this.#digests, this.counters)
    const complete = (id: string): Promise<UploadInfo> => this.#completions.complete(id)
    this.#sweeper = new Sweeper({ ...options, writers: this.#writers, complete })
  }

  /** The store can serve: awaited before each command, looked up until it succeeded once. @throws UploadError */
  ready(): Promise<void> {
    const { store, locker, singleProcess } = this.#options
    const exclusive = singleProcess || (locker !== undefined && locker.reach !== 'server')
    this.#readiness ??= Promise.resolve(store.ready?.({ exclusive })).catch((error: unknown) => {
      this.#readiness = undefined
      throw error
    })
    return this.#readiness
  }

  /** How many uploads are being written now. */
  get active(): number {
    return this.#writers.size
  }

  /** @throws UploadError, or whatever a store throws beyond its contract */
  async run(command: Command, ground: Ground): Promise<Outcome> {
    if (command.kind === 'options') return { kind: 'options' }
    await this.ready()
    switch (command.kind) {
      case 'create': {
        const created = await this.#create(command, ground)
        this.counters.created++
        return created
      }
      case 'append':
        return this.#append(command, ground)
      case 'offset':
        return { kind: 'offset', info: await this.#offset(command) }
      case 'cancel':
        return this.#cancel(command.id)
      case 'read':
        return this.#read(command.id)
    }
  }

  /** @throws UploadError if the store cannot list its uploads, or not now */
  async sweep(options?: SweepOptions): Promise<SweepReport> {
    await this.ready()
    return this.#sweeper.sweep(options)
  }

  /**
   * Stops all bodies; what arrived is stored and committed.
   * @param timeout milliseconds
   * @returns whether all writers ended in time
   */
  async close(timeout: number): Promise<boolean> {
    const started = performance.now()
    const [ended, swept] = await Promise.all([this.#writers.close(timeout), this.#sweeper.close(timeout)])
    const left = timeout - (performance.now() - started)
    return (await settlesWithin(this.#completions.settled(), left)) && ended && swept
  }

  async #create(command: Create, ground: Ground): Promise<Outcome> {
    const { store, maxSize, yieldTimeout } = this.#options
    const { length, metadata, metadataField, concat, digests } = command
    if (concat && !this.#concatenates) throw new UploadError('ERR_CONCATENATION_UNSUPPORTED')
    if (concat?.kind === 'final') return this.#createFinal(command, concat)
    admitCreate(command, maxSize)
    const deadline = this.#deadline
    const upload = { id: newId(), length, metadata, metadataField, ...present({ concat, digests, deadline }) }
    const hasChecksum = command.checksum !== undefined || command.laterChecksum !== undefined
    const appends = command.withBody && (command.bodyLength !== 0 || hasChecksum)
    const isWhole = length === 0 && command.completes !== 'no'
    if (!appends && !isWhole) {
      const handle = await store.create(upload)
      ground.report?.({ kind: 'created', info: handle.info })
      return { kind: 'created', info: handle.info, appended: command.withBody }
    }
    return this.#writers.exclusively(upload.id, yieldTimeout, async (writer) => {
      // Whoever is told of it now must find it.
      const appendFollows = ground.report === undefined
      const handle = await store.create(upload, { appendFollows, lease: writer.lease })
      ground.report?.({ kind: 'created', info: handle.info })
      try {
        if (appends) await this.#store(handle, writer, length ?? maxSize, command, ground)
        else {
          await orGiveUp(handle, () => handle.finish(this.#digests.gate(handle.info)))
          this.counters.finished++
        }
        return { kind: 'created', info: handle.info, appended: command.withBody }
      } catch (error) {
        // Who knows where it is asks there.
        if (ground.report) throw error
        if (isWrong(error)) await this.#unmake(handle)
        return this.#salvage(upload.id, error)
      }
    })
  }

  /** Its content is not what the client said, and nobody was told where it is. */
  async #unmake(handle: UploadHandle): Promise<void> {
    await handle.terminate?.().catch((error) => {
      this.#options.warn({ upload: handle.info.id, error: String(error) }, 'a refused creation has left its record')
    })
  }

  /** Of what is active now. A final upload has none of its own: it expires with its partial uploads. */
  get #deadline(): number | undefined {
    const { expiresAfter, now } = this.#options
    return expiresAfter === undefined ? undefined : now() + expiresAfter
  }

  /** The deadline that goes with the bytes of an append; undefined: the one of before stays. */
  get #putsOff(): (() => number) | undefined {
    const { expiresAfter, expiresFrom, now } = this.#options
    return expiresAfter === undefined || expiresFrom === 'creation' ? undefined : () => now() + expiresAfter
  }

  get #concatenates(): boolean {
    const { store, allowConcatenation } = this.#options
    return allowConcatenation && store.abilities.concat === true
  }

  /** A final upload whose partial uploads are all complete is created with its object, or not at all. */
  async #createFinal({ metadata, metadataField, digests }: Create, concat: Final): Promise<Outcome> {
    const { store } = this.#options
    const partials = await admitFinal(store, concat, this.#options)
    const upload = { id: newId(), length: partials.length, metadata, metadataField, concat, ...present({ digests }) }
    const { info } = await store.create(upload, { sizes: partials.sizes })
    if (!partials.sources) return { kind: 'created', info: await this.#waits(info, concat), appended: false }
    try {
      const completed = await this.#completions.complete(info.id)
      mustBeAlive(completed, this.#options.now())
      return { kind: 'created', info: completed, appended: false }
    } catch (error) {
      await this.#forget(info.id)
      throw error
    }
  }

  /**
   * Each partial upload is told that this one waits for it. They are looked at once more after that: what was completed
   * before it could be told is seen here, and what is completed later finds the note.
   */
  async #waits(info: UploadInfo, { partials }: Final): Promise<UploadInfo> {
    const { store, warn } = this.#options
    try {
      await noteAll(store, partials, info.id)
      return await this.#completions.complete(info.id)
    } catch (error) {
      warn({ upload: info.id, error: String(error) }, 'a final upload waits until somebody asks for it')
      return info
    }
  }

  /** The client was not told of it, so nobody would ever ask for it. */
  async #forget(id: string): Promise<void> {
    const { store, yieldTimeout, deletePartials, warn } = this.#options
    const forgetting = this.#writers.exclusively(id, yieldTimeout, async ({ lease }) => {
      const handle = await store.open(id, { lease })
      // The only copy of the bytes, perhaps.
      const mayBeJoined = handle.info.state === 'completing' && deletePartials
      if (!mayBeJoined) await handle.terminate?.()
    })
    await forgetting.catch((error) => {
      warn({ upload: id, error: String(error) }, 'a final upload that could not be created has left its record')
    })
  }

  /**
   * A creation whose first bytes could not be stored (whole) is still a creation, if its record is there: the client
   * is told where it stands and goes on from there.
   */
  async #salvage(id: string, error: unknown): Promise<Outcome> {
    const isStorage = error instanceof UploadError && error.status >= 500
    if (!isStorage) throw error
    const handle = await this.#options.store.open(id).catch(() => {
      throw error
    })
    mustBeAlive(handle.info, this.#options.now())
    return { kind: 'created', info: handle.info, appended: true }
  }

  async #append(command: Append, ground: Ground): Promise<Outcome> {
    const info = await this.#appended(command, ground)
    this.#completions.follow(info)
    return { kind: 'appended', info }
  }

  async #appended(command: Append, ground: Ground): Promise<UploadInfo> {
    const { store, maxSize, yieldTimeout } = this.#options
    return this.#writers.exclusively(command.id, yieldTimeout, async (writer) => {
      const { handle, room } = await this.#openAt(command, writer)
      const wasComplete = handle.info.state === 'complete'
      if (wasComplete) await takeNothing(handle.info, writer, command, ground)
      else {
        if (command.length !== undefined && handle.info.length === undefined) await declare(handle, command.length)
        await this.#store(handle, writer, Math.min(room, maxSize), command, ground)
      }
      const isCompleted = !wasComplete && handle.info.state === 'complete'
      if (isCompleted || handle.info.offset > command.offset) return handle.info
      // Nothing was stored, so nothing has shown that the upload still is as this process remembers it.
      const { info } = await store.open(command.id)
      admitAppend(info, command, maxSize, this.#options.now())
      return info
    })
  }

  /** Opens for an append. What this process remembers will do, unless it disagrees with the client. */
  async #openAt(command: Append, { lease }: Writer): Promise<{ handle: UploadHandle; room: number }> {
    const { store, maxSize, now } = this.#options
    const cached = await store.open(command.id, { cached: true, lease })
    const { offset, state } = cached.info
    const isGood = offset === command.offset && state === 'open' && !hasExpired(cached.info, now())
    const handle = isGood ? cached : await store.open(command.id, { lease })
    return { handle, room: admitAppend(handle.info, command, maxSize, now()) }
  }

  /** Appends the body, and finishes the upload if the body completes it. */
  async #store(
    handle: UploadHandle,
    writer: Writer,
    limit: number,
    command: Create | Append,
    ground: Ground,
  ): Promise<void> {
    const taken = ground.takeBody(limit)
    writer.reads(taken)
    const followed = this.#digests.follow(handle.info, taken)
    const { completes } = command
    const { body, verify } = verified(followed.body, command)
    const { beforeComplete } = followed
    const options = {
      completes,
      signal: writer.signal,
      onCommit: (offset: number) => ground.report?.({ kind: 'stored', offset }),
      ...present({ verify, beforeComplete, deadline: this.#putsOff }),
    }
    const before = handle.info.offset
    try {
      await orGiveUp(handle, async () => {
        followed.settle(await handle.append(before, body, options))
        const isDone = completes === 'at-length' || (completes === 'yes' && taken.ended === 'end')
        if (wantsCompletion(handle.info, isDone)) await handle.finish(present({ beforeComplete }))
      })
    } finally {
      this.counters.bytesStored += handle.info.offset - before
      if (handle.info.state === 'complete') this.counters.finished++
    }
    const failure = complaint(taken, handle.info, completes, writer.stopped)
    const isOver = taken.ended === 'too-long' && command.whenTooLong === 'fail'
    if (failure && isOver && handle.info.state === 'open') await handle.fail(failure.message)
    if (failure) throw failure
  }

  async #offset({ id, completes }: Offset): Promise<UploadInfo> {
    const info = await this.#freed(id).catch((error: unknown) => this.#held(id, error))
    mustBeAlive(info, this.#options.now())
    if (!wantsCompletion(info, completes === 'at-length')) return info
    const settled = await this.#completions.inTime(id).catch((error: unknown) => {
      // That of a final upload may take as long as it takes: no offset is told then.
      if (isFinal(info) && isPending(error)) return info
      throw error
    })
    mustBeAlive(settled, this.#options.now())
    return settled
  }

  /** As it is once nobody writes it: here, and wherever the locker reaches, if there is one. */
  async #freed(id: string): Promise<UploadInfo> {
    const { store, yieldTimeout } = this.#options
    const deadline = performance.now() + yieldTimeout
    const isCompleting = this.#completions.has(id)
    if (!isCompleting) await this.#writers.yielded(id, yieldTimeout)
    const { info } = await store.open(id)
    const hasEnded = info.state === 'complete' || info.state === 'failed'
    if (isCompleting || hasEnded || !this.#writers.isKnownByTaking) return info
    // Whoever has the lock elsewhere is asked to release it, and has committed what it had when it did.
    const left = deadline - performance.now()
    return (await this.#writers.exclusively(id, left, ({ lease }) => store.open(id, { lease }))).info
  }

  /** Somebody writes it and does not yield. */
  async #held(id: string, error: unknown): Promise<UploadInfo> {
    if (!(error instanceof UploadError) || !LOCKED.includes(error.code)) throw error
    const { info } = await this.#options.store.open(id)
    if (info.state === 'complete' || info.state === 'failed') return info
    // The writer has all bytes and waits for the store to make the object of them, which may take minutes.
    throw wantsCompletion(info) ? new UploadError('ERR_COMPLETION_PENDING', { retryAfter: 1_000 }) : error
  }

  async #cancel(id: string): Promise<Outcome> {
    const { store, yieldTimeout, allowTermination } = this.#options
    if (!allowTermination) throw new UploadError('ERR_NOT_IMPLEMENTED')
    return this.#writers.exclusively(id, yieldTimeout, async ({ lease }) => {
      const handle = await store.open(id, { lease })
      if (!handle.terminate) throw new UploadError('ERR_NOT_IMPLEMENTED')
      await handle.terminate()
      return { kind: 'cancelled' }
    })
  }

  async #read(id: string): Promise<Outcome> {
    if (!this.#options.allowDownload) throw new UploadError('ERR_NOT_IMPLEMENTED')
    const asked = await this.#options.store.open(id)
    mustBeAlive(asked.info, this.#options.now())
    const isToBeJoined = isFinal(asked.info) && wantsCompletion(asked.info)
    if (isToBeJoined) mustBeAlive(await this.#completions.inTime(id), this.#options.now())
    const handle = isToBeJoined ? await this.#options.store.open(id) : asked
    if (handle.info.state !== 'complete') throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    return { kind: 'content', info: handle.info, read: (range) => this.#content(handle, range) }
  }

  async #content(handle: UploadHandle, range: ByteRange | undefined): Promise<AsyncIterable<Uint8Array>> {
    const content = await handle.read(range)
    const { info } = handle
    if (range !== undefined || info.crc32 === undefined) return content
    return checked(content, info, () => {
      this.#options.warn({ upload: info.id }, 'the content is not what was stored; its download was broken off')
    })
  }
}

async function declare(handle: UploadHandle, length: number): Promise<void> {
  if (!handle.declareLength) throw new UploadError('ERR_NOT_IMPLEMENTED')
  await handle.declareLength(length)
}

/**
 * Reads a body of no announced length for an upload that has all its bytes. Only then does a client that waits to be
 * invited (Expect) learn that its empty body is welcome: an answer instead of 100 is a refusal to many of them.
 */
async function takeNothing(info: UploadInfo, writer: Writer, command: Append, ground: Ground): Promise<void> {
  if (command.bodyLength !== undefined) return
  const body = ground.takeBody(0)
  writer.reads(body)
  for await (const _ of body);
  const failure = complaint(body, info, command.completes, writer.stopped)
  if (failure) throw failure
}
