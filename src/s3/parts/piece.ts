/**
 * Bytes on their way to becoming a part, with their CRC32.
 * @module
 */

import { combineCrc32 } from '../../store/crc32.js'
import { crc32 } from '../../store/crc32-of.js'
import type { Payload } from '../call/call.js'
import type { Segment } from '../record/record.js'
import { type Bytes, MemoryBytes } from './bytes.js'

export class Piece {
  readonly bytes: Bytes
  length = 0
  crc32 = 0

  constructor(bytes: Bytes = new MemoryBytes()) {
    this.bytes = bytes
  }

  /** @param isOurs as for `Bytes.add` */
  add(chunk: Uint8Array, isOurs = false): Promise<void> | undefined {
    this.length += chunk.length
    this.crc32 = crc32(chunk, this.crc32)
    return this.bytes.add(chunk, isOurs)
  }
}

/** The bytes of segments (given as `before`, without the first `skip` of them) followed by those of the piece. */
export function payloadAfter(segments: readonly Segment[], before: Bytes, piece: Piece, skip = 0): Payload {
  const start = crcOf(segments)
  const { bytes } = piece
  const isAlone = start.length === 0
  return {
    length: start.length + piece.length,
    crc32: combineCrc32(start.crc32, piece.crc32, piece.length),
    chunks: () => (isAlone ? bytes.chunks() : inARow(before.chunks(skip), bytes.chunks())),
    returned() {
      if (!isAlone) before.returned()
      bytes.returned()
    },
  }
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

function inARow(first: Chunks, second: Chunks): Chunks {
  return Symbol.iterator in first && Symbol.iterator in second ? [...first, ...second] : asyncInARow(first, second)
}

async function* asyncInARow(first: Chunks, second: Chunks): AsyncIterable<Uint8Array> {
  yield* first
  yield* second
}

/** Length and CRC32 of segments in a row. */
export function crcOf(segments: readonly { length: number; crc32: number | undefined }[]): {
  length: number
  crc32: number | undefined
} {
  let length = 0
  let crc: number | undefined = 0
  for (const segment of segments) {
    crc = combineCrc32(crc, segment.crc32, segment.length)
    length += segment.length
  }
  return { length, crc32: crc }
}
