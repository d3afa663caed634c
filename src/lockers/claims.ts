/**
 * Which worker of a server writes which upload. All claims go through the primary, and this is its book. Pure: it hears
 * what the workers say, and all that it does is to tell them something.
 *
 *   worker → primary   claim     I want this upload: to write it, or only to know when nobody writes it
 *                      release   I am done with this claim, or want it no more
 *   primary → worker   granted   it is yours, until you release it
 *                      wanted    somebody waits for it: store what you have, commit, release
 *                      refused   somebody has it (said to who does not want to wait)
 *
 * A worker that is gone has released all. There are no times here: who has waited for too long releases its claim.
 * @module
 */

/** `quietly`: nobody is asked to yield, nor waited for. `look`: nothing is held, whatever is granted. */
export type Wish = 'write' | 'quietly' | 'look'

/** `claim` is a number of the worker's own, new for each claim. */
export type FromWorker =
  | { readonly kind: 'claim'; readonly claim: number; readonly upload: string; readonly wish: Wish }
  | { readonly kind: 'release'; readonly claim: number }

export type ToWorker =
  | {
      readonly kind: 'granted'
      readonly claim: number
      /** Larger than that of any grant before, also before a restart of the primary. */
      readonly fence: number
      /** Another worker had the upload since this one had it. */
      readonly handedOver: boolean
    }
  | { readonly kind: 'wanted' | 'refused'; readonly claim: number }

interface Claim {
  readonly worker: number
  readonly number: number
  readonly upload: string
  readonly wish: Wish
}

interface Place {
  readonly holder: Claim
  /** In the order in which they came. */
  readonly waiting: Claim[]
}

/** Of so many uploads is remembered which worker had them last. What is forgotten, the store finds out at its commit. */
const REMEMBERED = 10_000

export class Claims {
  readonly #tell: (worker: number, message: ToWorker) => void
  readonly #now: () => number
  /** Uploads that somebody writes. */
  readonly #places = new Map<string, Place>()
  /** What is held or waited for, by worker and number. */
  readonly #claims = new Map<number, Map<number, Claim>>()
  /** Which worker had an upload last; oldest first. */
  readonly #last = new Map<string, number>()
  #fence = 0

  constructor(tell: (worker: number, message: ToWorker) => void, now: () => number = Date.now) {
    this.#tell = tell
    this.#now = now
  }

  /** How many uploads are being written. */
  get size(): number {
    return this.#places.size
  }

  hear(worker: number, message: FromWorker): void {
    if (message.kind === 'release') return void this.#release(worker, message.claim)
    const { claim: number, upload, wish } = message
    const claim = { worker, number, upload, wish }
    const place = this.#places.get(upload)
    if (place === undefined) return void this.#grant(claim, [])
    if (wish === 'quietly') return void this.#tell(worker, { kind: 'refused', claim: number })
    this.#note(claim)
    place.waiting.push(claim)
    this.#want(place)
  }

  /** The worker has ended, however: it holds nothing, and waits for nothing. */
  gone(worker: number): void {
    const claims = [...(this.#claims.get(worker)?.values() ?? [])]
    // What it waits for goes first, so that nothing is given to it.
    const waiting = claims.filter((claim) => this.#places.get(claim.upload)?.holder !== claim)
    const held = claims.filter((claim) => !waiting.includes(claim))
    for (const { number } of [...waiting, ...held]) this.#release(worker, number)
    this.#claims.delete(worker)
  }

  #release(worker: number, number: number): void {
    const claim = this.#claims.get(worker)?.get(number)
    // It was a look that was granted, or was refused: there is nothing to give back.
    if (claim === undefined) return
    this.#claims.get(worker)!.delete(number)
    const place = this.#places.get(claim.upload)!
    if (place.holder === claim) this.#passOn(claim.upload, place.waiting)
    else place.waiting.splice(place.waiting.indexOf(claim), 1)
  }

  #passOn(upload: string, waiting: Claim[]): void {
    this.#places.delete(upload)
    // Who only looks is told, and the next in line has it.
    while (!this.#places.has(upload)) {
      const next = waiting.shift()
      if (next === undefined) return
      this.#grant(next, waiting)
    }
  }

  #grant(claim: Claim, waiting: Claim[]): void {
    const { worker, number, upload, wish } = claim
    const last = this.#last.get(upload)
    this.#fence = Math.max(this.#fence + 1, this.#now() * 1_000)
    const handedOver = last !== undefined && last !== worker
    this.#tell(worker, { kind: 'granted', claim: number, fence: this.#fence, handedOver })
    if (wish === 'look') return void this.#claims.get(worker)?.delete(number)
    this.#note(claim)
    this.#remember(upload, worker)
    const place = { holder: claim, waiting }
    this.#places.set(upload, place)
    if (waiting.length > 0) this.#want(place)
  }

  #want({ holder }: Place): void {
    this.#tell(holder.worker, { kind: 'wanted', claim: holder.number })
  }

  #note(claim: Claim): void {
    const claims = this.#claims.get(claim.worker) ?? new Map<number, Claim>()
    this.#claims.set(claim.worker, claims.set(claim.number, claim))
  }

  #remember(upload: string, worker: number): void {
    this.#last.delete(upload)
    this.#last.set(upload, worker)
    const oldest = this.#last.keys().next().value
    if (this.#last.size > REMEMBERED && oldest !== undefined) this.#last.delete(oldest)
  }
}
