/**
 * Events that are delivered at least once. They are committed with what they tell of: the record of an upload says which of
 * its events are still to be delivered. This process delivers them at once, and a sweep those of a process that ended
 * before.
 *
 * That an event was delivered is committed with the next bytes of the upload; or by itself, once nobody seems to write the
 * upload: such a commit between those of another node would cost its client a try.
 * @module
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../errors.js'
import type { Notes, OutboxEvent, UploadInfo } from '../store/info.js'
import { TERMINATED } from '../store/notes.js'
import type { Store, UploadHandle } from '../store/store.js'
import type { HookCalls } from './hook-calls.js'
import type { HookName, HookRequest } from './hooks.js'
import { settlesWithin, type Writers } from './writers.js'

const HOOKS = { created: 'onCreated', finished: 'onFinished', terminated: 'onTerminated' } as const satisfies Record<
  OutboxEvent,
  HookName
>

/** Deliveries at once; others wait. */
const AT_ONCE = 32

/** Deliveries that wait; more are left to the sweep. */
const MOST_WAITING = 10_000

/** Milliseconds before each further try of one process. After these, the next sweep tries again. */
const PAUSES = [1_000, 4_000, 15_000]

/** Milliseconds without a commit after which nobody seems to write an unfinished upload. */
const QUIET = 10_000

/** Milliseconds before each further try to commit it: soon, since the request that it tells of may not have ended yet. */
const TRIES = [20, 200, 2_000, ...Array.from({ length: 20 }, () => QUIET)]

export interface OutboxOptions {
  store: Store
  writers: Writers
  calls: HookCalls
  /** Milliseconds since the epoch. */
  now: () => number
  warn: (fields: Record<string, unknown>, message: string) => void
}

interface Delivery {
  readonly info: UploadInfo
  readonly event: OutboxEvent
  readonly request: HookRequest | undefined
  /** It was delivered and that is committed, or it was not. */
  readonly done: () => void
}

export class Outbox {
  readonly #options: OutboxOptions
  readonly #waiting: Delivery[] = []
  /** Uploads of which an event is being delivered: those of one upload follow one another. */
  readonly #running = new Map<string, Promise<void>>()
  /** `ID event` of what waits, or is being delivered. */
  readonly #underWay = new Set<string>()
  /** What was delivered, and is not committed as such yet. */
  readonly #delivered = new Map<string, Set<OutboxEvent>>()
  readonly #closing = new AbortController()

  constructor(options: OutboxOptions) {
    this.#options = options
    setMaxListeners(0, this.#closing.signal)
  }

  /** Whether anybody is to be told of it. */
  wants(event: OutboxEvent): boolean {
    return this.#options.calls.has(HOOKS[event])
  }

  /** What an upload's outbox is to be committed as, with this event more; nothing if it stays as it is. */
  notes(info: UploadInfo, event?: OutboxEvent): Notes {
    const delivered = this.#delivered.get(info.id)
    const before = info.outbox ?? []
    const left = before.filter((one) => !delivered?.has(one))
    const isNew = event !== undefined && this.wants(event) && !left.includes(event)
    if (!isNew && left.length === before.length) return {}
    return { outbox: isNew ? [...left, event] : left }
  }

  /**
   * Delivers what the committed outbox of an upload holds. Requests wait for nothing of it.
   * @returns when all of it that nobody delivered already was tried, and is committed
   */
  async deliver(info: UploadInfo, request?: HookRequest): Promise<void> {
    const all: Promise<void>[] = []
    for (const event of info.outbox ?? []) {
      const name = `${info.id} ${event}`
      const isKnown = this.#underWay.has(name) || this.#delivered.get(info.id)?.has(event)
      if (isKnown || !this.wants(event) || this.#closing.signal.aborted) continue
      if (this.#waiting.length >= MOST_WAITING) break
      this.#underWay.add(name)
      all.push(new Promise((done) => this.#waiting.push({ info, event, request, done })))
    }
    this.#next()
    await Promise.all(all)
  }

  #next(): void {
    while (this.#running.size < AT_ONCE) {
      const index = this.#waiting.findIndex(({ info }) => !this.#running.has(info.id))
      const [delivery] = index === -1 ? [] : this.#waiting.splice(index, 1)
      if (delivery === undefined) return
      const { id } = delivery.info
      const ended = this.#run(delivery).then(() => {
        this.#running.delete(id)
        this.#next()
      })
      this.#running.set(id, ended)
    }
  }

  /** Waits for what is being delivered; the rest is left to whoever sweeps. @param timeout milliseconds */
  async close(timeout: number): Promise<boolean> {
    this.#closing.abort()
    for (const { done } of this.#waiting.splice(0)) done()
    return settlesWithin(Promise.all(this.#running.values()), timeout)
  }

  async #run(delivery: Delivery): Promise<void> {
    const { info, event } = delivery
    try {
      await this.#tell(delivery)
      this.#delivered.set(info.id, (this.#delivered.get(info.id) ?? new Set()).add(event))
      void this.#settle(info.id, event).finally(delivery.done)
    } catch (error) {
      delivery.done()
      if (!this.#closing.signal.aborted) this.#warn(info.id, event, error)
    } finally {
      this.#underWay.delete(`${info.id} ${event}`)
    }
  }

  async #tell({ info, event, request }: Delivery): Promise<void> {
    const told = { upload: info, request, deliveryId: `${info.id}:${event}` }
    for (const pause of PAUSES) {
      try {
        await this.#options.calls.ask(HOOKS[event], told)
        return
      } catch {
        await sleep(pause, undefined, { signal: this.#closing.signal })
      }
    }
    await this.#options.calls.ask(HOOKS[event], told)
  }

  /** Has it committed that the event was delivered, unless that goes with bytes before. */
  async #settle(id: string, event: OutboxEvent): Promise<void> {
    const { signal } = this.#closing
    const forget = (): void => {
      const delivered = this.#delivered.get(id)
      delivered?.delete(event)
      if (delivered?.size === 0) this.#delivered.delete(id)
    }
    try {
      for (const pause of TRIES) {
        // A process that sweeps once must not end before the first tries; one that serves may end in the midst of the others.
        await sleep(pause, undefined, { signal, ref: pause < QUIET })
        if (await this.#isCleared(id)) return
      }
    } catch (error) {
      if (!signal.aborted) this.#warn(id, event, error)
    } finally {
      forget()
    }
  }

  /** @returns false if somebody has the upload, or seems to */
  async #isCleared(id: string): Promise<boolean> {
    const { store, writers } = this.#options
    try {
      return await writers.exclusively(id, 0, async ({ lease }) => this.#clear(await store.open(id, { lease })), {
        quietly: true,
      })
    } catch (error) {
      if (!(error instanceof UploadError)) throw error
      if (error.status === 404) return true
      if (error.code === 'ERR_UPLOAD_LOCKED' || error.code === 'ERR_CONFLICT') return false
      throw error
    }
  }

  async #clear(handle: UploadHandle): Promise<boolean> {
    const { info } = handle
    const { outbox } = this.notes(info)
    if (outbox === undefined) return true
    const now = this.#options.now()
    const hasEnded = info.state === 'complete' || info.state === 'failed'
    if (!hasEnded && now - (info.modifiedAt ?? now) < QUIET) return false
    // The record of what was terminated was only there for that. One that ended otherwise stays, to tell clients.
    if (outbox.length === 0 && info.failure === TERMINATED) await handle.terminate?.()
    else await handle.note?.({ outbox })
    return true
  }

  #warn(upload: string, event: OutboxEvent, error: unknown): void {
    const { code, cause = error } = error as UploadError
    const fields = { upload, event, code, cause: String(cause) }
    this.#options.warn(
      fields,
      'an event was not delivered, or that it was is not committed; the next sweep tries again',
    )
  }
}
