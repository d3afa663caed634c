/**
 * The committed record of an upload, from its files.
 * @module
 */
import { readFile, stat } from 'node:fs/promises'
import { UploadError } from '../errors.js'
import { asDiskFailure, isMissing, type Paths } from './files.js'
import { type DecodedRecord, type DiskRecord, decodeRecord, isWhole } from './record.js'

/** Begins what stands for the commit of a record that tusd wrote. */
const FOREIGN = 'tusd-'

/** The record is still the one that tusd wrote. */
export const isForeign = (record: DiskRecord): boolean => record.commit.startsWith(FOREIGN)

/**
 * The committed record; undefined if there is none.
 * @throws UploadError ERR_STORE_CORRUPT if the file is no record of this upload · ERR_STORE_UNAVAILABLE
 */
export async function readRecord(paths: Paths, id: string): Promise<DiskRecord | undefined> {
  let text: string
  try {
    text = await readFile(paths.record, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw asDiskFailure(error)
  }
  const found = decoded(text)
  if (found.record.id !== id) {
    // A file system that does not tell capitals apart gives one upload many names; only its own is an ID.
    if (found.record.id.toLowerCase() === id.toLowerCase()) return undefined
    throw corrupt('the record is of another upload')
  }
  return found.isForeign ? foreign(found, paths) : found.record
}

function decoded(text: string): DecodedRecord {
  try {
    return decodeRecord(text)
  } catch (error) {
    throw corrupt('the record cannot be read', error)
  }
}

/**
 * A record of tusd tells neither offset nor commit. The data file's size is the offset there, and its size and time
 * stand for the commit, so that bytes which tusd still adds are noticed.
 */
async function foreign({ record, isJoined }: DecodedRecord, paths: Paths): Promise<DiskRecord> {
  const [data, info] = await Promise.all([stat(paths.data), stat(paths.record)]).catch((error) => {
    throw isMissing(error) ? corrupt('the file is missing', error) : asDiskFailure(error)
  })
  const { size } = data
  if (size > (record.length ?? size)) throw corrupt(`the file has ${size} bytes, more than the upload's length`)
  const completedAt = Math.floor(data.mtimeMs)
  const commit = `${FOREIGN}${size.toString(16)}-${completedAt.toString(16)}`
  const known = { ...record, offset: size, commit, createdAt: Math.min(Math.floor(info.mtimeMs), completedAt) }
  if (isWhole(known)) return { ...known, state: 'complete', completedAt }
  // Its bytes come from other uploads, never from a client that could send the rest.
  if (isJoined) throw corrupt(`tusd joined ${size} of ${record.length} bytes`)
  return known
}

export function corrupt(detail: string, cause?: unknown): UploadError {
  return new UploadError('ERR_STORE_CORRUPT', { cause: new Error(detail, { cause }) })
}
