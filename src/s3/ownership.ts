/**
 * Whose object is under an upload's key. A chosen key may be that of another upload, before or after, or of an object that
 * no upload made: only what carries the upload's own mark is ever removed, and under a condition where there is one.
 * @module
 */
import type { Operations } from './call/call.js'
import { asStoreFailure, means } from './call/faults.js'
import { headObject } from './look.js'
import { ID_MARK } from './object-head.js'
import type { UploadRecord } from './record/record.js'
import type { S3Upload } from './upload.js'

type Found = Operations['headObject'][1]

/** Whether the upload made it, by whichever of its writers. */
export function isOwn(record: UploadRecord, { metadata, etag }: Pick<Found, 'metadata' | 'etag'>): boolean {
  const mark = metadata[ID_MARK]
  if (mark !== undefined) return mark === record.id
  // A multipart upload of another server has no marks: what it made is not what was there before.
  const isOfAnother = record.uploadId !== undefined && record.token === undefined
  return etag === record.etag || (isOfAnother && record.replaces !== undefined && etag !== record.replaces)
}

/** Looks, and deletes what was seen: twice, if it changed in between. */
const TRIES = 3

/** @throws S3Fault · UploadError ERR_STORE_UNAVAILABLE */
export async function removeOwnObject({ context: { call }, keys, record }: S3Upload): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const found = await headObject(call, keys.object)
    if (found === undefined || !isOwn(record, found)) return
    // The last one does without: there are servers whose conditions hold for no ETag.
    const ifMatch = attempt < TRIES ? found.etag : undefined
    const failure = await call('deleteObject', { key: keys.object, ifMatch }).catch((error: unknown) => error)
    if (failure === undefined || means(failure, 'missing-object')) return
    if (attempt === TRIES || !means(failure, 'precondition', 'conflict', 'refused')) throw asStoreFailure(failure)
  }
}
