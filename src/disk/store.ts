/**
 * The disk store: uploads as files in one directory, in the layout of tusd's filestore. For development, for single
 * machines and for shared file systems. Safe between the processes of one machine; between machines as far as the
 * file system keeps exclusive creation and renames, and the clocks of its server run.
 * @module
 */
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { UploadError } from '../errors.js'
import type { NewUpload } from '../store/info.js'
import type { Inspector } from '../store/inspect.js'
import type { CreateOptions, ListedUpload, Store, UploadHandle } from '../store/store.js'
import { asDiskFailure, codeOf, type Fsync, isMissing, isUsableId, makeFolder, pathsOf } from './files.js'
import { DiskInspector } from './inspect.js'
import { listUploads, modifiedAt } from './list.js'
import { readRecord } from './load.js'
import type { DiskRecord } from './record.js'
import { type DiskContext, DiskUpload } from './upload.js'

/** Where a `DiskStore` keeps uploads, and how careful it is. */
export interface DiskStoreOptions {
  /** Where the files are. Made if it is missing. */
  directory: string
  /** Bytes; larger uploads are refused. Default: no limit but the disk's. */
  maxObjectSize?: number | undefined
  /**
   * When bytes are forced to the disk. `commit`: before each is acknowledged, so that they survive a power failure.
   * `finish`: when the upload is finished; a power failure before that can cost all of it, and where the file system
   * leaves zeros in place of bytes, an upload that then goes on holds them. `never`: the system decides; a power
   * failure can cost finished uploads of the last minute as well. All survive a crash of the process. Default: `commit`.
   */
  fsync?: Fsync | undefined
  /** Milliseconds to wait for another process that writes the same upload. Default: 5,000. */
  lockTimeout?: number | undefined
  /**
   * Permissions of the folders that are made, less what the umask of the process takes away. The owner must have all.
   * Default: 0o777.
   */
  dirPerms?: number | undefined
  /** Permissions of the files that are made, less the umask. The owner must read and write. Default: 0o666. */
  filePerms?: number | undefined
  /** For tests: milliseconds since the epoch. */
  now?: (() => number) | undefined
}

const FSYNC: readonly Fsync[] = ['commit', 'finish', 'never']

/** Uploads as files in a folder, in the layout of tusd's filestore, for the processes of one machine. */
export class DiskStore implements Store {
  readonly abilities = { terminate: true, declareLength: true, concat: true, list: true }
  readonly maxObjectSize: number | undefined
  readonly #directory: string
  readonly #dirPerms: number
  readonly #context: DiskContext
  readonly #durable: Set<string> | undefined

  /** @throws UploadError ERR_INVALID_OPTIONS, naming the option */
  constructor(options: DiskStoreOptions) {
    const { directory, maxObjectSize, fsync = 'commit', lockTimeout = 5_000, now = Date.now } = options
    const { dirPerms = 0o777, filePerms = 0o666 } = options
    const must = (holds: boolean, message: string): void => {
      if (!holds) throw new UploadError('ERR_INVALID_OPTIONS', { message })
    }
    must(typeof directory === 'string' && directory !== '', 'directory: the path of a folder is needed.')
    must(FSYNC.includes(fsync), `fsync: must be one of ${FSYNC.join(', ')}, not ${fsync}.`)
    must(lockTimeout >= 0 && lockTimeout < 2 ** 31, `lockTimeout: must be milliseconds, not ${lockTimeout}.`)
    must(
      maxObjectSize === undefined || (Number.isSafeInteger(maxObjectSize) && maxObjectSize > 0),
      `maxObjectSize: must be a positive integer, not ${maxObjectSize}.`,
    )
    mustLeave('dirPerms', dirPerms, 0o700)
    mustLeave('filePerms', filePerms, 0o600)
    this.#directory = resolve(directory)
    this.#dirPerms = dirPerms
    this.maxObjectSize = maxObjectSize
    this.#durable = fsync === 'never' ? undefined : new Set()
    this.#context = { fsync, maxObjectSize, lockTimeout, filePerms, now, running: new Set() }
  }

  async create(upload: NewUpload, options: CreateOptions = {}): Promise<UploadHandle> {
    if (!isUsableId(upload.id)) throw new UploadError('ERR_INVALID_ID')
    if ((upload.length ?? 0) > (this.maxObjectSize ?? Number.POSITIVE_INFINITY)) {
      throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
    }
    const paths = pathsOf(this.#directory, upload.id)
    await makeFolder(dirname(paths.data), this.#directory, { perms: this.#dirPerms, durable: this.#durable }).catch(
      (error) => {
        const isTaken = upload.id.includes('/') && (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTDIR')
        // Another upload has the name of a folder that this one needs.
        throw isTaken ? new UploadError('ERR_CONFLICT', { cause: error }) : asDiskFailure(error)
      },
    )
    if (await isThere(paths.record)) throw new UploadError('ERR_CONFLICT')
    const created = new DiskUpload(this.#context, paths, newRecord(upload, this.#context.now()), true)
    if (!options.appendFollows) await created.begin()
    return created
  }

  /** What this process remembers is not faster than the file, so `cached` changes nothing. */
  async open(id: string): Promise<UploadHandle> {
    if (!isUsableId(id)) throw new UploadError('ERR_UPLOAD_NOT_FOUND')
    const paths = pathsOf(this.#directory, id)
    const record = await readRecord(paths, id)
    if (record === undefined) throw new UploadError('ERR_UPLOAD_NOT_FOUND')
    return new DiskUpload(this.#context, paths, record, false, await modifiedAt(paths.record))
  }

  list(): AsyncIterable<ListedUpload> {
    return listUploads(this.#directory)
  }

  inspector(): Inspector {
    return new DiskInspector(this.#directory, this.#context.now)
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#context.running)
  }
}

/** @throws UploadError ERR_INVALID_OPTIONS */
function mustLeave(name: string, perms: number, needed: number): void {
  const isGood = Number.isInteger(perms) && perms >= 0 && perms <= 0o777 && (perms & needed) === needed
  const message = `${name}: must be permissions that leave the owner ${needed.toString(8)}, not ${perms.toString(8)}.`
  if (!isGood) throw new UploadError('ERR_INVALID_OPTIONS', { message })
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw asDiskFailure(error)
  }
}

function newRecord({ concat, ...upload }: NewUpload, now: number): DiskRecord {
  return {
    ...upload,
    joined: concat,
    offset: 0,
    commit: '',
    state: 'open',
    failure: undefined,
    createdAt: now,
    completedAt: undefined,
    crc32: 0,
  }
}
