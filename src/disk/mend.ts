/**
 * What the operator's tools mend on disk, under the lock of the upload.
 * @module
 */
import { rm, stat } from 'node:fs/promises'
import type { StoreRemedy } from '../store/store.js'
import { adopt, openHeld, truncateTo } from './append.js'
import { isMissing } from './files.js'
import type { Lock } from './lock.js'
import type { DiskUpload } from './upload.js'

const LOST = 'The disk has lost committed bytes of this upload; create a new one.'

/** @returns whether something was done @throws UploadError */
export function mend(upload: DiskUpload, remedy: StoreRemedy, lock: Lock): Promise<boolean> {
  return REMEDIES[remedy](upload, lock)
}

const REMEDIES: { readonly [Name in StoreRemedy]: (upload: DiskUpload, lock: Lock) => Promise<boolean> } = {
  /** The record of tusd as one of ours. */
  async adopt(upload, lock) {
    if (!upload.isForeign) return false
    const file = await openHeld(upload.paths, lock, upload.context.filePerms)
    try {
      await truncateTo(file, upload.record.offset)
      await adopt(upload, lock, file)
      return true
    } finally {
      await file.close()
    }
  },
  /** An upload whose file is shorter than what was committed can never go on. */
  async settle(upload, lock) {
    const { state, offset } = upload.record
    if (state !== 'open' || (await sizeOf(upload.paths.data)) >= offset) return false
    await upload.commit(lock, { state: 'failed', failure: LOST })
    await rm(upload.paths.data, { force: true })
    return true
  },
  /** There are none on a disk. */
  strays: async () => false,
  async tidy(upload) {
    if (upload.record.state !== 'failed') return false
    await rm(upload.paths.data, { force: true })
    return true
  },
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    (error) => {
      if (isMissing(error)) return 0
      throw error
    },
  )
