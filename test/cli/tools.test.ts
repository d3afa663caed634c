/** The operator's tools by their commands, on a bucket and on a folder. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { DiskStore } from '../../src/disk/index.js'
import { S3Store } from '../../src/s3/index.js'
import type { Store, UploadHandle } from '../../src/store/store.js'
import { bodyOf } from '../support/body.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, someBytes } from '../support/bucket.js'
import { afterwards, runCommand, temporaryFolder } from './command.js'
import { flagsFor, runHere } from './in-process.js'

const PART = 64 * 1024

interface Place {
  store: Store
  flags: string[]
  /** Changes a byte of a stored upload. */
  damage(id: string): Promise<void>
}

async function ofBucket(context: TestContext): Promise<Place & { bucket: OpenBucket }> {
  const bucket = await openBucket({ minPartSize: PART })
  afterwards(context, () => bucket.close())
  const service = clientOf(bucket.bucket)
  const limits = { minPartSize: PART, preferredPartSize: PART, capabilities: KNOWN }
  const store = new S3Store({ bucket: BUCKET, service, ...limits })
  afterwards(context, () => store.close())
  const sizes = ['--s3-min-part-size', '64KiB', '--s3-part-size', '64KiB']
  return {
    bucket,
    store,
    flags: [...flagsFor(bucket, BUCKET), ...sizes],
    async damage(Key) {
      const at = { Bucket: BUCKET, Key }
      const { Body, Metadata } = await bucket.client.send(new GetObjectCommand(at))
      const bytes = await Body!.transformToByteArray()
      bytes[1]! ^= 1
      await bucket.client.send(new PutObjectCommand({ ...at, Body: bytes, Metadata }))
      const { ETag } = await bucket.client.send(new GetObjectCommand(at))
      const record = JSON.parse((await bucket.object(`${Key}.info`)).bytes.toString())
      // As a disk that rots: nobody has written it.
      record.Holdfast.etag = ETag
      await bucket.client.send(
        new PutObjectCommand({ Bucket: BUCKET, Key: `${Key}.info`, Body: JSON.stringify(record) }),
      )
    },
  }
}

async function ofFolder(context: TestContext): Promise<Place & { folder: string }> {
  const folder = temporaryFolder(context)
  return {
    folder,
    store: new DiskStore({ directory: folder }),
    flags: ['--upload-dir', folder],
    async damage(id) {
      const bytes = readFileSync(join(folder, id))
      bytes[1]! ^= 1
      writeFileSync(join(folder, id), bytes)
    },
  }
}

async function upload(
  store: Store,
  id: string,
  length: number | undefined,
  sent: number,
  more = {},
): Promise<UploadHandle> {
  const handle = await store.create({ id, length, metadata: {}, metadataField: undefined, ...more })
  if (sent > 0) await handle.append(0, bodyOf([someBytes(sent)], { length: sent, end: 'end' }))
  return handle
}

for (const [place, open] of [
  ['a bucket', ofBucket],
  ['a folder', ofFolder],
] as const) {
  test(`ls of ${place}: those written last first, with filters, totals and JSON lines`, async (context) => {
    const { store, flags } = await open(context)
    await upload(store, 'first', 1000, 1000, { metadata: { filename: 'a\u202e.txt\u001b[2J' } })
    await upload(store, 'second', 100, 25, { deadline: Date.now() + 3 * 3_600_000 + 5_000 })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await upload(store, 'third', undefined, 7)
    const { text, code } = await runHere('ls', ...flags)
    assert.equal(code, 0)
    const lines = text.split('\n')
    assert.match(lines[0]!, /^ID +STATE +BYTES +OF +% +AGE +ACTIVE +EXPIRES +NAME$/)
    assert.match(lines[1]!, /^third +open +7 B +\? /)
    assert.match(text, /^second +open +25 B +100 B +25 +\d+s +\d+s +in 3h$/m)
    assert.match(
      text,
      /^first +complete +1000 B +1000 B +100 +\d+s +\d+s +a\?\.txt\?\[2J$/m,
      'nothing commands a terminal',
    )
    assert.match(text, /\n3 uploads: (2 open, 1 complete|1 complete, 2 open); 1\.0 KiB stored\n$/)
    const listed = async (...more: string[]): Promise<string[]> =>
      (await runHere('ls', ...flags, '--json', ...more)).lines().map(({ id }) => id)
    assert.deepEqual((await listed('--state', 'open')).sort(), ['second', 'third'])
    assert.deepEqual(await listed('--limit', '1'), ['third'])
    assert.deepEqual(await listed('--prefix', 'se'), ['second'])
    assert.deepEqual(await listed('--older-than', '1h'), [])
    const [complete] = (await runHere('ls', ...flags, '--json', '--state', 'complete')).lines()
    assert.deepEqual(
      [complete.id, complete.author, complete.offset, complete.length],
      ['first', 'holdfast', 1000, 1000],
    )
    assert.match((await runHere('ls', ...flags, '--limit', '2')).text, /stored, 2 of them shown\n$/)
  })

  test(`verify of ${place}: other bytes than were stored are found, with status 3`, async (context) => {
    const { store, flags, damage } = await open(context)
    await upload(store, 'good', 1000, 1000)
    await upload(store, 'digested', 5, 5, { digests: { 'sha-256': 'AAAA' } })
    await upload(store, 'bad', 1000, 1000)
    await upload(store, 'begun', 5 * PART, 100)
    await upload(store, 'empty', 0, 0).then((handle) => handle.finish())
    await damage('bad')
    const all = await runHere('verify', ...flags, '--all', '--json')
    assert.equal(all.code, 3)
    const found = new Map(all.lines().map((line) => [line.id, line]))
    assert.deepEqual(Object.fromEntries([...found].map(([id, { result, read }]) => [id, [result, read]])), {
      good: ['good', 1000],
      digested: ['wrong', 5],
      bad: ['wrong', 1000],
      begun: ['unfinished', 100],
      empty: ['good', 0],
    })
    const codesOf = (id: string): string[] => found.get(id).findings.map((one: { code: string }) => one.code)
    assert.deepEqual([codesOf('bad'), codesOf('digested')], [['content-other-crc32'], ['content-other-digest']])
    const one = await runHere('verify', ...flags, 'good')
    assert.deepEqual([one.code, one.text], [0, 'good: as its record says (1000 B read)\n1 good; 1000 B read\n'])
    const quick = await runHere('verify', ...flags, 'bad', '--quick', '--json')
    assert.deepEqual([quick.lines()[0].read, quick.lines()[0].result !== 'good'], [0, true])
    assert.equal((await runHere('verify', ...flags, 'nobody')).code, 1)
    await assert.rejects(runHere('verify', ...flags), /name uploads by their IDs, or all with --all/)
  })
}

test('verify: a segment of a tail that holds other bytes is found', async (context) => {
  const { store, flags, bucket } = await ofBucket(context)
  await upload(store, 'tail', 5 * PART, 100)
  await upload(store, 'rots', 5 * PART, 100)
  const put = (Key: string, Body: Uint8Array | string) =>
    bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))
  const { ETag } = await put('rots.part', someBytes(116))
  const record = JSON.parse((await bucket.object('rots.info')).bytes.toString())
  record.Holdfast.tail[0].etag = ETag
  await put('rots.info', JSON.stringify(record))
  const all = await runHere('verify', ...flags, '--all', '--json')
  assert.equal(all.code, 3)
  const found = all.lines().map(({ id, result, findings }) => [id, result, findings[0]?.code])
  assert.deepEqual(found.sort(), [
    ['rots', 'wrong', 'slot-other-bytes'],
    ['tail', 'unfinished', undefined],
  ])
})

test('verify: of what another server stored, the checksum that S3 keeps of the object tells', async (context) => {
  const { store, flags, bucket } = await ofBucket(context)
  await upload(store, 'mine', 1000, 1000)
  const record = JSON.parse((await bucket.object('mine.info')).bytes.toString())
  const send = (Key: string, Body: Uint8Array | string, more = {}) =>
    bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, ...more }))
  for (const [ChecksumAlgorithm, known] of [
    ['CRC64NVME', 'good'],
    ['CRC32C', 'good'],
    ['SHA256', 'unknown'],
  ] as const) {
    const { ETag } = await send('mine', someBytes(1000), { ChecksumAlgorithm })
    await send(
      'mine.info',
      JSON.stringify({ ...record, Holdfast: { ...record.Holdfast, etag: ETag, crc32: undefined } }),
    )
    const { result, read } = (await runHere('verify', ...flags, 'mine', '--json')).lines()[0]
    assert.deepEqual([ChecksumAlgorithm, result, read], [ChecksumAlgorithm, known, 1000])
  }
})

test('ls of a bucket in which one record cannot be read now lists the others, with status 1', async (context) => {
  const { store, flags, bucket } = await ofBucket(context)
  await upload(store, 'mine', 10, 10)
  await upload(store, 'later', 10, 10)
  const record = JSON.parse((await bucket.object('later.info')).bytes.toString())
  record.Holdfast.version = 99
  const Body = JSON.stringify(record)
  await bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'later.info', Body }))
  const { code, text } = await runHere('ls', ...flags, '--json')
  assert.deepEqual([code, text.split('\n').length], [1, 2])
  assert.equal(JSON.parse(text).id, 'mine')
})

test('inspect by the command: the record, what is stored, findings, and status 3 if one is wrong', async (context) => {
  const { store, flags, bucket } = await ofBucket(context)
  await upload(store, 'mine', 1000, 1000, { metadata: { filename: 'talk.mp4' } })
  const good = await runHere('inspect', 'mine', ...flags)
  assert.equal(good.code, 0)
  assert.match(
    good.text,
    /^mine\n\n {2}state {8}complete\n {2}bytes {8}1000 of 1000 \(1000 B\)\n {2}name {9}talk.mp4\n/,
  )
  assert.match(good.text, /\nRecord\n {2}"ID": "mine",\n[\s\S]*\nStored\n[\s\S]*"ofThisUpload": true/)
  assert.match(good.text, /\nFindings\n {2}✓ What is stored is what the record says\.\n$/)
  await bucket.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'mine' }))
  const bad = await runHere('inspect', 'mine', ...flags)
  assert.deepEqual([bad.code, /✗ The object mine is not there\. \[object-missing\]/.test(bad.text)], [3, true])
  const json = (await runHere('inspect', 'mine', ...flags, '--json')).json()
  assert.deepEqual([json.info.state, json.findings[0].code], ['complete', 'object-missing'])
  await assert.rejects(runHere('inspect', 'nobody', ...flags), /There is no upload with this ID/)
})

/** What is wrong in a folder, how it is made, and what a repair does about it. */
type Row = [
  code: string,
  level: string,
  make: (place: Place & { folder: string }) => Promise<string>,
  repaired: string[],
]

const rewrite = (folder: string, id: string, changes: Record<string, unknown>, more = {}): void => {
  const path = join(folder, `${id}.info`)
  const record = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...record, ...more, Holdfast: { ...record.Holdfast, ...changes } }))
}

const unfinished = async ({ store, folder }: Place & { folder: string }): Promise<string> => {
  await upload(store, 'one', 1000, 300)
  return join(folder, 'one')
}

const by =
  (make: (place: Place & { folder: string }) => Promise<unknown>) =>
  async (place: Place & { folder: string }): Promise<string> => {
    await make(place)
    return 'one'
  }

const rows: Row[] = [
  ['data-missing', 'wrong', by(async (place) => rmSync(await unfinished(place))), ['settle: done']],
  ['data-short', 'wrong', by(async (place) => truncateSync(await unfinished(place), 299)), ['settle: done']],
  [
    'data-other-size',
    'wrong',
    async ({ store, folder }) => {
      await upload(store, 'one', 10, 10)
      writeFileSync(join(folder, 'one'), '12345678901')
      return 'one'
    },
    [],
  ],
  [
    'data-short',
    'wrong',
    async ({ store, folder }) => {
      await upload(store, 'one', 10, 10)
      writeFileSync(join(folder, 'one'), '123')
      return 'one'
    },
    [],
  ],
  ['data-uncommitted', 'note', by(async (place) => writeFileSync(await unfinished(place), 'x'.repeat(400))), []],
  ['locked', 'note', by(async (place) => writeFileSync(`${await unfinished(place)}.lock`, '')), []],
  ['expired', 'due', by(({ store }) => upload(store, 'one', 10, 5, { deadline: Date.now() - 1 })), ['expire: done']],
  [
    'not-finished',
    'due',
    async ({ store }) => {
      const handle = await store.create({ id: 'one', length: 10, metadata: {}, metadataField: undefined })
      await handle.append(0, bodyOf([someBytes(10)], { length: 10, end: 'end' }), { completes: 'no' })
      return 'one'
    },
    ['complete: done'],
  ],
  [
    'completing',
    'due',
    async ({ store, folder }) => {
      await upload(store, 'one', 10, 10)
      rewrite(folder, 'one', { state: 'completing' })
      const old = Date.now() / 1000 - 3_600
      utimesSync(join(folder, 'one.info'), old, old)
      return 'one'
    },
    ['complete: done'],
  ],
  [
    'waits',
    'note',
    async ({ store }) => {
      const concat = { kind: 'final' as const, partials: ['two'], field: 'final;/two' }
      await store.create({ id: 'one', length: undefined, metadata: {}, metadataField: undefined, concat })
      await upload(store, 'two', 5, 1, { concat: { kind: 'partial' } })
      return 'one'
    },
    ['complete: waiting'],
  ],
  [
    'failed-with-bytes',
    'due',
    async (place) => {
      await unfinished(place)
      rewrite(place.folder, 'one', { state: 'failed', failure: 'too late' })
      return 'one'
    },
    ['tidy: done'],
  ],
  ['foreign', 'note', by(async ({ folder }) => ofTusd(folder, 'one', 10, 4)), ['adopt: done']],
  ['record-unreadable', 'wrong', by(async ({ folder }) => writeFileSync(join(folder, 'one.info'), '{}')), []],
  [
    'no-checksum',
    'note',
    async ({ store, folder }) => {
      await upload(store, 'one', 10, 10)
      rewrite(folder, 'one', { crc32: undefined })
      return 'one'
    },
    [],
  ],
]

/** As its filestore writes it. */
function ofTusd(folder: string, id: string, size: number, sent: number): void {
  const storage = { Type: 'filestore', Path: `/srv/${id}`, InfoPath: `/srv/${id}.info` }
  const info = { ID: id, Size: size, SizeIsDeferred: false, Offset: 0, MetaData: {}, IsPartial: false, IsFinal: false }
  writeFileSync(join(folder, id), 'x'.repeat(sent))
  writeFileSync(join(folder, `${id}.info`), JSON.stringify({ ...info, PartialUploads: null, Storage: storage }))
}

for (const [code, level, make, repaired] of rows) {
  test(`in a folder, ${code} (${level}) is found; repair: ${repaired.join() || 'nothing'}`, async (context) => {
    const place = await ofFolder(context)
    const id = await make(place)
    const before = readdirSync(place.folder).map((name) => [name, readFileSync(join(place.folder, name), 'utf8')])
    const { findings } = (await runHere('inspect', id, ...place.flags, '--json')).json()
    const found = findings.find((one: { code: string }) => one.code === code)
    assert.deepEqual([found?.level, typeof found?.text], [level, 'string'], JSON.stringify(findings))
    await runHere('repair', id, ...place.flags, '--dry-run')
    const after = readdirSync(place.folder).map((name) => [name, readFileSync(join(place.folder, name), 'utf8')])
    assert.deepEqual(after, before, 'nothing was changed')
    if (code === 'locked') return
    const [report] = (await runHere('repair', id, ...place.flags, '--json')).lines()
    assert.deepEqual(
      report.repairs.map((one: { remedy: string; outcome: string }) => `${one.remedy}: ${one.outcome}`),
      repaired,
    )
    if (repaired[0] === 'settle: done') assert.ok(!existsSync(join(place.folder, id)))
  })
}

test('docs/tools.md has each code that is found in a folder, and each has a row here', () => {
  const root = join(import.meta.dirname, '..', '..')
  const source = ['compare', 'inspect'].map((name) => readFileSync(join(root, `src/disk/${name}.ts`), 'utf8')).join('')
  const codes = [...source.matchAll(/finding\(\s*'([a-z-]+)'|code: '([a-z-]+)'/g)].map(
    ([, one, other]) => one ?? other!,
  )
  assert.ok(codes.length >= 12)
  const page = readFileSync(join(root, 'docs/tools.md'), 'utf8')
  for (const code of codes) {
    assert.ok(
      rows.some(([row]) => row === code),
      `${code} has a row`,
    )
    assert.ok(page.includes(`\`${code}\``), `docs/tools.md has ${code}`)
  }
})

test('repair --all says what it would do, does it, and has then nothing to do', async (context) => {
  const { store, flags, bucket } = await ofBucket(context)
  await upload(store, 'gone', 10 * PART, 2 * PART)
  await upload(store, 'good', 1000, 1000)
  await bucket.abortMultiparts('gone')
  const dry = await runHere('repair', '--all', '--dry-run', ...flags)
  assert.equal(dry.code, 3)
  assert.match(
    dry.text,
    /^gone\n {2}mark it as failed, since committed bytes are gone: would be done\n {2}✗ S3 does not/,
  )
  assert.match(dry.text, /\n2 looked at, 1 would be mended, 1 with something left that is wrong or due\n$/)
  const real = await runHere('repair', '--all', ...flags)
  assert.equal(real.code, 0, real.text)
  assert.match(real.text, /\n2 looked at, 1 mended\n$/)
  assert.equal((await runHere('repair', '--all', ...flags)).text, '2 looked at, 0 mended\n')
  assert.equal((await store.open('gone')).info.state, 'failed')
})

test('the commands by themselves: exit statuses, and one sentence on stderr', async (context) => {
  const folder = temporaryFolder(context)
  writeFileSync(join(folder, 'one.info'), '{}')
  const [found, missing, both, dir] = await Promise.all([
    runCommand(['inspect', 'one', '--upload-dir', folder]),
    runCommand(['inspect', 'two', '--upload-dir', folder]),
    runCommand(['repair', 'one', '--all', '--upload-dir', folder]),
    runCommand(['import', '--from-dir', join(folder, 'nowhere'), '--upload-dir', folder]),
  ])
  assert.deepEqual([found.code, missing.code, both.code, dir.code], [3, 1, 2, 2])
  assert.match(missing.stderr, /^holdfast: There is no upload with this ID/)
  assert.match(both.stderr, /^holdfast: repair: name uploads/)
  assert.match(dir.stderr, /^holdfast: --from-dir: .*nowhere is no folder\.\n$/)
})
