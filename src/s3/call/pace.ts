/**
 * How many uploads of bytes S3 takes at once: measured. It begins with a few, which are enough for an S3 that is near.
 *
 * While all places are taken, half as many more are tried now and then: if bytes a second rise with them, they stay. Fewer are
 * tried in the same way, down to where it began: if bytes a second do not fall, they stay. A try that brought nothing is
 * repeated after twice as long. Each 503 SlowDown halves the number, and each success gives a fraction of a place back, so
 * that it grows by about one in a round of all places (additive increase, multiplicative decrease).
 * @module
 */

/** Where it begins: parts of 8 MiB then hide 30 ms of latency at 1 GB/s. */
const FIRST = 8
const STEP = 1.5
/** Of the rise that as many more would bring if S3 took each as fast as before, so much must come. */
const WORTH_IT = 0.4
/** With fewer, bytes a second may fall by so much. */
const NO_LOSS = 0.05
/** Times that all places are used before bytes a second are believed, and milliseconds. */
const ROUNDS = 2
const LEAST_TIME = 200
/** Measurements between two tries, at most. */
const LONGEST_CALM = 32
/** Milliseconds in which many SlowDowns count as one: they answer what was sent before the first of them came. */
const ONE_ROUND = 1_000

export class Pace {
  readonly #most: number
  readonly #least: number
  readonly #now: () => number
  /** What was found to be enough. */
  #found: number
  /** What is used: `#found`, or what is being tried. */
  #aim: number
  /** What SlowDown has left of it. */
  #allowed: number
  /** Bytes a second with `#found`. */
  #rate: number | undefined
  #isRising = true
  /** Measurements until the next try, and what it will be after that if the try brings nothing. */
  #calm = 1
  #patience = 1
  #slowedAt = Number.NEGATIVE_INFINITY
  /** Successes to leave out: they began before the number changed. */
  #unsettled = 0
  #measure = { since: undefined as number | undefined, count: 0, bytes: 0, full: 0 }

  /** @param most never more than these  @param now milliseconds */
  constructor(most: number, now: () => number = performance.now.bind(performance)) {
    this.#most = most
    this.#now = now
    this.#least = Math.min(FIRST, most)
    this.#found = this.#least
    this.#aim = this.#found
    this.#allowed = this.#aim
  }

  /** Places now; at least 1. */
  get places(): number {
    return Math.floor(this.#allowed)
  }

  /** Nothing is on its way: what was measured until now says nothing. */
  idle(): void {
    this.#begin(undefined)
  }

  /** @param isFull all places were taken until now */
  succeeded(bytes: number, isFull: boolean): void {
    if (this.#allowed < this.#aim) {
      this.#allowed = Math.min(this.#aim, this.#allowed + 1 / this.#allowed)
      return
    }
    const { since } = this.#measure
    if (this.#unsettled > 0) this.#unsettled--
    else if (since === undefined) this.#begin(this.#now())
    else this.#add(since, bytes, isFull)
  }

  slowDown(): void {
    if (this.#now() - this.#slowedAt < ONE_ROUND) return
    this.#slowedAt = this.#now()
    const half = Math.max(1, this.#allowed / 2)
    this.#postpone()
    this.#found = Math.max(this.#least, Math.min(this.#found, Math.floor(half)))
    this.#use(this.#found)
    this.#allowed = half
    this.#rate = undefined
  }

  #begin(since: number | undefined): void {
    this.#measure = { since, count: 0, bytes: 0, full: 0 }
  }

  #add(since: number, bytes: number, isFull: boolean): void {
    const measure = this.#measure
    measure.count++
    measure.bytes += bytes
    if (isFull) measure.full++
    const time = this.#now() - since
    if (measure.count < ROUNDS * this.#aim || time < LEAST_TIME) return
    this.#begin(this.#now())
    // Where places are left, the clients are what is waited for.
    if (measure.full >= ROUNDS) this.#learn(measure.bytes / time)
    else this.#leave()
  }

  #learn(rate: number): void {
    const before = this.#rate
    if (this.#aim === this.#found) {
      this.#rate = before === undefined ? rate : (before + rate) / 2
      if (--this.#calm <= 0) this.#try()
      return
    }
    const more = this.#aim / this.#found - 1
    const rise = rate / before! - 1
    if (rise < (more > 0 ? more * WORTH_IT : -NO_LOSS)) {
      this.#postpone()
      this.#isRising = !this.#isRising
      this.#use(this.#found)
      return
    }
    this.#found = this.#aim
    this.#rate = rate
    this.#patience = 1
    this.#calm = 1
  }

  #try(): void {
    const more = Math.min(this.#most, Math.ceil(this.#found * STEP))
    const fewer = Math.max(this.#least, Math.floor(this.#found / STEP))
    const [first, second] = this.#isRising ? [more, fewer] : [fewer, more]
    this.#isRising = (first === this.#found ? second : first) === more
    this.#use(first === this.#found ? second : first)
  }

  #postpone(): void {
    this.#patience = Math.min(LONGEST_CALM, 2 * this.#patience)
    this.#calm = this.#patience
  }

  #leave(): void {
    this.#rate = undefined
    this.#use(this.#found)
  }

  #use(places: number): void {
    if (places === this.#aim) return
    this.#unsettled = Math.max(places, this.#aim)
    this.#aim = places
    this.#allowed = places
    this.#begin(undefined)
  }
}
