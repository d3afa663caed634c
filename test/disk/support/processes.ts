/**
 * Starts writers as processes and listens to them.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Task } from './writer.js'

const WRITER = join(import.meta.dirname, 'writer.ts')

export interface Writer {
  process: ChildProcess
  lines: string[]
  /** Resolves with the first line that begins so. */
  line(start: string): Promise<string>
  /** Resolves when the process has ended. */
  ended: Promise<void>
  /** The largest offset that it told as committed. */
  acknowledged(): number
}

/** @param shell runs the writer below this shell command, which ends in `exec "$@"` */
export function startWriter(task: Task, shell?: string): Writer {
  const command = [process.execPath, '--import', 'tsx', WRITER, JSON.stringify(task)]
  const [program, ...rest] = shell === undefined ? command : ['bash', '-c', shell, 'bash', ...command]
  const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const resolve of waiting) resolve()
  }
  createInterface(child.stdout!).on('line', (line) => {
    lines.push(line)
    wake()
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve())).then(wake)
  return {
    process: child,
    lines,
    ended,
    async line(start) {
      for (;;) {
        const found = lines.find((line) => line.startsWith(start))
        if (found !== undefined) return found
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`no '${start}' in ${lines.join(', ')}`)
        await new Promise<void>((resolve) => waiting.add(resolve))
      }
    },
    acknowledged: () =>
      Math.max(0, ...lines.map((line) => Number(/^(?:commit|end|stopped) (\d+)/.exec(line)?.[1] ?? 0))),
  }
}
