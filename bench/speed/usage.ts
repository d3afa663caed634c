/**
 * What a process and its children used, from /proc, so on Linux alone.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'

export interface Usage {
  /** Seconds of the processor, of user and system, of all of them; of those that have ended, too. */
  cpu: number
  /** Bytes of resident memory: the most of each since the last `forgetPeak`, added up. */
  peak: number
}

/** Ticks a second, which Linux shows to programs as 100 everywhere. */
const TICKS = 100

/** @returns this process and all below it that live */
export function processesOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [pid, ...(children ? children.split(' ').flatMap((child) => processesOf(Number(child))) : [])]
}

/** @throws Error if the process has ended */
export function usageOf(pid: number): Usage {
  let [ticks, peak] = [0, 0]
  for (const one of processesOf(pid)) {
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    // utime, stime, and those of children that were waited for.
    ticks += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    peak += Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1]) * 1024
  }
  return { cpu: ticks / TICKS, peak }
}

export function forgetPeak(pid: number): void {
  for (const one of processesOf(pid)) writeFileSync(`/proc/${one}/clear_refs`, '5')
}
