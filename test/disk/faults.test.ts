import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DiskStore } from '../../src/disk/index.js'
import { bodyOf, chunksOf, seededBytes } from '../support/body.js'
import { contentOf, newUpload } from './support/content.js'
import { folderFor } from './support/folder.js'
import { handlePrototype } from './support/handles.js'

const MiB = 1024 * 1024

const failure = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code })

test('bytes that the disk failed to sync are not committed, though a second sync would succeed', async (context) => {
  const store = new DiskStore({ directory: await folderFor(context) })
  const upload = await store.create(newUpload('eio', 100))
  await upload.append(0, bodyOf([seededBytes(1, 10)]))
  // Linux tells of a page that could not be written once; it then takes the page for clean.
  const sync = context.mock.method(await handlePrototype(), 'datasync', async () => Promise.reject(failure('EIO')), {
    times: 1,
  })
  const append = upload.append(10, bodyOf([seededBytes(2, 20)]))
  await assert.rejects(append, { code: 'ERR_STORE_UNAVAILABLE', offset: 10 })
  assert.equal(sync.mock.callCount() > 0, true)
  assert.equal(upload.info.offset, 10)
  assert.equal((await store.open('eio')).info.offset, 10)
  await upload.append(10, bodyOf([seededBytes(3, 90)]))
  assert.deepEqual(await contentOf(upload), Buffer.concat([seededBytes(1, 10), seededBytes(3, 90)]))
})

test("fsync: 'finish': an upload whose committed bytes the disk could not keep has failed, and says so", async (context) => {
  const store = new DiskStore({ directory: await folderFor(context), fsync: 'finish' })
  const upload = await store.create(newUpload('eio', 30))
  await upload.append(0, bodyOf([seededBytes(1, 10)]))
  const fail = async () => Promise.reject(failure('EIO'))
  context.mock.method(await handlePrototype(), 'datasync', fail, { times: 1 })
  await assert.rejects(upload.append(10, bodyOf([seededBytes(1, 20)])), { code: 'ERR_STORE_UNAVAILABLE' })
  const { info } = await store.open('eio')
  assert.equal(info.state, 'failed')
  assert.match(info.failure!, /disk/)
  await assert.rejects(upload.append(10, bodyOf([seededBytes(1, 20)])), { code: 'ERR_UPLOAD_GONE' })
})

test('bytes that were written before the disk was full are committed', async (context) => {
  const store = new DiskStore({ directory: await folderFor(context) })
  const upload = await store.create(newUpload('full', 4 * MiB))
  const prototype = await handlePrototype()
  const { writev } = prototype
  let calls = 0
  context.mock.method(prototype, 'writev', function (this: FileHandle, ...args: Parameters<FileHandle['writev']>) {
    calls += 1
    return calls === 2 ? Promise.reject(failure('ENOSPC')) : writev.apply(this, args)
  })
  const append = upload.append(0, bodyOf(chunksOf(seededBytes(4, 4 * MiB), 64 * 1024)))
  await assert.rejects(append, { code: 'ERR_STORE_UNAVAILABLE', offset: MiB })
  const fresh = await store.open('full')
  assert.equal(fresh.info.offset, MiB)
  await fresh.append(MiB, bodyOf([seededBytes(4, 4 * MiB).subarray(MiB)]))
  assert.ok((await contentOf(fresh)).equals(seededBytes(4, 4 * MiB)))
})

test('writes that the system takes only in part go on where they ended', async (context) => {
  const store = new DiskStore({ directory: await folderFor(context) })
  const content = seededBytes(5, 100_000)
  const upload = await store.create(newUpload('short', content.byteLength))
  const prototype = await handlePrototype()
  context.mock.method(prototype, 'writev', async function (this: FileHandle, chunks: Uint8Array[], at: number) {
    const { bytesWritten } = await this.write(chunks[0]!.subarray(0, 777), 0, undefined, at)
    return { bytesWritten, buffers: chunks }
  })
  assert.equal(await upload.append(0, bodyOf(chunksOf(content, 1_000, 1, 5_000))), content.byteLength)
  assert.ok((await contentOf(upload)).equals(content))
})

test('a record that cannot be replaced: what was committed stays, and so does the old record', async (context) => {
  const directory = await folderFor(context)
  const store = new DiskStore({ directory })
  const upload = await store.create(newUpload('record', 30))
  await upload.append(0, bodyOf([seededBytes(6, 10)]))
  const write = context.mock.method(await handlePrototype(), 'sync', async () => Promise.reject(failure('ENOSPC')))
  await assert.rejects(upload.append(10, bodyOf([seededBytes(7, 10)])), { code: 'ERR_STORE_UNAVAILABLE', offset: 10 })
  write.mock.restore()
  assert.deepEqual(readdirSync(directory).sort(), ['record', 'record.info'])
  const fresh = await store.open('record')
  assert.equal(fresh.info.offset, 10)
  await fresh.append(10, bodyOf([seededBytes(8, 20)]))
  assert.deepEqual(await contentOf(fresh), Buffer.concat([seededBytes(6, 10), seededBytes(8, 20)]))
})

test('folders that were made for an ID survive a power failure', {
  skip: process.platform !== 'linux',
}, async (context) => {
  const root = await folderFor(context)
  const directory = join(root, 'made', 'too')
  const prototype = await handlePrototype()
  const synced = syncedFolders(context, prototype)
  await new DiskStore({ directory }).create(newUpload('tenant/year/x', 3))
  for (let folder = join(directory, 'tenant', 'year'); folder !== dirname(root); folder = dirname(folder)) {
    assert.ok(synced.has(folder), `${folder} is not synced, so what it holds may be lost`)
  }
})

function syncedFolders(context: TestContext, prototype: FileHandle): Set<string> {
  const synced = new Set<string>()
  const { sync } = prototype
  context.mock.method(prototype, 'sync', function (this: FileHandle) {
    synced.add(readlinkSync(`/proc/self/fd/${this.fd}`))
    return sync.call(this)
  })
  return synced
}

test('a file that lost its end while the last bytes came is not completed', async (context) => {
  const directory = await folderFor(context)
  const store = new DiskStore({ directory })
  const upload = await store.create(newUpload('cut', 2 * MiB))
  async function* cutAfter() {
    yield* chunksOf(seededBytes(9, 2 * MiB), MiB)
    await sleep(300)
    truncateSync(join(directory, 'cut'), 100)
  }
  await assert.rejects(upload.append(0, bodyOf(cutAfter())), { code: 'ERR_STORE_CORRUPT' })
  assert.equal((await store.open('cut')).info.state, 'open')
})

test('a download that a termination overtook is told so, not that the upload is corrupt', async (context) => {
  const directory = await folderFor(context)
  const store = new DiskStore({ directory })
  const upload = await store.create(newUpload('ended', 3))
  await upload.append(0, bodyOf([Buffer.from('abc')]))
  const [early, late] = [await store.open('ended'), await store.open('ended')]
  const content = await early.read()
  await upload.terminate?.()
  await assert.rejects(late.read(), { code: 'ERR_UPLOAD_NOT_FOUND' })
  await assert.rejects(
    async () => {
      for await (const _ of content);
    },
    { code: 'ERR_UPLOAD_NOT_FOUND' },
  )
})

test('the wish of a contender that died while the upload was terminated goes with it', async (context) => {
  const directory = await folderFor(context)
  const upload = await new DiskStore({ directory }).create(newUpload('x', 3))
  const prototype = await handlePrototype()
  const { sync } = prototype
  context.mock.method(prototype, 'sync', function (this: FileHandle) {
    // The termination holds the lock now, and syncs its record.
    writeFileSync(join(directory, 'x.yield'), '.')
    context.mock.restoreAll()
    return sync.call(this)
  })
  await upload.terminate?.()
  assert.deepEqual(readdirSync(directory), [])
})

test('a commit that was done, though it was told as failed: its bytes stay', async (context) => {
  const directory = await folderFor(context)
  const store = new DiskStore({ directory })
  const upload = await store.create(newUpload('doubtful', 30), { appendFollows: true })
  const prototype = await handlePrototype()
  const { sync } = prototype
  let syncs = 0
  // The first is that of the folder which was made for the ID, the second that of the record.
  context.mock.method(prototype, 'sync', function (this: FileHandle) {
    syncs += 1
    const isFolder = readlinkSync(`/proc/self/fd/${this.fd}`) === directory
    return isFolder && readdirSync(directory).includes('doubtful.info')
      ? Promise.reject(failure('EIO'))
      : sync.call(this)
  })
  await assert.rejects(upload.append(0, bodyOf([seededBytes(1, 30)])), { code: 'ERR_STORE_UNAVAILABLE' })
  context.mock.restoreAll()
  assert.ok(syncs > 1)
  const fresh = await store.open('doubtful')
  assert.equal(fresh.info.state, 'complete')
  assert.deepEqual(await contentOf(fresh), Buffer.from(seededBytes(1, 30)))
})

test('a lock that cannot be removed now is removed a little later, and what was done is done', async (context) => {
  const directory = await folderFor(context)
  const upload = await new DiskStore({ directory }).create(newUpload('kept', 30))
  const prototype = await handlePrototype()
  const { readFile } = prototype
  // Before a lock is removed it is read.
  context.mock.method(prototype, 'readFile', function (this: FileHandle, ...args: Parameters<FileHandle['readFile']>) {
    const isDone = readFileSync(join(directory, 'kept.info'), 'utf8').includes('"Offset":10')
    return isDone ? Promise.reject(failure('EIO')) : readFile.apply(this, args)
  })
  assert.equal(await upload.append(0, bodyOf([seededBytes(1, 10)])), 10)
  assert.ok(readdirSync(directory).includes('kept.lock'))
  context.mock.restoreAll()
  assert.equal(await upload.append(10, bodyOf([seededBytes(1, 30).subarray(10)])), 30)
  assert.deepEqual(readdirSync(directory).sort(), ['kept', 'kept.info'])
})

test('a creation that fails before its record is there leaves nothing', async (context) => {
  const directory = await folderFor(context)
  const store = new DiskStore({ directory, fsync: 'finish' })
  context.mock.method(await handlePrototype(), 'writeFile', async function (this: FileHandle, text: string) {
    if (text.includes('"ID"')) throw failure('ENOSPC')
    return this.write(text)
  })
  await assert.rejects(store.create(newUpload('none', 30)), { code: 'ERR_STORE_UNAVAILABLE' })
  assert.deepEqual(readdirSync(directory), [])
})
