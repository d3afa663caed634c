/**
 * CRC32 of bytes, by the quickest means that is installed: `@node-rs/crc32`, which uses the processor's own multiplication, takes a third of the
 * time of node's zlib. It is an optional dependency; without it all is the same, but slower (docs/decisions/0010-crc32-by-simd.md).
 * @module
 */
import { createRequire } from 'node:module'
import { crc32 as zlibCrc32 } from 'node:zlib'

export type Crc32 = (bytes: Uint8Array, sum?: number) => number

/** node forgets the sum where there are no bytes, if they have no memory either. */
export const byZlib: Crc32 = (bytes, sum = 0) => (bytes.length === 0 ? sum : zlibCrc32(bytes, sum))

/** @param load @returns what it loads, if that is there, runs on this machine, and computes the same; else zlib's */
export function quickest(load: () => { crc32: Crc32 }): Crc32 {
  try {
    const { crc32 } = load()
    const samples = Array.from({ length: 40 }, (_, index) => Buffer.alloc(index * 7, `held ${index}`))
    const isSame = samples.every((bytes, sum) => crc32(bytes, sum * 0x0666_6666) === byZlib(bytes, sum * 0x0666_6666))
    return isSame ? crc32 : byZlib
  } catch {
    return byZlib
  }
}

/** @param bytes @param sum the CRC32 of what came before them; default: of nothing */
export const crc32: Crc32 = quickest(() => createRequire(import.meta.url)('@node-rs/crc32'))
