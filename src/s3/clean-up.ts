/**
 * What an upload may leave in the bucket besides its object and its record: tail slots, and multipart uploads that no
 * record names, of writers that died or whose CreateMultipartUpload was answered to nobody. Removed once the upload takes
 * no more bytes, so that no commit can name any of it.
 * @module
 */
import { asStoreFailure, means } from './call/faults.js'
import type { S3Context } from './context.js'
import { SLOTS } from './keys.js'
import { removeOwnObject } from './ownership.js'
import type { S3Upload } from './upload.js'

/**
 * The slots in which any writer may have left something. The lowest free slot is taken (`planSegment`), so who wrote one
 * did it on a record that knew all before it.
 */
function slotsOf({ record }: S3Upload): number[] {
  return Array.from({ length: Math.min(SLOTS, record.slots.length + 1) }, (_, slot) => slot)
}

/**
 * Deletes the slots of an upload that has all its bytes elsewhere. A failure here costs some bytes of storage, not the
 * upload.
 * @returns whether nothing is left
 */
export async function deleteSlots(upload: S3Upload): Promise<boolean> {
  const { context, keys, record, inherited } = upload
  const used = slotsOf(upload).filter((slot) => inherited || record.leftovers || record.slots[slot])
  if (used.length === 0) return true
  return isDone(upload, 'deleting tail slots', () => context.call('deleteObjects', { keys: used.map(keys.slot) }))
}

/**
 * Aborts the multipart uploads of this key that the record does not name, if there may be any.
 * @param isLast nobody tries it again: without the right to list them, nothing more can be done
 * @returns whether nothing is left
 */
export async function abortStrays(upload: S3Upload, isLast = false): Promise<boolean> {
  const { length, uploadId, key } = upload.record
  // Those of other uploads may be under a key that was chosen, and nothing tells whose they are.
  if (key !== undefined) return true
  // Who fits into the smallest part never had a multipart upload.
  const isSmall = uploadId === undefined && length !== undefined && length <= upload.context.limits.minPartSize
  const mayHaveStrays = upload.mayHaveStrays || upload.record.leftovers || (upload.inherited && !isSmall)
  if (!mayHaveStrays) return true
  let mayList = true
  const isClean = await isDone(upload, 'aborting multipart uploads that no record names', async () => {
    mayList = await abortAllBut(upload, uploadId)
  })
  return isClean && (mayList || isLast)
}

/** @returns false if they may not be listed, now or at all */
async function abortAllBut(upload: S3Upload, kept: string | undefined): Promise<boolean> {
  const { context, keys } = upload
  const listed = await context.call('listMultipartUploads', { key: keys.object }).catch((error) => {
    if (!means(error, 'denied', 'refused')) throw error
    sayOnce(context)
  })
  if (listed === undefined) return false
  for (const uploadId of listed.uploadIds) if (uploadId !== kept) await upload.abortMultipart(uploadId)
  return true
}

/** Once for each store. */
const told = new WeakSet<S3Context['provider']>()

/** Not an error: a lifecycle rule does it, too. */
function sayOnce({ provider, logger }: S3Context): void {
  if (told.has(provider)) return
  told.add(provider)
  logger.warn(
    { permission: 's3:ListBucketMultipartUploads' },
    'multipart uploads that crashed writers left cannot be found; a lifecycle rule can remove them',
  )
}

async function isDone({ context, record }: S3Upload, what: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    context.logger.warn({ upload: record.id, error: String(error) }, `${what} failed`)
    return false
  }
}

/**
 * Tries again what failed when the upload was completed, or was given up. What cannot be removed now stays `leftovers`.
 * @param options.isWriter whoever calls it has the upload to itself
 */
export async function removeLeftovers(upload: S3Upload, { isWriter = false } = {}): Promise<void> {
  const { state, leftovers } = upload.record
  if ((state !== 'complete' && state !== 'failed') || !leftovers) return
  // Who only looks has no lock, and there a commit could bring back the record of an upload that is being terminated.
  if (!isWriter && upload.lease === undefined && upload.context.provider.conditionalWrites === 'none') return
  const isClean =
    state === 'failed'
      ? await isDone(upload, 'removing the bytes of a failed upload', () => removeBytes(upload))
      : (await abortStrays(upload, true)) && (await deleteSlots(upload)) && (await removeMoved(upload))
  if (isClean) {
    await isDone(upload, 'committing that nothing is left', () => upload.commit({ leftovers: undefined }))
  }
}

/** The object is at its new place, which the record names. */
async function removeMoved(upload: S3Upload): Promise<boolean> {
  if (upload.record.moved === undefined) return true
  return isDone(upload, 'removing an object that was moved', () => removeOwnObject(upload))
}

/**
 * For a writer that was overtaken. Bytes are stored before they are committed. If a termination or a completion came in
 * between, it deleted what it found, and what this writer stored after that would stay for ever; at worst as an object
 * that looks finished.
 */
export async function leaveNothingEnded(upload: S3Upload): Promise<void> {
  const { context, keys } = upload
  await isDone(upload, 'removing what an overtaken writer stored', async () => {
    const state = (await upload.current())?.record.state ?? 'failed'
    if (state === 'open') return
    // No record names a slot once all bytes are committed as parts, or as the object.
    if (state === 'failed') await removeOwnObject(upload)
    await context.call('deleteObjects', { keys: slotsOf(upload).map(keys.slot) })
  })
}

/**
 * Removes all bytes of an upload that has failed or was terminated.
 * @throws UploadError ERR_STORE_UNAVAILABLE
 */
export async function removeBytes(upload: S3Upload): Promise<void> {
  const { context, keys, record } = upload
  try {
    await upload.abortMultipart(record.uploadId)
    if (!(await abortStrays(upload, true))) throw new Error('unfinished multipart uploads are left')
    const finals = record.joined?.kind === 'partial' ? [keys.finals] : []
    await removeOwnObject(upload)
    await context.call('deleteObjects', { keys: [...slotsOf(upload).map(keys.slot), ...finals] })
  } catch (error) {
    throw asStoreFailure(error)
  }
}

/** The record goes last, so that whoever repeats it knows what to do. @throws UploadError ERR_STORE_UNAVAILABLE */
export async function removeAll(upload: S3Upload): Promise<void> {
  await removeBytes(upload)
  await upload.context.call('deleteObjects', { keys: [upload.keys.record] }).catch((error) => {
    throw asStoreFailure(error)
  })
}
