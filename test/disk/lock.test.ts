import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathsOf } from '../../src/disk/files.js'
import { type Holder, identity } from '../../src/disk/holder.js'
import { DiskStore } from '../../src/disk/index.js'
import { acquire, type Lock } from '../../src/disk/lock.js'
import { bodyOf, seededBytes } from '../support/body.js'
import { contentOf, newUpload } from './support/content.js'
import { folderFor } from './support/folder.js'
import { handlePrototype } from './support/handles.js'

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

test('who saw the dead holder before another one took its lock over does not take it over again', async (context) => {
  const directory = await folderFor(context)
  const paths = pathsOf(directory, 'x')
  writeFileSync(paths.lock, JSON.stringify(await deadHolder()))
  const prototype = await handlePrototype()
  const { readFile } = prototype
  let faster: Lock | undefined
  context.mock.method(prototype, 'readFile', async function (this: FileHandle, encoding: 'utf8') {
    const text = await readFile.call(this, encoding)
    context.mock.restoreAll()
    faster = await acquire(paths, { timeout: 500 })
    return text
  })
  await assert.rejects(acquire(paths, { timeout: 300 }), { code: 'ERR_UPLOAD_LOCKED' })
  await faster?.mustHold()
  await faster?.release()
  assert.deepEqual(readdirSync(directory), [])
})

test('who takes a lock quietly asks nobody who lives, and takes over from who is dead or silent', async (context) => {
  const directory = await folderFor(context)
  const paths = pathsOf(directory, 'x')
  const alive = await acquire(paths, { timeout: 0 })
  let asked = 0
  alive.watch(() => asked++)
  await assert.rejects(acquire(paths, { timeout: 5_000, quietly: true }), { code: 'ERR_UPLOAD_LOCKED' })
  await sleep(600)
  assert.equal(asked, 0, 'nobody asked the holder to let go')
  await alive.release()
  const dead = await deadHolder()
  writeFileSync(paths.lock, JSON.stringify(dead))
  await (await acquire(paths, { timeout: 0, quietly: true })).release()
  const elsewhere = { token: token(), host: 'another-container', pid: 1 }
  writeFileSync(paths.lock, JSON.stringify(elsewhere))
  await assert.rejects(acquire(paths, { timeout: 0, quietly: true }), { code: 'ERR_UPLOAD_LOCKED' })
  aged(paths.lock, 61)
  await (await acquire(paths, { timeout: 0, quietly: true })).release()
  assert.deepEqual(readdirSync(directory), [])
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

/** Makes the process stand still for so long, as far as its clock tells; to be called as often as it does. */
function clockOf(context: TestContext): (seconds: number) => void {
  const now = performance.now.bind(performance)
  let skipped = 0
  context.mock.method(performance, 'now', () => now() + skipped)
  return (seconds) => {
    skipped += seconds * 1_000
  }
}

test('who took too long to write its name into a lock does not have it: it may be taken over', async (context) => {
  const paths = pathsOf(await folderFor(context), 'x')
  const skip = clockOf(context)
  const prototype = await handlePrototype()
  const { writeFile } = prototype
  context.mock.method(
    prototype,
    'writeFile',
    function (this: FileHandle, ...args: Parameters<FileHandle['writeFile']>) {
      skip(11)
      return writeFile.apply(this, args)
    },
  )
  await assert.rejects(acquire(paths, { timeout: 12_000 }), { code: 'ERR_UPLOAD_LOCKED' })
  assert.equal(readFileSync(paths.lock, 'utf8'), '', 'nobody has it, and it is not removed by name')
  context.mock.restoreAll()
  aged(paths.lock, 11)
  await (await acquire(paths, { timeout: 1_000 })).release()
})

test('a holder that stood still for long writes no more, and does not remove what may be the lock of another', async (context) => {
  const paths = pathsOf(await folderFor(context), 'x')
  const skip = clockOf(context)
  const lock = await acquire(paths, { timeout: 500 })
  lock.watch(() => undefined)
  lock.mayWrite()
  skip(31)
  assert.throws(() => lock.mayWrite(), { code: 'ERR_CONFLICT' })
  await lock.release()
  assert.equal(readFileSync(paths.lock, 'utf8'), '')
})

for (const [who, change, isReplaced] of [
  ['was silent for too long', { host: 'elsewhere' }, true],
  ['is dead', { pid: 2 ** 30 }, false],
] as const) {
  test(`after a holder that ${who}, the file that it has open is ${isReplaced ? 'no longer' : 'still'} the upload's`, async (context) => {
    const directory = await folderFor(context)
    const paths = pathsOf(directory, 'x')
    const upload = await new DiskStore({ directory }).create(newUpload('x', 30))
    await upload.append(0, bodyOf([seededBytes(1, 10)]))
    writeFileSync(paths.lock, JSON.stringify({ ...(await identity(token())), ...change }))
    aged(paths.lock, 70)
    const before = statSync(paths.data).ino
    await upload.append(10, bodyOf([seededBytes(1, 20).subarray(10)]))
    assert.equal(statSync(paths.data).ino !== before, isReplaced)
    await upload.append(20, bodyOf([seededBytes(1, 30).subarray(20)]))
    assert.deepEqual(await contentOf(upload), Buffer.from(seededBytes(1, 30)))
    assert.deepEqual(readdirSync(directory).sort(), ['x', 'x.info'])
  })
}

test('who replaces one that died before it had replaced another cleans up after both', async (context) => {
  const directory = await folderFor(context)
  const paths = pathsOf(directory, 'x')
  const [first, second] = [token(), { ...(await deadHolder()), replaced: [] as string[], mayBeWritten: true }]
  second.replaced.push(first)
  writeFileSync(paths.lock, JSON.stringify(second))
  writeFileSync(`${paths.lock}.${first}.tmp`, 'a record')
  writeFileSync(`${paths.lock}.${second.token}.tmp`, 'a record')
  const lock = await acquire(paths, { timeout: 500 })
  assert.deepEqual(readdirSync(directory), ['x.lock'])
  assert.equal(lock.holder.mayBeWritten, true)
  await lock.release()
})
