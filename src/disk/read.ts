/**
 * Reading the content of a complete upload.
 * @module
 */
import { type FileHandle, open, stat } from 'node:fs/promises'
import { UploadError } from '../errors.js'
import type { ByteRange } from '../store/store.js'
import { asDiskFailure, isMissing, type Paths } from './files.js'
import { corrupt, readRecord } from './load.js'
import type { DiskRecord } from './record.js'

/** Bytes that one read takes from the file. */
const READ = 256 * 1024

/**
 * The file is opened by the first read, so content that nobody iterates holds no file.
 * @throws UploadError ERR_STORE_CORRUPT if the file is not what was completed · ERR_UPLOAD_NOT_FOUND
 */
export async function contentOf(
  paths: Paths,
  record: DiskRecord,
  range?: ByteRange,
): Promise<AsyncIterable<Uint8Array>> {
  const { size } = await stat(paths.data).catch(async (error) => {
    throw await whyUnreadable(paths, record, error)
  })
  if (size !== record.offset) throw corrupt(`the file has ${size} bytes, not the ${record.offset} that were completed`)
  return bytesOf(() => openFor(paths, record), range ?? { first: 0, last: size - 1 })
}

async function openFor(paths: Paths, record: DiskRecord): Promise<FileHandle> {
  try {
    return await open(paths.data, 'r')
  } catch (error) {
    throw await whyUnreadable(paths, record, error)
  }
}

/** A file that is missing was terminated meanwhile, unless the record still tells that it is there. */
async function whyUnreadable(paths: Paths, { id }: DiskRecord, error: unknown): Promise<UploadError> {
  if (!isMissing(error)) return asDiskFailure(error)
  const now = await readRecord(paths, id).catch(() => undefined)
  if (now === undefined || now.state === 'failed') return new UploadError('ERR_UPLOAD_NOT_FOUND', { cause: error })
  return corrupt('the file is missing', error)
}

async function* bytesOf(
  opened: () => Promise<FileHandle>,
  { first, last }: ByteRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (last < first) return
  const file = await opened()
  try {
    for (let at = first; at <= last; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ, last - at + 1))
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at)
      if (bytesRead === 0) throw corrupt(`the file ends at byte ${at}`)
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  } catch (error) {
    throw asDiskFailure(error)
  } finally {
    await file.close()
  }
}
