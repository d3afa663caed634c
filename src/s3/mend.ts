/**
 * What the operator's tools mend in S3. Each is a commit of the record like any other, so that of two who do it at once one
 * finds out, and whoever wrote on the record of before stops.
 * @module
 */
import type { Measure, StoreRemedy } from '../store/store.js'
import { asStoreFailure, means } from './call/faults.js'
import { removeLeftovers } from './clean-up.js'
import { headObject, listParts } from './look.js'
import type { S3Upload } from './upload.js'

/** @returns whether something was done @throws UploadError */
export function mend(upload: S3Upload, remedy: StoreRemedy, measured?: Measure): Promise<boolean> {
  return REMEDIES[remedy](upload, measured)
}

const REMEDIES: { readonly [Name in StoreRemedy]: (upload: S3Upload, measured?: Measure) => Promise<boolean> } = {
  adopt,
  settle,
  strays,
  tidy,
}

/**
 * The record of another server as one of ours, and a CRC32 where there was none. One that cannot go on stays as it is: a sweep
 * would remove the bytes of an upload that has failed here, and some may be of use to somebody.
 */
async function adopt(upload: S3Upload, measured: Measure | undefined): Promise<boolean> {
  const { record, isForeign } = upload
  if (record.state === 'failed') return false
  const crc32 = await missingCrc32(upload, measured)
  if (!isForeign && crc32 === undefined) return false
  await upload.commit(crc32 === undefined ? {} : { crc32 })
  return true
}

/** Of a complete upload without one: what was measured, or what S3 says of the very object. */
async function missingCrc32({ record, context, keys }: S3Upload, measured?: Measure): Promise<number | undefined> {
  if (record.state !== 'complete' || record.crc32 !== undefined) return undefined
  if (measured !== undefined) return measured.etag === record.etag ? measured.crc32 : undefined
  const object = await headObject(context.call, keys.object, undefined, true)
  return object?.etag === record.etag ? object?.crc32 : undefined
}

/** An upload whose multipart upload was dropped can never go on. */
async function settle(upload: S3Upload): Promise<boolean> {
  const { record, context, keys } = upload
  if (record.state !== 'open' || record.uploadId === undefined) return false
  if ((await listParts(context.call, keys.object, record.uploadId)) !== undefined) return false
  await upload.multipartIsGone(new Error('ListParts: the multipart upload is gone')).catch((error) => {
    if (upload.record.state !== 'failed') throw error
  })
  return true
}

/**
 * Multipart uploads of an unfinished upload that its record does not name. Listed first, and then the record is committed
 * anew: who may have made one of them did so on the record of before, and can name it no more. Those that are made from
 * then on are not in the list.
 */
async function strays(upload: S3Upload): Promise<boolean> {
  const { record, context, keys } = upload
  // Those of a key that was chosen may be of other uploads.
  if (record.state !== 'open' || upload.isForeign || record.key !== undefined) return false
  const { uploadIds } = await context.call('listMultipartUploads', { key: keys.object }).catch((error) => {
    if (means(error, 'denied', 'refused')) return { uploadIds: [] }
    throw asStoreFailure(error)
  })
  const unnamed = uploadIds.filter((uploadId) => uploadId !== record.uploadId)
  if (unnamed.length === 0) return false
  await upload.commit({})
  for (const uploadId of unnamed) {
    await upload.abortMultipart(uploadId).catch((error) => {
      throw asStoreFailure(error)
    })
  }
  return true
}

/** That there is something is committed first, so that after a crash whoever opens the upload goes on with it. */
async function tidy(upload: S3Upload): Promise<boolean> {
  const { state, leftovers } = upload.record
  if (upload.isForeign || (state !== 'complete' && state !== 'failed')) return false
  if (!leftovers) await upload.commit({ leftovers: true })
  await removeLeftovers(upload, { isWriter: true })
  return !upload.record.leftovers
}
