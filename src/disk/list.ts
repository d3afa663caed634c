/**
 * The records of a folder and of all folders below it.
 * @module
 */
import { opendir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { ListedUpload } from '../store/store.js'
import { asDiskFailure, isMissing, isUsableId, pathsOf } from './files.js'
import { isForeign, readRecord } from './load.js'
import { infoOf, storageOf } from './record.js'

const RECORD = '.info'

/** @throws UploadError ERR_STORE_UNAVAILABLE · ERR_STORE_REFUSED if a folder may not be read */
export async function* listUploads(root: string): AsyncIterable<ListedUpload> {
  for await (const { id, ...found } of listRecords(root)) yield { ...found, read: () => read(root, id) }
}

/** What may be records, not read yet. @throws UploadError as above */
export async function* listRecords(
  root: string,
  ending = RECORD,
  folder = root,
): AsyncIterable<Listed & { id: string }> {
  for await (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* listRecords(root, ending, path)
    const id = relative(root, path).split(sep).join('/').slice(0, -ending.length)
    if (!entry.isFile() || !path.endsWith(ending) || !isUsableId(id)) continue
    const found = await lookAt(path)
    if (found) yield { id, ...found }
  }
}

type Listed = Omit<ListedUpload, 'read'>

/** A folder that is removed meanwhile has no uploads. */
async function* entriesOf(folder: string) {
  try {
    yield* await opendir(folder)
  } catch (error) {
    if (!isMissing(error)) throw asDiskFailure(error)
  }
}

/** A commit replaces the file, so it is another one then. */
async function lookAt(path: string): Promise<Listed | undefined> {
  try {
    const { ino, mtimeNs, mtimeMs } = await stat(path, { bigint: true })
    return { version: `${path} ${ino} ${mtimeNs}`, modifiedAt: Number(mtimeMs) }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw asDiskFailure(error)
  }
}

async function read(root: string, id: string): Promise<UploadInfo | undefined> {
  const paths = pathsOf(root, id)
  const record = await readRecord(paths, id).catch((error: UploadError) => {
    // Whatever it is, it tells of nothing that could be removed.
    if (error.code === 'ERR_STORE_CORRUPT') return undefined
    throw error
  })
  if (record === undefined || isForeign(record)) return undefined
  return infoOf(record, storageOf(paths), await modifiedAt(paths.record))
}

/** To be asked after the record was read: then it is not older than what was read. Undefined if it is not there any more. */
export const modifiedAt = async (path: string): Promise<number | undefined> => (await lookAt(path))?.modifiedAt
