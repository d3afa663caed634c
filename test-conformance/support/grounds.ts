/**
 * Tests of rules, on each way of running Holdfast: both stores, both adapters. The tests of one file share one server
 * for each; a file may ask for more of them, with other options.
 * @module
 */
import { after, before, describe, test } from 'node:test'
import type { ServerOptions } from '../../src/server.js'
import { type Running, run, STORES } from '../../test/support/matrix.js'
import { RULES } from '../rules/index.js'
import { ADAPTERS } from './grounds-list.js'
import { idsOf } from './names.js'
import { RawClient } from './raw.js'
import { interop } from './review.js'

export type Send = Running['send']

export interface Ground {
  store: (typeof STORES)[number]
  adapter: (typeof ADAPTERS)[number]
  /** Asks the server of this file. */
  send: Send
  /** Takes what is stored of an unfinished upload away, behind the server's back. */
  lose: (id: string) => Promise<void>
  /** A further server on this ground, with other options; it starts with the tests and ends with them. */
  server(options: Partial<ServerOptions>): Server
}

export interface Server {
  send: Send
  lose: (id: string) => Promise<void>
  /** A socket to it; with node:http alone. */
  raw: () => RawClient
}

type Test = () => Promise<void>

export interface RuleTests {
  /** `name` begins with the IDs of the rules it covers, in brackets. */
  (name: string, test: Test): void
  /** What no fetch client can say, over a socket: through node:http alone. */
  raw(name: string, test: (connect: () => RawClient) => Promise<void>): void
}

/** Calls `tests` for each ground. */
export function onEachGround(
  title: string,
  options: Partial<ServerOptions>,
  tests: (ground: Ground, rule: RuleTests) => void,
): void {
  describe(title, () => {
    for (const store of STORES) {
      for (const adapter of ADAPTERS) {
        describe(`${store}/${adapter}`, () => {
          const server = (more: Partial<ServerOptions>) => startedWithTests(store, adapter, more)
          const main = server(options)
          tests({ store, adapter, send: main.send, lose: main.lose, server }, ruleTests(adapter, main.raw))
        })
      }
    }
  })
}

/** Calls `tests` for each of these versions of the IETF draft. */
export function onEachVersion(versions: readonly number[], tests: (version: number) => void): void {
  for (const version of versions) describe(interop(version), { concurrency: true }, () => tests(version))
}

function startedWithTests(store: Ground['store'], adapter: Ground['adapter'], options: Partial<ServerOptions>): Server {
  let running: Running
  before(async () => {
    running = await run(store, adapter, options)
  })
  after(() => running.close())
  return {
    send: (target, init) => running.send(target, init),
    lose: (id) => running.lose(id),
    raw: () => new RawClient(running.origin!),
  }
}

function ruleTests(adapter: Ground['adapter'], connect: () => RawClient): RuleTests {
  const rule = (name: string, work: Test): void => {
    const todo = brokenIn(name)
    test(name, todo === undefined ? {} : { todo }, work)
  }
  return Object.assign(rule, {
    raw(name: string, work: (connect: () => RawClient) => Promise<void>): void {
      if (adapter !== 'node') return
      const clients: RawClient[] = []
      rule(name, async () => {
        try {
          await work(() => {
            clients.push(connect())
            return clients.at(-1)!
          })
        } finally {
          for (const client of clients) client.close()
        }
      })
    },
  })
}

/** Why the test is expected to fail, if one of its rules is known not to be kept. An unknown ID is an error at once. */
function brokenIn(name: string): string | undefined {
  const ids = idsOf(name)
  if (ids === undefined) throw new Error(`'${name}' does not begin with the IDs of rules`)
  for (const id of ids) if (!RULES.has(id)) throw new Error(`'${name}': there is no rule ${id}`)
  return ids.map((id) => RULES.get(id)!.broken).find((reason) => reason !== undefined)
}
