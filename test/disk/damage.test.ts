import assert from 'node:assert/strict'
import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DiskStore } from '../../src/disk/index.js'
import { bodyOf, seededBytes } from '../support/body.js'
import { contentOf, newUpload } from './support/content.js'
import { folderFor } from './support/folder.js'

const CONTENT = seededBytes(1, 900)

/** An upload with 400 of its 900 bytes, and what its files hold. */
async function begun(context: TestContext) {
  const directory = await folderFor(context)
  const store = new DiskStore({ directory, lockTimeout: 100 })
  await (await store.create(newUpload('x', 900))).append(0, bodyOf([CONTENT.subarray(0, 400)]))
  const path = (name: string): string => join(directory, name)
  return { directory, store, path, record: readFileSync(path('x.info')) }
}

async function rest(store: DiskStore): Promise<void> {
  const upload = await store.open('x')
  await upload.append(400, bodyOf([CONTENT.subarray(400)]))
  assert.deepEqual(await contentOf(await store.open('x')), Buffer.from(CONTENT))
}

test('a record that was cut at any length is no record: ERR_STORE_CORRUPT, and both files stay as they are', async (context) => {
  const { store, path, record } = await begun(context)
  for (let length = 0; length < record.byteLength; length += 1) {
    writeFileSync(path('x.info'), record.subarray(0, length))
    await assert.rejects(store.open('x'), { code: 'ERR_STORE_CORRUPT' }, `${length} bytes of ${record.byteLength}`)
    await assert.rejects(store.create(newUpload('x', 5)), { code: 'ERR_CONFLICT' })
    assert.deepEqual(readFileSync(path('x.info')), record.subarray(0, length))
  }
  assert.deepEqual(readFileSync(path('x')), Buffer.from(CONTENT.subarray(0, 400)))
  writeFileSync(path('x.info'), record)
  await rest(store)
})

test('a record with zeros from any byte on, as a power failure leaves it, is no record', async (context) => {
  const { store, path, record } = await begun(context)
  for (let length = 0; length < record.byteLength; length += 1) {
    writeFileSync(path('x.info'), Buffer.concat([record.subarray(0, length), Buffer.alloc(record.byteLength - length)]))
    await assert.rejects(store.open('x'), { code: 'ERR_STORE_CORRUPT' }, `zeros from ${length} on`)
  }
})

test('a record with an offset past its length is no record', async (context) => {
  const { store, path, record } = await begun(context)
  writeFileSync(path('x.info'), JSON.stringify({ ...JSON.parse(record.toString()), Offset: 901 }))
  await assert.rejects(store.open('x'), { code: 'ERR_STORE_CORRUPT' })
})

test('a record that was never put in its place does not count', async (context) => {
  const { directory, store, path, record } = await begun(context)
  const newer = { ...JSON.parse(record.toString()), Offset: 700 }
  writeFileSync(path(`x.lock.${'a'.repeat(32)}.tmp`), JSON.stringify(newer))
  assert.equal((await store.open('x')).info.offset, 400)
  await rest(store)
  assert.ok(readdirSync(directory).includes('x.info'))
})

for (const [what, text] of [
  ['nothing', ''],
  ['half a holder', '{"token":"aaaa'],
  ['zeros', '\0'.repeat(200)],
  ['a token that would be a path', JSON.stringify({ token: '../../etc', host: 'x', pid: 1 })],
  ['another kind of JSON', '[]'],
  ['null', 'null'],
] as const) {
  test(`a lock with ${what} in it holds for ten seconds, and then no more`, async (context) => {
    const { directory, store, path } = await begun(context)
    writeFileSync(path('x.lock'), text)
    await assert.rejects(rest(store), { code: 'ERR_UPLOAD_LOCKED' })
    const time = new Date(Date.now() - 11_000)
    utimesSync(path('x.lock'), time, time)
    await rest(store)
    assert.deepEqual(readdirSync(directory).sort(), ['x', 'x.info'])
  })
}

test('content that is longer than its record says is cut off, whatever it holds', async (context) => {
  const { store, path } = await begun(context)
  for (const extra of [1, 499, 500, 501, 5_000]) {
    writeFileSync(path('x'), Buffer.concat([CONTENT.subarray(0, 400), Buffer.alloc(extra, 0xff)]))
    assert.equal((await store.open('x')).info.offset, 400)
    const upload = await store.open('x')
    assert.equal(await upload.append(400, bodyOf([])), 400)
    assert.deepEqual(readFileSync(path('x')), Buffer.from(CONTENT.subarray(0, 400)))
  }
  await rest(store)
})

test('content that is shorter than its record says, by any number of bytes: ERR_STORE_CORRUPT, never a hole', async (context) => {
  const { store, path } = await begun(context)
  for (let length = 399; length >= 0; length -= 57) {
    truncateSync(path('x'), length)
    const append = (await store.open('x')).append(400, bodyOf([CONTENT.subarray(400)]))
    await assert.rejects(append, { code: 'ERR_STORE_CORRUPT' })
    assert.deepEqual(readFileSync(path('x')), Buffer.from(CONTENT.subarray(0, length)))
  }
})
