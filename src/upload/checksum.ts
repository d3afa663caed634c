/**
 * A body whose bytes are digested as the store takes them, so that they are read once.
 * @module
 */

import { createHash } from 'node:crypto'
import { UploadError } from '../errors.js'
import { crc32 } from '../store/crc32-of.js'
import type { Body } from '../store/store.js'
import type { Checksum, ChecksumAlgorithm, Create } from './command.js'

interface Digest {
  update(chunk: Uint8Array): void
  /** Of the bytes until now. */
  value(): Uint8Array
}

const DIGESTS: Readonly<Record<ChecksumAlgorithm, () => Digest>> = {
  sha1: () => hashOf('sha1'),
  sha256: () => hashOf('sha256'),
  sha512: () => hashOf('sha512'),
  md5: () => hashOf('md5'),
  crc32: crc32Of,
}

const ALL = Object.keys(DIGESTS) as readonly ChecksumAlgorithm[]

function hashOf(algorithm: string): Digest {
  const hash = createHash(algorithm)
  return { update: (chunk) => void hash.update(chunk), value: () => hash.copy().digest() }
}

function crc32Of(): Digest {
  let sum = 0
  return {
    update: (chunk) => {
      sum = crc32(chunk, sum)
    },
    value: () => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(sum)
      return bytes
    },
  }
}

type Checksums = Pick<Create, 'checksum' | 'laterChecksum'>

/**
 * @returns the body, and what throws ERR_CHECKSUM_MISMATCH once it was read unless it has all the checksums; without such
 *   a thing, the body as it is
 */
export function verified(body: Body, { checksum, laterChecksum }: Checksums): { body: Body; verify?: () => void } {
  if (!checksum && !laterChecksum) return { body }
  // Which algorithm the later one has is told with it.
  const algorithms = laterChecksum || !checksum ? ALL : [checksum.algorithm]
  const digests = new Map(algorithms.map((algorithm) => [algorithm, DIGESTS[algorithm]()]))
  const see = (chunk: Uint8Array): void => {
    for (const digest of digests.values()) digest.update(chunk)
  }
  const mustHave = ({ algorithm, digest }: Checksum): void => {
    const value = digests.get(algorithm)?.value()
    if (!value || Buffer.compare(value, digest) !== 0) throw new UploadError('ERR_CHECKSUM_MISMATCH')
  }
  const verify = (): void => {
    const later = laterChecksum?.()
    if (checksum) mustHave(checksum)
    if (later) mustHave(later)
  }
  return { body: tapped(body, see), verify }
}

/** The same body, whose chunks are seen on their way. */
export function tapped(body: Body, see: (chunk: Uint8Array) => void): Body {
  return {
    length: body.length,
    isOurs: body.isOurs,
    get unread() {
      return body.unread
    },
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
