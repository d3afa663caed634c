/**
 * A set of names that never takes more than a fixed memory: it may forget some, and then they are looked at again. Kept
 * are 64 bits of a hash, so it takes a name for another one about never.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'

/** Names that are remembered at most; eight bytes each. */
const PLACES = 2 ** 20

export class Seen {
  readonly #places: number
  /** What two names have in common in one process, they need not have in another. */
  readonly #salt = randomBytes(16)
  #hashes: BigUint64Array | undefined

  constructor(places = PLACES) {
    this.#places = places
  }

  add(name: string): void {
    const hash = this.#hashOf(name)
    this.#hashes ??= new BigUint64Array(this.#places)
    this.#hashes[this.#placeOf(hash)] = hash
  }

  has(name: string): boolean {
    if (this.#hashes === undefined) return false
    const hash = this.#hashOf(name)
    return this.#hashes[this.#placeOf(hash)] === hash
  }

  #placeOf(hash: bigint): number {
    return Number(hash % BigInt(this.#places))
  }

  #hashOf(name: string): bigint {
    return createHash('sha1').update(this.#salt).update(name).digest().readBigUInt64LE()
  }
}
