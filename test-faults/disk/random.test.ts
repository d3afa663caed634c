/**
 * The disk store when processes are killed one after the other, at calls that a seed picks. HOLDFAST_SEED repeats a run;
 * HOLDFAST_ROUNDS makes it longer.
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
import { SCENARIOS } from './support/scenarios.js'
import { deathsOf } from './support/strike.js'

const SEED = Number(process.env.HOLDFAST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = Number(process.env.HOLDFAST_ROUNDS ?? 12)
const DEATHS = 5

let folder: string
let program: Program

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-disk-random-'))
  program = await makeProgram(folder)
})

after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))

/** @returns a number below the limit, and the next one each time (mulberry32) */
function numbersOf(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

/** @returns how many processes were killed */
async function round(title: string, root: string, name: string, points: Point[]): Promise<number> {
  let known: Known | undefined
  let killed = 0
  for (const { call, fault } of points) {
    // Who goes on makes each kind of call at least once.
    const next = known ? call?.replace(/\d+$/, '1') : call
    const point: Point = { name, ...(next && fault && { call: next, fault }), ...(known && { known }) }
    const ran = await run(program, { scenario: title, root, points: [point] })
    const told = ran.told.get(name)
    known = told?.known ?? known ?? { told: 0, finished: false, ended: false }
    if (ran.signal !== 'SIGKILL') {
      assert.equal(told?.over, 'done', ran.errors)
      break
    }
    killed += 1
  }
  const directory = join(root, name)
  await verify(SCENARIOS[title]!, directory, known!, true)
  for (const left of readdirSync(directory)) assert.match(left, ORPHAN)
  return killed
}

test(`processes killed one after the other at calls picked by the seed ${SEED}: no byte that was told is lost`, async () => {
  const next = numbersOf(SEED)
  const titles = Object.keys(SCENARIOS).filter((title) => SCENARIOS[title]?.clock === undefined)
  const lists = new Map<string, Point[]>()
  for (const title of titles) lists.set(title, pointsOf(await callsOf(program, folder, title), deathsOf))
  const root = mkdtempSync(join(folder, 'rounds-'))
  const rounds = Array.from({ length: ROUNDS }, (_, index) => {
    const title = titles[next(titles.length)]!
    const list = lists.get(title)!
    return { title, name: `round-${index}`, points: Array.from({ length: DEATHS }, () => list[next(list.length)]!) }
  })
  const complaints: string[] = []
  let killed = 0
  await forEach(rounds, availableParallelism() + 1, async ({ title, name, points }) => {
    const deaths = await round(title, root, name, points).catch((error) => {
      complaints.push(`${title}, ${points.map(({ name }) => name).join(', ')}: ${error}`)
      return 0
    })
    killed += deaths
  })
  assert.deepEqual(complaints, [])
  assert.ok(killed >= ROUNDS, 'processes were killed')
  console.log(`seed ${SEED}: ${ROUNDS} uploads, ${killed} processes killed, no byte was lost.`)
})
