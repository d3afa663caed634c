/**
 * tus 1.0.0, Checksum: the Upload-Checksum field, an algorithm and the Base64 digest of the request's body. Pure.
 * @module
 */
import { Buffer } from 'node:buffer'
import { UploadError } from '../../errors.js'
import type { Checksum, ChecksumAlgorithm } from '../../upload/command.js'

/** Bytes of a digest. A CRC32 is its four bytes, the most significant first. */
const DIGEST_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  sha1: 20,
  sha256: 32,
  sha512: 64,
  md5: 16,
  crc32: 4,
}

/** As Tus-Checksum-Algorithm lists them. */
export const CHECKSUM_ALGORITHMS = Object.keys(DIGEST_BYTES) as readonly ChecksumAlgorithm[]

/** @throws UploadError ERR_INVALID_CHECKSUM · ERR_UNSUPPORTED_CHECKSUM_ALGORITHM */
export function parseChecksum(field: string | undefined): Checksum | undefined {
  if (field === undefined) return undefined
  const [, name, base64] = /^([^ ]+) +([A-Za-z0-9+/]+={0,2})$/.exec(field.trim()) ?? []
  if (name === undefined || base64 === undefined) throw new UploadError('ERR_INVALID_CHECKSUM')
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === name.toLowerCase())
  if (algorithm === undefined) throw new UploadError('ERR_UNSUPPORTED_CHECKSUM_ALGORITHM')
  const digest = Buffer.from(base64, 'base64')
  if (digest.length === DIGEST_BYTES[algorithm]) return { algorithm, digest }
  const message = `A ${algorithm} digest has ${DIGEST_BYTES[algorithm]} bytes; the one in Upload-Checksum has ${digest.length}.`
  throw new UploadError('ERR_INVALID_CHECKSUM', { message })
}
