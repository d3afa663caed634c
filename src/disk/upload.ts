/**
 * One upload on disk: its committed record and the ways to advance it. Every change is made under the upload's lock
 * and only if the record is still the one that this handle knows.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { appendFile, copyFile, type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UploadError } from '../errors.js'
import type { Notes, UploadInfo } from '../store/info.js'
import { hasNotes, noted, TERMINATED } from '../store/notes.js'
import type {
  AppendOptions,
  Body,
  ByteRange,
  FailOptions,
  FinishOptions,
  StoreRemedy,
  TerminateOptions,
  UploadHandle,
} from '../store/store.js'
import { append, openHeld, removeUnnamed, truncateTo } from './append.js'
import { joinInto } from './concat.js'
import {
  asDiskFailure,
  type Fsync,
  isFull,
  isMissing,
  isUsableId,
  type Paths,
  replaceFile,
  syncFolder,
  temporaryOf,
} from './files.js'
import { isForeign, readRecord } from './load.js'
import { acquire, heldBriefly, type Lock } from './lock.js'
import { mend } from './mend.js'
import { contentOf } from './read.js'
import { type DiskRecord, encodeRecord, infoOf, isWhole, storageOf } from './record.js'

export interface DiskContext {
  fsync: Fsync
  maxObjectSize: number | undefined
  /** Milliseconds to wait for another writer. */
  lockTimeout: number
  /** Permissions of files that are made, less the umask. */
  filePerms: number
  now: () => number
  /** What holds a lock now, for closing. */
  running: Set<Promise<void>>
}

export class DiskUpload implements UploadHandle {
  readonly context: DiskContext
  readonly paths: Paths
  #record: DiskRecord
  /** When the record was committed, by the clock of the files. */
  #modifiedAt: number | undefined
  /** No record of it was written yet. */
  #isNew: boolean
  /** A commit failed, and nobody knows whether it was done. */
  #isDoubtful = false

  constructor(context: DiskContext, paths: Paths, record: DiskRecord, isNew: boolean, modifiedAt?: number) {
    this.context = context
    this.paths = paths
    this.#record = record
    this.#isNew = isNew
    this.#modifiedAt = modifiedAt
  }

  get record(): DiskRecord {
    return this.#record
  }

  get isNew(): boolean {
    return this.#isNew
  }

  /** No record names the bytes, so nobody will ever ask for them. */
  get isUnnamed(): boolean {
    return this.#isNew && !this.#isDoubtful
  }

  /** The record is still the one that tusd wrote. */
  get isForeign(): boolean {
    return isForeign(this.#record)
  }

  get info(): UploadInfo {
    return infoOf(this.#record, storageOf(this.paths), this.#modifiedAt)
  }

  /** Writes the first record. @throws UploadError ERR_CONFLICT if there is one */
  async begin(): Promise<void> {
    await this.#exclusively(undefined, async (lock) => {
      try {
        const file = await openHeld(this.paths, lock, this.context.filePerms)
        try {
          await truncateTo(file, 0)
        } finally {
          await file.close()
        }
        await this.commit(lock, {})
      } finally {
        if (this.isUnnamed) await removeUnnamed(this, lock)
      }
    })
  }

  async append(offset: number, body: Body, options: AppendOptions = {}): Promise<number> {
    this.#mustBeOpen()
    if (offset !== this.#record.offset) throw new UploadError('ERR_MISMATCHED_OFFSET', { offset: this.#record.offset })
    await this.#exclusively(body, (lock) => append(this, lock, body, options))
    return this.#record.offset
  }

  async finish({ beforeComplete, notes }: FinishOptions = {}): Promise<void> {
    const { state } = this.#record
    if (state === 'complete') return
    if (state === 'failed') throw this.#gone()
    const isJoined = state === 'completing' || this.#record.joined?.kind !== 'final'
    if (!isWhole(this.#record) || !isJoined) throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    await this.#exclusively(undefined, async (lock) => {
      const file = await openHeld(this.paths, lock, this.context.filePerms)
      try {
        await truncateTo(file, this.#record.offset)
        if (this.context.fsync !== 'never') await this.sync(file, lock)
      } finally {
        await file.close()
      }
      await beforeComplete?.(() => this.content(this.#record), this.#record.offset)
      await this.commit(lock, this.completion(notes))
    })
  }

  /** `completing` is committed when all bytes are in the file. Before that, whoever comes after a crash copies anew. */
  async concat(sources: readonly UploadInfo[], { beforeComplete, notes }: FinishOptions = {}): Promise<void> {
    if (this.#record.state === 'complete') return
    if (this.#record.state === 'failed') throw this.#gone()
    await this.#exclusively(undefined, async (lock) => {
      if (this.#record.state === 'open') {
        const { length, crc32 } = await joinInto(this, lock, sources)
        await this.commit(lock, { state: 'completing', offset: length, length, crc32 })
      }
      await beforeComplete?.(() => this.content(this.#record), this.#record.offset)
      await this.commit(lock, this.completion(notes))
    })
  }

  /** `failed` is committed first: whoever comes after a crash goes on with it. */
  async fail(failure: string, { quietly = false, notes }: FailOptions = {}): Promise<void> {
    if (this.#record.state === 'complete') throw new UploadError('ERR_CONFLICT')
    const work = async (lock: Lock): Promise<void> => {
      if (this.#record.state !== 'failed') await this.commit(lock, { state: 'failed', failure, ...noted(notes) })
      await this.#removeBytes()
    }
    await this.#exclusively(undefined, work, quietly).catch((error) => {
      // What has expired must make room, even if nobody can be told of it later.
      if (!isFull(error.cause)) throw error
      return this.#terminateWithoutRoom()
    })
  }

  /** Whoever writes it in another process is left alone. */
  async note(notes: Notes): Promise<void> {
    if (hasNotes(this.#record, notes)) return
    await this.#exclusively(undefined, (lock) => this.commit(lock, noted(notes)), true)
  }

  async #removeBytes(): Promise<void> {
    // The wish of a contender that died is among them: nobody would come to remove it.
    for (const path of [this.paths.data, this.paths.yield, this.paths.finals]) await rm(path, { force: true })
  }

  /** Without the lock: the file is only added to, and nothing that was acknowledged depends on it. */
  async noteFinal(finalId: string): Promise<void> {
    await appendFile(this.paths.finals, `${finalId}\n`, { mode: this.context.filePerms }).catch((error) => {
      throw asDiskFailure(error)
    })
  }

  async finals(): Promise<string[]> {
    try {
      const text = await readFile(this.paths.finals, 'utf8')
      return [...new Set(text.split('\n'))].filter((id) => isUsableId(id))
    } catch (error) {
      if (isMissing(error)) return []
      throw asDiskFailure(error)
    }
  }

  /** A writer is left alone: ERR_UPLOAD_LOCKED. */
  async mend(remedy: StoreRemedy): Promise<boolean> {
    let isDone = false
    const work = async (lock: Lock): Promise<void> => {
      isDone = await mend(this, remedy, lock)
    }
    await this.#exclusively(undefined, work, true)
    return isDone
  }

  /** What makes the record one of a complete upload. */
  completion(notes: FinishOptions['notes']): Partial<DiskRecord> {
    return { state: 'complete', completedAt: this.context.now(), ...noted(notes?.(true)) }
  }

  async read(range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    if (this.#record.state === 'failed') throw this.#gone()
    if (this.#record.state !== 'complete') throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    return this.content(this.#record, range)
  }

  /** The bytes of the file, if it has as many as this record says. */
  content(record: DiskRecord, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    return contentOf(this.paths, record, range)
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
  async terminate({ notes }: TerminateOptions = {}): Promise<void> {
    try {
      await this.#exclusively(undefined, async (lock) => {
        if (this.#record.state !== 'failed') {
          const ended = { state: 'failed', failure: TERMINATED, completedAt: undefined } as const
          await this.commit(lock, { ...ended, ...noted(notes) })
        }
        await this.#removeBytes()
      }).catch((error) => {
        // A termination must be able to make room.
        if (!isFull(error.cause)) throw error
        return this.#terminateWithoutRoom()
      })
      if (notes !== undefined) return
      await rm(this.paths.record, { force: true })
      if (this.context.fsync !== 'never') await syncFolder(dirname(this.paths.record))
    } catch (error) {
      throw asDiskFailure(error)
    }
  }

  /** Where there is no room for another record, nor for a name in the lock: the record goes first. */
  async #terminateWithoutRoom(): Promise<void> {
    await heldBriefly(this.paths.lock, async (mustBeInTime) => {
      await this.#mustBeCurrent()
      mustBeInTime()
      await rm(this.paths.record, { force: true })
      this.#record = { ...this.#record, state: 'failed', failure: TERMINATED }
      await this.#removeBytes()
    })
  }

  /**
   * Forces the bytes to the disk. Linux tells once of bytes that it could not write, and then takes them for written:
   * after a failure a second attempt proves nothing. Bytes that were committed without having been synced are lost
   * then, and with them the upload.
   */
  async sync(file: FileHandle, lock: Lock): Promise<void> {
    try {
      await file.datasync()
    } catch (error) {
      if (this.context.fsync === 'finish' && this.#record.offset > 0) {
        const failure = 'The disk could not keep the bytes of this upload.'
        await this.commit(lock, { state: 'failed', failure }).catch(() => undefined)
      }
      throw error
    }
  }

  /** The one way to advance. @throws UploadError ERR_CONFLICT if another process did meanwhile */
  async commit(lock: Lock, changes: Partial<DiskRecord>): Promise<void> {
    const next = { ...this.#record, ...changes, commit: randomBytes(16).toString('hex') }
    const sync = this.context.fsync === 'commit' || (this.context.fsync === 'finish' && next.state !== 'open')
    const text = encodeRecord(next, storageOf(this.paths))
    const check = async (): Promise<void> => {
      await lock.mustHold()
      await this.#mustBeCurrent()
    }
    const temporary = temporaryOf(this.paths.lock, lock.token)
    await replaceFile(this.paths.record, text, { temporary, perms: this.context.filePerms, sync, check }).catch(
      async (error) => {
        lock.mayLitter()
        await this.#settle(next)
        throw error
      },
    )
    this.#advance(next)
  }

  #advance(next: DiskRecord): void {
    this.#record = next
    this.#modifiedAt = this.context.now()
    this.#isNew = false
    this.#isDoubtful = false
  }

  /** A commit that failed may have been done: the record tells, by its nonce. */
  async #settle(next: DiskRecord): Promise<void> {
    try {
      const found = await readRecord(this.paths, next.id)
      if (found?.commit === next.commit) this.#advance(next)
    } catch {
      this.#isDoubtful = true
    }
  }

  /** Does the work as the one writer of this upload in all processes. */
  async #exclusively(body: Body | undefined, work: (lock: Lock) => Promise<void>, quietly = false): Promise<void> {
    const { running } = this.context
    const done = this.#withLock(body, work, quietly)
    running.add(done)
    try {
      await done
    } catch (error) {
      throw asDiskFailure(error, this.#isNew ? undefined : this.#record.offset)
    } finally {
      running.delete(done)
    }
  }

  async #withLock(body: Body | undefined, work: (lock: Lock) => Promise<void>, quietly: boolean): Promise<void> {
    const isOver = (): boolean => body?.ended === 'stopped' || body?.ended === 'disconnected'
    const lock = await acquire(this.paths, { timeout: this.context.lockTimeout, isOver, quietly })
    try {
      lock.watch(() => body?.stop())
      await this.#mustBeCurrent()
      if (lock.holder.mayBeWritten && !this.#isNew && this.#record.state === 'open') await this.#renew(lock)
      await work(lock)
    } finally {
      await lock.release()
    }
  }

  /**
   * Puts a copy in the place of the data file. A holder before this one, which stood still and may go on at any time,
   * has the old file open: what it writes or cuts off then is no part of the upload.
   */
  async #renew(lock: Lock): Promise<void> {
    const copy = temporaryOf(this.paths.lock, lock.token)
    try {
      await copyFile(this.paths.data, copy, constants.COPYFILE_FICLONE)
      const file = await open(copy, 'r+')
      try {
        await truncateTo(file, this.#record.offset)
        if (this.context.fsync === 'commit') await file.datasync()
      } finally {
        await file.close()
      }
      await lock.mustHold()
      await rename(copy, this.paths.data)
    } catch (error) {
      await rm(copy, { force: true }).catch(() => undefined)
      throw error
    }
    if (this.context.fsync === 'commit') await syncFolder(dirname(this.paths.data))
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
    if (this.#record.joined?.kind === 'final') throw new UploadError('ERR_MODIFY_FINAL')
    if (this.#record.state === 'failed') throw this.#gone()
    if (this.#record.state === 'open') return
    throw new UploadError('ERR_MISMATCHED_OFFSET', { offset: this.#record.offset })
  }

  #gone(): UploadError {
    const { failure } = this.#record
    return new UploadError('ERR_UPLOAD_GONE', failure ? { message: failure } : {})
  }
}
