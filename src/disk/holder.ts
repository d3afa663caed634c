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
  /** Tokens of the holders that this one replaced since the lock was last let go. */
  replaced?: string[] | undefined
  /** One of those may still live: it was silent for too long, and could not be asked for. */
  mayBeWritten?: boolean | undefined
}

/** `silent`: it counts as dead, but a process that stood still goes on where it stopped. */
export type Life = 'lives' | 'silent' | 'died'

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

/** Whether the holder may still write. When in doubt it lives, until it gave no sign of life for a while. */
export async function lifeOf(found: Partial<Holder> & { age: number }): Promise<Life> {
  const { host, pid, origin, age } = found
  // Who could not write its name in time, or took it back, writes nothing else.
  if (pid === undefined) return age < WRITING ? 'lives' : 'died'
  const here = await identity('')
  const isElsewhere =
    host !== here.host ||
    (origin !== undefined &&
      here.origin !== undefined &&
      (origin.boot !== here.origin.boot || origin.namespace !== here.origin.namespace))
  if (isElsewhere) return age < LEASE ? 'lives' : 'silent'
  if (!isRunning(pid)) return 'died'
  if (origin === undefined || here.origin === undefined) return 'lives'
  const now = await originOf(pid)
  return now === undefined || now.started === origin.started ? 'lives' : 'died'
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
