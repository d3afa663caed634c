/**
 * The model: what an upload may be after what its clients were told. It knows no server, no store and no bucket.
 * @module
 */
import assert from 'node:assert/strict'
import { seededBytes } from '../support/body.js'

/** Bytes that were sent, and may have been committed from `from` up to any offset, or whole or not at all. */
interface Attempt {
  variant: 0 | 1
  from: number
  to: number
  isWhole: boolean
}

export class Model {
  readonly size: number
  /** What the two clients send; they differ nearly everywhere. */
  readonly contents: readonly [Buffer, Buffer]
  /** Whether the length is known to the server, as far as the client knows. */
  length: 'declared' | 'deferred' | 'unknown'
  /** The largest offset that any client was told. */
  told = 0
  /** Terminated: told so; asked for, with an answer that leaves it open; or not. */
  ended: 'told' | 'asked' | 'no' = 'no'
  /** Somebody was told that the upload is finished. */
  isFinished = false
  readonly #attempts: Attempt[] = []
  /** Answered as stored: those bytes and no others. */
  readonly #pins: Attempt[] = []

  constructor(size: number, deferred: boolean, seed: number) {
    this.size = size
    this.contents = [Buffer.from(seededBytes(2 * seed, size)), Buffer.from(seededBytes(2 * seed + 1, size))]
    this.length = deferred ? 'deferred' : 'declared'
  }

  attempt(variant: 0 | 1, from: number, sent: number, isWhole: boolean): void {
    this.#attempts.push({ variant, from, to: Math.min(this.size, from + sent), isWhole })
  }

  /** A request that stored `from` to `to` was told so. */
  stored(variant: 0 | 1, from: number, to: number): void {
    this.#pins.push({ variant, from, to, isWhole: true })
    this.tell(to)
  }

  /** @param atStart the largest offset that was told before the request was sent */
  tell(offset: number, atStart = 0): void {
    assert.ok(offset >= atStart, `${offset} is told, though ${atStart} was told before`)
    assert.ok(offset <= this.#mostSent(), `${offset} is told, though only ${this.#mostSent()} were sent`)
    this.told = Math.max(this.told, offset)
  }

  /**
   * Clients sent other bytes for the same range: then parts in S3 may be replaced by ones that were not committed, and
   * the upload ends in a loud failure.
   */
  get mayFail(): boolean {
    return this.#attempts.some((one) =>
      this.#attempts.some((other) => one.variant !== other.variant && one.from < other.to && other.from < one.to),
    )
  }

  /** The object must be made of what was sent, in an order in which it can have been committed, and keep all that was told. */
  check(object: Buffer): void {
    assert.equal(object.length, this.size, 'the object has the length of the upload')
    for (const { variant, from, to } of this.#pins) {
      const isKept = this.contents[variant].subarray(from, to).equals(object.subarray(from, to))
      assert.ok(isKept, `${from} to ${to} of content ${variant} were told as stored, and the object has others`)
    }
    assert.ok(this.#isReachable(object), 'the object is no sequence of what clients sent')
  }

  #mostSent(): number {
    return Math.max(0, ...this.#attempts.map(({ to }) => to))
  }

  #isReachable(object: Buffer): boolean {
    const reached = new Set([0])
    const open = [0]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const { variant, from, to, isWhole } of this.#attempts) {
        if (from !== at) continue
        const content = this.contents[variant]
        for (let end = from + 1; end <= to && object[end - 1] === content[end - 1]; end++) {
          if ((isWhole && end !== to) || reached.has(end)) continue
          reached.add(end)
          open.push(end)
        }
      }
    }
    return reached.has(this.size)
  }
}
