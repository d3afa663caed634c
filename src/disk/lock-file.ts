/**
 * The file that is a lock: how it is taken, also from a holder that died, what it says, and how it goes.
 *
 * Why two contenders cannot both take over a dead holder's lock: a lock is made by an exclusive creation, and after
 * that changed by nobody but its holder, as long as that lives. To replace the lock of a dead holder T one must first
 * hold the lock `<lock>.T`, made by the same rules (so a contender that dies in between is replaced in turn). Under it
 * one looks again: if the lock still names T, nobody else may touch it, and renaming `<lock>.T` onto it replaces it in
 * one step; if it does not, somebody else was faster, and one lets go and begins again.
 * @module
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, isMissing, temporaryOf } from './files.js'
import { type Holder, lifeOf, WRITING } from './holder.js'

/** Milliseconds without a sign of life after which the holder's own bytes are no longer safe to write. */
export const FENCE = 30_000
/** Milliseconds before a lock that could not be removed is tried again: the first time, and at most. */
const FIRST_RETRY = 50
const LAST_RETRY = 10_000

/** A lock file that is ours. */
export interface Taken {
  file: FileHandle
  /** What it says. */
  holder: Holder
}

/** @returns undefined if the lock is not ours now */
export async function take(path: string, holder: Holder, now = Number.NEGATIVE_INFINITY): Promise<Taken | undefined> {
  const created = await createExclusively(path, holder)
  if (created) return created
  const found = await look(path, now)
  const life = found && (await lifeOf(found))
  if (found === undefined || life === 'lives') return undefined
  const guard = `${path}.${found.token}`
  const taken = await take(guard, successorOf(found, life === 'silent', holder), now)
  if (taken === undefined) return undefined
  const began = performance.now()
  const release = (): Promise<void> =>
    persistently(async () => {
      if (performance.now() - began > FENCE) await taken.file.truncate(0)
      else {
        if ((await look(guard, 0))?.token === holder.token) await remove(guard)
        // The renaming may have been done though it failed.
        if ((await look(path, 0))?.token === holder.token) await removeWith(path, taken.holder.replaced)
      }
      await taken.file.close()
    })
  try {
    const again = await look(path, now)
    if (again?.token === found.token && (await lifeOf(again)) !== 'lives') {
      await rename(guard, path)
      return taken
    }
  } catch (error) {
    await release()
    throw error
  }
  await release()
  return undefined
}

const successorOf = (found: Found, wasSilent: boolean, holder: Holder): Holder => ({
  ...holder,
  replaced: [found.token, ...(found.replaced ?? []), ...(holder.replaced ?? [])],
  mayBeWritten: wasSilent || found.mayBeWritten === true || holder.mayBeWritten === true,
})

/** Together with what the holders of these tokens did not put in the place of the record. */
export async function removeWith(lock: string, tokens: Iterable<string> = []): Promise<void> {
  for (const token of tokens) await remove(temporaryOf(lock, token))
  await remove(lock)
}

export const remove = (path: string): Promise<void> => rm(path, { force: true })

/**
 * A lock that names a process which lives is taken over by nobody, so one that cannot be removed now is removed later.
 */
export async function persistently(attempt: () => Promise<void>): Promise<void> {
  const again = async (): Promise<void> => {
    for (let wait = FIRST_RETRY; ; wait = Math.min(wait * 2, LAST_RETRY)) {
      await sleep(wait, undefined, { ref: false })
      if (await attempt().then(isDone, isNotDone)) return
    }
  }
  if (!(await attempt().then(isDone, isNotDone))) void again()
}
const isDone = (): boolean => true
const isNotDone = (): boolean => false

async function createExclusively(path: string, holder: Holder): Promise<Taken | undefined> {
  const began = performance.now()
  const file = await open(path, 'wx').catch((error) => {
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  })
  if (file === undefined) return undefined
  // Nobody else may have it before WRITING is over; half of that leaves room for clocks that differ.
  const isInTime = (): boolean => performance.now() - began < WRITING / 2
  const giveUp = (): Promise<void> =>
    persistently(async () => {
      if (isInTime()) await remove(path)
      // Somebody may be taking it over: it is given up through the open file, since the name may be theirs by now.
      else await file.truncate(0)
      await file.close()
    })
  try {
    await file.writeFile(JSON.stringify(holder))
    if (isInTime()) return { file, holder }
  } catch (error) {
    // A full disk takes the name and not the text.
    await giveUp()
    throw error
  }
  await giveUp()
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
export async function look(path: string, now: number): Promise<Found | undefined> {
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
