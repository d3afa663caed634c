/** The CRC32 in the record of the disk store: of the committed bytes, each once, whatever the disk and its writers did. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { DiskStore } from '../../src/disk/index.js'
import type { UploadInfo } from '../../src/store/info.js'
import { bodyOf, chunksOf, seededBytes } from '../support/body.js'
import { contentOf, newUpload } from './support/content.js'
import { folderFor } from './support/folder.js'
import { handlePrototype } from './support/handles.js'

const MiB = 1024 * 1024

async function stage(context: TestContext) {
  const directory = await folderFor(context)
  return { open: () => new DiskStore({ directory }), file: (name: string) => join(directory, name) }
}

test('a disk that takes a part of each write: of what it took, in the order in which it did', async (context) => {
  const { open } = await stage(context)
  const prototype = await handlePrototype()
  const { writev } = prototype
  let calls = 0
  context.mock.method(prototype, 'writev', async function (this: FileHandle, chunks: Uint8Array[], position: number) {
    calls++
    // Nothing but the beginning, which ends within the first chunk or after some.
    const [first, second] = chunks
    if (calls % 3 === 0) return writev.call(this, chunks, position)
    if (calls % 3 === 1 || !second)
      return writev.call(this, [first!.subarray(0, Math.ceil(first!.length / 3))], position)
    return writev.call(this, [first!, second.subarray(0, 1)], position)
  })
  const bytes = seededBytes(1, 3 * MiB + 5)
  const upload = await open().create(newUpload('a', bytes.length))
  await upload.append(0, bodyOf(chunksOf(bytes, 70_000, 1, 3_000)))
  assert.ok(calls > 6, `${calls} writes`)
  assert.deepEqual(await contentOf(upload), Buffer.from(bytes))
  assert.equal(upload.info.crc32, crc32(bytes))
})

test('bytes that a dead writer left beyond the committed offset count for nothing', async (context) => {
  const { open, file } = await stage(context)
  const bytes = seededBytes(2, 5_000)
  await (await open().create(newUpload('a', bytes.length))).append(0, bodyOf([bytes.subarray(0, 3_000)]))
  appendFileSync(file('a'), seededBytes(3, 1_500))
  const other = await open().open('a')
  await other.append(3_000, bodyOf([bytes.subarray(3_000)]))
  assert.equal(other.info.crc32, crc32(bytes))
  assert.equal((await open().open('a')).info.crc32, crc32(readFileSync(file('a'))))
})

test('a write that fails: what was written before it counts once, and what is sent again as well', async (context) => {
  const { open } = await stage(context)
  const bytes = seededBytes(4, 4 * MiB)
  const upload = await open().create(newUpload('a', bytes.length))
  const prototype = await handlePrototype()
  const { writev } = prototype
  let calls = 0
  const mock = context.mock.method(
    prototype,
    'writev',
    function (this: FileHandle, ...args: Parameters<FileHandle['writev']>) {
      calls += 1
      const failure = Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' })
      return calls === 2 ? Promise.reject(failure) : writev.apply(this, args)
    },
  )
  await assert.rejects(upload.append(0, bodyOf(chunksOf(bytes, 64 * 1024))), { code: 'ERR_STORE_UNAVAILABLE' })
  mock.mock.restore()
  const again = await open().open('a')
  await again.append(again.info.offset, bodyOf(chunksOf(bytes.subarray(again.info.offset), 50_000)))
  assert.equal(again.info.crc32, crc32(bytes))
})

test('what tusd began has none: nobody knows what its first bytes were', async (context) => {
  const { open, file } = await stage(context)
  const record = {
    ID: 'tusd',
    Size: 11,
    SizeIsDeferred: false,
    Offset: 0,
    MetaData: {},
    IsPartial: true,
    IsFinal: false,
  }
  writeFileSync(file('tusd'), 'hello ')
  writeFileSync(file('tusd.info'), JSON.stringify({ ...record, PartialUploads: null, Storage: { Type: 'filestore' } }))
  const handle = await open().open('tusd')
  await handle.append(6, bodyOf([Buffer.from('world')]))
  await handle.finish()
  assert.deepEqual([handle.info.state, handle.info.crc32], ['complete', undefined])
  const joined = await join2(open, handle.info, handle.info)
  assert.equal(joined.crc32, undefined, 'nor has what is made of it')
})

async function join2(open: () => DiskStore, ...sources: UploadInfo[]): Promise<UploadInfo> {
  const concat = { kind: 'final', partials: sources.map(({ id }) => id), field: undefined } as const
  const final = await open().create({ ...newUpload('final', undefined), concat })
  await final.concat!(sources)
  return (await open().open('final')).info
}

async function partials(open: () => DiskStore, ...contents: Uint8Array[]): Promise<UploadInfo[]> {
  const infos: UploadInfo[] = []
  for (const [index, bytes] of contents.entries()) {
    const named = { ...newUpload(`part${index}`, bytes.length), concat: { kind: 'partial' } as const }
    const handle = await open().create(named)
    await handle.append(0, bodyOf([bytes]))
    infos.push(handle.info)
  }
  return infos
}

test('what is joined has that of its partial uploads in a row', async (context) => {
  const { open, file } = await stage(context)
  const sources = await partials(open, seededBytes(5, 100), seededBytes(6, 0), seededBytes(7, 2 * MiB + 1))
  assert.equal((await join2(open, ...sources)).crc32, crc32(readFileSync(file('final'))))
})

test('a partial upload whose bytes have changed since is not joined, if they pass through this process', async (context) => {
  const { open, file } = await stage(context)
  const sources = await partials(open, seededBytes(5, 100), seededBytes(7, 2 * MiB + 1))
  const bytes = readFileSync(file('part1'))
  bytes[MiB]! ^= 1
  writeFileSync(file('part1'), bytes)
  await assert.rejects(join2(open, ...sources), { code: 'ERR_STORE_CORRUPT' })
  assert.equal((await open().open('final')).info.state, 'open')
})
