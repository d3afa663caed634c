import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DiskStore, type DiskStoreOptions } from '../../src/disk/index.js'
import { bodyOf, seededBytes } from '../support/body.js'
import { contentOf, newUpload } from './support/content.js'
import { folderFor } from './support/folder.js'

async function open(context: TestContext, options: Partial<DiskStoreOptions> = {}) {
  const directory = join(await folderFor(context), 'uploads')
  return { directory, store: new DiskStore({ directory, ...options }), file: (name: string) => join(directory, name) }
}

/** As tusd's filestore writes it. */
const TUSD = {
  ID: 'from-tusd',
  Size: 11,
  SizeIsDeferred: false,
  Offset: 0,
  MetaData: { filename: 'a.txt' },
  IsPartial: false,
  IsFinal: false,
  PartialUploads: null,
  Storage: { InfoPath: 'data/from-tusd.info', Path: 'data/from-tusd', Type: 'filestore' },
}

test('an upload that tusd began goes on here, from the size of its file', async (context) => {
  const { directory, store, file } = await open(context)
  mkdirSync(directory)
  writeFileSync(file('from-tusd'), 'hello ')
  writeFileSync(file('from-tusd.info'), JSON.stringify(TUSD))
  const upload = await store.open('from-tusd')
  assert.deepEqual([upload.info.offset, upload.info.length, upload.info.state], [6, 11, 'open'])
  assert.deepEqual(upload.info.metadata, { filename: 'a.txt' })
  assert.equal(await upload.append(6, bodyOf([Buffer.from('world')])), 11)
  await upload.finish()
  assert.equal((await contentOf(await store.open('from-tusd'))).toString(), 'hello world')
})

test('an upload that tusd finished is complete here, with an entity tag that stays', async (context) => {
  const { directory, store, file } = await open(context)
  mkdirSync(directory)
  writeFileSync(file('from-tusd'), 'hello world')
  writeFileSync(file('from-tusd.info'), JSON.stringify(TUSD))
  const { info } = await store.open('from-tusd')
  assert.equal(info.state, 'complete')
  assert.match(info.etag!, /^"[^"]+"$/)
  assert.equal((await store.open('from-tusd')).info.etag, info.etag)
})

test('an upload that tusd joined from others is complete here once it has all bytes', async (context) => {
  const { directory, store, file } = await open(context)
  mkdirSync(directory)
  const joined = { ...TUSD, IsFinal: true, PartialUploads: ['a', 'b'] }
  writeFileSync(file('from-tusd.info'), JSON.stringify(joined))
  writeFileSync(file('from-tusd'), 'hello world')
  const upload = await store.open('from-tusd')
  assert.equal(upload.info.state, 'complete')
  assert.equal((await contentOf(upload)).toString(), 'hello world')
  writeFileSync(file('from-tusd'), 'hello')
  await assert.rejects(store.open('from-tusd'), { code: 'ERR_STORE_CORRUPT' })
})

test('partial uploads that tusd finished are joined here', async (context) => {
  const { directory, store, file } = await open(context)
  mkdirSync(directory)
  for (const [id, text] of Object.entries({ one: 'hello ', two: 'world' })) {
    writeFileSync(file(`${id}.info`), JSON.stringify({ ...TUSD, ID: id, Size: text.length, IsPartial: true }))
    writeFileSync(file(id), text)
  }
  const sources = [(await store.open('one')).info, (await store.open('two')).info]
  assert.deepEqual(sources[0]!.concat, { kind: 'partial' })
  const concat = { kind: 'final', partials: ['one', 'two'], field: 'final;/one /two' } as const
  const joined = await store.create({ id: 'final', length: 11, metadata: {}, metadataField: undefined, concat })
  await joined.concat!(sources)
  assert.equal((await contentOf(await store.open('final'))).toString(), 'hello world')
  const { IsFinal, PartialUploads } = JSON.parse(readFileSync(file('final.info'), 'utf8'))
  assert.deepEqual([IsFinal, PartialUploads], [true, ['one', 'two']])
})

test('bytes that tusd adds meanwhile are a conflict, not overwritten', async (context) => {
  const { directory, store, file } = await open(context)
  mkdirSync(directory)
  writeFileSync(file('from-tusd'), 'hello ')
  writeFileSync(file('from-tusd.info'), JSON.stringify(TUSD))
  const upload = await store.open('from-tusd')
  writeFileSync(file('from-tusd'), 'hello wo')
  await assert.rejects(upload.append(6, bodyOf([Buffer.from('WORLD')])), { code: 'ERR_CONFLICT' })
  assert.equal(readFileSync(file('from-tusd'), 'utf8'), 'hello wo')
})

test('a record is what tusd reads', async (context) => {
  const { store, file } = await open(context)
  const upload = await store.create({
    id: 'ours',
    length: 9,
    metadata: { filename: 'ü' },
    metadataField: 'filename w7w=',
  })
  await upload.append(0, bodyOf([seededBytes(1, 4)]))
  const { Holdfast, ...info } = JSON.parse(readFileSync(file('ours.info'), 'utf8'))
  const Storage = { Type: 'filestore', Path: file('ours'), InfoPath: file('ours.info') }
  const expected = { ...TUSD, ID: 'ours', Size: 9, Offset: 4, MetaData: { filename: 'ü' }, Storage }
  assert.deepEqual(info, expected)
  assert.equal(Holdfast.version, 1)
})

const DAMAGED: Record<string, string> = {
  'no JSON': '{"ID":"damaged"',
  'an empty file': '',
  'another kind of JSON': '[1,2]',
  'a negative size': JSON.stringify({ ...TUSD, ID: 'damaged', Size: -1 }),
  'metadata that is no text': JSON.stringify({ ...TUSD, ID: 'damaged', MetaData: { a: {} } }),
  'the record of another upload': JSON.stringify({ ...TUSD, ID: 'other' }),
  'a later version': JSON.stringify({ ...TUSD, ID: 'damaged', Holdfast: { version: 2, commit: 'x', state: 'open' } }),
  'an unknown state': JSON.stringify({ ...TUSD, ID: 'damaged', Holdfast: { version: 1, commit: 'x', state: '?' } }),
}
for (const [damage, text] of Object.entries(DAMAGED)) {
  test(`a record that is damaged (${damage}): ERR_STORE_CORRUPT, and it stays as it is`, async (context) => {
    const { directory, store, file } = await open(context)
    mkdirSync(directory)
    writeFileSync(file('damaged'), 'bytes')
    writeFileSync(file('damaged.info'), text)
    await assert.rejects(store.open('damaged'), { code: 'ERR_STORE_CORRUPT' })
    assert.equal(readFileSync(file('damaged.info'), 'utf8'), text)
  })
}

test('a data file that lost bytes: ERR_STORE_CORRUPT instead of a hole', async (context) => {
  const { store, file } = await open(context)
  const upload = await store.create(newUpload('short', 10))
  await upload.append(0, bodyOf([seededBytes(2, 6)]))
  truncateSync(file('short'), 5)
  await assert.rejects(upload.append(6, bodyOf([seededBytes(2, 4)])), { code: 'ERR_STORE_CORRUPT' })
  assert.equal((await store.open('short')).info.offset, 6)
  assert.deepEqual(readdirSync(join(file('short'), '..')).sort(), ['short', 'short.info'])
})

test('a finished file that lost or got bytes is not read', async (context) => {
  const { store, file } = await open(context)
  const upload = await store.create(newUpload('changed', 6))
  await upload.append(0, bodyOf([seededBytes(3, 6)]))
  writeFileSync(file('changed'), seededBytes(3, 7))
  await assert.rejects(upload.read(), { code: 'ERR_STORE_CORRUPT' })
  truncateSync(file('changed'), 5)
  await assert.rejects(upload.read(), { code: 'ERR_STORE_CORRUPT' })
})

test('bytes beyond the committed offset, of a crash, are not part of the upload', async (context) => {
  const { store, file } = await open(context)
  const upload = await store.create(newUpload('crashed', undefined))
  await upload.append(0, bodyOf([Buffer.from('abc')]))
  writeFileSync(file('crashed'), 'abcXYZ')
  await upload.declareLength?.(3)
  await upload.finish()
  assert.equal(readFileSync(file('crashed'), 'utf8'), 'abc')
})

const UNUSABLE = [
  '../x',
  'a/../../x',
  '/x',
  '.',
  '..',
  '.hidden',
  'a/.b',
  'x.info',
  'x.lock',
  'x.yield',
  'x.LOCK',
  'x.lock.0.tmp',
]
for (const id of [...UNUSABLE, 'x.info/y', 'a\\b', 'a\0', 'ü', 'a%2Fb', '', 'n'.repeat(148), 'n'.repeat(300)]) {
  test(`the ID ${JSON.stringify(id.slice(0, 20))} is no name`, async (context) => {
    const { directory, store } = await open(context)
    await assert.rejects(store.create(newUpload(id, 1)), { code: 'ERR_INVALID_ID' })
    await assert.rejects(store.open(id), { code: 'ERR_UPLOAD_NOT_FOUND' })
    assert.equal(existsSync(directory), false, 'nothing was made')
  })
}

test('an ID with slashes is a file in folders', async (context) => {
  const { store, file } = await open(context)
  const upload = await store.create(newUpload('tenant/2024/a.b', 3))
  await upload.append(0, bodyOf([Buffer.from('abc')]))
  assert.equal(readFileSync(file('tenant/2024/a.b'), 'utf8'), 'abc')
  await assert.rejects(store.create(newUpload('tenant/2024/a.b/c', 3)), { code: 'ERR_CONFLICT' })
  await assert.rejects(store.create(newUpload('tenant/2024', 3)), { code: 'ERR_CONFLICT' })
})

const longest = 'n'.repeat(147)
for (const id of ["it's-a:name*", longest, `${longest}/${longest}`]) {
  test(`the ID ${id.slice(0, 20)} of ${id.length} is a name`, {
    skip: process.platform === 'win32',
  }, async (context) => {
    const { directory, store, file } = await open(context)
    const upload = await store.create(newUpload(id, 3))
    await upload.append(0, bodyOf([Buffer.from('a')]))
    // The longest names that are ever made: a holder died, and then the one that took its lock over.
    const dead = { token: 'a'.repeat(32), host: hostname(), pid: 2 ** 30 }
    const next = { ...dead, token: 'b'.repeat(32) }
    writeFileSync(file(`${id}.lock`), JSON.stringify(dead))
    writeFileSync(file(`${id}.lock.${dead.token}`), JSON.stringify(next))
    writeFileSync(file(`${id}.lock.${dead.token}.${next.token}`), JSON.stringify({ ...dead, token: 'c'.repeat(32) }))
    await upload.append(1, bodyOf([Buffer.from('bc')]))
    assert.equal((await contentOf(await store.open(id))).toString(), 'abc')
    assert.deepEqual(
      readdirSync(dirname(file(id))).filter((name) => name.includes('lock')),
      [],
    )
    await upload.terminate?.()
    assert.ok(existsSync(directory))
  })
}

test('a folder that may not be written: ERR_STORE_REFUSED', { skip: process.getuid?.() === 0 }, async (context) => {
  const { directory, store } = await open(context)
  mkdirSync(directory)
  chmodSync(directory, 0o500)
  await assert.rejects(store.create(newUpload('refused', 3)), { code: 'ERR_STORE_REFUSED' })
})

test('a stale lock that is damaged by a power failure does not lock for ever', async (context) => {
  const { store, file } = await open(context, { lockTimeout: 200 })
  const upload = await store.create(newUpload('damaged', 3))
  writeFileSync(file('damaged.lock'), '')
  await assert.rejects(upload.append(0, bodyOf([Buffer.from('abc')])), { code: 'ERR_UPLOAD_LOCKED' })
  utimesSync(file('damaged.lock'), new Date(Date.now() - 60_000), new Date(Date.now() - 60_000))
  assert.equal(await upload.append(0, bodyOf([Buffer.from('abc')])), 3)
})

test('options that cannot work are refused by name', () => {
  const refuses = (options: object, name: string): void =>
    assert.throws(() => new DiskStore({ directory: 'x', ...options } as DiskStoreOptions), {
      code: 'ERR_INVALID_OPTIONS',
      message: new RegExp(`^${name}`),
    })
  refuses({ directory: '' }, 'directory')
  refuses({ fsync: 'sometimes' }, 'fsync')
  refuses({ lockTimeout: -1 }, 'lockTimeout')
  refuses({ maxObjectSize: 1.5 }, 'maxObjectSize')
})

test('files and folders are made with the permissions that were asked for, less the umask', {
  skip: process.platform === 'win32',
}, async (context) => {
  const before = process.umask(0o002)
  context.after(() => void process.umask(before))
  const { directory, store, file } = await open(context, { dirPerms: 0o770, filePerms: 0o662 })
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
  const partial = await store.create({ ...newUpload('a/partial', 5), concat: { kind: 'partial' } })
  await partial.append(0, bodyOf([Buffer.from('hello')]))
  await partial.noteFinal?.('a/final')
  assert.deepEqual([modeOf(directory), modeOf(file('a'))], ['770', '770'])
  for (const name of ['a/partial', 'a/partial.info', 'a/partial.finals']) assert.equal(modeOf(file(name)), '660', name)
})

test('permissions that lock the owner out are refused', () => {
  for (const options of [{ dirPerms: 0o600 }, { filePerms: 0o066 }, { filePerms: 0o1600 }, { filePerms: Number.NaN }]) {
    assert.throws(() => new DiskStore({ directory: 'x', ...options }), { code: 'ERR_INVALID_OPTIONS' })
  }
})
