/**
 * Bodies and bytes for tests of stores: a Body made of chunks, and pseudo-random bytes that a seed tells again.
 * @module
 */
import type { Body, BodyEnd } from '../../store/store.js'

/** How a body announces itself and ends. */
export interface BodyOptions {
  /** The length that the body announces; by default it announces none. */
  length?: number
  /** Why it ends once the chunks are used up; `end` by default. */
  end?: BodyEnd
}

/** A Body that gives these chunks. stop() ends it at once, also while it waits for the next chunk. */
export function bodyOf(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, options: BodyOptions = {}): Body {
  return new ChunkBody(chunks, options)
}

const STOPPED = Symbol('stopped')

class ChunkBody implements Body {
  readonly length: number | undefined
  readonly #chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  readonly #end: BodyEnd
  readonly #stopped: Promise<typeof STOPPED>
  #wake: () => void = () => undefined
  #ended: BodyEnd | undefined
  #isIterated = false

  constructor(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, { length, end = 'end' }: BodyOptions) {
    this.#chunks = chunks
    this.length = length
    this.#end = end
    this.#stopped = new Promise((resolve) => {
      this.#wake = () => resolve(STOPPED)
    })
  }

  get ended(): BodyEnd | undefined {
    return this.#ended
  }

  stop(): void {
    this.#ended ??= 'stopped'
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isIterated) throw new Error('A body is iterated at most once.')
    this.#isIterated = true
    const source = iteratorOf(this.#chunks)
    let isUsedUp = false
    try {
      while (this.#ended === undefined) {
        const next = await Promise.race([this.#stopped, source.next()])
        if (next === STOPPED) return
        isUsedUp = next.done === true
        if (next.done) {
          this.#ended ??= this.#end
          return
        }
        // What came before stop() was seen is given all the same: the source has parted with it.
        yield next.value
      }
    } finally {
      // Not awaited: the return() of a generator that waits for its next chunk would wait with it.
      if (!isUsedUp) void Promise.resolve(source.return?.()).catch(() => undefined)
    }
  }
}

function iteratorOf<Chunk>(chunks: Iterable<Chunk> | AsyncIterable<Chunk>): AsyncIterator<Chunk> | Iterator<Chunk> {
  return Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]()
}

/** Pseudo-random bytes (xorshift32): the same seed tells the same bytes, and no two stretches are alike. */
export function seededBytes(seed: number, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state >>> 0
  }
  return new Uint8Array(words.buffer, 0, length)
}

/** Cuts the bytes into chunks of these sizes, taken in turn. The chunks are views, not copies. */
export function* chunksOf(bytes: Uint8Array, ...sizes: number[]): Generator<Uint8Array, void, undefined> {
  let at = 0
  for (let turn = 0; at < bytes.byteLength; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.byteLength)
    yield bytes.subarray(at, at + size)
    at += size
  }
}

/** Gives the chunks, then waits until the body is stopped: a client that holds its connection open and is silent. */
export async function* thenSilence(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks
  await new Promise<never>(() => undefined)
}
