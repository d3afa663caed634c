/**
 * Every point: each S3 call of each scenario × each kind of fault, one run each.
 * @module
 */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { play } from './play.js'
import { KINDS, type Point, pointsOf, textOf } from './points.js'
import { SCENARIOS, type Scenario } from './scenarios.js'
import { startHere, startProcesses } from './servers.js'
import type { Target } from './target.js'

export interface SuiteOptions {
  scenarios?: readonly Scenario[]
  /** Runs at once. */
  lanes?: number
}

/** Registers the tests; ends the target with the last of them. */
export async function faultSuite(
  target: Target,
  { scenarios = SCENARIOS, lanes = 10 }: SuiteOptions = {},
): Promise<void> {
  const processes = startProcesses()
  let tried = 0
  let missed = 0
  const points: { scenario: Scenario; point: Point }[] = []
  for (const scenario of scenarios) {
    if (process.env.ONLY && !scenario.name.includes(process.env.ONLY)) continue
    const { sites } = await play(scenario, { target, start: startHere })
    for (const point of pointsOf(sites)) points.push({ scenario, point })
  }
  describe(`every S3 call × every fault, on ${target.name}`, { concurrency: lanes }, () => {
    for (const { scenario, point } of points) {
      test(`${scenario.name}: ${textOf(point.site)}: ${point.kind.name}`, async () => {
        const start = point.kind.kills ? processes.start : startHere
        const { struck } = await play(scenario, { target, start, look: startHere, point })
        if (struck === 0 && scenario.isTimed) missed++
        else {
          assert.ok(struck > 0, 'the fault struck')
          tried++
        }
      })
    }
    after(async () => {
      processes.close()
      await target.close()
      const lost = points.length - tried - missed
      console.log(
        `${target.name}: ${tried} points (${scenarios.length} scenarios, ${KINDS.length} kinds of fault) were tried, ` +
          (lost === 0 ? 'and none lost a byte or left anything behind' : `and ${lost} FAILED`),
      )
    })
  })
}
