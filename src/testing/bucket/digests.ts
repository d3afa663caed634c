/**
 * What a request says about its bytes (Content-MD5, x-amz-content-sha256, x-amz-checksum-*), and whether it is true.
 * Only the digests that somebody needs are computed.
 * @module
 */
import { createHash } from 'node:crypto'
import { crc32, crc32c, crc64nvme, type Hasher } from '../../store/crcs.js'
import { S3Error } from './errors.js'
import { ThreadHash } from './thread-hash.js'

/** COMPOSITE: a digest of the parts' digests. FULL_OBJECT: the digest of the whole, which CRCs can be combined to. */
export type ChecksumType = 'COMPOSITE' | 'FULL_OBJECT'

const sha = (name: string) => (): Hasher => {
  const hash = createHash(name)
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() }
}

/** `types`: those that a multipart upload may have, its default first. */
export const CHECKSUMS = {
  CRC32: { bytes: 4, create: crc32, types: ['COMPOSITE', 'FULL_OBJECT'] },
  CRC32C: { bytes: 4, create: crc32c, types: ['COMPOSITE', 'FULL_OBJECT'] },
  CRC64NVME: { bytes: 8, create: crc64nvme, types: ['FULL_OBJECT'] },
  SHA1: { bytes: 20, create: sha('sha1'), types: ['COMPOSITE'] },
  SHA256: { bytes: 32, create: sha('sha256'), types: ['COMPOSITE'] },
} as const satisfies Record<string, { bytes: number; create: () => Hasher; types: readonly ChecksumType[] }>

export type ChecksumAlgorithm = keyof typeof CHECKSUMS
export type DigestName = ChecksumAlgorithm | 'MD5'
export type Headers = ReadonlyMap<string, string>

export const ALGORITHMS = Object.keys(CHECKSUMS) as ChecksumAlgorithm[]
export const checksumHeader = (algorithm: ChecksumAlgorithm) => `x-amz-checksum-${algorithm.toLowerCase()}`

/** The algorithm of this name as S3's headers spell it. */
export function parseAlgorithm(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined
  const algorithm = ALGORITHMS.find((known) => known === name.toUpperCase())
  if (algorithm === undefined) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.')
  return algorithm
}

const HASHES: Partial<Record<DigestName, string>> = { MD5: 'md5', SHA1: 'sha1', SHA256: 'sha256' }

/** Several digests over the same bytes: CRCs as they pass, which is quick, and hashes on their thread. */
export class Digests {
  readonly #crcs: Map<DigestName, Hasher>
  readonly #hashNames: readonly DigestName[]
  readonly #hash: ThreadHash

  constructor(names: Iterable<DigestName>) {
    const all = [...new Set(names)]
    this.#hashNames = all.filter((name) => HASHES[name] !== undefined)
    this.#hash = new ThreadHash(this.#hashNames.map((name) => HASHES[name]!))
    const crcs = all.flatMap((name) => (name === 'MD5' || HASHES[name] !== undefined ? [] : [name]))
    this.#crcs = new Map(crcs.map((name) => [name, CHECKSUMS[name].create()]))
  }

  /** @returns what to wait for before giving more, if anything */
  update(bytes: Uint8Array): Promise<void> | undefined {
    for (const crc of this.#crcs.values()) crc.update(bytes)
    return this.#hashNames.length === 0 ? undefined : this.#hash.update(bytes)
  }

  async finish(): Promise<ReadonlyMap<DigestName, Buffer>> {
    const hashes = await this.#hash.finish()
    return new Map([
      ...[...this.#crcs].map(([name, crc]): [DigestName, Buffer] => [name, crc.digest()]),
      ...this.#hashNames.map((name, at): [DigestName, Buffer] => [name, hashes[at]!]),
    ])
  }

  /** To be called when the bytes did not come to their end. */
  cancel(): void {
    this.#hash.cancel()
  }
}

export interface Expectations {
  readonly md5?: Buffer
  /** Hex, from x-amz-content-sha256. */
  readonly payload?: string
  readonly checksum?: {
    readonly algorithm: ChecksumAlgorithm /** Base64; absent when a trailer brings it. */
    readonly value?: string
  }
}

/** Reads what the head promises. Throws for what is malformed. */
export function parseExpectations(headers: Headers): Expectations {
  const payload = headers.get('x-amz-content-sha256')
  const md5 = headers.get('content-md5')
  const checksum = parseChecksum(headers)
  return {
    ...(md5 === undefined ? {} : { md5: decode(md5, 16, new S3Error('InvalidDigest')) }),
    ...(payload !== undefined && /^[0-9a-f]{64}$/.test(payload) ? { payload } : {}),
    ...(checksum === undefined ? {} : { checksum }),
  }
}

function parseChecksum(headers: Headers): Expectations['checksum'] {
  const given = ALGORITHMS.filter((algorithm) => headers.has(checksumHeader(algorithm)))
  const trailer = headers.get('x-amz-trailer')?.trim().toLowerCase()
  const trailing = ALGORITHMS.filter((algorithm) => trailer === checksumHeader(algorithm))
  if (given.length + trailing.length > 1) {
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.',
    )
  }
  const algorithm = given[0] ?? trailing[0]
  const named = parseAlgorithm(headers.get('x-amz-sdk-checksum-algorithm'))
  if (named !== undefined && named !== algorithm) {
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    )
  }
  if (algorithm === undefined) return undefined
  const value = headers.get(checksumHeader(algorithm))
  if (value === undefined) return { algorithm }
  checkForm(algorithm, value)
  return { algorithm, value }
}

/** Refuses a checksum that is not Base64 of the right length. */
export function checkForm(algorithm: ChecksumAlgorithm, value: string): void {
  const failure = new S3Error('InvalidRequest', `Value for ${checksumHeader(algorithm)} header is invalid.`)
  decode(value, CHECKSUMS[algorithm].bytes, failure)
}

function decode(value: string, bytes: number, failure: S3Error): Buffer {
  const decoded = Buffer.from(value, 'base64')
  if (decoded.length !== bytes || decoded.toString('base64') !== value.trim()) throw failure
  return decoded
}

/** The digests that it takes to check these expectations. */
export function digestsFor({ md5, payload, checksum }: Expectations): DigestName[] {
  return [
    ...(md5 === undefined ? [] : (['MD5'] as const)),
    ...(payload === undefined ? [] : (['SHA256'] as const)),
    ...(checksum === undefined ? [] : [checksum.algorithm]),
  ]
}

/** Throws if the bytes were not what the head, or the trailers, said. */
export function checkDigests(expected: Expectations, found: ReadonlyMap<DigestName, Buffer>, trailers: Headers): void {
  const { md5, payload, checksum } = expected
  if (payload !== undefined && found.get('SHA256')?.toString('hex') !== payload) {
    throw new S3Error('XAmzContentSHA256Mismatch')
  }
  if (md5 !== undefined && !found.get('MD5')?.equals(md5)) {
    throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.')
  }
  if (checksum === undefined) return
  const { algorithm } = checksum
  const value = checksum.value ?? trailers.get(checksumHeader(algorithm))
  if (value === undefined) throw new S3Error('InvalidRequest', 'The trailer that x-amz-trailer announced did not come.')
  checkForm(algorithm, value)
  if (found.get(algorithm)?.toString('base64') !== value.trim()) {
    throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`)
  }
}
