/**
 * Content measured as it is read, and held against what the record says of it.
 * @module
 */
import { createHash } from 'node:crypto'
import { crc32 } from './crc32-of.js'
import { HASHERS } from './crcs.js'
import type { Digests, UploadInfo } from './info.js'
import type { Finding } from './inspect.js'

export interface Measured {
  /** Bytes. */
  length: number
  crc32: number
  digests: Digests
  checksums: Checksums
}

/** In Base64, as S3 writes them. */
export type Checksums = Readonly<Partial<Record<keyof typeof HASHERS, string>>>

/** @param wanted what is to be computed besides the CRC32 */
export async function measure(
  content: AsyncIterable<Uint8Array>,
  { digests, checksums }: { digests?: Digests | undefined; checksums?: Checksums | undefined },
  onBytes?: (bytes: number) => void,
): Promise<Measured> {
  const summed = (Object.keys(checksums ?? {}) as (keyof Checksums)[]).map((name) => [name, HASHERS[name]()] as const)
  const names = Object.keys(digests ?? {}) as (keyof Digests)[]
  const hashes = names.map((name) => [name, createHash(name.replace('-', ''))] as const)
  let length = 0
  let sum = 0
  for await (const chunk of content) {
    length += chunk.byteLength
    sum = crc32(chunk, sum)
    for (const [, hash] of [...hashes, ...summed]) hash.update(chunk)
    onBytes?.(chunk.byteLength)
  }
  const found = Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('base64')]))
  const sums = Object.fromEntries(summed.map(([name, hash]) => [name, hash.digest().toString('base64')]))
  return { length, crc32: sum, digests: found, checksums: sums }
}

type Known = Pick<UploadInfo, 'offset' | 'crc32' | 'digests'> & { checksums?: Checksums | undefined }

/** How content differs from what its record says. Pure. */
export function differences(known: Known, found: Measured): Finding[] {
  const findings: Finding[] = []
  const wrong = (code: string, text: string): void => void findings.push({ code, level: 'wrong', text })
  if (found.length !== known.offset) {
    wrong('content-other-size', `${found.length} bytes were read, and the record says ${known.offset}.`)
  }
  if (known.crc32 !== undefined && known.crc32 !== found.crc32) {
    wrong('content-other-crc32', `The CRC32 of the content is ${found.crc32}, and that of the record ${known.crc32}.`)
  }
  for (const [name, digest] of Object.entries(known.digests ?? {})) {
    const other = found.digests[name as keyof Digests]
    if (other === digest) continue
    wrong('content-other-digest', `The ${name} of the content is ${other}, and the client said ${digest}.`)
  }
  for (const [name, sum] of Object.entries(known.checksums ?? {})) {
    const other = found.checksums[name as keyof Checksums]
    if (other === sum) continue
    wrong('content-other-checksum', `The ${name} of the content is ${other}, and the store says ${sum}.`)
  }
  return findings
}

/** Tries at reading on after a body broke off. */
const READS = 4

/**
 * Content that goes on where it broke off.
 * @param length bytes of all of it
 * @param open the content from a byte on
 */
export async function* resumed(
  length: number,
  open: (first: number) => Promise<AsyncIterable<Uint8Array>>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0
  for (let broken = 0; at < length; ) {
    const before = at
    try {
      for await (const chunk of await open(at)) {
        at += chunk.byteLength
        yield chunk
      }
      if (at === before) return
    } catch (error) {
      broken = at > before ? 1 : broken + 1
      if (broken >= READS) throw error
    }
  }
}
