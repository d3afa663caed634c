/**
 * Keeps two servers from one directory: each would sweep away, at its start, what the other is just writing.
 * @module
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** Directories in use by this process, whose own ID in a lock file proves nothing: containers reuse 1. */
const held = new Set<string>()

/** @returns what gives the directory up again */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(resolve(directory), 'server.pid')
  await mkdir(directory, { recursive: true })
  const owner = Number(await readFile(path, 'utf8').catch(() => ''))
  if (held.has(path) || (owner !== process.pid && isRunning(owner))) {
    throw new Error(`Another bucket server (process ${owner}) uses ${directory}. If it does not, remove ${path}.`)
  }
  held.add(path)
  await writeFile(path, String(process.pid))
  return async () => {
    await rm(path, { force: true })
    held.delete(path)
  }
}

function isRunning(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
