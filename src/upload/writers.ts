/**
 * The one active writer of each upload in this process. A newcomer asks it to yield: it stops reading, stores and
 * commits what it has, and only then does the newcomer go on. Between processes the store's commits are the fence, or
 * a locker is, whose lock the writer takes after its place here: then newcomers on other nodes ask in the same way.
 * @module
 */
import { setMaxListeners } from 'node:events'
import { UploadError } from '../errors.js'
import type { AcquireOptions, Lease, Locker, WriteLease } from '../store/locker.js'
import type { Body } from '../store/store.js'

/** `lost`: the lease ran out or was taken, so that nothing may be stored any more. */
export type StopReason = 'yield' | 'shutdown' | 'lost'

/** A writer's place: what it reads can be stopped by others. */
export interface Writer {
  /** Registers the body that the writer reads; stopped at once if somebody waits already. */
  reads(body: Body): void
  /** Why it was asked to stop, if it was. */
  readonly stopped: StopReason | undefined
  /** Fires when it is asked to stop. */
  readonly signal: AbortSignal
  /** The lease under which it writes; undefined without a locker. */
  readonly lease: WriteLease | undefined
}

class Active implements Writer {
  stopped: StopReason | undefined
  lease: Lease | undefined
  readonly done: Promise<void>
  release!: () => void
  readonly #abort = new AbortController()
  #body: Body | undefined

  constructor() {
    this.done = new Promise((resolve) => {
      this.release = resolve
    })
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  reads(body: Body): void {
    this.#body = body
    if (this.stopped) body.stop()
  }

  /** Writes under this lease from now on. */
  holds(lease: Lease): void {
    this.lease = lease
    const onLost = (): void => this.stop('lost')
    if (lease.lost.aborted) onLost()
    else lease.lost.addEventListener('abort', onLost, { once: true })
  }

  stop(reason: StopReason): void {
    this.stopped = reason === 'lost' ? reason : (this.stopped ?? reason)
    this.#body?.stop()
    this.#abort.abort()
  }
}

export interface ExclusiveOptions {
  /** Nobody is asked to yield, nor waited for, here or elsewhere. */
  quietly?: boolean
}

export class Writers {
  readonly #locker: Locker | undefined
  readonly #onYield: (id: string) => void
  readonly #active = new Map<string, Active>()
  readonly #closing = new AbortController()

  /** @param onYield told of each writer that is asked to yield */
  constructor(locker?: Locker, onYield: (id: string) => void = () => undefined) {
    this.#locker = locker
    this.#onYield = onYield
    // All who wait for a lock listen, however many they are.
    setMaxListeners(0, this.#closing.signal)
  }

  /** Whether only who takes the lock knows that nobody writes elsewhere. */
  get isKnownByTaking(): boolean {
    return this.#locker !== undefined && this.#locker.yielded === undefined
  }

  /** Whether somebody here writes the upload. */
  has(id: string): boolean {
    return this.#active.has(id)
  }

  /** How many uploads are being written. */
  get size(): number {
    return this.#active.size
  }

  /**
   * Runs `work` as the only writer of the upload.
   * @param timeout milliseconds that the present writer has to yield
   * @throws UploadError ERR_UPLOAD_LOCKED · ERR_LOCKER_UNAVAILABLE · ERR_SERVER_SHUTDOWN
   */
  async exclusively<T>(
    id: string,
    timeout: number,
    work: (writer: Writer) => Promise<T>,
    { quietly = false }: ExclusiveOptions = {},
  ): Promise<T> {
    const deadline = performance.now() + timeout
    if (quietly && this.#active.has(id)) throw locked()
    // Nothing may come between the look and the taking: of two newcomers only one finds the place free.
    while (this.#active.has(id)) await this.#yieldedHere(id, deadline - performance.now())
    if (this.#closing.signal.aborted) throw shuttingDown()
    const writer = new Active()
    this.#active.set(id, writer)
    try {
      if (this.#locker) await this.#lock(this.#locker, id, writer, { timeout: deadline - performance.now(), quietly })
      return await work(writer)
    } finally {
      // First, so that who waits here finds it free.
      await writer.lease?.release().catch(() => undefined)
      this.#active.delete(id)
      writer.release()
    }
  }

  async #lock(
    locker: Locker,
    id: string,
    writer: Active,
    how: Pick<AcquireOptions, 'timeout' | 'quietly'>,
  ): Promise<void> {
    const { signal } = this.#closing
    const onReleaseRequested = (): void => {
      if (writer.stopped === undefined) this.#onYield(id)
      writer.stop('yield')
    }
    writer.holds(await this.#untilClosed(locker.acquire(id, { ...how, signal, onReleaseRequested })))
  }

  async #untilClosed<T>(waiting: Promise<T>): Promise<T> {
    try {
      return await waiting
    } catch (error) {
      throw this.#closing.signal.aborted ? shuttingDown() : error
    }
  }

  /**
   * Asks whoever writes the upload to yield, and waits until nobody does: here, and elsewhere if the locker can tell.
   * @throws UploadError ERR_UPLOAD_LOCKED after `timeout` milliseconds · ERR_LOCKER_UNAVAILABLE · ERR_SERVER_SHUTDOWN
   */
  async yielded(id: string, timeout: number): Promise<void> {
    const deadline = performance.now() + timeout
    await this.#yieldedHere(id, timeout)
    if (!this.#locker?.yielded) return
    await this.#untilClosed(this.#locker.yielded(id, deadline - performance.now(), this.#closing.signal))
  }

  async #yieldedHere(id: string, timeout: number): Promise<void> {
    const deadline = performance.now() + timeout
    for (let active = this.#active.get(id); active; active = this.#active.get(id)) {
      if (active.stopped === undefined) this.#onYield(id)
      active.stop('yield')
      if (!(await settlesWithin(active.done, deadline - performance.now()))) {
        throw locked()
      }
    }
  }

  /** Stops all writers and waits for them, at most `timeout` milliseconds. @returns whether all have ended */
  async close(timeout: number): Promise<boolean> {
    const all = [...this.#active.values()]
    for (const active of all) active.stop('shutdown')
    this.#closing.abort()
    return settlesWithin(Promise.all(all.map(({ done }) => done)), timeout)
  }
}

const locked = (): UploadError => new UploadError('ERR_UPLOAD_LOCKED', { retryAfter: 1_000 })
const shuttingDown = (): UploadError => new UploadError('ERR_SERVER_SHUTDOWN', { retryAfter: 1_000 })

/** Whether a promise that never rejects settles in time. */
export function settlesWithin(promise: Promise<unknown>, timeout: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), Math.max(0, timeout))
    promise.then(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
