/**
 * Plays a scenario and looks at what is in the bucket afterwards.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256 } from '../../test/support/bucket.js'
import { Broken, Client, type Patience } from './client.js'
import { Run, type RunOptions } from './run.js'
import { fileFor, type Scenario } from './scenarios.js'

export interface Played {
  /** Which S3 calls there were, in order. */
  sites: Run['sites']
  /** How often the fault struck. */
  struck: number
}

/** @throws Broken if the server did harm */
export async function play(
  scenario: Scenario,
  options: Omit<RunOptions, 'settings'>,
  patience?: Patience,
): Promise<Played> {
  const run = new Run({ ...options, ...(scenario.settings ? { settings: scenario.settings } : {}) })
  const file = fileFor(scenario, run)
  const client = new Client(run, file, patience)
  try {
    const end = await scenario.play(run, client, file)
    const played = { sites: [...run.sites], struck: run.struck }
    run.recovered()
    await run.before(
      () => undefined,
      () => ENDS[end](run, client, file),
    )
    return played
  } finally {
    await run.close()
  }
}

/** A node that knows nothing tells the offset and the content; S3 has the object and the record, and nothing else. */
async function mustBeWhole(run: Run, client: Client, file: Buffer): Promise<void> {
  const { bucketOf } = run.target
  const offset = await client.head('C')
  if (offset !== file.length) throw new Broken('lost', `a new node tells ${offset} of ${file.length}`)
  const found = await bucketOf.sha256(client.key)
  if (found === undefined) throw new Broken('missing', 'the upload counts as finished, and there is no object')
  if (found !== sha256(file)) throw new Broken('corrupt', 'the object has other bytes than the file')
  await client.download('C')
  await mustHold(run, client.key, [client.key, `${client.key}.info`])
}

async function mustBeGone(run: Run, client: Client): Promise<void> {
  await client.mustHaveEnded('C')
  await mustHold(run, client.key, [])
}

/** The record stays, to say why. */
async function mustBeEnded(run: Run, client: Client): Promise<void> {
  await client.mustHaveEnded('C')
  await mustHold(run, client.key, [`${client.key}.info`])
}

const ENDS = { finished: mustBeWhole, terminated: mustBeGone, refused: mustBeEnded, expired: mustBeEnded }

/** What is late on purpose comes within this. Milliseconds. */
const SETTLES = 1_500

async function mustHold({ target }: Run, key: string, expected: string[]): Promise<void> {
  for (const started = Date.now(); ; await sleep(50)) {
    const found = await target.bucketOf.leftovers(key)
    if (found.join() === expected.join()) return
    if (Date.now() - started > SETTLES) throw new Broken('left over', `${found.join(', ') || 'nothing'} in the bucket`)
  }
}
