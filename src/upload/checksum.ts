/**
 * A body whose bytes are digested as the store takes them, so that they are read once.
 * @module
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { UploadError } from '../errors.js'
import type { Body } from '../store/store.js'
import type { Checksum } from './command.js'

interface Digest {
  update(chunk: Uint8Array): void
  end(): Uint8Array
}

function digestOf({ algorithm }: Checksum): Digest {
  if (algorithm !== 'crc32') {
    const hash = createHash(algorithm)
    return { update: (chunk) => void hash.update(chunk), end: () => hash.digest() }
  }
  let sum = 0
  return {
    update: (chunk) => {
      sum = crc32(chunk, sum)
    },
    end: () => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(sum)
      return bytes
    },
  }
}

/** @returns the body, and what throws ERR_CHECKSUM_MISMATCH once it was read unless it has the checksum */
export function verified(body: Body, checksum: Checksum): { body: Body; verify: () => void } {
  const digest = digestOf(checksum)
  const verify = (): void => {
    if (Buffer.compare(digest.end(), checksum.digest) !== 0) throw new UploadError('ERR_CHECKSUM_MISMATCH')
  }
  return { body: tapped(body, digest.update), verify }
}

/** The same body, whose chunks are seen on their way. */
export function tapped(body: Body, see: (chunk: Uint8Array) => void): Body {
  return {
    length: body.length,
    get ended() {
      return body.ended
    },
    stop: () => body.stop(),
    async *[Symbol.asyncIterator]() {
      for await (const chunk of body) {
        see(chunk)
        yield chunk
      }
    },
  }
}
