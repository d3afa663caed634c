/**
 * An example that runs: started by the words of its script, as a container would, and looked at from outside.
 * @module
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Framework } from './frameworks.js'
import { QUIET } from './install.js'

/** Path at which all examples have their uploads. */
export const PATH = '/api/files'

export interface App {
  readonly port: number
  readonly origin: string
  /** Where uploads are created. */
  readonly endpoint: string
  /** Milliseconds after which the server of Node ends a request; 0 for never. */
  requestTimeout(): number
  /** What is stored, read past the server. */
  stored(url: string): Buffer
  /** That it still runs, and has told of no failure. */
  mustBeWell(): void
  /** SIGTERM. @returns its exit code, and milliseconds until then */
  end(): Promise<{ code: number | null; signal: NodeJS.Signals | null; duration: number }>
  kill(): void
}

/** Tells what the server of Node is set to, which is not seen from outside. */
const LOOK = join(import.meta.dirname, 'look.mjs')

/** @param uploads a folder of this app alone */
export async function start(folder: string, script: string, uploads: string, framework: Framework): Promise<App> {
  const { runsOn, environment } = framework
  const port = await freePort()
  const looked = `${uploads}.look`
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const [program, ...args] = scripts[script]!.split(' ')
  const env = {
    ...process.env,
    PATH: `${join(folder, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
    UPLOADS: uploads,
    TRUST_PROXY: '1',
    PORT: String(port),
    HOST: '127.0.0.1',
    NODE_ENV: 'production',
    ...QUIET,
    ...environment?.(`http://127.0.0.1:${port}`),
    ...(runsOn === undefined ? { NODE_OPTIONS: `--import=${pathToFileURL(LOOK)}`, LOOK: looked } : {}),
  }
  const child = spawn(program!, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let told = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      told += text
    })
  }
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('error', (error) => {
      told += String(error)
      resolve([-1, null])
    })
    child.once('close', (code, signal) => resolve([code, signal]))
  })
  const origin = `http://127.0.0.1:${port}`
  await answers(origin, child, () => told)
  return {
    port,
    origin,
    endpoint: `${origin}${PATH}/`,
    requestTimeout: () => Number(readFileSync(looked, 'utf8')),
    stored: (url) => readFileSync(join(uploads, new URL(url).pathname.split('/').at(-1)!)),
    mustBeWell() {
      assert.equal(child.exitCode ?? child.signalCode, null, `it ended: ${told}`)
      assert.doesNotMatch(told, /error|unhandled|uncaught|warning/i)
    },
    async end() {
      const since = performance.now()
      child.kill('SIGTERM')
      const [code, signal] = await ended
      return { code, signal, duration: performance.now() - since }
    },
    kill: () => void child.kill('SIGKILL'),
  }
}

async function answers(origin: string, child: ChildProcess, told: () => string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    assert.equal(child.exitCode, null, `it ended without listening: ${told()}`)
    const answer = await fetch(origin).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return
    await sleep(50)
  }
  assert.fail(`it did not answer: ${told()}`)
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
