/**
 * The files of an upload: their names, and the few ways in which they are written so that a crash leaves either the
 * old or the new. What the file system refuses becomes an UploadError here.
 * @module
 */
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UploadError } from '../errors.js'

/** When bytes are forced to the disk: at each commit, when the upload is finished, or by the system as it likes. */
export type Fsync = 'commit' | 'finish' | 'never'

export interface Paths {
  data: string
  record: string
  lock: string
  /** Its presence asks the holder of the lock to let go. */
  yield: string
  /** Of a partial upload: which final ones wait for it, one ID a line. */
  finals: string
}

export function pathsOf(directory: string, id: string): Paths {
  const data = join(directory, id)
  return { data, record: `${data}.info`, lock: `${data}.lock`, yield: `${data}.yield`, finals: `${data}.finals` }
}

/**
 * Bytes of a name in most file systems, less the longest that we add: a temporary file beside a lock that three
 * contenders died over, one after the other (see lock.ts).
 */
const MAX_NAME_BYTES = 255 - '.lock'.length - 3 * (1 + 32) - '.tmp'.length

/** A segment of an ID: none begins with a dot. On Windows, `:` opens a hidden stream and `*` is no name. */
const SEGMENT = /^[\w~+=@,:!$()'*-][\w.~+=@,:!$()'*-]*$/
const WINDOWS_SEGMENT = /^[\w~+=@,!$()'-][\w.~+=@,!$()'-]*(?<!\.)$/

/** What is, or may look like, a file of another upload. */
const RESERVED = /\.(info|lock|yield|tmp|finals)(\.|$)/i

/** On Windows: devices, whatever their ending; and the short names that it gives to long ones. */
const OF_WINDOWS = /^(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\.|$)|~\d/i

/** Whether an ID may become a path: segments of harmless characters joined by single slashes. */
export function isUsableId(id: string, isWindows = process.platform === 'win32'): boolean {
  if (id.length > 1_024) return false
  const segment = isWindows ? WINDOWS_SEGMENT : SEGMENT
  return id
    .split('/')
    .every(
      (name) =>
        name.length <= MAX_NAME_BYTES &&
        segment.test(name) &&
        !RESERVED.test(name) &&
        !(isWindows && OF_WINDOWS.test(name)),
    )
}

/** The code of a failed system call, if it is one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

export const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'

/** There is no room on the disk, or none for this user. */
export const isFull = (error: unknown): boolean => codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT'

/** Codes that a change of configuration cures, not time. */
const REFUSALS = ['EACCES', 'EPERM', 'EROFS', 'ENAMETOOLONG', 'EISDIR']

/** A failed system call, as what the client can do about it. */
export function asDiskFailure(error: unknown, offset?: number): UploadError {
  if (error instanceof UploadError) return error
  const code = codeOf(error)
  const known = offset === undefined ? {} : { offset }
  if (code === undefined) return new UploadError('ERR_INTERNAL_SERVER_ERROR', { cause: error, ...known })
  if (REFUSALS.includes(code)) return new UploadError('ERR_STORE_REFUSED', { cause: error, ...known })
  return new UploadError('ERR_STORE_UNAVAILABLE', { cause: error, retryAfter: 1_000, ...known })
}

/**
 * Opens the data file for writing at positions, and makes it if there is none.
 * @param perms of a file that is made, less the umask
 * @throws UploadError ERR_CONFLICT if the name is that of a folder which other IDs need
 */
export async function openData(path: string, perms: number): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT, perms)
  } catch (error) {
    throw codeOf(error) === 'EISDIR' ? new UploadError('ERR_CONFLICT', { cause: error }) : error
  }
}

export interface FolderOptions {
  /** Of what is made, less the umask. */
  perms: number
  /**
   * Folders whose names survive a power failure, for all this process knows: those that are made are added. Undefined if
   * no name needs to.
   */
  durable: Set<string> | undefined
}

/** Makes a folder at or below the root. */
export async function makeFolder(folder: string, root: string, { perms, durable }: FolderOptions): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: perms })
  if (durable === undefined || (made === undefined && durable.has(folder))) return
  const top = made !== undefined && root.startsWith(made) ? dirname(made) : root
  // Also above what was made here: another process may have made the rest, and not synced it yet.
  for (let at = folder; at !== top; at = dirname(at)) await syncFolder(dirname(at))
  if (durable.size >= MAX_DURABLE) durable.clear()
  durable.add(folder)
}

/** Folders remembered; forgetting them costs a sync each. */
const MAX_DURABLE = 10_000

/** Where the holder of a lock writes what will replace the record. Whoever takes the lock over removes it. */
export const temporaryOf = (lock: string, token: string): string => `${lock}.${token}.tmp`

export interface ReplaceOptions {
  /** In the same folder; nobody else writes it. */
  temporary: string
  /** Of the file, less the umask. */
  perms: number
  /** Whether the new text must survive a power failure. */
  sync: boolean
  /** Called when all is written but the file is not yet replaced; if it throws, nothing was changed. */
  check: () => Promise<void>
}

/** Replaces a file in one step: readers and a crash find either the whole old text or the whole new one. */
export async function replaceFile(path: string, text: string, options: ReplaceOptions): Promise<void> {
  const { temporary, perms, sync, check } = options
  try {
    const file = await open(temporary, 'w', perms)
    try {
      await file.writeFile(text)
      if (sync) await file.sync()
    } finally {
      await file.close()
    }
    await check()
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
  if (sync) await syncFolder(dirname(path))
}

/** Makes renames and removals in the folder survive a power failure. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open folders; its file systems order these changes themselves.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
