/**
 * One writer per upload, also across processes: the file `<id>.lock` names its holder. Whoever else wants to write
 * leaves `<id>.yield` and waits; the holder sees that, ends its append, commits and lets go.
 *
 * Why two contenders cannot both take over a dead holder's lock: a lock is made by an exclusive creation, and after
 * that changed by nobody but its holder, as long as that lives. To replace the lock of a dead holder T one must first
 * hold the lock `<lock>.T`, made by the same rules (so a contender that dies in between is replaced in turn). Under it
 * one looks again: if the lock still names T, nobody else may touch it, and renaming `<lock>.T` onto it replaces it in
 * one step; if it does not, somebody else was faster, and one lets go and begins again.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../errors.js'
import { codeOf, isMissing, type Paths, temporaryOf } from './files.js'
import { type Holder, identity, mayLive, WRITING } from './holder.js'

/** Milliseconds between two looks at a lock that somebody else holds. */
const CONTENDER_INTERVAL = 50
/** Milliseconds between two looks of a holder for somebody who waits; also how often it shows that it lives. */
const HOLDER_INTERVAL = 250
/** Milliseconds without a sign of life after which the holder's own bytes are no longer safe to write. */
const FENCE = 30_000

export interface AcquireOptions {
  /** Milliseconds to wait for the holder. */
  timeout: number
  /** Asked while waiting: whether to give up already. */
  isOver?: () => boolean
}

/** @throws UploadError ERR_UPLOAD_LOCKED if the holder did not let go in time */
export async function acquire(paths: Paths, { timeout, isOver }: AcquireOptions): Promise<Lock> {
  const until = performance.now() + timeout
  const holder = await identity(randomBytes(16).toString('hex'))
  let file = await take(paths.lock, holder)
  try {
    while (file === undefined && performance.now() < until && !isOver?.()) {
      const now = await askToYield(paths)
      await sleep(CONTENDER_INTERVAL)
      file = await take(paths.lock, holder, now)
    }
  } finally {
    // Either this wish is fulfilled or given up; whoever else waits asks again at its next look.
    await rm(paths.yield, { force: true })
  }
  if (file === undefined) throw new UploadError('ERR_UPLOAD_LOCKED', { retryAfter: 1_000 })
  return new Lock(paths, holder, file)
}

/** @returns the time by the clock that dates the files, which on a file server is not ours */
async function askToYield(paths: Paths): Promise<number> {
  const file = await open(paths.yield, 'w')
  try {
    await file.write('.')
    return (await file.stat()).mtimeMs
  } finally {
    await file.close()
  }
}

/** @returns the open lock file if the lock is ours now */
async function take(path: string, holder: Holder, now = Number.NEGATIVE_INFINITY): Promise<FileHandle | undefined> {
  const created = await createExclusively(path, holder)
  if (created) return created
  const found = await look(path, now)
  if (found === undefined || (await mayLive(found))) return undefined
  const guard = `${path}.${found.token}`
  const file = await take(guard, holder, now)
  if (file === undefined) return undefined
  try {
    const again = await look(path, now)
    if (again?.token === found.token && !(await mayLive(again))) {
      await rename(guard, path)
      await rm(temporaryOf(path, found.token), { force: true })
      return file
    }
    await rm(guard, { force: true })
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  return undefined
}

async function createExclusively(path: string, holder: Holder): Promise<FileHandle | undefined> {
  const began = performance.now()
  const file = await open(path, 'wx').catch((error) => {
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  })
  if (file === undefined) return undefined
  // Nobody else may have it before WRITING is over; half of that leaves room for clocks that differ.
  const isInTime = (): boolean => performance.now() - began < WRITING / 2
  try {
    await file.writeFile(JSON.stringify(holder))
    if (isInTime()) return file
    // Somebody may be taking it over: it is given up through the open file, since the name may be theirs by now.
    await file.truncate(0)
  } catch (error) {
    // A full disk takes the name and not the text.
    if (isInTime()) await rm(path, { force: true })
    await file.close()
    throw error
  }
  await file.close()
  return undefined
}

interface Found extends Partial<Holder> {
  token: string
  /** Milliseconds since the last sign of life, by the clock that dates the files. */
  age: number
}

/**
 * What the lock says at this time. Without a readable holder (just being written, or lost in a power failure) its
 * token is fixed.
 */
async function look(path: string, now: number): Promise<Found | undefined> {
  const file = await open(path, 'r').catch((error) => {
    if (isMissing(error)) return undefined
    throw error
  })
  try {
    // Both of the one file that is open: the name may mean another one by now.
    return file && { ...parse(await file.readFile('utf8')), age: now - (await file.stat()).mtimeMs }
  } finally {
    await file?.close()
  }
}

function parse(text: string): Partial<Holder> & { token: string } {
  try {
    const holder = JSON.parse(text) as Holder
    // The token becomes part of a path.
    if (/^[0-9a-f]{32}$/.test(holder.token)) return holder
  } catch {
    // Falls through to what an unreadable lock is.
  }
  return { token: 'unreadable' }
}

/** A lock that is held. */
export class Lock {
  readonly #paths: Paths
  readonly #holder: Holder
  readonly #file: FileHandle
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #isLost = false
  #isReleased = false
  #lastSign = performance.now()

  constructor(paths: Paths, holder: Holder, file: FileHandle) {
    this.#paths = paths
    this.#holder = holder
    this.#file = file
  }

  /** Unlike any other lock's: names files that only its holder writes. */
  get token(): string {
    return this.#holder.token
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
    return (await look(this.#paths.lock, 0))?.token === this.#holder.token
  }

  /**
   * Through the open file, never by name: if the lock was taken over, the name is somebody else's. Writing dates the
   * file by the file server's clock; setting times would use ours.
   */
  async #sign(): Promise<void> {
    await this.#file.write(JSON.stringify(this.#holder), 0)
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

  /** Idempotent; never removes somebody else's lock. */
  async release(): Promise<void> {
    if (this.#isReleased) return
    this.#isReleased = true
    clearInterval(this.#timer)
    const wasSilent = this.#wasSilent
    await this.#looking
    // Somebody may be taking it over just now: not by name, see createExclusively.
    if (wasSilent) await this.#file.truncate(0).catch(() => undefined)
    await this.#file.close()
    if (!wasSilent && (await this.#isHeld())) await rm(this.#paths.lock, { force: true })
  }
}
