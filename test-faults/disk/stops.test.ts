/**
 * The disk store when its process stands still at any call, for so long that another one takes its upload over, as a
 * paused container or a sleeping machine does; the other one writes other bytes. Then the first goes on: it changes nothing.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DiskStore } from '../../src/disk/index.js'
import { createServer } from '../../src/server.js'
import { seededBytes } from '../../src/testing/contract/body.js'
import { Client, type Known, sha256 } from './support/client.js'
import { age, patienceIn } from './support/patience.js'
import { callsOf } from './support/points.js'
import { forEach, logOf, makeProgram, type Program, start } from './support/processes.js'
import type { Point } from './support/program.js'
import { CONTENT } from './support/scenarios.js'

/** The same at the beginning, which was committed; other bytes after that. */
const OTHER = Buffer.concat([CONTENT.subarray(0, 1_000), seededBytes(99, CONTENT.byteLength - 1_000)])
const TITLE = 'an append to an upload that is under way'

let folder: string
let program: Program

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-disk-stops-'))
  program = await makeProgram(folder)
})

after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))

/** The holder seems to be on another host, and to have been silent for longer than a minute. */
function banish(directory: string): void {
  for (const name of readdirSync(directory).filter((entry) => /\.lock(\.|$)/.test(entry) && !entry.endsWith('.tmp'))) {
    const path = join(directory, name)
    const text = readFileSync(path, 'utf8')
    if (text !== '') writeFileSync(path, JSON.stringify({ ...JSON.parse(text), host: 'elsewhere' }))
    age(path, 70)
  }
}

async function stopped(root: string, point: Point): Promise<void> {
  const { child, ended } = start(program, { scenario: TITLE, root, points: [point] })
  const directory = join(root, point.name)
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  try {
    const known = await standsStill(root, point, child.pid!)
    banish(directory)
    const server = createServer({ store: new DiskStore({ directory, lockTimeout: 1_000 }) })
    const client = new Client(server.serve, OTHER, { known: { ...known }, patience: patienceIn(directory) })
    // What the first one had committed when it stood still is its own; the rest is the other's.
    const { fields } = await client.offset()
    const at = Number(fields['upload-offset'])
    const expected = at === OTHER.byteLength ? CONTENT : OTHER
    await client.resume()
    assert.equal(sha256((await client.read()).content), sha256(expected), 'before it goes on')
    child.kill('SIGCONT')
    await ended
    const fresh = createServer({ store: new DiskStore({ directory, lockTimeout: 1_000 }) })
    const { status, content } = await new Client(fresh.serve, OTHER, { known: client.known }).read()
    assert.deepEqual([status, sha256(content)], [200, sha256(expected)], 'after it went on')
  } finally {
    clearTimeout(timer)
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await ended
  }
}

/** @returns what the client of the process knows once the process stands still */
async function standsStill(root: string, point: Point, pid: number): Promise<Known> {
  for (let look = 0; look < 2_000; look += 1) {
    await sleep(5)
    if (/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) {
      assert.ok(logOf(root, point).struck)
      const id = readdirSync(join(root, point.name)).find((name) => name.endsWith('.info'))
      return { location: `/files/${id?.slice(0, -'.info'.length)}`, told: 1_000, finished: false, ended: false }
    }
  }
  throw new Error('the process does not stand still')
}

test('a process that stood still at any call of an append, while another took over, changes nothing afterwards', async () => {
  const calls = await callsOf(program, folder, TITLE)
  const root = mkdtempSync(join(folder, 'stops-'))
  const points = calls.map(({ name }): Point => ({ name: name.replaceAll(':', '-'), call: name, fault: 'stop' }))
  const complaints: string[] = []
  await forEach(points, availableParallelism() + 1, (point) =>
    stopped(root, point).catch((error) => void complaints.push(`${point.name}: ${error}`)),
  )
  assert.deepEqual(complaints, [])
  console.log(`${points.length} calls at which the process stood still: no byte of the other was changed.`)
})
