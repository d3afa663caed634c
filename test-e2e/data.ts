/**
 * File contents that nobody has to keep: any range of them is made anew from a seed, as fast as AES goes.
 * @module
 */
import { createCipheriv, createHash, type Hash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const ZEROS = Buffer.alloc(1024 * 1024)

/** AES in counter mode over zeros: the counter says where in the stream one is. */
function* bytes(seed: number, start: number, end: number): Generator<Buffer> {
  const key = createHash('sha256').update(`seed ${seed}`).digest().subarray(0, 16)
  const counter = Buffer.alloc(16)
  counter.writeBigUInt64BE(BigInt(Math.floor(start / 16)), 8)
  const cipher = createCipheriv('aes-128-ctr', key, counter)
  cipher.update(ZEROS.subarray(0, start % 16))
  for (let at = start; at < end; ) {
    const size = Math.min(ZEROS.length, end - at)
    yield cipher.update(ZEROS.subarray(0, size))
    at += size
  }
}

/** What tus-js-client takes instead of a file, so that the content is in memory a piece at a time. */
export const seededFile = (seed: number, size: number) => ({
  openFile: async () => ({
    size,
    async slice(start: number, end: number) {
      const last = Math.min(end, size)
      const value = Object.assign(Readable.from(bytes(seed, start, last), { objectMode: false }), {
        size: last - start,
      })
      return { value, done: last >= size }
    },
    close: () => undefined,
  }),
})

export function seededDigest(seed: number, size: number): string {
  const hash = createHash('sha256')
  for (const piece of bytes(seed, 0, size)) hash.update(piece)
  return hash.digest('hex')
}

export async function writeSeededFile(path: string, seed: number, size: number): Promise<void> {
  await pipeline(bytes(seed, 0, size), createWriteStream(path))
}

/** @returns SHA-256 and length of what a stream gives */
export async function digestOf(content: AsyncIterable<Uint8Array>): Promise<{ digest: string; size: number }> {
  const hash: Hash = createHash('sha256')
  let size = 0
  for await (const piece of content) {
    hash.update(piece)
    size += piece.length
  }
  return { digest: hash.digest('hex'), size }
}
