/**
 * A record for an upload that another server began: what it stored is looked up once, and named by the first commit.
 *
 * Those servers add up all parts that S3 lists. Here only the contiguous parts from number 1 count: after a hole, what
 * follows is at another place of the file than its number says (invariant 1 would otherwise be broken from the start).
 * @module
 */
import { UploadError } from '../../errors.js'
import type { ListedPart } from '../call/call.js'
import type { S3Context } from '../context.js'
import type { Keys } from '../keys.js'
import { headObject, listParts } from '../look.js'
import { partSizeAfter } from '../parts/plan.js'
import { chainEtag, newRecord, type Segment, type UploadRecord, withSlot } from '../record/record.js'
import type { ForeignInfo } from './info.js'
import { contiguousParts } from './run.js'

export type Reader = Pick<S3Context, 'call' | 'limits' | 'provider'>

/** An object, as far as it matters here. */
type Found = { etag: string; length: number } | undefined

/**
 * @param etag of the `.info` object
 * @throws UploadError ERR_STORE_UNAVAILABLE · ERR_STORE_CORRUPT if the other server had another prefix
 */
export async function adopt(reader: Reader, keys: Keys, info: ForeignInfo, etag: string): Promise<UploadRecord> {
  const { call, limits, provider } = reader
  const blank = blankRecord(info, `foreign ${etag}`, provider.multipartExpiry)
  const listed = await listParts(call, keys.object, info.uploadId)
  // tusd joins partial uploads to a final one in one request. The multipart upload may stay behind, empty.
  if (listed === undefined || info.joined?.kind === 'final') {
    return ended(blank, info, keys, await headObject(call, keys.object), listed !== undefined)
  }
  return unfinished(blank, limits, listed, await headObject(call, keys.slot(0)))
}

/** A missing multipart upload alone never means "complete": the object must be there, and have the size. */
function ended(blank: UploadRecord, info: ForeignInfo, keys: Keys, object: Found, hasMultipart: boolean): UploadRecord {
  const { length } = blank
  if (object && object.length === length) {
    const uploadId = hasMultipart ? blank.uploadId : undefined
    return { ...blank, state: 'complete', offset: length, uploadId, crc32: undefined, etag: object.etag }
  }
  if (info.key !== undefined && info.key !== keys.object) {
    const detail = `its object is ${info.key} there and ${keys.object} here: compare the object prefixes`
    throw new UploadError('ERR_STORE_CORRUPT', {
      cause: new Error(`${info.id} was begun by another server; ${detail}`),
    })
  }
  const failure = hasMultipart
    ? 'The server that joined this upload did not finish it; create a new one.'
    : 'The store dropped the unfinished upload (expired or aborted there); create a new one.'
  return { ...blank, state: 'failed', failure }
}

function unfinished(
  blank: UploadRecord,
  limits: Reader['limits'],
  listed: readonly ListedPart[],
  tail: Found,
): UploadRecord {
  const { length } = blank
  const parts = contiguousParts(listed, length, limits.minPartSize)
  const bytes = parts.reduce((sum, { size }) => sum + size, 0)
  const base = listed.length > 0 ? { parts: parts.length, bytes } : undefined
  // The tail was written with the last of the parts, or after them. It counts only if there is no hole before it.
  const follows = parts.length === listed.length && tail !== undefined && tail.length > 0
  const fits = follows && (length === undefined || bytes + tail.length <= length)
  const segment: Segment[] = fits ? [{ slot: 0, length: tail.length, etag: tail.etag, crc32: undefined }] : []
  const tailBytes = segment[0]?.length ?? 0
  const isChosen = base !== undefined || tailBytes >= limits.minPartSize
  return {
    ...blank,
    base,
    offset: bytes + tailBytes,
    parts: parts.length,
    partBytes: bytes,
    partSize: isChosen ? partSizeAfter(limits, length, listed, { parts: parts.length, bytes, tail: tailBytes }) : 0,
    partsDigest: parts.reduce((chain, { etag }) => chainEtag(chain, etag), ''),
    tail: segment,
    slots: withSlot(blank.slots, 0, tail?.etag ?? null),
    crc32: parts.length > 0 ? undefined : 0,
  }
}

function blankRecord(info: ForeignInfo, commit: string, multipartExpiry: number | undefined): UploadRecord {
  const { id, length, metadata, uploadId, joined, createdAt } = info
  const expiresAt = multipartExpiry === undefined ? undefined : createdAt + multipartExpiry
  const blank = newRecord({ id, length, metadata, metadataField: undefined, concat: joined }, createdAt)
  return { ...blank, commit, uploadId, expiresAt }
}
