/** Each contradiction that can be named, made by hand in a bucket. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { rangesOf } from '../../../src/s3/inspect/compare.js'
import type { Finding, Level } from '../../../src/store/inspect.js'
import { bodyOf } from '../../support/body.js'
import { BUCKET, someBytes } from '../../support/bucket.js'
import { type Bench, DAY, openBench, PART } from './bench.js'

let bench: Bench
before(async () => {
  bench = await openBench()
})
after(() => bench.close())

type Row = [code: string, level: Level, says: RegExp, make: () => Promise<string>]

const rows: Row[] = [
  [
    'part-missing',
    'wrong',
    /Of 2 committed parts S3 does not have 2\./,
    async () => {
      const { id } = await bench.unfinished()
      // Another multipart upload of the key, which has the first part alone.
      const Key = id
      const { UploadId } = await bench.bucket.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }))
      await bench.putPart(id, 1, someBytes(PART), UploadId)
      await bench.rewrite(id, { uploadId: UploadId })
      return id
    },
  ],
  [
    'parts-other-etags',
    'wrong',
    /a part was replaced by other bytes/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.putPart(id, 2, someBytes(PART))
      return id
    },
  ],
  [
    'part-other-size',
    'wrong',
    /but of part 1 S3 has 5\./,
    async () => {
      const { id } = await bench.unfinished()
      await bench.putPart(id, 1, someBytes(5))
      return id
    },
  ],
  [
    'part-other-size',
    'wrong',
    /have 131072 bytes, and those in S3 65541\./,
    async () => {
      const { id } = await bench.unfinished()
      await bench.putPart(id, 2, someBytes(5))
      return id
    },
  ],
  [
    'parts-uncommitted',
    'note',
    /1 parts after the last committed one/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.putPart(id, 3, someBytes(PART))
      return id
    },
  ],
  [
    'multipart-gone',
    'wrong',
    /and with it the 2 parts that were committed/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.bucket.abortMultiparts(id)
      return id
    },
  ],
  [
    'slot-missing',
    'wrong',
    /Slot 0, with 100 bytes of the tail, is not there\./,
    async () => {
      const { id } = await bench.unfinished()
      await bench.remove(`${id}.part`)
      return id
    },
  ],
  [
    'slot-other-length',
    'wrong',
    /Slot 0 has 100 bytes, and should have 116/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.put(`${id}.part`, someBytes(100))
      return id
    },
  ],
  [
    'slot-other-etag',
    'wrong',
    /Slot 0 was replaced/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.put(`${id}.part`, someBytes(116))
      return id
    },
  ],
  [
    'slot-unnamed',
    'note',
    /in slot 1, 3–4: it is used again/,
    async () => {
      const { id } = await bench.unfinished()
      for (const slot of [1, 3, 4]) await bench.put(`${id}.part${slot}`, 'x')
      // Those are of other uploads.
      for (const name of ['.partial', '.part01', '.part200', '.part1.info']) await bench.put(`${id}${name}`, 'x')
      return id
    },
  ],
  [
    'slot-unnamed',
    'due',
    /in slot 0: it may be removed/,
    async () => {
      const { id } = await bench.small()
      await bench.put(`${id}.part`, 'x')
      return id
    },
  ],
  [
    'stray-multipart',
    'note',
    /1 multipart upload of its key, of a writer that is at it/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.bucket.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: id }))
      return id
    },
  ],
  [
    'stray-multipart',
    'due',
    /1 multipart upload of its key, of writers that crashed/,
    async () => {
      const { id } = await bench.small()
      await bench.bucket.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: id }))
      return id
    },
  ],
  [
    'not-finished',
    'due',
    /All 131072 bytes are committed/,
    async () => {
      const id = bench.newId()
      const handle = await bench.store.create({ id, length: 2 * PART, metadata: {}, metadataField: undefined })
      await handle.append(0, bodyOf([someBytes(2 * PART)], { length: 2 * PART, end: 'end' }), { completes: 'no' })
      return id
    },
  ],
  [
    'events-waiting',
    'note',
    /Events wait to be delivered: created, finished\./,
    async () => {
      const { id } = await bench.small()
      await bench.rewrite(id, { outbox: ['created', 'finished'] })
      return id
    },
  ],
  ['expired', 'due', /It expired at 20/, async () => (await bench.unfinished({ deadline: bench.clock.now - 1000 })).id],
  [
    'may-be-dropped',
    'note',
    /may drop its multipart upload since 20/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.rewrite(id, { expiresAt: bench.clock.now - 5 })
      return id
    },
  ],
  [
    'object-early',
    'note',
    /of 7 bytes is under its key, which is not of this upload/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.put(id, someBytes(7))
      return id
    },
  ],
  ['completing', 'note', /its object is being made/, async () => bench.complete((await bench.unfinished()).id)],
  [
    'completing',
    'due',
    /is completing for 1440 minutes/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.complete(id)
      bench.clock.now += DAY
      return id
    },
  ],
  [
    'multipart-gone',
    'wrong',
    /neither the multipart upload any more nor the object of it/,
    async () => {
      const { id } = await bench.unfinished()
      await bench.complete(id)
      await bench.bucket.abortMultiparts(id)
      return id
    },
  ],
  [
    'object-missing',
    'wrong',
    /The object upload\d+ is not there\./,
    async () => {
      const { id } = await bench.large()
      await bench.remove(id)
      return id
    },
  ],
  [
    'object-other-size',
    'wrong',
    /The object has 999 bytes, and the record says 1000\./,
    async () => {
      const { id } = await bench.small()
      await bench.put(id, someBytes(999))
      return id
    },
  ],
  [
    'object-other-etag',
    'wrong',
    /The object was replaced/,
    async () => {
      const { id } = await bench.small()
      await bench.put(id, someBytes(1000))
      return id
    },
  ],
  [
    'object-other-crc32',
    'wrong',
    /By S3 the CRC32 of the object is \d+, and by the record 1\./,
    async () => {
      const { id } = await bench.large()
      await bench.rewrite(id, { crc32: 1 })
      return id
    },
  ],
  [
    'object-moved',
    'note',
    /has moved its object to elsewhere\/talk\.mp4/,
    async () => {
      const { id } = await bench.small()
      await bench.rewrite(id, { moved: { bucket: 'elsewhere', key: 'talk.mp4' } })
      await bench.remove(id)
      assert.equal((await bench.store.inspector().verify(id)).result, 'unknown')
      return id
    },
  ],
  [
    'object-replaced',
    'note',
    /Its key chosen\/one was chosen, and has another object now/,
    async () => {
      const { id } = await bench.small()
      await bench.rewrite(id, { key: 'chosen/one' })
      await bench.put('chosen/one', 'of the application')
      return id
    },
  ],
  [
    'object-unmarked',
    'note',
    /does not carry the marks/,
    async () => {
      const { id } = await bench.small()
      await bench.put(id, (await bench.bucket.object(id)).bytes)
      return id
    },
  ],
  [
    'leftovers',
    'due',
    /Not all that is left/,
    async () => {
      const { id } = await bench.small()
      await bench.rewrite(id, { leftovers: true })
      return id
    },
  ],
  [
    'failed-with-bytes',
    'due',
    /It has failed \(too late\), and this is left of it: its multipart upload, 1 slots\./,
    async () => {
      const { id } = await bench.unfinished()
      await bench.rewrite(id, { state: 'failed', failure: 'too late' })
      return id
    },
  ],
  [
    'no-checksum',
    'note',
    /has no CRC32/,
    async () => {
      const { id } = await bench.small()
      await bench.rewrite(id, { crc32: undefined })
      return id
    },
  ],
  [
    'waits',
    'note',
    /It waits for 2 partial uploads\./,
    async () => {
      const id = bench.newId()
      const concat = { kind: 'final' as const, partials: ['a', 'b'], field: 'final;/a /b' }
      await bench.store.create({ id, length: undefined, metadata: {}, metadataField: undefined, concat })
      return id
    },
  ],
  [
    'other-key',
    'wrong',
    /says that the object is elsewhere\/x, and with these prefixes it is upload\d+\./,
    async () => {
      const { id } = await bench.small()
      const record = await bench.recordOf(id)
      await bench.put(`${id}.info`, JSON.stringify({ ...record, Storage: { ...record.Storage, Key: 'elsewhere/x' } }))
      return id
    },
  ],
  [
    'record-unreadable',
    'wrong',
    /\.info is no record of an upload/,
    async () => {
      const id = bench.newId()
      await bench.put(`${id}.info`, '{"nothing": true}')
      return id
    },
  ],
  ['foreign', 'note', /written by tusd: it is served as it is/, () => bench.ofTusd([PART, PART])],
  [
    'foreign',
    'wrong',
    /written by tusd: it cannot go on: The store dropped/,
    async () => {
      const id = await bench.ofTusd([PART])
      await bench.bucket.abortMultiparts(id.split('+')[0]!)
      return id
    },
  ],
  ['hole', 'wrong', /1 parts follow a hole: tusd counted them/, () => bench.ofTusd([PART, undefined, PART])],
]

for (const [code, level, says, make] of rows) {
  test(`${code} (${level}): ${says.source}`, async () => {
    const id = await make()
    bench.bucket.bucket.requests.reset()
    const inspection = await bench.store.inspector().inspect(id)
    const found = inspection.findings.find((one) => one.code === code && says.test(one.text))
    assert.ok(found, JSON.stringify(inspection.findings, undefined, 2))
    assert.equal(found.level, level)
    const written = [...bench.bucket.bucket.requests.keys()].filter((name) => !/^(Get|Head|List)/.test(name))
    assert.deepEqual(written, [], 'a look changes nothing')
  })
}

test('what is as its record says has no finding that is wrong or due', async () => {
  const bad = ({ level }: Finding): boolean => level !== 'note'
  for (const { id } of [
    await bench.unfinished(),
    await bench.small(),
    await bench.large(),
    await bench.begin(undefined, 100),
    await bench.begin(5, 0),
  ]) {
    const { findings } = await bench.store.inspector().inspect(id)
    assert.deepEqual(findings.filter(bad), [])
  }
})

test('the token by which an object is recognised is not shown', async () => {
  const { id } = await bench.large()
  const { token } = (await bench.recordOf(id)).Holdfast
  assert.equal(typeof token, 'string')
  assert.ok(!JSON.stringify(await bench.store.inspector().inspect(id)).includes(token))
})

test('what a writer commits between two requests of a look is no contradiction', async () => {
  const { id } = await bench.unfinished()
  const writer = await bench.openStore().open(id)
  let looks = 0
  bench.bucket.bucket.intercept = ({ operation, key }) => {
    if (key !== id || !/^(HeadObject|ListParts)$/.test(operation)) return undefined
    return ++looks <= 2 ? { action: 'delay', ms: 500 } : undefined
  }
  const looking = bench.store.inspector().inspect(id)
  const rest = 10 * PART - writer.info.offset
  await writer.append(writer.info.offset, bodyOf([someBytes(rest)], { length: rest, end: 'end' }))
  assert.equal(writer.info.state, 'complete')
  const { info, findings } = await looking
  bench.bucket.bucket.intercept = undefined
  assert.equal(info?.state, 'complete', 'it looked again')
  assert.deepEqual(
    findings.filter(({ level }) => level === 'wrong'),
    [],
  )
})

test('without the right to list, slots are found by their names, and strays are not known', async () => {
  const { id } = await bench.unfinished()
  bench.bucket.bucket.intercept = ({ operation }) =>
    /^List(ObjectsV2|MultipartUploads)$/.test(operation)
      ? { action: 'status', status: 403, code: 'AccessDenied' }
      : undefined
  const { findings } = await bench.store.inspector().inspect(id)
  bench.bucket.bucket.intercept = undefined
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['strays-unknown'],
  )
})

test('numbers in a row are told as ranges', () => {
  assert.equal(rangesOf([1, 2, 3, 5, 7, 8]), '1–3, 5, 7–8')
})

test('docs/tools.md has each code that the S3 store can find, and each has a row here', () => {
  const root = join(import.meta.dirname, '..', '..', '..')
  const source = ['compare', 'inspector'].map((name) => readFileSync(join(root, `src/s3/inspect/${name}.ts`), 'utf8'))
  const codes = [...source.join('').matchAll(/(?:finding|wrong)\(\s*'([a-z0-9-]+)'|code: '([a-z0-9-]+)'/g)].map(
    ([, one, other]) => one ?? other!,
  )
  assert.ok(codes.length > 20)
  const tested = new Set([...rows.map(([code]) => code), 'strays-unknown'])
  for (const code of codes) assert.ok(tested.has(code), `${code} has a row`)
  const page = readFileSync(join(root, 'docs/tools.md'), 'utf8')
  for (const code of codes) assert.ok(page.includes(`\`${code}\``), `docs/tools.md has ${code}`)
})
