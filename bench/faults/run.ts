/**
 * The same scenarios and the same faults, on Holdfast and on its peers: how many uploads are harmed, and how. Prints the
 * table of docs/reliability.md.
 *
 * `npm run bench:faults`, or with a part of the points: `npm run bench:faults -- --share 4` takes every fourth.
 * @module
 */
import { parseArgs } from 'node:util'
import { Broken, type Harm } from '../../test-faults/support/client.js'
import { play } from '../../test-faults/support/play.js'
import { type Point, pointsOf } from '../../test-faults/support/points.js'
import { SCENARIOS, type Scenario } from '../../test-faults/support/scenarios.js'
import { openDevelopmentBucket, type Target } from '../../test-faults/support/target.js'
import { type Contender, holdfast, tusd, tusNode } from './peers.js'

const { values } = parseArgs({
  options: {
    share: { type: 'string', default: '1' },
    only: { type: 'string' },
    lanes: { type: 'string', default: '8' },
  },
})

const LACKING = ['checksum', 'concatenation', 'digests']

/** What every server of tus uploads on S3 can do: one node at a time, and no extension that a peer lacks. */
const COMMON = SCENARIOS.filter(
  ({ several, extension = '', settings }) => !several && !settings && !LACKING.includes(extension),
)

/** The peers are given up on sooner than Holdfast is: most of what is stuck stays so. */
const PATIENCE = { tries: 8, timeout: 10_000 }

type Outcome = 'identical' | Harm | 'fails without a fault'

interface Tally {
  points: number
  outcomes: Map<Outcome, number>
  /** Of each outcome but `identical`, the first few points. */
  examples: Map<Outcome, string[]>
}

// A peer that throws where nobody catches must not end the measurement; its process would have ended.
let uncaught = 0
process.on('uncaughtException', () => uncaught++)
process.on('unhandledRejection', () => uncaught++)

async function measure(contender: Contender, target: Target): Promise<Tally> {
  const tally: Tally = { points: 0, outcomes: new Map(), examples: new Map() }
  const work: { scenario: Scenario; point: Point }[] = []
  for (const scenario of COMMON) {
    const sites = await play(scenario, { target, start: contender.start }, PATIENCE).then(
      ({ sites }) => sites,
      (error: unknown) => {
        if (!(error instanceof Broken)) throw error
        count(tally, 'fails without a fault', `${scenario.name}: ${error.message}`)
        return []
      },
    )
    for (const point of pointsOf(sites)) work.push({ scenario, point })
  }
  const chosen = work.filter((_, index) => index % Number(values.share) === 0)
  const lane = async (): Promise<void> => {
    for (let next = chosen.shift(); next; next = chosen.shift()) await one(contender, target, tally, next)
  }
  await Promise.all(Array.from({ length: Number(values.lanes) }, lane))
  return tally
}

async function one(
  contender: Contender,
  target: Target,
  tally: Tally,
  { scenario, point }: { scenario: Scenario; point: Point },
): Promise<void> {
  const { start, startProcess } = contender
  const options = { target, point, start: point.kind.kills ? startProcess : start, look: start }
  const failure = await play(scenario, options, PATIENCE).then(
    () => undefined,
    (error: unknown) => error,
  )
  tally.points++
  if (failure === undefined) count(tally, 'identical', '')
  else if (failure instanceof Broken) {
    count(tally, failure.harm, `${scenario.name}; ${point.site.name}; ${point.kind.name}: ${failure.message}`)
  } else throw failure
}

function count({ outcomes, examples }: Tally, outcome: Outcome, example: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  const few = examples.get(outcome) ?? []
  if (outcome !== 'identical' && few.length < 5) examples.set(outcome, [...few, example])
}

const COLUMNS = ['identical', 'corrupt', 'missing', 'lost', 'stuck', 'refused', 'left over'] as const

const contenders = [holdfast, tusNode, tusd]
const rows: string[] = []
for (const open of contenders) {
  if (values.only && !open.name.toLowerCase().includes(values.only)) continue
  const contender = await open()
  const target = await openDevelopmentBucket()
  uncaught = 0
  const { points, outcomes, examples } = await measure(contender, target)
  await target.close()
  contender.close()
  rows.push(`| ${[contender.name, points, ...COLUMNS.map((column) => outcomes.get(column) ?? 0)].join(' | ')} |`)
  console.log(`\n## ${contender.name}: ${points} points, ${uncaught} errors that nobody caught`)
  for (const [outcome, few] of examples) {
    console.log(`${outcome}: ${outcomes.get(outcome)}`)
    for (const example of few) console.log(`  ${example}`)
  }
}
console.log(`\n| server | points | ${COLUMNS.join(' | ')} |\n|${' --- |'.repeat(COLUMNS.length + 2)}`)
for (const row of rows) console.log(row)
process.exit(0)
