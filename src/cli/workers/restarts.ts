/**
 * When another worker takes the place of one that ended. At once after a long life; later and later where they end soon; and
 * not at all where one after the other ends before it could serve.
 * @module
 */

/** Milliseconds. */
const LONG_LIFE = 10_000
const FIRST_PAUSE = 250
const LONGEST_PAUSE = 5_000

/** Workers of one place, in a row, that ended before they could serve. */
export const TRIES = 6

export class Restarts {
  /** In a row. */
  #short = 0
  #neverServed = 0

  /**
   * @param lifetime milliseconds
   * @returns milliseconds until the next one is started; undefined: it is of no use
   */
  ended({ served, lifetime }: { served: boolean; lifetime: number }): number | undefined {
    const pause = this.#short === 0 ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#short - 1))
    this.#short = lifetime < LONG_LIFE ? this.#short + 1 : 0
    this.#neverServed = served ? 0 : this.#neverServed + 1
    return this.#neverServed < TRIES ? pause : undefined
  }
}
