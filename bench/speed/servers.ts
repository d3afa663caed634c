/**
 * What is compared: each server in a process of its own, configured as its documentation says, in front of the same sink.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildTusd } from '../../test-peers/tusd.js'
import { freePorts } from '../../test-providers/servers/process.js'

export interface Started {
  url: string
  pid: number
  stop(): Promise<void>
}

export interface Contender {
  readonly name: string
  /** @param environment variables that make the process trust the sink's certificate */
  start(endpoint: string, environment: Record<string, string>): Promise<Started>
}

const root = join(import.meta.dirname, '..', '..')
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'us-east-1' }

/** Milliseconds that a server has to start. */
const START = 20_000

async function started(child: ChildProcess, url: string): Promise<Started> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const isUp = (): Promise<boolean> =>
    fetch(url, { method: 'OPTIONS' }).then(
      () => true,
      () => false,
    )
  for (const start = performance.now(); !(await isUp()); await sleep(50)) {
    if (child.exitCode !== null || performance.now() - start > START) throw new Error(`nothing listens at ${url}`)
  }
  return {
    url,
    pid: child.pid!,
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** A script that sends its port to its parent. */
async function startScript(script: string, settings: object, environment: Record<string, string>): Promise<Started> {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), JSON.stringify(settings)], {
    env: { ...process.env, ...CREDENTIALS, ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number))
    child.once('exit', () => reject(new Error(`${script} ended`)))
  })
  return started(child, `http://127.0.0.1:${port}/files/`)
}

async function startProgram(
  program: string,
  argsFor: (port: number) => string[],
  environment: Record<string, string>,
): Promise<Started> {
  const [port] = (await freePorts(1)) as [number]
  const env = { ...process.env, ...CREDENTIALS, ...environment }
  const child = spawn(program, argsFor(port), { env, stdio: 'ignore' })
  return started(child, `http://127.0.0.1:${port}/files/`)
}

export const floor: Contender = {
  name: 'floor',
  start: (endpoint, environment) => startScript('floor.mjs', { endpoint }, environment),
}

export const holdfast: Contender = {
  name: 'Holdfast',
  start(endpoint, environment) {
    const command = join(root, 'dist', 'cli', 'main.js')
    const s3 = ['--s3-bucket', 'b', '--s3-endpoint', endpoint, '--s3-conditional-writes', 'quoted']
    return startProgram(process.execPath, (port) => [command, 'serve', '--port', String(port), ...s3], environment)
  },
}

export const tusNode: Contender = {
  name: '@tus/server',
  start: (endpoint, environment) => startScript('tus-node.mjs', { endpoint }, environment),
}

export function tusd(name: string, more: readonly string[]): Contender {
  return {
    name,
    async start(endpoint, environment) {
      const s3 = ['-s3-bucket', 'b', '-s3-endpoint', endpoint, '-verbose=false', ...more]
      const args = (port: number): string[] => ['-host', '127.0.0.1', '-port', String(port), ...s3]
      return startProgram(await buildTusd(2), args, environment)
    },
  }
}

export interface Usage {
  /** Seconds of the processor, of user and system. */
  cpu: number
  /** Bytes; the most since the last `forgetPeak`. */
  peak: number
}

/** Ticks a second, which Linux shows to programs as 100 everywhere. */
const TICKS = 100

/** From /proc, so on Linux alone. */
export function usageOf(pid: number): Usage {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpu: (Number(fields[11]) + Number(fields[12])) / TICKS, peak: Number(peak) * 1024 }
}

export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')
