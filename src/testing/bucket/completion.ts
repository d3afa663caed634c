/**
 * The rules of CompleteMultipartUpload: what its list of parts must be, and which checksum the object gets. Pure.
 * @module
 */

import { type CrcName, combineCrcs } from '../../store/crcs.js'
import { unquote } from './conditions.js'
import { ALGORITHMS, CHECKSUMS, type ChecksumAlgorithm, checksumHeader, type Headers } from './digests.js'
import { S3Error } from './errors.js'
import type { ObjectRecord, PartRecord, UploadRecord } from './records.js'
import type { Upload } from './store.js'
import { childrenOf, textOf, type XmlNode } from './xml.js'

const MAX_PARTS = 10_000

export interface CompletionPart {
  readonly number: number
  /** Without quotes. */
  readonly etag: string
  readonly checksums: Partial<Record<ChecksumAlgorithm, string>>
}

export function readParts(root: XmlNode): CompletionPart[] {
  const parts = childrenOf(root, 'Part').map(readPart)
  if (parts.length === 0 || parts.length > MAX_PARTS) throw new S3Error('MalformedXML')
  return parts
}

function readPart(node: XmlNode): CompletionPart {
  const [number, etag] = [textOf(node, 'PartNumber')?.trim(), textOf(node, 'ETag')]
  if (etag === undefined || !/^\d{1,5}$/.test(number ?? '')) throw new S3Error('MalformedXML')
  const checksums = ALGORITHMS.flatMap((algorithm) => {
    const value = textOf(node, `Checksum${algorithm}`)
    return value === undefined ? [] : [[algorithm, value] as const]
  })
  return { number: Number(number), etag: unquote(etag), checksums: Object.fromEntries(checksums) }
}

/** @returns the stored parts that the list names. Parts that it leaves out do not become part of the object. */
export function checkCompletion(
  upload: Upload,
  listed: readonly CompletionPart[],
  headers: Headers,
  minPartSize: number,
): PartRecord[] {
  checkOrder(listed, upload.record.checksum !== undefined)
  const parts = listed.map((part) => findPart(upload, part))
  if (parts.some(({ size }, at) => size < minPartSize && at < parts.length - 1)) throw new S3Error('EntityTooSmall')
  const promised = headers.get('x-amz-mp-object-size')
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  if (promised !== undefined && promised !== String(size)) {
    throw new S3Error(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${promised} does not match what was computed: ${size}`,
    )
  }
  return parts
}

/** Numbers rise; with a checksum over the parts they also start at 1 and leave none out. */
function checkOrder(listed: readonly CompletionPart[], consecutive: boolean): void {
  const ordered = listed.every(({ number }, at) =>
    consecutive ? number === at + 1 : at === 0 || number > listed[at - 1]!.number,
  )
  if (!ordered) throw new S3Error('InvalidPartOrder')
}

function findPart({ record, parts }: Upload, listed: CompletionPart): PartRecord {
  const part = parts.get(listed.number)
  if (part === undefined || part.etag !== listed.etag) throw new S3Error('InvalidPart')
  const claims = Object.entries(listed.checksums) as [ChecksumAlgorithm, string][]
  if (claims.some(([algorithm, value]) => part.checksums[algorithm] !== value)) throw new S3Error('InvalidPart')
  const { checksum } = record
  if (checksum?.type === 'COMPOSITE' && listed.checksums[checksum.algorithm] === undefined) {
    const algorithm = checksum.algorithm.toLowerCase()
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using a ${algorithm} checksum. The complete request must include the checksum for each part. It was missing for part ${listed.number} in the request.`,
    )
  }
  return part
}

/** The checksum of the whole; throws if the client promised another. */
export function objectChecksum(
  declared: UploadRecord['checksum'],
  parts: readonly PartRecord[],
  headers: Headers,
): ObjectRecord['checksum'] {
  const promised = ALGORITHMS.find((algorithm) => headers.has(checksumHeader(algorithm)))
  const type = headers.get('x-amz-checksum-type')?.toUpperCase()
  if (promised !== undefined && promised !== declared?.algorithm) {
    throw new S3Error(
      'InvalidRequest',
      `Checksum Type mismatch occurred, expected checksum Type: ${declared?.algorithm.toLowerCase() ?? 'null'}, actual checksum Type: ${promised.toLowerCase()}`,
    )
  }
  if (type !== undefined && type !== declared?.type) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created with the ${declared?.type ?? 'null'} checksum type, not ${type}.`,
    )
  }
  if (declared === undefined) return undefined
  const value =
    declared.type === 'COMPOSITE' ? composite(declared.algorithm, parts) : fullObject(declared.algorithm, parts)
  if (promised !== undefined && headers.get(checksumHeader(promised)) !== value) throw new S3Error('BadDigest')
  return { ...declared, value }
}

const digestOf = (part: PartRecord, algorithm: ChecksumAlgorithm) => Buffer.from(part.checksums[algorithm]!, 'base64')

function composite(algorithm: ChecksumAlgorithm, parts: readonly PartRecord[]): string {
  const hasher = CHECKSUMS[algorithm].create()
  for (const part of parts) hasher.update(digestOf(part, algorithm))
  return `${hasher.digest().toString('base64')}-${parts.length}`
}

function fullObject(algorithm: ChecksumAlgorithm, parts: readonly PartRecord[]): string {
  const pieces = parts.map((part) => ({ crc: digestOf(part, algorithm), size: part.size }))
  return combineCrcs(algorithm as CrcName, pieces).toString('base64')
}
