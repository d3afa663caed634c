/**
 * The bytes of complete uploads, copied one after the other into the file of a final one. They are put together in a file
 * that nobody else writes, and that then takes the place of the data file.
 * @module
 */

import { constants } from 'node:fs'
import { copyFile, type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UploadError } from '../errors.js'
import { combineCrc32 } from '../store/crc32.js'
import { crc32 } from '../store/crc32-of.js'
import type { UploadInfo } from '../store/info.js'
import { truncateTo } from './append.js'
import { isMissing, syncFolder, temporaryOf } from './files.js'
import { corrupt } from './load.js'
import type { Lock } from './lock.js'
import type { DiskUpload } from './upload.js'

export interface Joined {
  length: number
  crc32: number | undefined
}

/** Bytes that are read and written at once. */
const CHUNK = 1024 * 1024

/**
 * @returns how many bytes the final upload has, and their CRC32 if those of the sources are known
 * @throws UploadError ERR_CONFLICT if a source is no longer there · ERR_STORE_CORRUPT · ERR_MAX_SIZE_EXCEEDED
 */
export async function joinInto(upload: DiskUpload, lock: Lock, sources: readonly UploadInfo[]): Promise<Joined> {
  const { context, paths } = upload
  const total = sources.reduce((sum, { offset }) => sum + offset, 0)
  if (total > (context.maxObjectSize ?? Number.POSITIVE_INFINITY)) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
  // A crash leaves it to whoever takes the lock over.
  const temporary = temporaryOf(paths.lock, lock.token)
  try {
    const file = await copyFirst(sources[0], temporary, context.filePerms)
    try {
      await copyRest(sources, lock, file)
      if (context.fsync !== 'never') await upload.sync(file, lock)
    } finally {
      await file.close()
    }
    await lock.mustHold()
    await rename(temporary, paths.data)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => lock.mayLitter())
    throw error
  }
  if (context.fsync !== 'never') await syncFolder(dirname(paths.data))
  const sum = sources.reduce((crc: number | undefined, source) => combineCrc32(crc, source.crc32, source.offset), 0)
  return { length: total, crc32: sum }
}

/** The system copies a whole file without this process, and on some file systems without writing its bytes again. */
async function copyFirst(source: UploadInfo | undefined, to: string, perms: number): Promise<FileHandle> {
  if (source === undefined) return open(to, 'w+', perms)
  await copyFile(source.storage.Path!, to, constants.COPYFILE_FICLONE).catch((error) => {
    throw gone(error)
  })
  const file = await open(to, 'r+')
  try {
    await truncateTo(file, source.offset)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function copyRest(sources: readonly UploadInfo[], lock: Lock, file: FileHandle): Promise<void> {
  let written = sources[0]?.offset ?? 0
  for (const source of sources.slice(1)) {
    await copyAfter(source, lock, file, written)
    written += source.offset
  }
}

/** What passes through here is held against its record; the first one does not. */
async function copyAfter(
  { id, storage, offset, crc32: known }: UploadInfo,
  lock: Lock,
  file: FileHandle,
  start: number,
): Promise<void> {
  const source = await open(storage.Path!, 'r').catch((error) => {
    throw gone(error)
  })
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(1, offset)))
    let sum = 0
    for (let at = 0; at < offset; ) {
      const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, offset - at), at)
      if (bytesRead === 0) throw corrupt(`a partial upload ends at byte ${at} of ${offset}`)
      sum = crc32(buffer.subarray(0, bytesRead), sum)
      lock.mayWrite()
      for (let done = 0; done < bytesRead; ) {
        done += (await file.write(buffer, done, bytesRead - done, start + at + done)).bytesWritten
      }
      at += bytesRead
    }
    if (known !== undefined && sum !== known) throw corrupt(`the bytes of the partial upload ${id} have changed`)
  } finally {
    await source.close()
  }
}

/** It was terminated after it was looked up. */
const gone = (error: unknown): unknown => (isMissing(error) ? new UploadError('ERR_CONFLICT', { cause: error }) : error)
