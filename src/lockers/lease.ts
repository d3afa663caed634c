/**
 * One lease: how long it lasts by this node's clock, and its renewal.
 *
 * The time of a lease counts from before the command that got it was sent, so it ends here before it ends there, whatever
 * the clocks of the two say. A renewal that fails is tried again while there is time.
 * @module
 */
import type { Lease } from '../store/locker.js'

export type Renewal = 'kept' | 'wanted' | 'lost'

export interface LeaseOptions {
  fence: number
  /** When the command that got the lease was sent. */
  sentAt: Instant
  /** Milliseconds. */
  ttl: number
  /** Renews it at the server. Rejects if that is not known to have been done. */
  renew: () => Promise<Renewal>
  /** Gives it back. Bounded in time; never rejects. */
  giveBack: () => Promise<void>
  onReleaseRequested: () => void
}

/** A point in time by both clocks of this node. */
export interface Instant {
  monotonic: number
  wall: number
}

export const now = (): Instant => ({ monotonic: performance.now(), wall: Date.now() })

/**
 * Milliseconds since then. The monotonic clock stands still while a machine sleeps; the other may be set. Whichever says
 * more counts: to believe that a lease is over too early costs a request, too late costs bytes.
 */
const since = (then: Instant): number => {
  const { monotonic, wall } = now()
  return Math.max(monotonic - then.monotonic, wall - then.wall)
}

export class RedisLease implements Lease {
  readonly fence: number
  readonly #options: LeaseOptions
  readonly #lost = new AbortController()
  /** For a write that was begun when there was just enough time left. */
  readonly #margin: number
  /** From when its time counts. */
  #start: Instant
  #isReleased = false
  #renewal: NodeJS.Timeout | undefined
  #end: NodeJS.Timeout | undefined

  constructor(options: LeaseOptions) {
    this.#options = options
    this.fence = options.fence
    this.#start = options.sentAt
    this.#margin = options.ttl / 4
    this.#renewLater(options.ttl / 3 - since(options.sentAt))
    this.#watchEnd()
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  mayWrite(): boolean {
    return !this.#lost.signal.aborted && this.remaining() > this.#margin
  }

  remaining(): number {
    return this.#isReleased ? 0 : Math.max(0, this.#options.ttl - since(this.#start))
  }

  /** Somebody waits for it. */
  requestRelease(): void {
    if (!this.#isReleased) this.#options.onReleaseRequested()
  }

  async release(): Promise<void> {
    this.#stop()
    this.#isReleased = true
    await this.#options.giveBack()
  }

  #stop(): void {
    clearTimeout(this.#renewal)
    clearTimeout(this.#end)
  }

  #renewLater(delay: number): void {
    this.#renewal = setTimeout(() => void this.#renew(), delay)
  }

  async #renew(): Promise<void> {
    const { ttl, renew } = this.#options
    const sentAt = now()
    const renewal = await renew().catch(() => undefined)
    if (this.#isReleased || this.#lost.signal.aborted) return
    if (renewal === 'lost') return this.#lose(0)
    // No clear answer: again soon, and until the time is up.
    if (renewal === undefined) return this.#renewLater(ttl / 20)
    this.#start = sentAt
    this.#watchEnd()
    this.#renewLater(ttl / 3 - since(sentAt))
    if (renewal === 'wanted') this.requestRelease()
  }

  /** A timer may be late; `mayWrite` is not. */
  #watchEnd(): void {
    clearTimeout(this.#end)
    const left = this.remaining() - this.#margin
    if (left <= 0) this.#lose(this.remaining())
    else this.#end = setTimeout(() => this.#watchEnd(), left + 1)
  }

  #lose(left: number): void {
    this.#stop()
    // What was begun before has until then.
    if (left === 0) this.#start = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }
    this.#lost.abort()
  }
}
