/**
 * A request's body as a queue: an adapter pushes what arrives, the store takes it, and whoever must can stop it. Chunks
 * pass through uncopied; beyond a small queue the sender is paused, so memory is the store's business.
 * @module
 */
import type { Body, BodyEnd } from '../store/store.js'

/** Bytes that may wait here before the sender is paused. */
export const HIGH_WATER = 64 * 1024

/** Milliseconds; timers take any longer time for no time at all. */
const LONGEST_TIMER = 2 ** 31 - 1

const DONE: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined }

/** How the queue steers the sender. */
export interface Source {
  pause(): void
  resume(): void
  /** Nobody but the queue gets the chunks. */
  readonly isOurs?: boolean
  /** Bytes that it has read and not pushed yet. */
  unread?(): number
}

export class BodyQueue implements Body {
  readonly length: number | undefined
  readonly isOurs: boolean
  ended: BodyEnd | undefined
  readonly #source: Source
  readonly #idleTimeout: number
  readonly #minRate: number
  #chunks: Uint8Array[] = []
  #queued = 0
  /** Bytes that came, and that may still be given. */
  #came = 0
  #left: number
  /** Why the body will end, once the queue is empty. */
  #end: BodyEnd | undefined
  #wake: ((step: IteratorResult<Uint8Array, undefined>) => void) | undefined
  #waitingSince = 0
  /** Since the rate was last looked at: milliseconds for which somebody waited for bytes, and bytes that came. */
  #waited = 0
  #countedTo = 0
  #cameSince = 0
  #timer: NodeJS.Timeout | undefined

  /**
   * @param length bytes that the request announces
   * @param limit bytes that are given at most
   * @param idleTimeout milliseconds; counts only while somebody waits for bytes
   * @param minRate bytes a second that come at least, on the average of `idleTimeout` milliseconds of waiting
   */
  constructor(source: Source, length: number | undefined, limit: number, idleTimeout: number, minRate = 0) {
    this.#source = source
    this.length = length
    this.isOurs = source.isOurs === true
    this.#left = Math.min(limit, length ?? Number.POSITIVE_INFINITY)
    this.#idleTimeout = Math.min(idleTimeout, LONGEST_TIMER)
    this.#minRate = minRate
  }

  get unread(): number {
    return this.#queued + (this.#source.unread?.() ?? 0)
  }

  get received(): number {
    return this.#came
  }

  /** Takes bytes from the sender. */
  push(chunk: Uint8Array): void {
    if (this.#end !== undefined || chunk.length === 0) return
    const taken = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk
    this.#came += chunk.length
    this.#cameSince += chunk.length
    this.#left -= taken.length
    const wake = this.#wake
    if (taken.length > 0 && wake !== undefined) {
      // Somebody waits, so nothing is queued; the sender is not even paused.
      this.#wake = undefined
      wake({ done: false, value: taken })
    } else if (taken.length > 0) {
      this.#chunks.push(taken)
      this.#queued += taken.length
    }
    if (taken.length < chunk.length) this.finish('too-long')
    if (wake !== undefined) this.#judge()
    if (this.#queued >= HIGH_WATER) this.#source.pause()
  }

  /** No more comes. What came is still given. A body that is shorter than it was announced did not come whole. */
  finish(end: BodyEnd): void {
    if (this.#end !== undefined) return
    this.#end = end === 'end' && this.#came < (this.length ?? 0) ? 'disconnected' : end
    // Also if the store is stuck and never comes back for the end.
    clearTimeout(this.#timer)
    this.#wakeUp()
  }

  /** "At once": what waits here was given to nobody, so the client sends it again. */
  stop(): void {
    if (this.#end !== undefined) return
    this.#drop()
    this.finish('stopped')
  }

  /** By hand: an async generator would make several promises of each chunk. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    if (this.#end === undefined) this.#source.resume()
    return {
      next: () => {
        const step = this.#step()
        return step ? Promise.resolve(step) : this.#change()
      },
      return: () => {
        this.#leave()
        return Promise.resolve(DONE)
      },
    }
  }

  /** @returns undefined where nothing has come and more may */
  #step(): IteratorResult<Uint8Array, undefined> | undefined {
    const value = this.#chunks.shift()
    if (value !== undefined) {
      this.#took(value.length)
      return { done: false, value }
    }
    if (this.#end === undefined) return undefined
    this.#leave()
    return DONE
  }

  #took(length: number): void {
    const wasFull = this.#queued >= HIGH_WATER
    this.#queued -= length
    if (wasFull && this.#queued < HIGH_WATER && this.#end === undefined) this.#source.resume()
  }

  #leave(): void {
    clearTimeout(this.#timer)
    // Who leaves before the last chunk was not given the whole body, whatever has arrived.
    if (this.#chunks.length > 0) this.#end = 'stopped'
    this.finish('stopped')
    this.#drop()
    this.ended = this.#end
    this.#source.pause()
  }

  #drop(): void {
    this.#chunks = []
    this.#queued = 0
  }

  #change(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#waitingSince = performance.now()
    this.#countedTo = this.#waitingSince
    this.#timer ??= setTimeout(() => this.#watch(), this.#idleTimeout)
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /**
   * One timer for many waits: it looks whether the present one has lasted too long, and else looks again. While nobody
   * waits there is none, so that a store which is stuck keeps no process alive.
   */
  #watch(): void {
    this.#timer = undefined
    if (this.#wake === undefined) return
    const left = this.#idleTimeout - (performance.now() - this.#waitingSince)
    if (left <= 0) this.finish('timeout')
    else this.#judge()
    if (this.#end === undefined) this.#timer = setTimeout(() => this.#watch(), left)
  }

  /**
   * Whether the bytes came fast enough for which somebody waited. A client that sends one now and then is never silent, and
   * would hold its upload for ever. The time in which the sender was paused is the server's own, and does not count.
   */
  #judge(): void {
    const now = performance.now()
    this.#waited += now - this.#countedTo
    this.#countedTo = now
    if (this.#waited < this.#idleTimeout) return
    if (this.#cameSince < (this.#minRate * this.#waited) / 1_000) this.finish('timeout')
    this.#waited = 0
    this.#cameSince = 0
  }

  #wakeUp(): void {
    const wake = this.#wake
    if (wake === undefined) return
    const step = this.#step()
    if (step === undefined) return
    this.#wake = undefined
    wake(step)
  }
}

/** The announced length of a body, if it is one. A malformed one is refused before any body is read. */
export function announcedLength(field: string | null | undefined): number | undefined {
  return field && /^\d{1,15}$/.test(field) ? Number(field) : undefined
}
