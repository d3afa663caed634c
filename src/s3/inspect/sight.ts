/**
 * All that S3 holds of one upload, looked up without changing anything.
 * @module
 */
import type { Author } from '../../store/inspect.js'
import type { ListedPart } from '../call/call.js'
import { asStoreFailure, means } from '../call/faults.js'
import { readWaiting } from '../concat/waiting.js'
import type { S3Context } from '../context.js'
import { adopt } from '../foreign/adopt.js'
import { recogniseInfo } from '../foreign/info.js'
import { type Keys, SLOTS } from '../keys.js'
import { headObject, listParts } from '../look.js'
import { readInfo } from '../record/commit.js'
import type { UploadRecord } from '../record/record.js'

export interface SeenObject {
  etag: string
  /** Bytes. */
  length: number
  crc32?: number | undefined
  checksums?: Record<string, string> | undefined
  metadata: Record<string, string>
  modified?: number | undefined
}

export interface Moved {
  bucket: string
  key: string
}

export interface SeenSlot {
  slot: number
  etag: string
  /** Bytes, the nonce at the end included. */
  size: number
}

export interface Sight {
  /** Milliseconds since the epoch: when it was looked at. */
  now: number
  keys: Keys
  author: Author
  upload: UploadRecord
  /** Milliseconds since the epoch: when the record was committed. */
  modified: number | undefined
  /** The object's key, as the record has it. */
  storageKey: string | undefined
  /** Where the application moved the object. */
  moved: Moved | undefined
  object: SeenObject | undefined
  /** `gone`: S3 does not know the multipart upload that the record names. Undefined if it names none. */
  parts: readonly ListedPart[] | 'gone' | undefined
  slots: readonly SeenSlot[]
  /** Multipart uploads of the key that the record does not name; undefined if they may not be listed. */
  strays: readonly string[] | undefined
  /** Of a partial upload: the final ones that wait for it. */
  finals: readonly string[]
}

/** What stands under the key of a record. */
export interface ReadRecord {
  etag: string
  text: string
  modified: number | undefined
  author: Author
  /** Undefined if it is no record. */
  upload: UploadRecord | undefined
}

/** @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_STORE_CORRUPT · ERR_STORE_UNAVAILABLE */
export async function readAny(context: S3Context, keys: Keys): Promise<ReadRecord> {
  const info = await readInfo(context, keys.record)
  const { etag, text, modified, record } = info
  if (record) return { etag, text, modified, author: 'holdfast', upload: record }
  const foreign = recogniseInfo(info, keys.id)
  if (!foreign) return { etag, text, modified, author: 'unknown', upload: undefined }
  return { etag, text, modified, author: foreign.author, upload: await adopt(context, keys, foreign, etag) }
}

/** @throws UploadError ERR_STORE_UNAVAILABLE · ERR_STORE_REFUSED */
export async function lookAt(context: S3Context, keys: Keys, read: ReadRecord, upload: UploadRecord): Promise<Sight> {
  const { call } = context
  const { uploadId, state } = upload
  const isPartial = upload.joined?.kind === 'partial'
  const [object, parts, slots, strays, finals] = await Promise.all([
    headObject(call, keys.object, undefined, true),
    // The multipart upload of an object that is there is over, and some servers say so, some do not.
    uploadId === undefined || state === 'complete' ? undefined : listParts(call, keys.object, uploadId),
    slotsOf(context, keys, upload),
    straysOf(context, keys, upload),
    isPartial ? readWaiting(context, keys.finals) : [],
  ])
  const { Storage, Holdfast } = JSON.parse(read.text) as { Storage?: { Key?: string }; Holdfast?: { moved?: Moved } }
  return {
    now: context.now(),
    keys,
    author: read.author,
    upload,
    modified: read.modified,
    storageKey: Storage?.Key,
    moved: Holdfast?.moved,
    object,
    parts: uploadId === undefined || state === 'complete' ? undefined : (parts ?? 'gone'),
    slots,
    strays,
    finals,
  }
}

/** Listed, since nobody knows where a crash left one; or, without the right to list, those that may be there. */
async function slotsOf(context: S3Context, keys: Keys, upload: UploadRecord): Promise<SeenSlot[]> {
  const found: SeenSlot[] = []
  try {
    let page: string | undefined
    do {
      const { objects, next } = await context.call('listObjectsV2', { prefix: keys.slot(0), page })
      for (const { key, etag, size } of objects) {
        const slot = slotOf(keys, key)
        if (slot !== undefined) found.push({ slot, etag, size })
      }
      page = next
    } while (page !== undefined)
    return found.sort((one, other) => one.slot - other.slot)
  } catch (error) {
    if (!means(error, 'denied', 'refused')) throw asStoreFailure(error)
    const count = Math.min(SLOTS, Math.max(1, upload.slots.length))
    const heads = Array.from({ length: count }, async (_, slot) => {
      const head = await headObject(context.call, keys.slot(slot))
      return head ? [{ slot, etag: head.etag, size: head.length }] : []
    })
    return (await Promise.all(heads)).flat()
  }
}

/** An ID may go on after `.part`, too. */
function slotOf(keys: Keys, key: string): number | undefined {
  const slot = Number(key.slice(keys.slot(0).length))
  return Number.isInteger(slot) && slot >= 0 && slot < SLOTS && keys.slot(slot) === key ? slot : undefined
}

/** Those of a key that was chosen may be of other uploads, and nothing tells whose they are. */
async function straysOf(
  { call }: S3Context,
  { object: key }: Keys,
  upload: UploadRecord,
): Promise<string[] | undefined> {
  if (upload.key !== undefined) return []
  try {
    return (await call('listMultipartUploads', { key })).uploadIds.filter((uploadId) => uploadId !== upload.uploadId)
  } catch (error) {
    if (means(error, 'denied', 'refused')) return undefined
    throw asStoreFailure(error)
  }
}
