/**
 * One upload on disk: its committed record and the ways to advance it. Every change is made under the upload's lock
 * and only if the record is still the one that this handle knows.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { AppendOptions, Body, ByteRange, UploadHandle } from '../store/store.js'
import { append, truncateTo } from './append.js'
import {
  asDiskFailure,
  type Fsync,
  isMissing,
  openData,
  type Paths,
  replaceFile,
  syncFolder,
  temporaryOf,
} from './files.js'
import { acquire, type Lock } from './lock.js'
import { type DecodedRecord, type DiskRecord, decodeRecord, encodeRecord, infoOf, isWhole } from './record.js'

export interface DiskContext {
  fsync: Fsync
  maxObjectSize: number | undefined
  /** Milliseconds to wait for another writer. */
  lockTimeout: number
  now: () => number
  /** What holds a lock now, for closing. */
  running: Set<Promise<void>>
}

/** Bytes that one read takes from the file. */
const READ = 256 * 1024

/** Begins what stands for the commit of a record that tusd wrote. */
const FOREIGN = 'tusd-'

export class DiskUpload implements UploadHandle {
  readonly context: DiskContext
  readonly paths: Paths
  #record: DiskRecord
  /** No record of it was written yet. */
  #isNew: boolean

  constructor(context: DiskContext, paths: Paths, record: DiskRecord, isNew: boolean) {
    this.context = context
    this.paths = paths
    this.#record = record
    this.#isNew = isNew
  }

  get record(): DiskRecord {
    return this.#record
  }

  get isNew(): boolean {
    return this.#isNew
  }

  /** The record is still the one that tusd wrote. */
  get isForeign(): boolean {
    return this.#record.commit.startsWith(FOREIGN)
  }

  get info(): UploadInfo {
    return infoOf(this.#record, this.#storage)
  }

  get #storage(): Record<string, string> {
    return { Type: 'filestore', Path: this.paths.data, InfoPath: this.paths.record }
  }

  /** Writes the first record. @throws UploadError ERR_CONFLICT if there is one */
  async begin(): Promise<void> {
    await this.#exclusively(undefined, async (lock) => {
      const file = await openData(this.paths.data)
      try {
        await truncateTo(file, 0)
      } finally {
        await file.close()
      }
      await this.commit(lock, {})
    })
  }

  async append(offset: number, body: Body, options: AppendOptions = {}): Promise<number> {
    this.#mustBeOpen()
    if (offset !== this.#record.offset) throw new UploadError('ERR_MISMATCHED_OFFSET', { offset: this.#record.offset })
    await this.#exclusively(body, (lock) => append(this, lock, body, options))
    return this.#record.offset
  }

  async finish(): Promise<void> {
    const { state } = this.#record
    if (state === 'complete') return
    if (state === 'failed') throw this.#gone()
    if (!isWhole(this.#record)) throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    await this.#exclusively(undefined, async (lock) => {
      const file = await openData(this.paths.data)
      try {
        await truncateTo(file, this.#record.offset)
        if (this.context.fsync !== 'never') await file.datasync()
      } finally {
        await file.close()
      }
      await this.commit(lock, this.completion())
    })
  }

  /** What makes the record one of a complete upload. */
  completion(): Partial<DiskRecord> {
    return { state: 'complete', completedAt: this.context.now() }
  }

  async read(range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    if (this.#record.state === 'failed') throw this.#gone()
    if (this.#record.state !== 'complete') throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    const { offset } = this.#record
    try {
      const { size } = await stat(this.paths.data)
      if (size !== offset) throw corrupt(`the file has ${size} bytes, not the ${offset} that were completed`)
    } catch (error) {
      if (isMissing(error)) throw corrupt('the file is missing', error)
      throw asDiskFailure(error)
    }
    return bytesOf(this.paths.data, range ?? { first: 0, last: offset - 1 })
  }

  async declareLength(length: number): Promise<void> {
    this.#mustBeOpen()
    if (this.#record.length === length) return
    if (this.#record.length !== undefined) throw new UploadError('ERR_LENGTH_ALREADY_DECLARED')
    if (length < this.#record.offset) throw new UploadError('ERR_INVALID_UPLOAD_LENGTH')
    if (length > (this.context.maxObjectSize ?? Number.POSITIVE_INFINITY)) {
      throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
    }
    await this.#exclusively(undefined, (lock) => this.commit(lock, { length }))
  }

  /** `failed` is committed first: a crash in between leaves nothing that looks alive. The record goes last. */
  async terminate(): Promise<void> {
    try {
      await this.#exclusively(undefined, async (lock) => {
        if (this.#record.state !== 'failed') {
          await this.commit(lock, { state: 'failed', failure: 'The upload was terminated.', completedAt: undefined })
        }
        await rm(this.paths.data, { force: true })
      })
      await rm(this.paths.record, { force: true })
      if (this.context.fsync !== 'never') await syncFolder(dirname(this.paths.record))
    } catch (error) {
      throw asDiskFailure(error)
    }
  }

  /** The one way to advance. @throws UploadError ERR_CONFLICT if another process did meanwhile */
  async commit(lock: Lock, changes: Partial<DiskRecord>): Promise<void> {
    const next = { ...this.#record, ...changes, commit: randomBytes(16).toString('hex') }
    const sync = this.context.fsync === 'commit' || (this.context.fsync === 'finish' && next.state !== 'open')
    const text = encodeRecord(next, this.#storage)
    const check = async (): Promise<void> => {
      await lock.mustHold()
      await this.#mustBeCurrent()
    }
    await replaceFile(this.paths.record, text, { temporary: temporaryOf(this.paths.lock, lock.token), sync, check })
    this.#record = next
    this.#isNew = false
  }

  /** Does the work as the one writer of this upload in all processes. */
  async #exclusively(body: Body | undefined, work: (lock: Lock) => Promise<void>): Promise<void> {
    const { running } = this.context
    const done = this.#withLock(body, work)
    running.add(done)
    try {
      await done
    } catch (error) {
      throw asDiskFailure(error, this.#isNew ? undefined : this.#record.offset)
    } finally {
      running.delete(done)
    }
  }

  async #withLock(body: Body | undefined, work: (lock: Lock) => Promise<void>): Promise<void> {
    const isOver = (): boolean => body?.ended === 'stopped' || body?.ended === 'disconnected'
    const lock = await acquire(this.paths, { timeout: this.context.lockTimeout, isOver })
    try {
      lock.watch(() => body?.stop())
      await this.#mustBeCurrent()
      await work(lock)
    } finally {
      await lock.release()
    }
  }

  /** @throws UploadError ERR_CONFLICT if the record is not the one that this handle knows */
  async #mustBeCurrent(): Promise<void> {
    const found = await readRecord(this.paths, this.#record.id)
    if (found === undefined) {
      if (this.#isNew || this.#record.state === 'failed') return
      throw this.#gone()
    }
    if (this.#isNew) throw new UploadError('ERR_CONFLICT')
    if (found.commit !== this.#record.commit) throw new UploadError('ERR_CONFLICT', { offset: found.offset })
  }

  #mustBeOpen(): void {
    if (this.#record.state === 'failed') throw this.#gone()
    if (this.#record.state === 'open') return
    throw new UploadError('ERR_MISMATCHED_OFFSET', { offset: this.#record.offset })
  }

  #gone(): UploadError {
    const { failure } = this.#record
    return new UploadError('ERR_UPLOAD_GONE', failure ? { message: failure } : {})
  }
}

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
  const { record, isForeign } = decoded(text)
  if (record.id !== id) throw corrupt('the record is of another upload')
  return isForeign ? foreign(record, paths) : record
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
async function foreign(record: DiskRecord, paths: Paths): Promise<DiskRecord> {
  const [data, info] = await Promise.all([stat(paths.data), stat(paths.record)]).catch((error) => {
    throw isMissing(error) ? corrupt('the file is missing', error) : asDiskFailure(error)
  })
  const { size } = data
  if (size > (record.length ?? size)) throw corrupt(`the file has ${size} bytes, more than the upload's length`)
  const completedAt = Math.floor(data.mtimeMs)
  const commit = `${FOREIGN}${size.toString(16)}-${completedAt.toString(16)}`
  const known = { ...record, offset: size, commit, createdAt: Math.min(Math.floor(info.mtimeMs), completedAt) }
  return size === record.length ? { ...known, state: 'complete', completedAt } : known
}

async function* bytesOf(path: string, { first, last }: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
  if (last < first) return
  const file = await open(path, 'r').catch((error) => {
    throw isMissing(error) ? corrupt('the file is missing', error) : asDiskFailure(error)
  })
  try {
    for (let at = first; at <= last; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ, last - at + 1))
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at)
      if (bytesRead === 0) throw corrupt(`the file ends at byte ${at}`)
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  } finally {
    await file.close()
  }
}

function corrupt(detail: string, cause?: unknown): UploadError {
  return new UploadError('ERR_STORE_CORRUPT', { cause: new Error(detail, { cause }) })
}
