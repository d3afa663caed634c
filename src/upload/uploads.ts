/**
 * The commands, each from its rules to the store. Knows no header and no S3.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { Locker } from '../store/locker.js'
import type { Body, Store, UploadHandle } from '../store/store.js'
import { verified } from './checksum.js'
import type { Append, Command, Create, Outcome } from './command.js'
import { admitFinal, type Driver, drive, isFinal, noteAll } from './concatenate.js'
import { newId } from './ids.js'
import { admitAppend, admitCreate, complaint, mustBeAlive, wantsCompletion } from './rules.js'
import { settlesWithin, type Writer, Writers } from './writers.js'

export interface UploadsOptions {
  store: Store
  locker: Locker | undefined
  /** Whoever runs this says that no other process writes. */
  singleProcess: boolean
  /** Bytes; Infinity for no limit. */
  maxSize: number
  /** Milliseconds that a writer has to yield to a newcomer. */
  yieldTimeout: number
  /** Milliseconds that HEAD waits for a completion before it says "ask again". */
  completionTimeout: number
  allowTermination: boolean
  allowDownload: boolean
  allowConcatenation: boolean
  /** How many partial uploads a final one may name. */
  maxConcatParts: number
  /** Removes partial uploads once they are joined. */
  deletePartials: boolean
  /** Told of failures that cost nobody's upload. */
  warn: (fields: Record<string, unknown>, message: string) => void
}

type Final = NonNullable<Create['concat']> & { kind: 'final' }

/** With these a completion is not done yet, and nothing is wrong. */
const PENDING: readonly FailureCode[] = ['ERR_COMPLETION_PENDING', 'ERR_UPLOAD_LOCKED', 'ERR_CONFLICT']

/** Makes the request's body, of at most so many bytes. Called at most once, when the bytes are wanted. */
export type TakeBody = (limit: number) => Body

/** With these a newcomer learns that it cannot have the upload to itself now. */
const LOCKED: readonly FailureCode[] = ['ERR_UPLOAD_LOCKED', 'ERR_LOCKER_UNAVAILABLE']

export class Uploads {
  readonly #options: UploadsOptions
  readonly #writers: Writers
  /** The store's look at its backend, once it succeeded or while it goes on. */
  #readiness: Promise<void> | undefined
  /** Completions that go on without the request that met them. */
  readonly #completions = new Map<string, Promise<UploadInfo>>()

  /** Final uploads that are looked for after the last byte of a partial one. */
  readonly #following = new Set<Promise<void>>()

  constructor(options: UploadsOptions) {
    this.#options = options
    this.#writers = new Writers(options.locker)
  }

  /** The store can serve: awaited before each command, looked up until it succeeded once. @throws UploadError */
  ready(): Promise<void> {
    const { store, locker, singleProcess } = this.#options
    const exclusive = locker !== undefined || singleProcess
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
  async run(command: Command, takeBody: TakeBody): Promise<Outcome> {
    if (command.kind === 'options') return { kind: 'options' }
    await this.ready()
    switch (command.kind) {
      case 'create':
        return this.#create(command, takeBody)
      case 'append':
        return this.#moved(await this.#append(command, takeBody))
      case 'offset':
        return { kind: 'offset', info: await this.#offset(command.id) }
      case 'cancel':
        return this.#cancel(command.id)
      case 'read':
        return this.#read(command.id)
    }
  }

  /**
   * Stops all bodies; what arrived is stored and committed.
   * @param timeout milliseconds
   * @returns whether all writers ended in time
   */
  async close(timeout: number): Promise<boolean> {
    const started = performance.now()
    const ended = await this.#writers.close(timeout)
    const completions = Promise.allSettled([...this.#completions.values(), ...this.#following])
    const left = timeout - (performance.now() - started)
    return (await settlesWithin(completions, left)) && ended
  }

  async #create(command: Create, takeBody: TakeBody): Promise<Outcome> {
    const { store, maxSize, yieldTimeout } = this.#options
    const { length, metadata, metadataField, concat } = command
    if (concat && !this.#concatenates) throw new UploadError('ERR_CONCATENATION_UNSUPPORTED')
    if (concat?.kind === 'final') return this.#createFinal(command, concat)
    admitCreate(command, maxSize)
    const upload = { id: newId(), length, metadata, metadataField, ...(concat ? { concat } : {}) }
    const appends = command.withBody && (command.bodyLength !== 0 || command.checksum !== undefined)
    if (!appends && length !== 0) {
      const handle = await store.create(upload)
      return { kind: 'created', info: handle.info, appended: command.withBody }
    }
    return this.#writers.exclusively(upload.id, yieldTimeout, async (writer) => {
      const handle = await store.create(upload, { appendFollows: true, lease: writer.lease })
      try {
        if (appends) await this.#store(handle, writer, takeBody(length ?? maxSize), command)
        else await handle.finish()
        return { kind: 'created', info: handle.info, appended: command.withBody }
      } catch (error) {
        return this.#salvage(upload.id, error)
      }
    })
  }

  get #concatenates(): boolean {
    const { store, allowConcatenation } = this.#options
    return allowConcatenation && store.abilities.concat === true
  }

  /** A final upload whose partial uploads are all complete is created with its object, or not at all. */
  async #createFinal({ metadata, metadataField }: Create, concat: Final): Promise<Outcome> {
    const { store } = this.#options
    const partials = await admitFinal(store, concat, this.#options)
    const upload = { id: newId(), length: partials.length, metadata, metadataField, concat }
    const { info } = await store.create(upload, { sizes: partials.sizes })
    if (!partials.sources) return { kind: 'created', info: await this.#waits(info, concat), appended: false }
    try {
      const completed = await this.#complete(info.id)
      mustBeAlive(completed)
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
      return await this.#complete(info.id)
    } catch (error) {
      warn({ upload: info.id, error: String(error) }, 'a final upload waits until somebody asks for it')
      return info
    }
  }

  /** The last byte of a partial upload may be what a final one waits for; the answer does not wait for that. */
  #moved(outcome: Outcome): Outcome {
    if (outcome.kind !== 'appended') return outcome
    const { id, concat, state } = outcome.info
    if (concat?.kind !== 'partial' || state !== 'complete') return outcome
    const following = this.#follow(id).catch((error) => {
      this.#options.warn({ upload: id, error: String(error) }, 'a final upload waits until somebody asks for it')
    })
    this.#following.add(following)
    following.finally(() => this.#following.delete(following))
    return outcome
  }

  async #follow(id: string): Promise<void> {
    const handle = await this.#options.store.open(id)
    for (const final of (await handle.finals?.()) ?? []) {
      await (this.#completions.get(final) ?? this.#complete(final)).catch((error) => {
        // It was terminated meanwhile.
        if (!(error instanceof UploadError && error.status === 404)) throw error
      })
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
    mustBeAlive(handle.info)
    return { kind: 'created', info: handle.info, appended: true }
  }

  async #append(command: Append, takeBody: TakeBody): Promise<Outcome> {
    const { maxSize, yieldTimeout } = this.#options
    return this.#writers.exclusively(command.id, yieldTimeout, async (writer) => {
      const { handle, room } = await this.#openAt(command, writer)
      if (handle.info.state !== 'complete') {
        if (command.length !== undefined && handle.info.length === undefined) await declare(handle, command.length)
        await this.#store(handle, writer, takeBody(Math.min(room, maxSize)), command)
      }
      if (handle.info.offset > command.offset) return { kind: 'appended', info: handle.info }
      // Nothing was stored, so nothing has shown that the upload still is as this process remembers it.
      const { info } = await this.#options.store.open(command.id)
      admitAppend(info, command, maxSize)
      return { kind: 'appended', info }
    })
  }

  /** Opens for an append. What this process remembers will do, unless it disagrees with the client. */
  async #openAt(command: Append, { lease }: Writer): Promise<{ handle: UploadHandle; room: number }> {
    const { store, maxSize } = this.#options
    const cached = await store.open(command.id, { cached: true, lease })
    if (cached.info.offset === command.offset && cached.info.state === 'open') {
      return { handle: cached, room: admitAppend(cached.info, command, maxSize) }
    }
    const handle = await store.open(command.id, { lease })
    return { handle, room: admitAppend(handle.info, command, maxSize) }
  }

  /** Appends the body, and finishes the upload if it has all its bytes. */
  async #store(handle: UploadHandle, writer: Writer, body: Body, command: Create | Append): Promise<void> {
    writer.reads(body)
    const options = { completes: command.completes === 'yes', signal: writer.signal }
    if (command.checksum === undefined) await handle.append(handle.info.offset, body, options)
    else {
      const { body: digested, verify } = verified(body, command.checksum)
      await handle.append(handle.info.offset, digested, { ...options, verify })
    }
    if (wantsCompletion(handle.info)) await handle.finish()
    const failure = complaint(body, handle.info, writer.stopped)
    if (failure) throw failure
  }

  async #offset(id: string): Promise<UploadInfo> {
    const info = await this.#freed(id).catch((error: unknown) => this.#held(id, error))
    mustBeAlive(info)
    if (!wantsCompletion(info)) return info
    const settled = await this.#completed(id).catch((error: unknown) => {
      // That of a final upload may take as long as it takes: no offset is told then.
      if (isFinal(info) && error instanceof UploadError && PENDING.includes(error.code)) return info
      throw error
    })
    mustBeAlive(settled)
    return settled
  }

  /** As it is once nobody writes it: here, or on any node if there is a locker. */
  async #freed(id: string): Promise<UploadInfo> {
    const { store, yieldTimeout } = this.#options
    const deadline = performance.now() + yieldTimeout
    const isCompleting = this.#completions.has(id)
    if (!isCompleting) await this.#writers.yielded(id, yieldTimeout)
    const { info } = await store.open(id)
    const hasEnded = info.state === 'complete' || info.state === 'failed'
    if (isCompleting || hasEnded || !this.#writers.isShared) return info
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

  /** Drives or awaits the completion of an upload for a bounded time: a full offset is told only with the object. */
  async #completed(id: string): Promise<UploadInfo> {
    const running = this.#completions.get(id) ?? this.#complete(id)
    const failure: { error?: unknown } = {}
    const settled = running.catch((error: unknown) => {
      failure.error = error
    })
    if (!(await settlesWithin(settled, this.#options.completionTimeout))) {
      throw new UploadError('ERR_COMPLETION_PENDING', { retryAfter: 1_000 })
    }
    if (failure.error !== undefined) throw failure.error
    return running
  }

  #complete(id: string): Promise<UploadInfo> {
    const { store, yieldTimeout } = this.#options
    const completion = this.#writers
      .exclusively(id, yieldTimeout, async ({ lease }) => {
        const handle = await store.open(id, { lease })
        if (isFinal(handle.info)) return drive(handle, this.#driver)
        await handle.finish()
        return handle.info
      })
      .finally(() => this.#completions.delete(id))
    this.#completions.set(id, completion)
    return completion
  }

  get #driver(): Driver {
    const { store, maxSize, deletePartials } = this.#options
    const remove = deletePartials ? (ids: readonly string[]) => this.#remove(ids) : undefined
    return { store, maxSize, remove, complete: (id) => this.#completions.get(id) ?? this.#complete(id) }
  }

  /** What cannot be removed stays: the final upload is complete without that. */
  async #remove(ids: readonly string[]): Promise<void> {
    const { store, yieldTimeout, warn } = this.#options
    for (const id of ids) {
      const removing = this.#writers.exclusively(id, yieldTimeout, async ({ lease }) =>
        (await store.open(id, { lease })).terminate?.(),
      )
      await removing.catch((error) => {
        if (error instanceof UploadError && error.status === 404) return
        warn({ upload: id, error: String(error) }, 'a partial upload that was joined could not be removed')
      })
    }
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
    mustBeAlive(asked.info)
    const isToBeJoined = isFinal(asked.info) && wantsCompletion(asked.info)
    if (isToBeJoined) mustBeAlive(await this.#completed(id))
    const handle = isToBeJoined ? await this.#options.store.open(id) : asked
    if (handle.info.state !== 'complete') throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    return { kind: 'content', info: handle.info, read: (range) => handle.read(range) }
  }
}

async function declare(handle: UploadHandle, length: number): Promise<void> {
  if (!handle.declareLength) throw new UploadError('ERR_NOT_IMPLEMENTED')
  await handle.declareLength(length)
}
