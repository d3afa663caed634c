/**
 * The disk store when a call to the file system fails: each scenario is run to list its calls, and then again for each
 * call and each failure that it can meet. The same process goes on after it; then a fresh store must have what was
 * told, the content must be what was sent, and the folder must hold what docs/disk-reliability.md names.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { callsOf, ORPHAN, pointsOf, verify } from './support/points.js'
import { forEach, logOf, makeProgram, type Program, type Ran, run } from './support/processes.js'
import type { Point } from './support/program.js'
import { SCENARIOS, type Scenario } from './support/scenarios.js'
import { failuresOf } from './support/strike.js'

/** Most of the time a client waits: several processes at once. */
const SHARES = 2 * availableParallelism()

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
  console.log(`${Object.keys(SCENARIOS).length} scenarios, ${calls} calls, ${points} failures at them tried: ${lost}.`)
})

for (const [title, scenario] of Object.entries(SCENARIOS)) {
  test(`${title}: a failure of any call costs no byte that was told`, async () => {
    const calls = await callsOf(program, folder, title)
    const points = pointsOf(calls, failuresOf)
    const root = mkdtempSync(join(folder, 'failures-'))
    const shares = Array.from({ length: SHARES }, (_, share) => points.filter((_, index) => index % SHARES === share))
    const complaints: string[] = []
    await forEach(shares, SHARES, async (share) => {
      const ran = await run(program, { scenario: title, root, points: share })
      for (const point of share)
        await survived(scenario, root, point, ran).catch((error) => complaints.push(`${point.name}: ${error}`))
    })
    tried.calls += calls.length
    tried.points += points.length
    tried.complaints += complaints.length
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
  const orphans = readdirSync(directory)
  const isMade = orphans.some((name) => name.endsWith('.info'))
  for (const name of orphans) {
    assert.ok(mayLeave || isMade, `a creation that failed leaves ${name}`)
    assert.match(name, ORPHAN)
  }
}
