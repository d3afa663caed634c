/**
 * The disk store with a fault at every call that it makes of the file system. Each scenario is run to list its calls;
 * then again for each call and each fault that it can meet. After a failure the same process goes on, after a death
 * another one; then a fresh store must have what was told, the content must be what was sent, and the folder must hold
 * what docs/disk-reliability.md names.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DiskStore } from '../../src/disk/index.js'
import { createServer } from '../../src/server.js'
import { Client, type Known, sha256 } from './support/client.js'
import { patienceIn } from './support/patience.js'
import { forEach, logOf, makeProgram, type Program, type Ran, run } from './support/processes.js'
import type { Point } from './support/program.js'
import { CONTENT, SCENARIOS, type Scenario } from './support/scenarios.js'
import { type Call, deathsOf, type Fault, failuresOf } from './support/strike.js'

const AT_ONCE = availableParallelism() + 1
const SHARES = 2 * availableParallelism()

let folder: string
let program: Program
const tried = { calls: 0, failures: 0, deaths: 0 }

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-disk-faults-'))
  program = await makeProgram(folder)
})

after(() => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  const { calls, failures, deaths } = tried
  console.log(
    `${Object.keys(SCENARIOS).length} scenarios with ${calls} calls of the file system: ${failures} failures ` +
      `and ${deaths} deaths at them were tried.`,
  )
})

/** The calls of a scenario that are the same each time: when timers fire, others may come in between. */
async function callsOf(title: string): Promise<Call[]> {
  const root = mkdtempSync(join(folder, 'list-'))
  const points = [{ name: 'first' }, { name: 'second' }]
  const { told, errors } = await run(program, { scenario: title, root, points })
  const [first, second] = points.map((point) => {
    assert.equal(told.get(point.name)?.over, 'done', errors)
    return logOf(root, point).calls
  })
  const again = new Set(second!.map(({ name }) => name))
  const calls = first!.filter(({ name }) => again.has(name))
  assert.ok(calls.some(({ name }) => name === 'create:lock:1') && calls.length > 20, 'the library sees the calls')
  return calls
}

const pointsOf = (calls: Call[], faultsOf: (call: Call) => Fault[]): Point[] =>
  calls.flatMap((call) =>
    faultsOf(call).map((fault) => ({ name: `${call.name}-${fault}`.replaceAll(':', '-'), call: call.name, fault })),
  )

/** What the next process finds, by way of a client that knows what the one before it was told. */
async function verify({ goal }: Scenario, directory: string, known: Known, isDead: boolean): Promise<void> {
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
const ORPHAN = /^[0-9a-f]{32}(|\.info|\.lock|\.lock\.[0-9a-f]{32}\.tmp)$/

const orphansIn = (directory: string): string[] => readdirSync(directory)

for (const [title, scenario] of Object.entries(SCENARIOS)) {
  test(`${title}: a failure of any call costs no byte that was told`, async () => {
    const points = pointsOf(await callsOf(title), failuresOf)
    const root = mkdtempSync(join(folder, 'failures-'))
    // Most of the time a client waits: several processes at once.
    const shares = Array.from({ length: SHARES }, (_, share) => points.filter((_, index) => index % SHARES === share))
    const complaints: string[] = []
    await forEach(shares, SHARES, async (share) => {
      const ran = await run(program, { scenario: title, root, points: share })
      for (const point of share)
        await survived(scenario, root, point, ran).catch((error) => complaints.push(`${point.name}: ${error}`))
    })
    tried.failures += points.length
    assert.deepEqual(complaints, [])
  })

  test(`${title}: a death at any call costs no byte that was told`, async () => {
    const calls = await callsOf(title)
    const points = pointsOf(calls, deathsOf)
    const root = mkdtempSync(join(folder, 'deaths-'))
    const complaints: string[] = []
    await forEach(points, AT_ONCE, (point) =>
      died(title, scenario, root, point).catch((error) => void complaints.push(`${point.name}: ${error}`)),
    )
    tried.calls += calls.length
    tried.deaths += points.length
    assert.deepEqual(complaints, [])
  })
}

async function survived(scenario: Scenario, root: string, point: Point, { told, errors }: Ran): Promise<void> {
  const last = told.get(point.name)
  assert.equal(last?.over, 'done', errors)
  assert.ok(logOf(root, point).struck, 'the fault did not strike')
  const directory = join(root, point.name)
  await verify(scenario, directory, last.known, false)
  // What is not told as made cannot be removed, and what cannot be removed stays.
  const mayLeave = point.fault === 'EIO-done' || point.fault === 'EIO-stays' || point.call?.startsWith('unlink')
  const orphans = orphansIn(directory)
  const isMade = orphans.some((name) => name.endsWith('.info'))
  for (const name of orphans) {
    assert.ok(mayLeave || isMade, `a creation that failed leaves ${name}`)
    assert.match(name, ORPHAN)
  }
}

async function died(title: string, scenario: Scenario, root: string, point: Point): Promise<void> {
  const ran = await run(program, { scenario: title, root, points: [point] })
  assert.equal(ran.signal, 'SIGKILL', `the process was not killed. ${ran.errors}`)
  const directory = join(root, point.name)
  const known = ran.told.get(point.name)?.known ?? { told: 0, finished: false, ended: false }
  await verify(scenario, directory, known, true)
  for (const name of orphansIn(directory)) assert.match(name, ORPHAN)
}
