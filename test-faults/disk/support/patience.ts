/**
 * What a client's patience does: locks that nobody can read are given up after ten seconds, and nobody waits that long
 * here: they are made to look older.
 * @module
 */
import { readdirSync, readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export function patienceIn(directory: string): () => Promise<void> {
  return async () => {
    for (const name of readdirSync(directory))
      if (isUnreadableLock(join(directory, name))) age(join(directory, name), 11)
    await sleep(5)
  }
}

export function age(path: string, seconds: number): void {
  const time = new Date(Date.now() - seconds * 1_000)
  utimesSync(path, time, time)
}

function isUnreadableLock(path: string): boolean {
  if (!/\.lock(\.[^.]+)*$/.test(path) || path.endsWith('.tmp')) return false
  try {
    JSON.parse(readFileSync(path, 'utf8'))
    return false
  } catch {
    return true
  }
}
