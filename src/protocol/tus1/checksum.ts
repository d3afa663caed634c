/**
 * tus 1.0.0, Checksum: the Upload-Checksum field, an algorithm and the Base64 digest of the request's body, which may also
 * follow the body (checksum-trailer). Pure.
 * @module
 */
import { Buffer } from 'node:buffer'
import { UploadError } from '../../errors.js'
import type { Checksum, ChecksumAlgorithm, Create } from '../../upload/command.js'
import { parseContentDigest } from '../digests.js'
import type { Fields } from '../message.js'

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

type Checksums = Pick<Create, 'checksum' | 'laterChecksum'>

/**
 * What is told of a request's body: before it, here or in RFC 9530's field, and after it. What comes before suffices; what
 * comes after it must be true as well.
 * @param trailers of the request; absent where they cannot be seen
 * @throws UploadError ERR_INVALID_CHECKSUM · ERR_UNSUPPORTED_CHECKSUM_ALGORITHM · ERR_INVALID_DIGEST · ERR_NOT_IMPLEMENTED
 */
export function parseChecksums(fields: Fields, trailers: (() => Fields) | undefined): Checksums {
  const checksum = parseChecksum(fields['upload-checksum']) ?? parseContentDigest(fields['content-digest'])
  // "They MUST be announced using the Trailer header."
  if (!isPromised(fields.trailer)) return { checksum }
  if (trailers) return { checksum, laterChecksum: () => parseTrailer(trailers(), checksum !== undefined) }
  if (checksum) return { checksum }
  const message = 'Fields after the body cannot be seen here; send Upload-Checksum before it.'
  throw new UploadError('ERR_NOT_IMPLEMENTED', { message })
}

const isPromised = (field: string | undefined): boolean =>
  (field ?? '').split(',').some((name) => name.trim().toLowerCase() === 'upload-checksum')

function parseTrailer(trailers: Fields, isOptional: boolean): Checksum | undefined {
  const checksum = parseChecksum(trailers['upload-checksum'])
  if (checksum || isOptional) return checksum
  const message = 'Trailer announced Upload-Checksum, and none came after the body.'
  throw new UploadError('ERR_INVALID_CHECKSUM', { message })
}
