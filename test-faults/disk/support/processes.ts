/**
 * Runs the program below strike.so: built once into one file, so that hundreds of starts take a minute and not ten.
 * @module
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Point, Task, Told } from './program.js'
import { below, type Log, makeLibrary, parseLog } from './strike.js'

export interface Program {
  path: string
  library: string
}

export async function makeProgram(folder: string): Promise<Program> {
  const path = join(folder, 'program.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'program.ts')],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  })
  return { path, library: makeLibrary(folder) }
}

export interface Ran {
  /** What was told last of each point. */
  told: Map<string, Told>
  signal: NodeJS.Signals | null
  errors: string
}

/** @returns the process, and what became of it */
export function start({ path, library }: Program, task: Task) {
  const child = spawn(process.execPath, [path, JSON.stringify(task)], {
    env: below(library),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (data) => output.push(data))
  child.stderr.on('data', (data) => errors.push(data))
  const ended = new Promise<Ran>((resolve) =>
    child.once('close', (_, signal) => {
      const lines = Buffer.concat(output).toString().split('\n')
      const told = new Map<string, Told>()
      for (const line of lines.filter((text) => text !== '')) {
        const one = JSON.parse(line) as Told
        told.set(one.point, one)
      }
      resolve({ told, signal, errors: Buffer.concat(errors).toString() })
    }),
  )
  return { child, ended }
}

/** Milliseconds after which a process that does not end is killed: its points are then not over. */
const LONGEST = 120_000

export async function run(program: Program, task: Task): Promise<Ran> {
  const { child, ended } = start(program, task)
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST)
  return ended.finally(() => clearTimeout(timer))
}

export const logOf = (root: string, { name }: Point): Log => parseLog(readFileSync(join(root, `${name}.log`), 'utf8'))

/** Does the work for each, a few at a time. */
export async function forEach<Item>(items: Item[], atOnce: number, work: (item: Item) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
