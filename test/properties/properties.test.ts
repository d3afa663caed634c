import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import type { Logger } from '../../src/server.js'
import { type Scenario, scenariosOfConcatenation, scenariosOfOne } from './actions.js'
import { diskGround, s3Ground } from './ground.js'
import { run } from './run.js'

/**
 * HOLDFAST_TEST_MINUTES makes a long run of it (`npm run test:random`); HOLDFAST_TEST_SEED and HOLDFAST_TEST_PATH, as a
 * failure prints them, make exactly that run again.
 */
const { HOLDFAST_TEST_SEED, HOLDFAST_TEST_PATH, HOLDFAST_TEST_MINUTES } = process.env
/** Milliseconds of a short run, and shares of a long one; all tests run at the same time. */
const SHORT = { S3: 8_000, disk: 3_000 }
const SHARE = { S3: 1, disk: 0.3 }
const SCENARIOS = { 'one upload': scenariosOfOne, concatenation: scenariosOfConcatenation }
/** Runs that one seed stands for. */
const RUNS = 5
/** Milliseconds after which a failure is not made smaller any more. */
const SHRINKING = 100_000

const grounds = { S3: s3Ground, disk: diskGround }
type Name = keyof typeof grounds
type Kind = keyof typeof SCENARIOS
const KINDS = Object.keys(SCENARIOS) as Kind[]

// Runs wait most of the time: for connections that hang, and for requests that come late. Each test has a bucket of its own.
describe('whatever clients, nodes and the bucket do, nothing that was acknowledged is lost', { concurrency: 4 }, () => {
  const rejections: unknown[] = []
  const note = (reason: unknown): void => void rejections.push(reason)
  process.on('unhandledRejection', note)
  after(() => process.off('unhandledRejection', note))

  for (const name of ['S3', 'disk'] as const) {
    for (const kind of KINDS) {
      test(`${name}, ${kind}: offsets told stay, objects are what was committed, and endings leave nothing`, async (context) => {
        const first = HOLDFAST_TEST_SEED ? Number(HOLDFAST_TEST_SEED) : Date.now() & 0x3fffffff
        const deadline = performance.now() + millisecondsOf(name)
        let [seed, runs] = [first, 0]
        const log: string[] = []
        const ground = await grounds[name](loggerTo(log))
        const runOne = async (scenario: Scenario, salt: number): Promise<void> => {
          runs++
          log.length = 0
          await run(ground, scenario, salt)
          assert.deepEqual(rejections.splice(0), [], 'no rejection is unhandled')
        }
        try {
          do await check(name, kind, seed++, runOne, log)
          while (performance.now() < deadline && HOLDFAST_TEST_PATH === undefined)
        } finally {
          await ground.close()
        }
        context.diagnostic(`${name}, ${kind}: ${runs} runs, seeds ${first} to ${seed - 1}`)
      })
    }
  }
})

function millisecondsOf(name: Name): number {
  if (HOLDFAST_TEST_MINUTES) return Number(HOLDFAST_TEST_MINUTES) * 60_000 * SHARE[name]
  return HOLDFAST_TEST_SEED ? 0 : SHORT[name]
}

/** @throws Error with the smallest scenario that fails, and the command that runs it again */
async function check(
  name: Name,
  kind: Kind,
  seed: number,
  runOne: (scenario: Scenario, salt: number) => Promise<void>,
  log: readonly string[],
): Promise<void> {
  const started = performance.now()
  let found: number | undefined
  let logOfFailure: string[] = []
  const property = fc.asyncProperty(SCENARIOS[kind](name === 'S3'), async (scenario) => {
    try {
      await runOne(scenario, seed)
    } catch (error) {
      found ??= performance.now() - started
      logOfFailure = log.slice(-20)
      throw error
    }
  })
  const path = HOLDFAST_TEST_PATH ? { path: HOLDFAST_TEST_PATH, endOnFailure: true } : {}
  const details = await fc.check(property, {
    seed,
    numRuns: HOLDFAST_TEST_PATH ? 1 : RUNS,
    interruptAfterTimeLimit: SHRINKING,
    markInterruptAsFailure: true,
    ...path,
  })
  if (!details.failed) return
  if (details.counterexample === null)
    throw new Error(`the ${RUNS} runs of seed ${seed} take more than ${SHRINKING} ms`)
  const error = details.errorInstance as Error
  const again = `HOLDFAST_TEST_SEED=${seed} HOLDFAST_TEST_PATH=${details.counterexamplePath}`
  const text = [
    String(error?.message),
    `${Math.round((found ?? 0) / 100) / 10} s after the seed was begun; ${details.numShrinks} shrinks later: ${JSON.stringify(details.counterexample[0])}`,
    ...logOfFailure,
    `Again: ${again} node scripts/test.mjs test/properties --test-name-pattern='${name}, ${kind}'`,
  ]
  throw new Error(text.join('\n'), { cause: error })
}

/** What the server says of its failures, for the report. */
function loggerTo(lines: string[]): Logger {
  const tell = (fields: Record<string, unknown>, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`)
  }
  return { debug: () => undefined, info: tell, warn: tell, error: tell }
}
