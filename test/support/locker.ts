/**
 * A locker in this process, for several nodes in it: what docs/locking.md asks of one, in few lines, with levers for
 * tests.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../../src/errors.js'
import type { AcquireOptions, Lease, Locker } from '../../src/store/locker.js'

export class MemoryLocker implements Locker {
  /** Answers that it cannot be reached. */
  isAway = false
  closed = 0
  /** IDs in the order in which they were locked. */
  readonly acquired: string[] = []
  readonly #held = new Map<string, Held>()
  readonly #fences = new Map<string, number>()

  async acquire(id: string, { timeout, quietly = false, signal, onReleaseRequested }: AcquireOptions): Promise<Lease> {
    const deadline = performance.now() + timeout
    for (;;) {
      if (this.isAway) throw new UploadError('ERR_LOCKER_UNAVAILABLE', { retryAfter: 1_000 })
      const holder = this.#held.get(id)
      if (holder === undefined) break
      if (quietly) throw new UploadError('ERR_UPLOAD_LOCKED')
      holder.onReleaseRequested()
      if (performance.now() >= deadline || signal?.aborted) throw new UploadError('ERR_UPLOAD_LOCKED')
      await sleep(2)
    }
    const fence = (this.#fences.get(id) ?? 0) + 1
    const lease = new Held(fence, onReleaseRequested, () => {
      if (this.#held.get(id) === lease) this.#held.delete(id)
    })
    this.#fences.set(id, fence)
    this.#held.set(id, lease)
    this.acquired.push(id)
    return lease
  }

  async close(): Promise<void> {
    this.closed++
  }

  /** Whoever has the lock has it no more, and is told at once, or (if its timers are late) not at all. */
  lose(id: string, { told }: { told: boolean }): void {
    const lease = this.#held.get(id)
    this.#held.delete(id)
    lease?.lose(told)
  }

  isHeld(id: string): boolean {
    return this.#held.has(id)
  }
}

class Held implements Lease {
  readonly fence: number
  readonly onReleaseRequested: () => void
  readonly giveBack: () => void
  readonly #lost = new AbortController()
  #isOver = false

  constructor(fence: number, onReleaseRequested: () => void, giveBack: () => void) {
    this.fence = fence
    this.onReleaseRequested = onReleaseRequested
    this.giveBack = giveBack
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  mayWrite(): boolean {
    return !this.#isOver
  }

  remaining(): number {
    return this.#isOver ? 0 : Number.MAX_SAFE_INTEGER
  }

  lose(told: boolean): void {
    this.#isOver = true
    if (told) this.#lost.abort()
  }

  async release(): Promise<void> {
    this.#isOver = true
    this.giveBack()
  }
}
