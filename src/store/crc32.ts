/**
 * CRC32 of a whole from the CRC32 of its pieces, so that no byte is read twice. Pure.
 *
 * A CRC is linear: appending n zero bytes multiplies it by a matrix over GF(2), and squaring the matrix doubles n.
 * @module
 */

import { Buffer } from 'node:buffer'

const POLYNOMIAL = 0xedb88320

type Matrix = Uint32Array

function times(matrix: Matrix, vector: number): number {
  let sum = 0
  for (let row = 0, rest = vector; rest !== 0; row++, rest >>>= 1) if (rest & 1) sum ^= matrix[row]!
  return sum >>> 0
}

const square = (matrix: Matrix): Matrix => matrix.map((row) => times(matrix, row))

/** ZEROS[k] appends 2^k zero bytes. */
const ZEROS: Matrix[] = (() => {
  const oneBit = Uint32Array.from({ length: 32 }, (_, row) => (row === 0 ? POLYNOMIAL : 1 << (row - 1)))
  let matrix = square(square(square(oneBit)))
  return Array.from({ length: 53 }, () => {
    const now = matrix
    matrix = square(matrix)
    return now
  })
})()

/** The CRC32 of a first piece followed by a second one of `length` bytes (up to 2^53); unknown if one of them is. */
export function combineCrc32(first: number, second: number, length: number): number
export function combineCrc32(first: number | undefined, second: number | undefined, length: number): number | undefined
export function combineCrc32(
  first: number | undefined,
  second: number | undefined,
  length: number,
): number | undefined {
  if (first === undefined || second === undefined) return undefined
  let crc = first >>> 0
  for (let k = 0, rest = length; rest > 0; k++, rest = Math.floor(rest / 2)) if (rest % 2) crc = times(ZEROS[k]!, crc)
  return (crc ^ second) >>> 0
}

/** As HTTP and S3 write it: four bytes in network order, in Base64. */
export function base64OfCrc32(crc32: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32)
  return bytes.toString('base64')
}

/** @returns undefined for what is none, such as S3's checksums of checksums (`…-3`) */
export function crc32OfBase64(text: string | undefined): number | undefined {
  if (text === undefined || !/^[A-Za-z0-9+/]{6}==$/.test(text)) return undefined
  return Buffer.from(text, 'base64').readUInt32BE()
}
