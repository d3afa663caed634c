/**
 * What is common to failures and deaths: the calls of a scenario, and what must hold after one of them was struck.
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DiskStore } from '../../../src/disk/index.js'
import { createServer } from '../../../src/server.js'
import { shareOf } from '../../share.js'
import { Client, type Known, sha256 } from './client.js'
import { patienceIn } from './patience.js'
import { logOf, type Program, run } from './processes.js'
import type { Point } from './program.js'
import { CONTENT, SCENARIOS, type Scenario } from './scenarios.js'
import type { Call, Fault } from './strike.js'

/** What timers do comes as often as time allows: of that, so many calls of each kind. */
const TIMED = 3

/** The calls of a scenario that are the same each time: when timers fire, others may come in between. */
export async function callsOf(program: Program, folder: string, title: string): Promise<Call[]> {
  const root = mkdtempSync(join(folder, 'list-'))
  const points = [{ name: 'first' }, { name: 'second' }]
  const { told, errors } = await run(program, { scenario: title, root, points })
  const [first, second] = points.map((point) => {
    assert.equal(told.get(point.name)?.over, 'done', errors)
    return logOf(root, point).calls
  })
  const again = new Set(second!.map(({ name }) => name))
  const isSure = ({ name, kind }: Call): boolean =>
    SCENARIOS[title]?.clock === undefined || ['content', 'record'].includes(kind) || Number(name.split(':')[2]) <= TIMED
  const calls = first!.filter((call) => again.has(call.name) && isSure(call))
  assert.ok(calls.some(({ name }) => name === 'create:lock:1') && calls.length > 20, 'the library sees the calls')
  return calls
}

export function pointsOf(calls: Call[], faultsOf: (call: Call) => Fault[]): Point[] {
  const nameOf = (call: Call, fault: Fault): string => `${call.name}-${fault}`.replaceAll(':', '-')
  const all = calls.flatMap((call) =>
    faultsOf(call).map((fault) => ({ name: nameOf(call, fault), call: call.name, fault })),
  )
  return shareOf(all)
}

/** What the next process finds, by way of a client that knows what the one before it was told. */
export async function verify({ goal }: Scenario, directory: string, known: Known, isDead: boolean): Promise<void> {
  const server = createServer({ store: new DiskStore({ directory, lockTimeout: 300 }) })
  const client = new Client(server.serve, CONTENT, { known, patience: patienceIn(directory) })
  if (goal === 'finished') {
    await client.resume()
    const { status, content } = await client.read()
    assert.deepEqual([status, sha256(content)], [200, sha256(CONTENT)])
    const id = idOf(known)
    // Who died between its last commit and letting go left its lock: nobody wants it until the termination.
    const left = filesOf(directory, id).filter((name) => !(isDead && name === `${id}.lock`))
    assert.deepEqual(left, [id, `${id}.info`])
  }
  await client.end()
  assert.deepEqual(filesOf(directory, idOf(known)), [])
  await server.close()
}

const idOf = ({ location }: Known): string => location?.split('/').at(-1) ?? ''

const filesOf = (directory: string, id: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.startsWith(id))
    .sort()

/** What may be left of a creation that was told to nobody. */
export const ORPHAN = /^[0-9a-f]{32}(|\.info|\.lock|\.lock\.[0-9a-f]{32}\.tmp)$/
