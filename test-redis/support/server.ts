/**
 * A Redis of the test's own: a process on a free port of this machine, with a folder of its own, that keeps nothing.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { afterwards } from '../../test/cli/command.js'

/** Another server of the same protocol, such as valkey-server. */
const PROGRAM = process.env.HOLDFAST_TEST_REDIS ?? 'redis-server'

function found(): string {
  if (PROGRAM.includes('/') && existsSync(PROGRAM)) return PROGRAM
  const paths = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, PROGRAM))
  const path = paths.find((one) => existsSync(one))
  if (path) return path
  throw new Error(`These tests need the program ${PROGRAM}: apt-get install -y redis-server`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface RedisServer {
  readonly url: string
  readonly port: number
  /** Starts it, on the same port each time, and waits until it answers. */
  start(): Promise<void>
  /** Ends it at once; it forgets everything. */
  stop(): Promise<void>
  /** It lives, and does nothing. */
  pause(): void
  resume(): void
  /** One command, on a connection of its own. */
  send(...command: string[]): Promise<unknown>
}

/** Redis gives no locks when it was up for less than a lease and a second, in whole seconds. */
export const settled = (ttl: number): Promise<unknown> => sleep(ttl + 2_100)

export async function startRedis(
  context: Pick<TestContext, 'after'>,
  { isStarted = true, ttl = 0 }: { isStarted?: boolean; ttl?: number } = {},
): Promise<RedisServer> {
  const program = found()
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-'))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  const send = async (...command: string[]): Promise<unknown> => {
    const client = createClient({ url, socket: { reconnectStrategy: false } })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return await client.sendCommand(command)
    } finally {
      client.destroy()
    }
  }
  const stop = async (): Promise<void> => {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const exited = new Promise((resolve) => running.once('exit', resolve))
    running.kill('SIGKILL')
    await exited
  }
  afterwards(context, () => rm(folder, { recursive: true, force: true }))
  afterwards(context, stop)
  const server: RedisServer = {
    url,
    port,
    send,
    stop,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async start() {
      const keep = ['--save', '', '--appendonly', 'no', '--dir', folder]
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--daemonize', 'no', ...keep]
      child = spawn(program, args, { stdio: 'ignore' })
      for (let tries = 0; ; tries++) {
        if (await send('PING').catch(() => false)) return
        if (tries > 200) throw new Error(`${program} does not answer on port ${port}`)
        await sleep(25)
      }
    },
  }
  process.once('exit', () => child?.kill('SIGKILL'))
  // The test runner ends a file that takes too long so; without this the server would outlive it.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  if (isStarted) await server.start()
  if (isStarted && ttl > 0) await settled(ttl)
  return server
}
