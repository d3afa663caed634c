/**
 * The process that is struck: a server on a folder and its client, run below strike.so. It tells what its client knows
 * line by line, at once, so that whoever outlives it knows what was acknowledged.
 * @module
 */
import { mkdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DiskStore } from '../../../src/disk/index.js'
import { createServer } from '../../../src/server.js'
import { Client, type Known } from './client.js'
import { patienceIn } from './patience.js'
import { CONTENT, Refused, SCENARIOS, type Scenario } from './scenarios.js'
import { arm, disarm, type Fault, watch } from './strike.js'

export interface Task {
  scenario: string
  /** Each point has a folder of its own below this one, and a log beside it. */
  root: string
  points: Point[]
}

export interface Point {
  /** Names the folder. */
  name: string
  /** The call to strike; without one the scenario runs through. */
  call?: string
  fault?: Fault
  /** What the client knows of a process before this one, that was killed: it goes on, in the same folder. */
  known?: Known
}

/** One line. */
export interface Told {
  point: string
  known: Known
  /** The point is over: the client has what it wanted, or this sentence says why not. */
  over?: string
}

const say = (told: Told): void => void writeSync(1, `${JSON.stringify(told)}\n`)

/** Time passes faster; the time that files are dated with does not. */
function hurry(times: number): void {
  const { now } = performance
  const { setInterval: every } = globalThis
  performance.now = () => now.call(performance) * times
  globalThis.setInterval = ((work: () => void, ms: number) => every(work, ms / times)) as typeof setInterval
}

async function strike(scenario: Scenario, root: string, { name, call, fault, known }: Point): Promise<void> {
  const directory = join(root, name)
  mkdirSync(directory, { recursive: true })
  const serverOf = () =>
    createServer({ store: new DiskStore({ directory, lockTimeout: scenario.clock ? 5_000 : 100 }) })
  const server = serverOf()
  const onKnown = (known: Known): void => say({ point: name, known })
  const options = { onKnown, patience: patienceIn(directory), ...(known && { known }) }
  const client = new Client(server.serve, CONTENT, options)
  const goOn = (): Promise<void> => (scenario.goal === 'finished' ? client.resume() : client.end())
  const scene = { client, directory, other: serverOf().serve }
  if (!known) await scenario.prepare?.(scene)
  watch(directory, `${directory}.log`)
  if (call && fault) arm(call, fault)
  try {
    await (known ? goOn() : scenario.run(scene))
    disarm()
  } catch (error) {
    // The disk is well again, and the same process goes on.
    disarm()
    if (!(error instanceof Refused)) throw error
    if (call === undefined) throw error
    await goOn()
  }
  await server.close()
  say({ point: name, known: client.known, over: 'done' })
}

const { scenario: title, root, points } = JSON.parse(process.argv[2] ?? '') as Task
const scenario = SCENARIOS[title]
if (!scenario) throw new Error(`there is no scenario '${title}'`)
if (scenario.clock) hurry(scenario.clock)
for (const point of points) {
  try {
    await strike(scenario, root, point)
  } catch (error) {
    say({ point: point.name, known: { told: 0, finished: false, ended: false }, over: String(error) })
  }
}
// Locks that could not be removed are removed a little later.
await sleep(300)
// The holder of a body that never ends would keep the process.
process.exit(0)
