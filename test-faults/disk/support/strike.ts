/**
 * The library that strikes (strike.c): how it is made, and how a process that runs below it tells it what to do.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'

/** `torn`: only a part is written, then the process is killed. `full`: a part is written, and from then on nothing. */
export type Fault =
  | 'EIO'
  | 'EIO-done'
  | 'EIO-stays'
  | 'ENOSPC'
  | 'full'
  | 'short'
  | 'kill-before'
  | 'kill-after'
  | 'torn'
  | 'stop'

/** One call, as the log names it. */
export interface Call {
  /** `operation:kind:occurrence` */
  name: string
  operation: string
  kind: string
  bytes: number
}

const COMPILER_IS_MISSING =
  'The faults of the disk are put in by a small library in C, and there is no C compiler: install one (Debian and ' +
  'Ubuntu: apt-get install gcc libc6-dev), or name it in the variable CC.'

/** @returns the path of the library, made in this folder */
export function makeLibrary(folder: string): string {
  if (process.platform !== 'linux')
    throw new Error('The faults of the disk are put in by LD_PRELOAD: run this on Linux.')
  const path = join(folder, 'strike.so')
  const source = join(import.meta.dirname, 'strike.c')
  const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-o', path, source, '-ldl', '-lpthread']
  const { status, error, stderr } = spawnSync(process.env.CC ?? 'cc', flags, { encoding: 'utf8' })
  if (error) throw new Error(COMPILER_IS_MISSING, { cause: error })
  if (status !== 0) throw new Error(`strike.c does not compile:\n${stderr}`)
  return path
}

/** What a process needs to run below the library. */
export const below = (library: string): NodeJS.ProcessEnv => ({
  ...process.env,
  LD_PRELOAD: library,
  // Operations through io_uring would pass the library by.
  UV_USE_IO_URING: '0',
})

/** Counts from nothing, in this folder. */
export const watch = (folder: string, log: string): void => tell(`watch:${log}:${folder}`)
export const arm = (call: string, fault: Fault): void => tell(`arm:${call}:${fault}`)
export const disarm = (): void => tell('disarm')

function tell(command: string): void {
  try {
    openSync(`/.strike/${command}`, 'r')
  } catch {
    // There is no such file: the library has read its name.
  }
}

export interface Log {
  calls: Call[]
  /** The fault that was armed did happen. */
  struck: boolean
}

export function parseLog(text: string): Log {
  const lines = text.split('\n').filter((line) => line !== '')
  const calls = lines
    .filter((line) => line !== 'struck')
    .map((line) => {
      const [name = '', bytes] = line.split(' ')
      const [operation = '', kind = ''] = name.split(':')
      return { name, operation, kind, bytes: Number(bytes) }
    })
  return { calls, struck: lines.includes('struck') }
}

const TAKES_SPACE = ['create', 'write', 'mkdir', 'rename', 'fsync', 'fdatasync', 'truncate']
const CHANGES = [...TAKES_SPACE, 'unlink', 'link', 'rmdir']

/** The faults that a call can meet without its process ending. */
export function failuresOf({ operation, bytes }: Call): Fault[] {
  const faults: Fault[] = ['EIO', 'EIO-stays']
  if (CHANGES.includes(operation)) faults.push('EIO-done')
  if (TAKES_SPACE.includes(operation)) faults.push('ENOSPC')
  if (['create', 'write', 'mkdir'].includes(operation)) faults.push('full')
  if (operation === 'write' && bytes > 1) faults.push('short')
  return faults
}

/**
 * The ways to die at a call that changes something. Dying at one that only reads leaves the same folder as dying before
 * the next change, when the client was told at least as much.
 */
export function deathsOf({ operation, bytes }: Call): Fault[] {
  if (!CHANGES.includes(operation)) return []
  return operation === 'write' && bytes > 1 ? ['kill-before', 'torn', 'kill-after'] : ['kill-before', 'kill-after']
}
