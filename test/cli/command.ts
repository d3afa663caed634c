/**
 * The built command as a process.
 * @module
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')

export interface Command {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly pid: number
  /** What was written to stdout until now. */
  readonly stdout: string
  readonly stderr: string
  /** Resolves with the match when stdout has it; rejects if the command ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves when the process is gone: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** Nothing of the environment of the tests reaches the command but where programs are. */
export function startCommand(args: readonly string[], environment: Record<string, string> = {}): Command {
  const env = { PATH: process.env.PATH ?? '', HOME: tmpdir(), ...environment }
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code ?? -1))
  })
  return {
    child,
    pid: child.pid ?? -1,
    ended,
    get stdout() {
      return texts.stdout
    },
    get stderr() {
      return texts.stderr
    },
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(texts.stdout)
          if (match) resolve(match)
        }
        child.stdout.on('data', look)
        look()
        void ended.then((code) => reject(new Error(`the command ended with ${code}: ${texts.stderr}`)))
      }),
  }
}

/** Runs the command to its end. */
export async function runCommand(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }> {
  const command = startCommand(args, environment)
  const code = await command.ended
  return { code, stdout: command.stdout, stderr: command.stderr }
}

const cleanups = new WeakMap<object, (() => unknown)[]>()

/** As `context.after`, but what was opened last is closed first. */
export function afterwards(context: Pick<TestContext, 'after'>, close: () => unknown): void {
  const known = cleanups.get(context)
  if (known) known.push(close)
  else {
    const all = [close]
    cleanups.set(context, all)
    context.after(async () => {
      for (const one of all.reverse()) await one()
    })
  }
}

/** A server by the command; killed when the test ends, if it still runs. */
export async function startServer(
  context: Pick<TestContext, 'after'>,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Command & { url: string }> {
  const command = startCommand(args, environment)
  afterwards(context, async () => {
    command.child.kill('SIGKILL')
    await command.ended
  })
  const [, url] = await command.waitFor(/You can now upload files to: (\S+)/)
  return Object.assign(command, { url: url! })
}

/** A folder that is gone after the test. */
export function temporaryFolder(context: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))
  afterwards(context, () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
