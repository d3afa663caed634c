/**
 * The record of an upload: the single source of truth, one JSON object in the bucket, replaced only by
 * compare-and-swap. Its size does not depend on how many parts there are.
 * @module
 */
import { createHash } from 'node:crypto'
import { concatOf, earlierOf, type Joined } from '../../store/file-info.js'
import type { Digests, NewUpload, UploadInfo, UploadState } from '../../store/info.js'
import { type Kept, keptOf } from '../../store/notes.js'
import { randomHex } from '../../store/random.js'

/** Bytes that are too few for a part, in a tail slot. */
export interface Segment {
  slot: number
  /** Bytes of the upload in it; the object holds a nonce of NONCE_BYTES after them, unless another server wrote it. */
  length: number
  etag: string
  /** Undefined for one that another server wrote. */
  crc32: number | undefined
}

/** Parts that another server wrote, of whatever sizes. The grid begins after them. */
export interface Base {
  parts: number
  /** Bytes of them. */
  bytes: number
}

export interface UploadRecord extends Kept {
  id: string
  /** Bytes; undefined while deferred. */
  length: number | undefined
  metadata: Record<string, string>
  metadataField: string | undefined
  /** New at each commit, so that no two records are equal and a lost answer can be told from a lost race. */
  commit: string
  state: UploadState
  failure: string | undefined
  /** Committed bytes. */
  offset: number
  /** The multipart upload; undefined before the first full part, and for ever if the upload fits into one. */
  uploadId: string | undefined
  /** The multipart upload was created so that its completion verifies `crc32`. */
  fullObject?: boolean | undefined
  /** Written into the metadata of the final object, so that it can be recognised after a lost answer. */
  token: string | undefined
  /** Undefined unless another server began the upload and stored parts. */
  base: Base | undefined
  /** Bytes of each part after the base, but the last; 0 until the first bytes came. */
  partSize: number
  /** How many parts are committed. */
  parts: number
  /** Bytes of the committed parts. */
  partBytes: number
  /** Chain of SHA-256 over the ETags of the committed parts, in order; '' for none. */
  partsDigest: string
  /** In order; the bytes after the parts. */
  tail: Segment[]
  /** What each slot held when last known: its ETag, or null if it was not there. Those after the last were never named. */
  slots: (string | null)[]
  /**
   * CRC32 of the bytes in the committed parts, or of the whole object; the tail's segments have their own. Undefined if
   * another server wrote some of them.
   */
  crc32: number | undefined
  /** The final object, once it was stored; its length is then `offset`. */
  etag: string | undefined
  /**
   * ETag of the object (or null for none) that the completion of a multipart upload without a token replaces: another
   * server created that multipart upload, so its object has no marks, and is told by not being the one of before.
   */
  replaces: string | null | undefined
  /** A partial upload, or the final one of some. The parts of a final one are all committed at once. */
  joined: Joined | undefined
  /** What the client says of the whole content. */
  digests?: Digests | undefined
  /** The largest fencing token under which it was committed; undefined if there was no locker. It never decreases. */
  fence?: number | undefined
  /** Where the application moved the object of a complete upload. */
  moved?: { bucket: string; key: string } | undefined
  createdAt: number
  /** When the provider drops the multipart upload, if that is known; milliseconds since the epoch. */
  expiresAt: number | undefined
  /** When it expires unless it has all its bytes, by the server's own rule; milliseconds since the epoch. */
  deadline?: number | undefined
  completedAt: number | undefined
  /** Slots or multipart uploads could not be removed when the upload was completed; whoever opens it tries again. */
  leftovers: boolean | undefined
}

/** Of an upload of which nothing is stored. @param createdAt milliseconds since the epoch */
export function newRecord({ concat, ...upload }: NewUpload, createdAt: number): UploadRecord {
  return {
    commit: '',
    state: 'open',
    failure: undefined,
    offset: 0,
    uploadId: undefined,
    token: undefined,
    base: undefined,
    partSize: 0,
    parts: 0,
    partBytes: 0,
    partsDigest: '',
    tail: [],
    slots: [],
    crc32: 0,
    etag: undefined,
    replaces: undefined,
    joined: concat,
    createdAt,
    expiresAt: undefined,
    completedAt: undefined,
    leftovers: undefined,
    // Last: V8 takes thirty times as long to make an object of this size that begins with a spread.
    ...upload,
  }
}

export const newNonce = (): string => randomHex(16)

/** Extends the chain by the ETag of one more part. ETags count without their quotes, which some providers drop. */
export function chainEtag(digest: string, etag: string): string {
  return createHash('sha256').update(digest).update(etag.replaceAll('"', '')).digest('hex')
}

/** `slots`, but that `slot` holds what has this ETag. */
export function withSlot(slots: readonly (string | null)[], slot: number, etag: string | null): (string | null)[] {
  const length = Math.max(slots.length, slot + 1)
  return Array.from({ length }, (_, index) => (index === slot ? etag : (slots[index] ?? null)))
}

export const tailLength = (tail: readonly Segment[]): number => tail.reduce((sum, { length }) => sum + length, 0)

/** @param modifiedAt milliseconds since the epoch: when it was committed, if that is known */
export function infoOf(record: UploadRecord, storage: Record<string, string>, modifiedAt?: number): UploadInfo {
  const { id, length, metadata, metadataField, offset, state, failure, createdAt, completedAt, etag, deadline } = record
  const { digests, crc32 } = record
  const concat = concatOf(record.joined)
  const completed = state === 'complete'
  return {
    id,
    length,
    metadata,
    metadataField,
    offset,
    state,
    failure,
    createdAt,
    completedAt,
    expiresAt: state === 'open' ? earlierOf(record.expiresAt, deadline) : undefined,
    deadline,
    modifiedAt,
    leftovers: record.leftovers,
    etag: completed ? etag : undefined,
    crc32: completed ? crc32 : undefined,
    ...(digests ? { digests } : {}),
    storage,
    ...(concat ? { concat } : {}),
    ...keptOf(record),
  }
}
