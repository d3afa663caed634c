/**
 * The three CRCs of S3: over bytes as they come, and combined from those of adjacent pieces, which is how the checksum
 * of a whole multipart object follows from those of its parts. All three are reflected, with all bits set at start and end.
 * @module
 */
import { crc32 as nativeCrc32 } from 'node:zlib'

export interface Hasher {
  update(bytes: Uint8Array): void
  /** Big-endian, as S3 writes it before Base64. */
  digest(): Buffer
}

/** Of the two that node does not have itself. */
export const HASHERS = { CRC32C: crc32c, CRC64NVME: crc64nvme } as const

export const POLYNOMIALS = {
  CRC32: { polynomial: 0xedb88320n, width: 32 },
  CRC32C: { polynomial: 0x82f63b78n, width: 32 },
  CRC64NVME: { polynomial: 0x9a6c9329ac4bc9b5n, width: 64 },
} as const

export type CrcName = keyof typeof POLYNOMIALS

export function crc32(): Hasher {
  let value = 0
  return {
    update(bytes) {
      value = nativeCrc32(bytes, value)
    },
    digest: () => bigEndian(BigInt(value), 32),
  }
}

/** Slicing-by-8: table[k][b] is the CRC of byte b followed by k zero bytes. Laid out flat: k * 256 + b. */
function tables32(polynomial: number): Int32Array {
  const table = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    table[byte] = value
  }
  for (let at = 256; at < table.length; at++) {
    const previous = table[at - 256]!
    table[at] = (previous >>> 8) ^ table[previous & 0xff]!
  }
  return table
}

let crc32cTable: Int32Array | undefined

export function crc32c(): Hasher {
  crc32cTable ??= tables32(Number(POLYNOMIALS.CRC32C.polynomial))
  const table = crc32cTable
  let value = 0xffffffff
  return {
    update(bytes) {
      value = update32(table, value, bytes)
    },
    digest: () => bigEndian(BigInt(~value >>> 0), 32),
  }
}

function update32(t: Int32Array, start: number, bytes: Uint8Array): number {
  let crc = start
  let at = 0
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!
  return crc
}

interface Tables64 {
  readonly high: Int32Array
  readonly low: Int32Array
}

let crc64Tables: Tables64 | undefined

/** As tables32, in two halves: a BigInt for each byte would be a hundred times slower. */
function tables64(polynomial: bigint): Tables64 {
  const high = new Int32Array(8 * 256)
  const low = new Int32Array(8 * 256)
  const [polynomialHigh, polynomialLow] = [Number(polynomial >> 32n), Number(polynomial & 0xffffffffn)]
  for (let byte = 0; byte < 256; byte++) {
    let [h, l] = [0, byte]
    for (let bit = 0; bit < 8; bit++) {
      const carry = l & 1
      l = (l >>> 1) | (h << 31)
      h >>>= 1
      if (carry) [h, l] = [h ^ polynomialHigh, l ^ polynomialLow]
    }
    high[byte] = h
    low[byte] = l
  }
  for (let at = 256; at < high.length; at++) {
    const [h, l] = [high[at - 256]!, low[at - 256]!]
    low[at] = ((l >>> 8) | (h << 24)) ^ low[l & 0xff]!
    high[at] = (h >>> 8) ^ high[l & 0xff]!
  }
  return { high, low }
}

export function crc64nvme(): Hasher {
  crc64Tables ??= tables64(POLYNOMIALS.CRC64NVME.polynomial)
  const tables = crc64Tables
  const state = { high: 0xffffffff, low: 0xffffffff }
  return {
    update: (bytes) => update64(tables, state, bytes),
    digest: () => bigEndian((BigInt(~state.high >>> 0) << 32n) | BigInt(~state.low >>> 0), 64),
  }
}

function update64({ high, low }: Tables64, state: { high: number; low: number }, bytes: Uint8Array): void {
  let h = state.high
  let l = state.low
  let at = 0
  for (const end = bytes.length - 7; at < end; at += 8) {
    l ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    h ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)
    const i = 1792 + (l & 0xff)
    const j = 1536 + ((l >>> 8) & 0xff)
    const k = 1280 + ((l >>> 16) & 0xff)
    const m = 1024 + (l >>> 24)
    const n = 768 + (h & 0xff)
    const o = 512 + ((h >>> 8) & 0xff)
    const p = 256 + ((h >>> 16) & 0xff)
    const q = h >>> 24
    l = low[i]! ^ low[j]! ^ low[k]! ^ low[m]! ^ low[n]! ^ low[o]! ^ low[p]! ^ low[q]!
    h = high[i]! ^ high[j]! ^ high[k]! ^ high[m]! ^ high[n]! ^ high[o]! ^ high[p]! ^ high[q]!
  }
  for (; at < bytes.length; at++) {
    const index = (l ^ bytes[at]!) & 0xff
    l = ((l >>> 8) | (h << 24)) ^ low[index]!
    h = (h >>> 8) ^ high[index]!
  }
  state.high = h
  state.low = l
}

/**
 * The CRC of all pieces in a row, from the CRC and size of each. The first CRC, pushed along by the second's size in
 * zero bytes, is a multiplication by x^(8·size) modulo the polynomial.
 */
export function combineCrcs(name: CrcName, pieces: readonly { crc: Buffer; size: number }[]): Buffer {
  const { polynomial, width } = POLYNOMIALS[name]
  // Parts mostly have one size, so that the power is worth keeping: 10,000 parts then take 100 ms, not 10 s.
  const powers = new Map<number, bigint>()
  let combined = 0n
  for (const { crc, size } of pieces) {
    const power = powers.get(size) ?? powerOfX(8n * BigInt(size), polynomial, width)
    powers.set(size, power)
    combined = multiply(power, combined, polynomial, width) ^ BigInt(`0x${crc.toString('hex')}`)
  }
  return bigEndian(combined, width)
}

/** a·b modulo the polynomial; bit-reflected, so that the highest bit is x^0. */
function multiply(a: bigint, b: bigint, polynomial: bigint, width: number): bigint {
  let product = 0n
  let shifted = b
  for (let bit = 1n << BigInt(width - 1); bit !== 0n; bit >>= 1n) {
    if (a & bit) product ^= shifted
    shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n
  }
  return product
}

function powerOfX(exponent: bigint, polynomial: bigint, width: number): bigint {
  let power = 1n << BigInt(width - 1)
  let square = 1n << BigInt(width - 2)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) power = multiply(square, power, polynomial, width)
    square = multiply(square, square, polynomial, width)
  }
  return power
}

function bigEndian(value: bigint, width: number): Buffer {
  return Buffer.from(value.toString(16).padStart(width / 4, '0'), 'hex')
}
