/**
 * What a process and its children used, from /proc, so on Linux alone.
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

export interface Usage {
  /** Seconds of the processor, of user and system, of all of them. */
  cpu: number
  /** Bytes of resident memory: the most of each since the last `forgetPeak`, added up. */
  peak: number
}

/** @returns this process and all below it that live */
export function processesOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [pid, ...(children ? children.split(' ').flatMap((child) => processesOf(Number(child))) : [])]
}

/** @throws Error if the process has ended */
export function usageOf(pid: number): Usage {
  let [nanoseconds, peak] = [0, 0]
  for (const one of processesOf(pid)) {
    // Of each thread that lives, and none of these servers ends one: /proc/PID/stat has all, but in steps of 10 ms.
    for (const thread of readdirSync(`/proc/${one}/task`)) nanoseconds += runtimeOf(one, thread)
    peak += Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1]) * 1024
  }
  return { cpu: nanoseconds / 1e9, peak }
}

function runtimeOf(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    // It has ended since it was listed.
    return 0
  }
}

export function forgetPeak(pid: number): void {
  for (const one of processesOf(pid)) writeFileSync(`/proc/${one}/clear_refs`, '5')
}
