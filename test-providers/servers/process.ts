/**
 * Server processes for tests: started on loopback with a folder of their own, waited for, and ended by their process ID.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Workspace {
  /** A folder that goes with the server. */
  readonly folder: string
  /** Starts a process that lives until the workspace is closed. */
  start(command: Command): ChildProcess
  /** Runs a command to its end. @returns what it printed @throws Error with what it printed if it failed */
  run(command: Command): Promise<string>
  /** Waits until `isUp` says so. @throws Error with the processes' output if one of them ended, or after `timeout` */
  until(isUp: () => Promise<boolean>, timeout?: number): Promise<void>
  /** Ends all processes and removes the folder. */
  close(): Promise<void>
}

/** Output that is kept of a process, for the message if it fails. */
const KEPT_OUTPUT = 8_192

export async function openWorkspace(name: string): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), `holdfast-${name}-`))
  const children: ChildProcess[] = []
  const output: string[] = []
  const killAll = (): void => {
    for (const child of children) child.kill('SIGKILL')
  }
  endWithThisProcess(killAll)
  const launch = ({ program, args, env = {} }: Command): ChildProcess => {
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
    }
    return child
  }
  const tail = (): string => output.join('').slice(-KEPT_OUTPUT)
  return {
    folder,
    start(command) {
      const child = launch(command)
      child.on('error', (error) => output.push(String(error)))
      children.push(child)
      return child
    },
    async run(command) {
      const child = launch(command)
      let printed = ''
      child.stdout!.on('data', (text: string) => {
        printed += text
      })
      const code = await ended(child)
      if (code !== 0) throw new Error(`${command.program} ${command.args.join(' ')} ended with ${code}:\n${tail()}`)
      return printed
    },
    async until(isUp, timeout = 60_000) {
      for (const started = Date.now(); !(await isUp().catch(() => false)); await sleep(50)) {
        const dead = children.find(({ exitCode, signalCode, pid }) => exitCode !== null || signalCode || !pid)
        if (dead) throw new Error(`${name} ended (${dead.exitCode ?? dead.signalCode}) instead of serving:\n${tail()}`)
        if (Date.now() - started > timeout) throw new Error(`${name} does not answer after ${timeout} ms:\n${tail()}`)
      }
    },
    async close() {
      killAll()
      await Promise.all(children.filter(({ pid }) => pid).map(ended))
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** The tests' runner ends a file that takes too long by SIGTERM; servers must not outlive it. */
function endWithThisProcess(end: () => void): void {
  process.once('exit', end)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
}

function ended(child: ChildProcess): Promise<number | string> {
  if (child.exitCode !== null || child.signalCode) return Promise.resolve(child.exitCode ?? child.signalCode!)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? signal!))
  })
}

/** Ports of 127.0.0.1 that nobody listens on; different ones, as all are held until all were found. */
export async function freePorts(count: number): Promise<number[]> {
  const listeners = await Promise.all(
    Array.from({ length: count }, async () => {
      const listener = createServer().listen(0, '127.0.0.1')
      await new Promise((resolve, reject) => listener.once('listening', resolve).once('error', reject))
      return listener
    }),
  )
  const ports = listeners.map((listener) => (listener.address() as { port: number }).port)
  await Promise.all(listeners.map((listener) => new Promise((resolve) => listener.close(resolve))))
  return ports
}

/** Whether anything answers HTTP there, be it a refusal. */
export async function answersHttp(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  await response.arrayBuffer()
  return response.status < 500
}
