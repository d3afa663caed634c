import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathsOf } from '../../src/disk/files.js'
import { type Holder, identity } from '../../src/disk/holder.js'
import { acquire } from '../../src/disk/lock.js'
import { folderFor } from './support/folder.js'

const token = (): string => randomBytes(16).toString('hex')

/** A holder whose process is no more. */
async function deadHolder(): Promise<Holder> {
  const { pid } = spawnSync(process.execPath, ['--version'])
  return { ...(await identity(token())), pid }
}

function aged(path: string, seconds: number): void {
  const time = new Date(Date.now() - seconds * 1_000)
  utimesSync(path, time, time)
}

test('of many contenders for the lock of a dead holder, one has it at a time', async (context) => {
  const directory = await folderFor(context)
  const paths = pathsOf(directory, 'x')
  for (let round = 0; round < 5; round += 1) {
    const dead = await deadHolder()
    writeFileSync(paths.lock, JSON.stringify(dead))
    // Every other time one contender died while it took the lock over.
    if (round % 2 === 1) writeFileSync(`${paths.lock}.${dead.token}`, JSON.stringify(await deadHolder()))
    let holders = 0
    const contend = async (): Promise<void> => {
      const lock = await acquire(paths, { timeout: 10_000 })
      holders += 1
      assert.equal(holders, 1)
      await sleep(3)
      await lock.mustHold()
      holders -= 1
      await lock.release()
    }
    await Promise.all(Array.from({ length: 20 }, contend))
    assert.deepEqual(readdirSync(directory), [])
  }
})

test('a lock of a process with the same ID that started at another time is stale', async (context) => {
  const paths = pathsOf(await folderFor(context), 'x')
  const { origin, ...same } = await identity(token())
  if (origin === undefined) return context.skip('the system does not tell when a process started')
  writeFileSync(paths.lock, JSON.stringify({ ...same, origin: { ...origin, started: '1' } }))
  await (await acquire(paths, { timeout: 500 })).release()
})

for (const [where, change] of [
  ['on another host', { host: `not-${hostname()}` }],
  ['before a restart of the host', { origin: { boot: 'b', namespace: 'n', started: '1' } }],
] as const) {
  test(`a holder ${where} counts as dead once it gave no sign of life for a minute`, async (context) => {
    const paths = pathsOf(await folderFor(context), 'x')
    writeFileSync(paths.lock, JSON.stringify({ ...(await identity(token())), ...change }))
    aged(paths.lock, 50)
    await assert.rejects(acquire(paths, { timeout: 200 }), { code: 'ERR_UPLOAD_LOCKED' })
    aged(paths.lock, 70)
    await (await acquire(paths, { timeout: 1_000 })).release()
  })
}

test('a lock that somebody else has now is neither believed nor removed', async (context) => {
  const directory = await folderFor(context)
  const paths = pathsOf(directory, 'x')
  const lock = await acquire(paths, { timeout: 500 })
  writeFileSync(paths.lock, JSON.stringify(await identity(token())))
  await assert.rejects(lock.mustHold(), { code: 'ERR_CONFLICT' })
  await lock.release()
  assert.deepEqual(readdirSync(directory), ['x.lock'])
})

test('a holder shows that it lives', async (context) => {
  const paths = pathsOf(await folderFor(context), 'x')
  const lock = await acquire(paths, { timeout: 500 })
  aged(paths.lock, 500)
  lock.watch(() => undefined)
  await sleep(600)
  const { mtimeMs } = statSync(paths.lock)
  assert.ok(Date.now() - mtimeMs < 5_000)
  await lock.release()
})
