/**
 * One writer per upload, also across processes: the file `<id>.lock` names its holder. Whoever else wants to write
 * leaves `<id>.yield` and waits; the holder sees that, ends its append, commits and lets go.
 *
 * How the file is taken, and why two contenders cannot both take it over, is in lock-file.ts.
 *
 * A holder that was only silent may go on later, in the midst of a commit: the record that it wrote but did not put in
 * place is removed, and whoever holds the lock now is told that the files which it has open may still be written.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../errors.js'
import { codeOf, type Paths, temporaryOf } from './files.js'
import { type Holder, identity, WRITING } from './holder.js'
import { FENCE, look, persistently, remove, removeWith, type Taken, take } from './lock-file.js'

/** Milliseconds between two looks at a lock that somebody else holds. */
const CONTENDER_INTERVAL = 50
/** Milliseconds between two looks of a holder for somebody who waits; also how often it shows that it lives. */
const HOLDER_INTERVAL = 250

export interface AcquireOptions {
  /** Milliseconds to wait for the holder. */
  timeout: number
  /** Asked while waiting: whether to give up already. */
  isOver?: () => boolean
  /** Takes it from nobody who lives: a holder is not asked, nor waited for. */
  quietly?: boolean
}

/** @throws UploadError ERR_UPLOAD_LOCKED if the holder did not let go in time */
export async function acquire(paths: Paths, { timeout, isOver, quietly = false }: AcquireOptions): Promise<Lock> {
  const until = performance.now() + (quietly ? 0 : timeout)
  const holder = await identity(randomBytes(16).toString('hex'))
  let taken = await take(paths.lock, holder)
  let lock = taken && new Lock(paths, taken)
  try {
    if (lock === undefined && quietly) {
      taken = await take(paths.lock, holder, await timeOf(temporaryOf(paths.lock, holder.token)))
      lock = taken && new Lock(paths, taken)
    }
    while (lock === undefined && performance.now() < until && !isOver?.()) {
      const now = await askToYield(paths)
      await sleep(CONTENDER_INTERVAL)
      taken = await take(paths.lock, holder, now)
      lock = taken && new Lock(paths, taken)
    }
    await lock?.clean()
  } catch (error) {
    await lock?.release()
    throw error
  } finally {
    // Either this wish is fulfilled or given up; whoever else waits asks again at its next look. One that stays costs
    // an append that ends early.
    if (!quietly) await rm(paths.yield, { force: true }).catch(() => undefined)
  }
  if (lock === undefined) throw new UploadError('ERR_UPLOAD_LOCKED', { retryAfter: 1_000 })
  return lock
}

/**
 * Holds the lock without a name in it, on a disk that has no room for one. Nobody takes such a lock over before WRITING
 * is over.
 * @param work is given what throws when that time comes near
 * @throws UploadError ERR_UPLOAD_LOCKED if there is a lock, also one of a dead holder
 */
export async function heldBriefly(path: string, work: (mustBeInTime: () => void) => Promise<void>): Promise<void> {
  const began = performance.now()
  const isInTime = (): boolean => performance.now() - began < WRITING / 2
  const locked = (cause?: unknown) => new UploadError('ERR_UPLOAD_LOCKED', { cause, retryAfter: 1_000 })
  const file = await open(path, 'wx').catch((error) => {
    throw codeOf(error) === 'EEXIST' ? locked(error) : error
  })
  try {
    await work(() => {
      if (!isInTime()) throw locked()
    })
  } finally {
    await persistently(async () => {
      if (isInTime()) await remove(path)
      await file.close()
    })
  }
}

const askToYield = (paths: Paths): Promise<number> => write(paths.yield)

async function timeOf(path: string): Promise<number> {
  try {
    return await write(path)
  } finally {
    await rm(path, { force: true }).catch(() => undefined)
  }
}

/** @returns the time by the clock that dates the files, which on a file server is not ours */
async function write(path: string): Promise<number> {
  const file = await open(path, 'w')
  try {
    await file.write('.')
    return (await file.stat()).mtimeMs
  } finally {
    await file.close()
  }
}

/** A lock that is held. */
export class Lock {
  readonly holder: Holder
  readonly #paths: Paths
  readonly #file: FileHandle
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #isLost = false
  #isReleased = false
  #lastSign = performance.now()
  /** Tokens of those who may have left what should have replaced the record. */
  readonly #litterers: Set<string>

  constructor(paths: Paths, { holder, file }: Taken) {
    this.#paths = paths
    this.holder = holder
    this.#file = file
    this.#litterers = new Set(holder.replaced)
  }

  /** A record that a holder before this one did not put in place must not come to its place later. */
  async clean(): Promise<void> {
    for (const token of this.#litterers) {
      await remove(temporaryOf(this.#paths.lock, token))
      this.#litterers.delete(token)
    }
  }

  /** Unlike any other lock's: names files that only its holder writes. */
  get token(): string {
    return this.holder.token
  }

  /** Shows that the holder lives, and calls back while somebody waits or once the lock was lost. */
  watch(onYield: () => void): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#lookAround(onYield).finally(() => {
        this.#looking = undefined
      })
    }, HOLDER_INTERVAL)
  }

  async #lookAround(onYield: () => void): Promise<void> {
    try {
      if (!(await this.#isHeld())) this.#isLost = true
      else await this.#sign()
      const isWanted = await stat(this.#paths.yield).then(
        () => true,
        () => false,
      )
      if (isWanted || this.#isLost) onYield()
    } catch {
      // A file system that does not answer is noticed by the writes themselves, and by FENCE.
    }
  }

  async #isHeld(): Promise<boolean> {
    return (await look(this.#paths.lock, 0))?.token === this.holder.token
  }

  /**
   * Through the open file, never by name: if the lock was taken over, the name is somebody else's. Writing dates the
   * file by the file server's clock; setting times would use ours.
   */
  async #sign(): Promise<void> {
    await this.#file.write(JSON.stringify(this.holder), 0)
    this.#lastSign = performance.now()
  }

  /** Before bytes are written: cheap. @throws UploadError ERR_CONFLICT if the lock may have been taken over */
  mayWrite(): void {
    if (this.#isLost || this.#wasSilent) throw new UploadError('ERR_CONFLICT')
  }

  get #wasSilent(): boolean {
    return this.#timer !== undefined && performance.now() - this.#lastSign > FENCE
  }

  /** Before a commit: looks at the file. @throws UploadError ERR_CONFLICT if somebody else holds it now */
  async mustHold(): Promise<void> {
    this.mayWrite()
    if (!(await this.#isHeld())) throw new UploadError('ERR_CONFLICT')
  }

  /** What should have replaced the record may be there still: it goes with the lock. */
  mayLitter(): void {
    this.#litterers.add(this.token)
  }

  /** Idempotent; never removes somebody else's lock, and never fails: what the work did is done. */
  async release(): Promise<void> {
    if (this.#isReleased) return
    this.#isReleased = true
    clearInterval(this.#timer)
    await this.#looking
    // Without a timer it was never shown that the holder lives; it held the lock for a moment.
    const lastSign = this.#timer === undefined ? performance.now() : this.#lastSign
    await persistently(async () => {
      // Somebody may be taking it over just now: not by name, see lock-file.ts.
      if (performance.now() - lastSign > FENCE) await this.#file.truncate(0)
      else if (await this.#isHeld()) await removeWith(this.#paths.lock, this.#litterers)
      await this.#file.close()
    })
  }
}
