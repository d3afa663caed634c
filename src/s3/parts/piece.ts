/**
 * Bytes on their way to becoming a part: the chunks as they came from the socket, never joined, with their CRC32.
 * @module
 */
import { crc32 } from 'node:zlib'
import type { Payload } from '../call/call.js'
import type { Segment } from '../record/record.js'
import { combineCrc32 } from './crc.js'

export class Piece {
  readonly chunks: Uint8Array[] = []
  length = 0
  crc32 = 0

  add(chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.length += chunk.length
    this.crc32 = crc32(chunk, this.crc32)
  }
}

/** The tail's bytes followed by those of the piece. */
export function payloadAfter(tail: readonly Segment[], tailChunks: readonly Uint8Array[], piece: Piece): Payload {
  const start = crcOf(tail)
  const chunks = tailChunks.length === 0 ? piece.chunks : [...tailChunks, ...piece.chunks]
  return {
    length: start.length + piece.length,
    crc32: combineCrc32(start.crc32, piece.crc32, piece.length),
    chunks: () => chunks,
  }
}

/** Length and CRC32 of segments in a row. */
export function crcOf(segments: readonly { length: number; crc32: number }[]): { length: number; crc32: number } {
  let length = 0
  let crc = 0
  for (const segment of segments) {
    crc = combineCrc32(crc, segment.crc32, segment.length)
    length += segment.length
  }
  return { length, crc32: crc }
}

/** The chunks without their first `count` bytes. */
export function skipBytes(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = []
  let left = count
  for (const chunk of chunks) {
    if (left >= chunk.length) left -= chunk.length
    else {
      rest.push(left > 0 ? chunk.subarray(left) : chunk)
      left = 0
    }
  }
  return rest
}
