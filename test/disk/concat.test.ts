/** Joining on disk: what a crash leaves, and what copying must notice. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DiskStore } from '../../src/disk/index.js'
import type { UploadInfo } from '../../src/store/info.js'
import { bodyOf, seededBytes } from '../../src/testing/index.js'
import { temporaryFolder } from '../support/bucket.js'

async function stage(context: TestContext, ...sizes: number[]) {
  const folder = await temporaryFolder()
  context.after(folder.remove)
  const open = (): DiskStore => new DiskStore({ directory: folder.path })
  const contents = sizes.map((size, index) => seededBytes(index, size))
  const sources: UploadInfo[] = []
  for (const [index, bytes] of contents.entries()) {
    const upload = { id: `part${index}`, length: bytes.length, metadata: {}, metadataField: undefined }
    const handle = await open().create({ ...upload, concat: { kind: 'partial' } })
    await handle.append(0, bodyOf([bytes]))
    sources.push(handle.info)
  }
  const concat = { kind: 'final', partials: sources.map(({ id }) => id), field: undefined } as const
  await open().create({ id: 'final', length: undefined, metadata: {}, metadataField: undefined, concat })
  const file = (name: string): string => join(folder.path, name)
  return { folder: folder.path, open, sources, file, whole: Buffer.concat(contents) }
}

test('bytes that a crash left in the file of a final upload are part of nothing: they are copied anew', async (context) => {
  const { open, sources, file, whole, folder } = await stage(context, 5_000, 3_000_000, 10)
  for (const left of [Buffer.alloc(0), seededBytes(9, 100), seededBytes(9, 4_000_000)]) {
    writeFileSync(file('final'), left)
    const handle = await open().open('final')
    assert.deepEqual([handle.info.state, handle.info.offset], ['open', 0])
  }
  await (await open().open('final')).concat!(sources)
  assert.deepEqual(readFileSync(file('final')), whole)
  const names = ['final', 'final.info', ...sources.flatMap(({ id }) => [id, `${id}.info`])]
  assert.deepEqual(readdirSync(folder).sort(), names.sort())
})

for (const index of [0, 1]) {
  test(`a partial upload whose file is shorter than it was is found out (${index === 0 ? 'the first' : 'a later one'})`, async (context) => {
    const { open, sources, file } = await stage(context, 5_000, 6_000)
    truncateSync(file(`part${index}`), 100)
    await assert.rejects((await open().open('final')).concat!(sources), { code: 'ERR_STORE_CORRUPT' })
    assert.equal((await open().open('final')).info.state, 'open')
  })
}

test('a final upload larger than maxObjectSize is refused', async (context) => {
  const { folder, sources } = await stage(context, 600, 600)
  const small = new DiskStore({ directory: folder, maxObjectSize: 1_000 })
  await assert.rejects((await small.open('final')).concat!(sources), { code: 'ERR_MAX_SIZE_EXCEEDED' })
})
