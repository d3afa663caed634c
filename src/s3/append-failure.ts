/**
 * What a failed append says: many a failure is only how S3 tells that another writer was faster, or that the upload is gone.
 * @module
 */
import { asStoreFailure, isServerError, means } from './call/faults.js'
import { isDropped } from './complete.js'
import type { Multipart } from './multipart.js'
import type { S3Upload } from './upload.js'

/** @returns what to throw instead of `failure`; also drops the multipart upload that no record names */
export async function failureOf(upload: S3Upload, multipart: Multipart, failure: unknown): Promise<unknown> {
  const { record } = upload
  if (record.uploadId !== undefined && (await isGone(upload, failure))) await upload.multipartIsGone(failure)
  await multipart.abandon()
  const told = asStoreFailure(failure, record.offset)
  // Whoever ended the upload meanwhile has aborted the multipart uploads of others.
  if (mayBeOvertaken(upload, failure)) await upload.throwIfCurrent(told)
  return told
}

/** Some servers answer 500 for a part of a multipart upload that they dropped, but know better when asked. */
async function isGone(upload: S3Upload, failure: unknown): Promise<boolean> {
  if (means(failure, 'missing-upload')) return true
  return isServerError(failure) && isDropped(upload).catch(() => false)
}

/** A multipart upload that no record names cannot be asked for; the record tells who was faster. */
function mayBeOvertaken({ record, version }: S3Upload, failure: unknown): boolean {
  const isUnnamed = record.uploadId === undefined && version !== undefined
  return means(failure, 'missing-upload') || (isUnnamed && isServerError(failure))
}
