/**
 * Who holds a lock, and whether that process may still live.
 * @module
 */
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { codeOf } from './files.js'

/** What a lock file says of its holder. */
export interface Holder {
  token: string
  host: string
  pid: number
  /** What tells two processes with the same ID apart, where the system tells it: see `originOf`. */
  origin: Origin | undefined
}

interface Origin {
  /** Of this start of the system. */
  boot: string
  /** The namespace in which the process ID counts: containers have their own. */
  namespace: string
  /** When the process started, in ticks since the boot. */
  started: string
}

/** Milliseconds without a sign of life after which a holder that cannot be asked for counts as dead. */
const LEASE = 60_000
/** Milliseconds within which a lock that was just created gets its text: without it, it then counts as left behind. */
export const WRITING = 10_000

let ours: Promise<Origin | undefined> | undefined

export async function identity(token: string): Promise<Holder> {
  ours ??= originOf(process.pid)
  return { token, host: hostname(), pid: process.pid, origin: await ours }
}

/** From /proc; undefined where there is none, and for a process that is not. */
async function originOf(pid: number): Promise<Origin | undefined> {
  try {
    const [boot, namespace, line] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlink('/proc/self/ns/pid'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    // The name of the program, in parentheses, may itself have blanks and parentheses.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
    return { boot: boot.trim(), namespace, started: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

/** Whether the holder may still write. When in doubt, yes, until it gave no sign of life for a while. */
export async function mayLive(found: Partial<Holder> & { age: number }): Promise<boolean> {
  const { host, pid, origin, age } = found
  if (pid === undefined) return age < WRITING
  const here = await identity('')
  if (host !== here.host) return age < LEASE
  if (origin === undefined || here.origin === undefined) return isRunning(pid)
  if (origin.boot !== here.origin.boot) return age < LEASE
  if (origin.namespace !== here.origin.namespace) return age < LEASE
  if (!isRunning(pid)) return false
  const now = await originOf(pid)
  return now === undefined || now.started === origin.started
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return codeOf(error) !== 'ESRCH'
  }
}
