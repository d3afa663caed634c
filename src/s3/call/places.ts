/**
 * Places for uploads of client bytes to S3, over all uploads: as many as the pace allows. Who finds none waits; the upload that
 * has the fewest on their way is served first, so that a huge one does not keep small ones waiting.
 * @module
 */
import type { Pace } from './pace.js'

interface Waiter {
  key: string
  grant: () => void
}

export class Places {
  readonly #pace: Pace
  readonly #waiting: Waiter[] = []
  /** How many of a key have a place, and how many have one or wait. */
  readonly #running = new Map<string, number>()
  readonly #present = new Map<string, number>()
  #taken = 0

  constructor(pace: Pace) {
    this.#pace = pace
  }

  /** How many there are now, are taken, and are waited for. */
  get limit(): number {
    return this.#pace.places
  }

  get taken(): number {
    return this.#taken
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** How many parts of one upload may be on their way: all, while nobody waits, and else its share. */
  get share(): number {
    const { places } = this.#pace
    if (this.#waiting.length === 0) return places
    return Math.max(2, Math.ceil(places / this.#present.size))
  }

  /** Waits for a place. @throws whatever `givenUp` makes, when the signal ends the wait */
  async enter(key: string, signal: AbortSignal | undefined, givenUp: () => Error): Promise<void> {
    change(this.#present, key, 1)
    if (this.#taken < this.#pace.places) return this.#take(key)
    await new Promise<void>((resolve, reject) => {
      const waiter = {
        key,
        grant: () => {
          signal?.removeEventListener('abort', leave)
          resolve()
        },
      }
      const leave = (): void => {
        const place = this.#waiting.indexOf(waiter)
        if (place === -1) return
        this.#waiting.splice(place, 1)
        change(this.#present, key, -1)
        reject(givenUp())
      }
      this.#waiting.push(waiter)
      signal?.addEventListener('abort', leave)
      if (signal?.aborted) leave()
    })
  }

  /** What has a place was done. */
  succeeded(bytes: number): void {
    this.#pace.succeeded(bytes, this.#taken >= this.#pace.places)
  }

  slowDown(): void {
    this.#pace.slowDown()
  }

  leave(key: string): void {
    change(this.#present, key, -1)
    change(this.#running, key, -1)
    this.#taken--
    while (this.#taken < this.#pace.places && this.#waiting.length > 0) this.#serve()
    if (this.#taken === 0) this.#pace.idle()
  }

  #take(key: string): void {
    change(this.#running, key, 1)
    this.#taken++
  }

  #serve(): void {
    let least = Number.POSITIVE_INFINITY
    let first = 0
    for (let place = 0; place < this.#waiting.length && least > 0; place++) {
      const running = this.#running.get(this.#waiting[place]!.key) ?? 0
      if (running >= least) continue
      least = running
      first = place
    }
    const [next] = this.#waiting.splice(first, 1)
    this.#take(next!.key)
    next!.grant()
  }
}

function change(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
