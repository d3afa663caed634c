/**
 * What is compared: each server in a process of its own, configured as its documentation says, in front of the same sink.
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildTusd } from '../../test-peers/tusd.js'
import { freePorts } from '../../test-providers/servers/process.js'
import { processesOf } from './usage.js'

export interface Started {
  url: string
  pid: number
  /** Undefined while it runs; then how it ended. */
  ended(): string | undefined
  stop(): Promise<void>
}

export interface Setting {
  endpoint: string
  bucket: string
  /** Variables that make the process trust the sink's certificate. */
  environment: Record<string, string>
  /** Where Node.js leaves a profile when it ends. */
  profile?: string | undefined
  /** The file that takes what the server prints. */
  log?: string | undefined
}

export interface Contender {
  readonly name: string
  start(setting: Setting): Promise<Started>
}

const root = join(import.meta.dirname, '..', '..')
const command = join(root, 'dist', 'cli', 'main.js')
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'us-east-1' }

/** Milliseconds that a server has to start, and to end when it is asked to. */
const START = 20_000
const END = 5_000

/** A run that is stopped leaves no server behind. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

function spawnIn({ environment, log }: Setting, program: string, args: readonly string[], ipc = false): ChildProcess {
  const output = log === undefined ? 'ignore' : openSync(log, 'a')
  const env = { ...process.env, ...CREDENTIALS, ...environment }
  const child = spawn(program, args, { env, stdio: ['ignore', output, output, ...(ipc ? (['ipc'] as const) : [])] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

const profiling = ({ profile }: Setting): string[] => (profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [])

async function started(child: ChildProcess, url: string): Promise<Started> {
  let how: string | undefined
  const exit = new Promise<void>((resolve) =>
    child.once('exit', (code, signal) => {
      how = `ended with ${signal ?? code}`
      resolve()
    }),
  )
  const isUp = (): Promise<boolean> =>
    fetch(url, { method: 'OPTIONS' }).then(
      () => true,
      () => false,
    )
  for (const start = performance.now(); !(await isUp()); await sleep(50)) {
    if (how === undefined && performance.now() - start < START) continue
    child.kill('SIGKILL')
    throw new Error(how ?? `nothing listens at ${url}`)
  }
  return {
    url,
    pid: child.pid!,
    ended: () => how,
    async stop() {
      if (how !== undefined) return
      const all = processesOf(child.pid!)
      child.kill('SIGTERM')
      await Promise.race([exit, sleep(END, undefined, { ref: false })])
      if (how !== undefined) return
      for (const pid of all) killed(pid)
      await exit
    },
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** A script that sends its port to its parent. */
async function startScript(script: string, setting: Setting): Promise<Started> {
  const { endpoint, bucket } = setting
  const path = join(import.meta.dirname, script)
  const args = [...profiling(setting), path, JSON.stringify({ endpoint, bucket })]
  const child = spawnIn(setting, process.execPath, args, true)
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number))
    child.once('exit', () => reject(new Error(`${script} ended`)))
  })
  return started(child, `http://127.0.0.1:${port}/files/`)
}

async function startProgram(
  setting: Setting,
  program: string,
  argsFor: (port: number) => readonly string[],
): Promise<Started> {
  const [port] = (await freePorts(1)) as [number]
  return started(spawnIn(setting, program, argsFor(port)), `http://127.0.0.1:${port}/files/`)
}

export const floor: Contender = { name: 'floor', start: (setting) => startScript('floor.mjs', setting) }

const tusNode: Contender = { name: '@tus/server', start: (setting) => startScript('tus-node.mjs', setting) }

const holdfast = (name: string, more: readonly string[]): Contender => ({
  name,
  start(setting) {
    const { endpoint, bucket } = setting
    // Conditional writes are there, so that no probe is measured.
    const s3 = ['--s3-bucket', bucket, '--s3-endpoint', endpoint, '--s3-conditional-writes', 'quoted']
    return startProgram(setting, process.execPath, (port) => {
      return [...profiling(setting), command, 'serve', '--port', String(port), ...s3, ...more]
    })
  },
})

const tusd = (name: string, more: readonly string[]): Contender => ({
  name,
  async start(setting) {
    const s3 = ['-s3-bucket', setting.bucket, '-s3-endpoint', setting.endpoint, '-verbose=false', ...more]
    return startProgram(setting, await buildTusd(2), (port) => {
      return ['-host', '127.0.0.1', '-port', String(port), ...s3]
    })
  },
})

/** Those that there are: one with several processes only where the command knows how. */
export function contenders(): Contender[] {
  const help = execFileSync(process.execPath, [command, 'serve', '--help'], { encoding: 'utf8' })
  return [
    floor,
    holdfast('Holdfast', []),
    ...(help.includes('--workers') ? [holdfast('Holdfast, all cores', ['--workers', 'auto'])] : []),
    tusNode,
    tusd('tusd', []),
    tusd('tusd, no hashes', ['-s3-disable-content-hashes']),
  ]
}

/** A name for buckets, files and folders. */
export const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')

/** @returns the folder, made if it was not there */
export function folderOf(...names: readonly string[]): string {
  const folder = join(...names)
  mkdirSync(folder, { recursive: true })
  return folder
}
