/**
 * Every point: each S3 call of each scenario × each kind of fault, one run each.
 * @module
 */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { shareOf } from '../share.js'
import { play } from './play.js'
import { KINDS, type Kind, type Point, pointsOf, textOf } from './points.js'
import { SCENARIOS, type Scenario } from './scenarios.js'
import { startHere, startProcesses } from './servers.js'
import type { Target } from './target.js'

export interface SuiteOptions {
  scenarios?: readonly Scenario[]
  /** Whether a kind of fault is tried. Default: all are. */
  kinds?: (kind: Kind) => boolean
  /** Every how manieth point is tried, where HOLDFAST_FAULTS_SHARE says nothing. Default: each of them. */
  share?: number
  /** Runs at once. */
  lanes?: number
}

interface Work {
  scenario: Scenario
  point: Point
}

/** Registers the tests; ends the target with the last of them. */
export async function faultSuite(target: Target, options: SuiteOptions = {}): Promise<void> {
  const { share, lanes = 10 } = options
  const all = await everyPoint(target, options)
  const chosen = shareOf(all, share)
  const processes = startProcesses()
  let tried = 0
  let missed = 0
  describe(`every S3 call × every fault, on ${target.name}`, { concurrency: lanes }, () => {
    for (const { scenario, point } of chosen) {
      test(`${scenario.name}: ${textOf(point.site)}: ${point.kind.name}`, async () => {
        const start = point.kind.kills ? processes.start : startHere
        const { struck } = await play(scenario, { target, start, look: startHere, point })
        // How many calls there are depends on the time that they take: here another one was made of it.
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
      const failed = chosen.length - tried - missed
      const verdict = failed === 0 ? 'none lost a byte or left anything behind' : `${failed} FAILED`
      console.log(`${target.name}: ${tried} of ${all.length} points (S3 call × fault) were tried, and ${verdict}`)
    })
  })
}

async function everyPoint(
  target: Target,
  { scenarios = SCENARIOS, kinds = () => true }: SuiteOptions,
): Promise<Work[]> {
  const only = process.env.HOLDFAST_FAULTS_ONLY ?? ''
  const work: Work[] = []
  for (const scenario of scenarios.filter(({ name }) => name.includes(only))) {
    const { sites } = await play(scenario, { target, start: startHere })
    for (const point of pointsOf(sites, KINDS.filter(kinds))) work.push({ scenario, point })
  }
  return work
}
