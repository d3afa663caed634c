/**
 * Reading a record and replacing it by compare-and-swap: the only write by which an upload advances.
 * @module
 */
import { UploadError } from '../../errors.js'
import { type Call, payloadOf } from '../call/call.js'
import { asStoreFailure, means, S3Fault } from '../call/faults.js'
import { adopt, type Reader } from '../foreign/adopt.js'
import { recogniseInfo, type StoredInfo } from '../foreign/info.js'
import type { Keys } from '../keys.js'
import { decodeRecord, encodeRecord } from './codec.js'
import { newNonce, type UploadRecord } from './record.js'
import { checkTransition } from './transition.js'

/** A record as it stands in the bucket. */
export interface Committed {
  record: UploadRecord
  /** As S3 gave it: what the next swap must match. */
  etag: string
  /** When it was committed, as far as this is known; milliseconds since the epoch. */
  modified?: number | undefined
  /**
   * Another server wrote what stands there, and the record was made of it: it must be committed before any byte is
   * stored, or the next reader would take a new part for one of that server's.
   */
  isForeign: boolean
}

/** A record is a few KiB, that of a final upload of 10,000 others a MiB or two; one that is larger is none of ours. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024

/** Reads of one record whose body breaks off; each is a whole round of retried requests. */
const READS = 3

/** @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_STORE_CORRUPT · ERR_STORE_UNAVAILABLE */
export async function readRecord(reader: Reader, keys: Keys): Promise<Committed> {
  const { etag, ...info } = await readInfo(reader, keys.record)
  const { record, modified } = info
  if (record) return { record, etag, modified, isForeign: false }
  const foreign = recogniseInfo(info, keys.id)
  if (foreign) return { record: await adopt(reader, keys, foreign, etag), etag, isForeign: true }
  throw new UploadError('ERR_STORE_CORRUPT', { cause: new Error(`${keys.record} is no record of an upload`) })
}

/**
 * @returns what stands there, and the record that it is, if Holdfast wrote it
 * @throws UploadError as above
 */
export async function readInfo(
  { call }: Pick<Reader, 'call'>,
  key: string,
): Promise<StoredInfo & { etag: string; record: UploadRecord | undefined }> {
  try {
    const { text, ...read } = await readText(call, key)
    return { ...read, text, record: decodeRecord(text) }
  } catch (error) {
    if (means(error, 'missing-object')) throw new UploadError('ERR_UPLOAD_NOT_FOUND', { cause: error })
    if (error instanceof UploadError) throw error
    throw asStoreFailure(error instanceof S3Fault ? error : new S3Fault('getObject', 0, '', String(error), error))
  }
}

/** The retries of a call end with the head of the answer; a body can break off after it. */
async function readText(call: Call, key: string): Promise<StoredInfo & { etag: string }> {
  for (let read = 1; ; read++) {
    const { etag, length, body, metadata, modified } = await call('getObject', { key })
    if (length > MAX_RECORD_BYTES) throw new UploadError('ERR_STORE_CORRUPT', { cause: new Error(`${length} bytes`) })
    try {
      const chunks: Uint8Array[] = []
      for await (const chunk of body) chunks.push(chunk)
      return { etag, metadata, modified, text: Buffer.concat(chunks).toString('utf8') }
    } catch (error) {
      if (read === READS) throw error
    }
  }
}

/** Tries at settling one swap whose answers were lost or in conflict; each is a whole round of retried requests. */
const ROUNDS = 3

/**
 * Commits `next` if the record is still the one of `before` (or absent, without `before`).
 *
 * A 412 can be one's own retried success, and a lost answer says nothing: both are settled by reading the record back
 * and comparing the nonce. Sending the same swap again is harmless, since it carries the same nonce and condition.
 *
 * @throws UploadError ERR_CONFLICT if another writer committed; the caller must stop at once
 */
export async function commitRecord(
  reader: Reader,
  keys: Keys,
  before: Committed | undefined,
  changes: UploadRecord,
  storage: Record<string, string>,
): Promise<Committed> {
  const { call } = reader
  const key = keys.record
  const record = { ...changes, commit: newNonce() }
  checkTransition(before?.record, record)
  const bytes = Buffer.from(encodeRecord(record, storage))
  const body = payloadOf([bytes], bytes.length)
  for (let round = 1; ; round++) {
    try {
      const condition = before ? { ifMatch: before.etag } : { ifAbsent: true }
      const { etag } = await call('putObject', {
        key,
        body,
        data: false,
        contentType: 'application/json',
        ...condition,
      })
      return { record, etag, isForeign: false }
    } catch (error) {
      if (means(error, 'denied', 'refused')) throw asStoreFailure(error)
      const now = await current(reader, keys)
      if (now?.record.commit === record.commit) return now
      const untouched = now?.record.commit === before?.record.commit
      if (!untouched) throw new UploadError('ERR_CONFLICT', { cause: error })
      if (round === ROUNDS) throw asStoreFailure(error)
    }
  }
}

async function current(reader: Reader, keys: Keys): Promise<Committed | undefined> {
  return readRecord(reader, keys).catch((error) => {
    if (error instanceof UploadError && error.code === 'ERR_UPLOAD_NOT_FOUND') return undefined
    throw error
  })
}
