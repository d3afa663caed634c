/**
 * One append: the chunks of a body → positioned writes → commits. Chunks are gathered, not copied; while some are
 * written, the next come in.
 * @module
 */

import { type FileHandle, rm } from 'node:fs/promises'
import { UploadError } from '../errors.js'
import { crc32 } from '../store/crc32-of.js'
import { laterOf } from '../store/file-info.js'
import { freeNow } from '../store/free.js'
import { noted } from '../store/notes.js'
import type { AppendOptions, Body } from '../store/store.js'
import { asDiskFailure, openData, type Paths } from './files.js'
import { corrupt } from './load.js'
import type { Lock } from './lock.js'
import type { DiskRecord } from './record.js'
import type { DiskUpload } from './upload.js'

/** Bytes that are gathered before they are written. */
const GATHER = 1024 * 1024
/** Chunks that are gathered at most: what one call of the system takes. */
const GATHER_CHUNKS = 1_000
/** Milliseconds between two commits of a long append. */
const COMMIT_INTERVAL = 1_000

/** @throws UploadError; what was committed before stays */
export async function append(upload: DiskUpload, lock: Lock, body: Body, options: AppendOptions): Promise<void> {
  try {
    await appendTo(upload, lock, body, options)
  } finally {
    if (upload.isUnnamed) await removeUnnamed(upload, lock)
  }
}

async function appendTo(upload: DiskUpload, lock: Lock, body: Body, options: AppendOptions): Promise<void> {
  const file = await openHeld(upload.paths, lock, upload.context.filePerms)
  try {
    await truncateTo(file, upload.record.offset)
    if (upload.isForeign) await adopt(upload, lock, file)
    const run = new Append(upload, lock, file, body, options)
    const timer = setInterval(() => run.commitNowAndThen(), COMMIT_INTERVAL / 2)
    try {
      for await (const chunk of body) {
        const taking = run.take(chunk)
        if (taking !== undefined) await taking
      }
    } finally {
      clearInterval(timer)
    }
    await run.end()
  } finally {
    await file.close()
  }
}

/**
 * Opens the data file for writing. Opened first, looked at the lock then: whoever takes the lock over later puts another
 * file in the place of this one (see `renew`), so what is done through this handle cannot harm its bytes.
 */
export async function openHeld(paths: Paths, lock: Lock, perms: number): Promise<FileHandle> {
  const file = await openData(paths.data, perms)
  try {
    await lock.mustHold()
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Nothing was committed, so nobody will ever ask for it. */
export async function removeUnnamed({ paths }: DiskUpload, lock: Lock): Promise<void> {
  try {
    lock.mayWrite()
    await rm(paths.data, { force: true })
  } catch {
    // Whoever has the lock now, or the next creation of this ID, cuts it off.
  }
}

/**
 * Cuts off what a crash left beyond the committed offset.
 * @throws UploadError ERR_STORE_CORRUPT if committed bytes are missing: writing on would leave a hole
 */
export async function truncateTo(file: FileHandle, offset: number): Promise<void> {
  const { size } = await file.stat()
  if (size < offset) throw corrupt(`the file has ${size} of ${offset} bytes`)
  if (size > offset) await file.truncate(offset)
}

/** A record of tusd takes the file's size for the offset. Ours must stand before bytes come that are not committed. */
export async function adopt(upload: DiskUpload, lock: Lock, file: FileHandle): Promise<void> {
  if (upload.context.fsync === 'commit') await upload.sync(file, lock)
  await upload.commit(lock, {})
}

class Append {
  readonly #upload: DiskUpload
  readonly #lock: Lock
  readonly #file: FileHandle
  readonly #body: Body
  readonly #options: AppendOptions
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  /** The bytes of the upload that are in the file. */
  #written: number
  /** CRC32 of those. */
  #crc32: number | undefined
  /** Writes and commits follow one another. */
  #queue: Promise<void> = Promise.resolve()
  #lastCommit = performance.now()
  #failure: unknown
  /** What is in the file beyond the committed offset may not be on the disk, and no later sync would tell. */
  #isDoubtful = false

  constructor(upload: DiskUpload, lock: Lock, file: FileHandle, body: Body, options: AppendOptions) {
    this.#upload = upload
    this.#lock = lock
    this.#file = file
    this.#body = body
    this.#options = options
    this.#written = upload.record.offset
    this.#crc32 = upload.record.crc32
  }

  /** @returns undefined where nothing is to be waited for */
  take(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== undefined) return undefined
    this.#gathered.push(chunk)
    this.#gatheredBytes += chunk.byteLength
    if (this.#gatheredBytes < GATHER && this.#gathered.length < GATHER_CHUNKS) return undefined
    return this.#queue.then(() => this.#flush())
  }

  /** Called from time to time, so that bytes of a slow body do not stay uncommitted. */
  commitNowAndThen(): void {
    if (this.#options.verify || performance.now() - this.#lastCommit < COMMIT_INTERVAL) return
    this.#lastCommit = performance.now()
    this.#flush()
    this.#enqueue(async () => {
      if (this.#written > this.#upload.record.offset) await this.#commit({})
    })
  }

  /** Stores and commits what came, and completes the upload if that was all of it. */
  async end(): Promise<void> {
    this.#flush()
    this.#enqueue(() => this.#conclude())
    await this.#queue
    if (this.#failure === undefined) return
    await this.#saveWhatCounts()
    throw asDiskFailure(this.#failure, this.#upload.record.offset)
  }

  #enqueue(job: () => Promise<void>): void {
    this.#queue = this.#queue
      .then(() => (this.#failure === undefined ? job() : undefined))
      .catch((error) => {
        this.#failure = error
        this.#body.stop()
      })
  }

  #flush(): void {
    if (this.#gatheredBytes === 0) return
    const chunks = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#enqueue(() => this.#write(chunks))
  }

  async #write(chunks: Uint8Array[]): Promise<void> {
    for (let rest = chunks; rest.length > 0; ) {
      this.#lock.mayWrite()
      const { bytesWritten } = await this.#file.writev(rest, this.#written)
      this.#written += bytesWritten
      this.#crc32 = extended(this.#crc32, rest, bytesWritten)
      rest = after(rest, bytesWritten)
    }
    if (this.#body.isOurs) for (const chunk of chunks) freeNow(chunk)
  }

  /** A body with a checksum counts whole or not at all. */
  #mayCommit(): boolean {
    if (this.#options.verify === undefined) return true
    const isWhole = this.#body.ended === 'end'
    if (isWhole) this.#options.verify()
    return isWhole
  }

  async #conclude(): Promise<void> {
    if (!this.#mayCommit()) return
    const { offset } = this.#upload.record
    if (this.#isComplete()) {
      const { size } = await this.#file.stat()
      if (size !== this.#written) throw corrupt(`the file has ${size} bytes, not the ${this.#written} that came`)
      const record = { ...this.#upload.record, offset: this.#written }
      try {
        await this.#options.beforeComplete?.(() => this.#upload.content(record), record.offset)
      } catch (error) {
        // It has all its bytes all the same: they need not be sent again for another try.
        await this.#commit({ length: this.#written, state: 'completing' }, true)
        throw error
      }
      await this.#commit({ length: this.#written, ...this.#upload.completion(this.#options.notes) }, true)
    } else if (this.#written > offset || this.#upload.isNew) {
      await this.#commit({})
    }
  }

  #isComplete(): boolean {
    const { completes = 'at-length' } = this.#options
    const { length } = this.#upload.record
    if (completes !== 'yes') return completes === 'at-length' && this.#written === length
    return this.#body.ended === 'end' && (length === undefined || this.#written === length)
  }

  async #commit(changes: Partial<DiskRecord>, finishes = false): Promise<void> {
    const { fsync } = this.#upload.context
    const written = this.#written
    const sum = this.#crc32
    if (fsync === 'commit' || (fsync === 'finish' && finishes)) {
      this.#isDoubtful = true
      await this.#upload.sync(this.#file, this.#lock)
      this.#isDoubtful = false
    }
    const deadline = laterOf(this.#upload.record.deadline, this.#options.deadline?.())
    const notes = noted(this.#options.notes?.(false))
    await this.#upload.commit(this.#lock, { offset: written, crc32: sum, deadline, ...notes, ...changes })
    this.#lastCommit = performance.now()
    this.#options.onCommit?.(written)
  }

  /** After a failure, bytes that did reach the file still count; if not even the record can be written, they do not. */
  async #saveWhatCounts(): Promise<void> {
    const isLost = this.#failure instanceof UploadError || this.#options.verify !== undefined
    if (isLost || this.#isDoubtful || this.#written <= this.#upload.record.offset) return
    await this.#commit({}).catch(() => undefined)
  }
}

/** The CRC32 after so many bytes of the chunks more. */
function extended(sum: number | undefined, chunks: readonly Uint8Array[], bytes: number): number | undefined {
  if (sum === undefined) return undefined
  let [crc, left] = [sum, bytes]
  for (let index = 0; left > 0; index++) {
    const chunk = chunks[index]!
    crc = crc32(chunk.byteLength > left ? chunk.subarray(0, left) : chunk, crc)
    left -= chunk.byteLength
  }
  return crc
}

/** What remains of the chunks after so many bytes. */
function after(chunks: Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes
  let index = 0
  while (index < chunks.length && skip >= chunks[index]!.byteLength) skip -= chunks[index++]!.byteLength
  const rest = chunks.slice(index)
  if (skip > 0) rest[0] = rest[0]!.subarray(skip)
  return rest
}
