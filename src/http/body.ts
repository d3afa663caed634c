/**
 * A request's body as a queue: an adapter pushes what arrives, the store takes it, and whoever must can stop it. Chunks
 * pass through uncopied; beyond a small queue the sender is paused, so memory is the store's business.
 * @module
 */
import type { Body, BodyEnd } from '../store/store.js'

/** Bytes that may wait here before the sender is paused. */
const HIGH_WATER = 256 * 1024

/** How the queue steers the sender. */
export interface Source {
  pause(): void
  resume(): void
}

export class BodyQueue implements Body {
  readonly length: number | undefined
  ended: BodyEnd | undefined
  readonly #source: Source
  readonly #idleTimeout: number
  readonly #chunks: Uint8Array[] = []
  #queued = 0
  #left: number
  /** Why the body will end, once the queue is empty. */
  #end: BodyEnd | undefined
  #wake: (() => void) | undefined
  #waitingSince = 0
  #timer: NodeJS.Timeout | undefined

  /**
   * @param length bytes that the request announces
   * @param limit bytes that are given at most
   * @param idleTimeout milliseconds; counts only while somebody waits for bytes
   */
  constructor(source: Source, length: number | undefined, limit: number, idleTimeout: number) {
    this.#source = source
    this.length = length
    this.#left = limit
    this.#idleTimeout = idleTimeout
  }

  /** Takes bytes from the sender. */
  push(chunk: Uint8Array): void {
    if (this.#end !== undefined || chunk.length === 0) return
    const taken = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk
    this.#left -= taken.length
    if (taken.length > 0) {
      this.#chunks.push(taken)
      this.#queued += taken.length
    }
    if (taken.length < chunk.length) this.finish('too-long')
    if (this.#queued >= HIGH_WATER) this.#source.pause()
    this.#wakeUp()
  }

  /** No more comes. What came is still given. */
  finish(end: BodyEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    clearTimeout(this.#timer)
    this.#wakeUp()
  }

  stop(): void {
    this.finish('stopped')
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    this.#source.resume()
    try {
      for (;;) {
        const chunk = this.#chunks.shift()
        if (chunk !== undefined) {
          const wasFull = this.#queued >= HIGH_WATER
          this.#queued -= chunk.length
          if (wasFull && this.#queued < HIGH_WATER && this.#end === undefined) this.#source.resume()
          yield chunk
        } else if (this.#end !== undefined) return
        else await this.#change()
      }
    } finally {
      clearTimeout(this.#timer)
      this.finish('stopped')
      this.ended = this.#end
      this.#source.pause()
    }
  }

  #change(): Promise<void> {
    this.#waitingSince = performance.now()
    this.#timer ??= setTimeout(() => this.#watch(), this.#idleTimeout)
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** One timer for the whole body: it looks whether the present wait has lasted too long, and else looks again. */
  #watch(): void {
    const waited = this.#wake === undefined ? 0 : performance.now() - this.#waitingSince
    if (this.#end !== undefined) return
    if (waited >= this.#idleTimeout) this.finish('timeout')
    else this.#timer = setTimeout(() => this.#watch(), this.#idleTimeout - waited)
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}

/** The announced length of a body, if it is one. A malformed one is refused before any body is read. */
export function announcedLength(field: string | null | undefined): number | undefined {
  return field && /^\d{1,15}$/.test(field) ? Number(field) : undefined
}
