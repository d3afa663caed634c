/**
 * Starts contenders (contender.ts) as processes.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { afterwards } from '../../test/cli/command.js'

export interface Contender {
  readonly child: ChildProcess
  readonly stdout: string
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  readonly ended: Promise<number | null>
}

export function startContender(context: Pick<TestContext, 'after'>, ...args: (string | number)[]): Contender {
  const script = join(import.meta.dirname, 'contender.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  afterwards(context, async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    child,
    ended,
    get stdout() {
      return stdout
    },
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(stdout)
          if (match) resolve(match)
        }
        child.stdout.on('data', look)
        look()
        void ended.then((code) => reject(new Error(`the contender ended with ${code}`)))
      }),
  }
}
