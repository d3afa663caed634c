/**
 * The disk store when its process is killed: before and after each call that changes something, and in the midst of
 * each write. A fresh store then goes on; see failures.test.ts.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Known } from './support/client.js'
import { callsOf, ORPHAN, pointsOf, verify } from './support/points.js'
import { forEach, makeProgram, type Program, run } from './support/processes.js'
import type { Point } from './support/program.js'
import { SCENARIOS, type Scenario } from './support/scenarios.js'
import { deathsOf } from './support/strike.js'

const AT_ONCE = availableParallelism() + 1
const NOTHING: Readonly<Known> = { told: 0, finished: false, ended: false }

let folder: string
let program: Program
const tried = { calls: 0, points: 0, complaints: 0 }

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-disk-faults-'))
  program = await makeProgram(folder)
})

after(() => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  const { calls, points, complaints } = tried
  const lost = complaints === 0 ? 'no byte was lost' : `${complaints} broke a promise`
  console.log(`${Object.keys(SCENARIOS).length} scenarios, ${calls} calls, ${points} deaths at them tried: ${lost}.`)
})

for (const [title, scenario] of Object.entries(SCENARIOS)) {
  test(`${title}: a death at any call costs no byte that was told`, async () => {
    const calls = await callsOf(program, folder, title)
    const points = pointsOf(calls, deathsOf)
    const root = mkdtempSync(join(folder, 'deaths-'))
    const complaints: string[] = []
    await forEach(points, AT_ONCE, (point) =>
      died(title, scenario, root, point).catch((error) => void complaints.push(`${point.name}: ${error}`)),
    )
    tried.calls += calls.length
    tried.points += points.length
    tried.complaints += complaints.length
    assert.deepEqual(complaints, [])
  })
}

async function died(title: string, scenario: Scenario, root: string, point: Point): Promise<void> {
  const ran = await run(program, { scenario: title, root, points: [point] })
  assert.equal(ran.signal, 'SIGKILL', `the process was not killed. ${ran.errors}`)
  const directory = join(root, point.name)
  const known = ran.told.get(point.name)?.known ?? { ...NOTHING }
  await verify(scenario, directory, known, true)
  for (const name of readdirSync(directory)) assert.match(name, ORPHAN)
}
