/**
 * Servers of uploads that faults are tried on: Holdfast in this process, and in one that can be killed.
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { nodeHandler } from '../../src/http/node.js'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import { createServer } from '../../src/server.js'
import { type HookKind, hooksOf } from './hooks.js'
import { sweepable } from './sweeping.js'
import { clientOf, type Target } from './target.js'

export interface Started {
  /** Where it takes creations. */
  readonly url: string
  /** As SIGKILL does; without, the server lives in this process. */
  readonly kill?: () => void
  close(): Promise<void>
}

export interface Settings {
  /** Milliseconds between two commits of one long append. */
  commitInterval: number
  /** The server has to find out what S3 does. */
  asks: boolean
  /** Milliseconds that S3 has for an answer. */
  timeout: number
  /** Milliseconds after which unfinished uploads expire. Default: never. */
  expiresAfter?: number
  /** What the application says of finished uploads. Default: nothing. */
  hooks?: HookKind
  /** Before the keys of all objects: a sweep sees what begins so, and not the uploads of other runs. */
  prefix?: string
}

/** @param endpoint of the proxy before S3 */
export type StartServer = (target: Target, endpoint: string, settings: Settings) => Promise<Started>

/** What a store is told: small parts, little patience, no look at the provider unless that is the point. */
export function storeOptions(
  { partSize, capabilities, bucket }: Target,
  { commitInterval, asks, timeout, prefix }: Settings,
): Omit<S3StoreOptions, 'service'> {
  return {
    ...(prefix === undefined ? {} : { objectPrefix: prefix }),
    bucket,
    minPartSize: partSize,
    preferredPartSize: partSize,
    maxObjectSize: 1_000 * partSize,
    maxAttempts: 2,
    requestTimeout: timeout,
    completeTimeout: timeout,
    commitInterval,
    ...(asks ? { provider: 'other' } : { capabilities }),
  }
}

export const startHere: StartServer = async (target, endpoint, settings) => {
  const service = clientOf(target, endpoint)
  const store = new S3Store({ service, ...storeOptions(target, settings) })
  // The scenarios that are tried without conditional writes have one node.
  if (target.capabilities.conditionalWrites === 'none') await store.ready({ exclusive: true })
  let ahead = 0
  const now = (): number => Date.now() + ahead
  const { expiresAfter } = settings
  const expiry = expiresAfter === undefined ? {} : { expiresAfter, sweepInterval: 0 }
  const times = { yieldTimeout: 3_000, completionTimeout: 3_000 }
  const holdfast = createServer({ store, now, ...times, ...expiry, ...hooksOf(settings.hooks) })
  const turnClock = (by: number): void => {
    ahead = by
  }
  const listener = http.createServer(sweepable(holdfast, turnClock, nodeHandler(holdfast))).listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/files/`,
    async close() {
      await holdfast.close({ timeout: 5_000 })
      listener.closeAllConnections()
      await new Promise((resolve) => listener.close(resolve))
      service.destroy()
    },
  }
}

/** The built library, as an operator runs it. */
const HOLDFAST = join(import.meta.dirname, 'holdfast.mjs')

/**
 * Servers in processes of their own. Some are started ahead, since that takes longer than what they are for.
 * @param program serves as its parent's one message says, and tells its port
 */
export function startProcesses(
  program = HOLDFAST,
  optionsOf: (target: Target, settings: Settings) => object = storeOptions,
): { start: StartServer; close: () => void } {
  const spawn = (): ChildProcess => fork(program, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const all = new Set<ChildProcess>()
  const ahead = (): ChildProcess => {
    const child = spawn()
    all.add(child)
    child.once('exit', () => all.delete(child))
    return child
  }
  const pool = [ahead(), ahead()]
  return {
    async start(target, endpoint, settings) {
      const child = pool.shift()!
      pool.push(ahead())
      const ready = new Promise<number>((resolve, reject) => {
        child.once('message', (port) => resolve(port as number))
        child.once('exit', (code) => reject(new Error(`the server ended with ${code} instead of serving`)))
      })
      const { region, credentials } = target
      const { expiresAfter, hooks } = settings
      const client = { endpoint, region, credentials }
      child.send({ client, options: optionsOf(target, settings), expiresAfter, hooks })
      const kill = (): void => void child.kill('SIGKILL')
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      const url = `http://127.0.0.1:${await ready}/files/`
      return {
        url,
        kill,
        async close() {
          if (child.exitCode !== null || child.signalCode !== null) return
          kill()
          await ended
        },
      }
    },
    close() {
      for (const child of all) child.kill('SIGKILL')
    },
  }
}
