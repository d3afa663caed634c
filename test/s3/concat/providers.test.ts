/** Concatenation where providers differ from S3. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ListMultipartUploadsCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../../../src/s3/index.js'
import type { UploadInfo } from '../../../src/store/info.js'
import { bodyOf, type Quirks } from '../../../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../../support/bucket.js'

const KiB = 1024

interface Stage {
  bucket: OpenBucket
  warnings: string[]
  start: (options?: Partial<S3StoreOptions>) => S3Store
  partials: (...sizes: number[]) => Promise<{ sources: UploadInfo[]; sum: string; bytes: Buffer }>
  final: (sources: readonly UploadInfo[]) => Promise<string>
  /** Requests by name, but those of the partial uploads. */
  counts: Record<string, number>
}

async function stage(context: TestContext, quirks: Quirks, store: Partial<S3StoreOptions> = {}): Promise<Stage> {
  const bucket = await openBucket({ quirks, minPartSize: 10 * KiB, maxListSize: 3 })
  const warnings: string[] = []
  const counts: Record<string, number> = {}
  const stores: S3Store[] = []
  context.after(async () => {
    for (const open of stores) await open.close()
    await bucket.close()
  })
  bucket.bucket.intercept = ({ operation, key }) => {
    if (key.startsWith('final')) counts[operation] = (counts[operation] ?? 0) + 1
    return undefined
  }
  const start = (options: Partial<S3StoreOptions> = {}): S3Store => {
    const opened = new S3Store({
      bucket: BUCKET,
      service: clientOf(bucket.bucket),
      capabilities: { ...KNOWN, ...store.capabilities },
      minPartSize: 10 * KiB,
      preferredPartSize: 10 * KiB,
      maxPartSize: 60 * KiB,
      maxObjectSize: 10_000 * KiB,
      logger: { warn: (_, message) => void warnings.push(message) },
      ...options,
    })
    stores.push(opened)
    return opened
  }
  let count = 0
  return {
    bucket,
    warnings,
    counts,
    start,
    async partials(...sizes) {
      const contents = sizes.map((size) => someBytes(size))
      const sources: UploadInfo[] = []
      for (const bytes of contents) {
        const upload = { id: `part${++count}`, length: bytes.length, metadata: {}, metadataField: undefined }
        const handle = await start().create({ ...upload, concat: { kind: 'partial' } })
        await handle.append(0, bodyOf([bytes]))
        sources.push(handle.info)
      }
      const bytes = Buffer.concat(contents)
      return { sources, sum: sha256(bytes), bytes }
    },
    async final(sources) {
      const id = `final${++count}`
      const concat = { kind: 'final', partials: sources.map((source) => source.id), field: undefined } as const
      await start().create({ id, length: undefined, metadata: {}, metadataField: undefined, concat })
      return id
    },
  }
}

async function joins({ start, partials, final, bucket }: Stage, ...sizes: number[]): Promise<void> {
  const { sources, sum } = await partials(...sizes)
  const id = await final(sources)
  await (await start().open(id)).concat(sources)
  assert.equal((await bucket.object(id)).sha256, sum)
  assert.equal(await bucket.multiparts(id), 0)
}

test('parts must be equal: the pieces lie on one grid, copied where they lie in one partial upload', async (context) => {
  const on = await stage(context, { uniformParts: true, opaqueEtags: true }, { capabilities: { equalParts: true } })
  await joins(on, 35 * KiB, 3, 40 * KiB + 1, 15 * KiB)
  assert.ok(on.counts.UploadPartCopy! > 0 && on.counts.UploadPart! > 0, 'some copied, some read')
})

test('parts must be equal: partial uploads of one size are all copied', async (context) => {
  const on = await stage(context, { uniformParts: true }, { capabilities: { equalParts: true } })
  await joins(on, 45 * KiB, 45 * KiB, 45 * KiB, 45 * KiB + 3)
  assert.equal(on.counts.UploadPart, undefined)
})

for (const partCopies of ['refused', 'ignored'] as const) {
  test(`UploadPartCopy is ${partCopies}: the bytes are read and sent, it is said once, and is known from then on`, async (context) => {
    const on = await stage(context, { partCopies })
    const { sources, sum } = await on.partials(35 * KiB, 3, 140 * KiB + 1, 15 * KiB)
    const store = on.start()
    for (const round of [1, 2]) {
      const id = await on.final(sources)
      await (await store.open(id)).concat(sources)
      assert.equal((await on.bucket.object(id)).sha256, sum)
      assert.equal(await on.bucket.multiparts(id), 0)
      assert.equal(on.warnings.filter((text) => /copies no parts/.test(text)).length, 1, `round ${round}`)
      if (round === 1) on.counts.UploadPartCopy = 0
    }
    assert.equal(on.counts.UploadPartCopy, 0)
  })
}

test('UploadPartCopy takes no condition on its source: the source is looked at, and copied', async (context) => {
  const on = await stage(
    context,
    { partCopies: 'unconditional', uniformParts: true },
    { capabilities: { equalParts: true } },
  )
  const { sources, sum } = await on.partials(40 * KiB, 40 * KiB, 15 * KiB)
  const store = on.start()
  for (const _ of [1, 2]) {
    const id = await on.final(sources)
    await (await store.open(id)).concat(sources)
    assert.equal((await on.bucket.object(id)).sha256, sum)
  }
  assert.equal(on.counts.UploadPart, undefined)
  assert.deepEqual(on.warnings, [])
  const { PutObjectCommand } = await import('@aws-sdk/client-s3')
  await on.bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: sources[1]!.id, Body: someBytes(40 * KiB) }))
  await assert.rejects((await store.open(await on.final(sources))).concat(sources), { code: 'ERR_STORE_CORRUPT' })
})

test('no UploadPartCopy, and it is known: none is tried; parts have the size of ordinary ones, within the memory', async (context) => {
  const on = await stage(context, { partCopies: 'refused' }, { capabilities: { copiesParts: false } })
  const { sources, sum } = await on.partials(100 * KiB, 55 * KiB)
  const id = await on.final(sources)
  await (await on.start({ bufferMemory: 20 * KiB }).open(id)).concat(sources)
  assert.equal((await on.bucket.object(id)).sha256, sum)
  assert.equal(on.counts.UploadPartCopy, undefined)
  assert.equal(on.counts.UploadPart, 16)
  assert.deepEqual(on.warnings, [])
})

test('no UploadPartCopy, and no memory: pieces wait in temporary files', async (context) => {
  const { temporaryFolder } = await import('../../support/bucket.js')
  const { readdir } = await import('node:fs/promises')
  const folder = await temporaryFolder()
  context.after(folder.remove)
  const on = await stage(context, {}, { capabilities: { copiesParts: false } })
  const { sources, sum } = await on.partials(100 * KiB, 55 * KiB)
  const id = await on.final(sources)
  await (await on.start({ bufferMemory: 10 * KiB, temporaryDirectory: folder.path }).open(id)).concat(sources)
  assert.equal((await on.bucket.object(id)).sha256, sum)
  assert.deepEqual(await readdir(folder.path), [])
})

test('a node that copies goes on with what one that cannot has begun, and the other way round', async (context) => {
  const on = await stage(context, {})
  const { sources, sum } = await on.partials(35 * KiB, 3, 140 * KiB + 1)
  for (const copiesFirst of [true, false]) {
    const id = await on.final(sources)
    on.bucket.bucket.intercept = ({ operation, key, partNumber }) =>
      key === id && operation.startsWith('UploadPart') && partNumber === 3
        ? { action: 'status', status: 403, code: 'AccessDenied' }
        : undefined
    const first = on.start({ capabilities: { ...KNOWN, copiesParts: copiesFirst } })
    await assert.rejects((await first.open(id)).concat(sources))
    on.bucket.bucket.intercept = undefined
    const next = on.start({ capabilities: { ...KNOWN, copiesParts: !copiesFirst } })
    await (await next.open(id)).concat(sources)
    assert.equal((await on.bucket.object(id)).sha256, sum)
    assert.equal(await on.bucket.multiparts(id), 0)
  }
})

test('each copy has an ETag of its own: one that comes late does not make the upload fail', async (context) => {
  const on = await stage(context, { opaqueEtags: true })
  const { sources, sum } = await on.partials(35 * KiB, 20 * KiB)
  const id = await on.final(sources)
  on.bucket.bucket.intercept = ({ operation, key }) =>
    key === id && operation === 'CompleteMultipartUpload' ? { action: 'reset-before' } : undefined
  const dying = await on.start({ maxAttempts: 1 }).open(id)
  await assert.rejects(dying.concat(sources))
  on.bucket.bucket.intercept = undefined
  assert.equal((await on.start().open(id)).info.state, 'completing')
  // As another node does that copies at the same time.
  const { Uploads = [] } = await on.bucket.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: id }))
  const part = { Bucket: BUCKET, Key: id, UploadId: Uploads[0]!.UploadId!, PartNumber: 1 }
  await on.bucket.client.send(new UploadPartCopyCommand({ ...part, CopySource: `${BUCKET}/${sources[0]!.id}` }))
  // The one that remembers the ETags of before, and then one that does not.
  await dying.concat([])
  assert.equal((await on.bucket.object(id)).sha256, sum)
  await (await on.start().open(id)).concat([])
})

test('each copy has an ETag of its own: a node that does not remember names what is there', async (context) => {
  const on = await stage(context, { opaqueEtags: true })
  const { sources, sum } = await on.partials(35 * KiB, 20 * KiB)
  const id = await on.final(sources)
  on.bucket.bucket.intercept = ({ operation, key }) =>
    key === id && operation === 'CompleteMultipartUpload' ? { action: 'reset-before' } : undefined
  await assert.rejects((await on.start({ maxAttempts: 1 }).open(id)).concat(sources))
  on.bucket.bucket.intercept = undefined
  const { Uploads = [] } = await on.bucket.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: id }))
  const part = { Bucket: BUCKET, Key: id, UploadId: Uploads[0]!.UploadId!, PartNumber: 2 }
  await on.bucket.client.send(new UploadPartCopyCommand({ ...part, CopySource: `${BUCKET}/${sources[1]!.id}` }))
  await (await on.start().open(id)).concat([])
  assert.equal((await on.bucket.object(id)).sha256, sum)
})

test('a part that was replaced by one of another size is found out, never completed', async (context) => {
  const on = await stage(context, {})
  const { sources } = await on.partials(35 * KiB, 20 * KiB)
  const id = await on.final(sources)
  on.bucket.bucket.intercept = ({ operation, key }) =>
    key === id && operation === 'CompleteMultipartUpload' ? { action: 'reset-before' } : undefined
  await assert.rejects((await on.start({ maxAttempts: 1 }).open(id)).concat(sources))
  on.bucket.bucket.intercept = undefined
  const { Uploads = [] } = await on.bucket.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: id }))
  const part = { Bucket: BUCKET, Key: id, UploadId: Uploads[0]!.UploadId!, PartNumber: 2 }
  await on.bucket.client.send(new UploadPartCopyCommand({ ...part, CopySource: `${BUCKET}/${sources[0]!.id}` }))
  await assert.rejects((await on.start().open(id)).concat([]), { code: 'ERR_STORE_CORRUPT' })
  assert.ok(!(await on.bucket.keys(id)).includes(id))
  assert.equal((await on.start().open(id)).info.state, 'failed')
})

test('an object of a partial upload that was replaced is found out, never joined', async (context) => {
  const on = await stage(context, {})
  // The second is read, the others are copied.
  const SIZES = [35 * KiB, 3, 20 * KiB]
  const { PutObjectCommand } = await import('@aws-sdk/client-s3')
  for (const [index, size] of SIZES.entries()) {
    const { sources } = await on.partials(...SIZES)
    const id = await on.final(sources)
    const key = sources[index]!.id
    await on.bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: someBytes(size) }))
    await assert.rejects((await on.start().open(id)).concat(sources), { code: 'ERR_STORE_CORRUPT' })
    assert.ok(!(await on.bucket.keys(id)).includes(id))
  }
})

test('too many pieces, or too large a whole: refused before anything is stored', async (context) => {
  const on = await stage(context, {})
  const upload = { metadata: {}, metadataField: undefined, length: undefined }
  const concat = { kind: 'final', partials: ['a'], field: undefined } as const
  const rows = [
    [{ maxMultipartParts: 3, maxObjectSize: 180 * KiB }, Array(4).fill(20 * KiB), 'ERR_INVALID_CONCAT'],
    [{ maxObjectSize: 100 * KiB }, [60 * KiB, 60 * KiB], 'ERR_MAX_SIZE_EXCEEDED'],
  ] as const
  for (const [options, sizes, code] of rows) {
    const creation = on.start(options).create({ ...upload, id: 'final-refused', concat }, { sizes })
    await assert.rejects(creation, { code })
  }
  assert.deepEqual(await on.bucket.keys('final'), [])
})

test('a partial upload that tusd finished is joined like others: its object has another key than its ID', async (context) => {
  const on = await stage(context, {})
  const { sources, bytes } = await on.partials(35 * KiB)
  const { PutObjectCommand } = await import('@aws-sdk/client-s3')
  const info = {
    ID: 'tusd+gone',
    Size: 7,
    SizeIsDeferred: false,
    Offset: 0,
    MetaData: {},
    IsPartial: true,
    IsFinal: false,
    PartialUploads: null,
    Storage: { Type: 's3store', Bucket: BUCKET, Key: 'tusd' },
  }
  await on.bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'tusd.info', Body: JSON.stringify(info) }))
  await on.bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'tusd', Body: 'of tusd' }))
  const { info: tusd } = await on.start().open('tusd+gone')
  assert.deepEqual([tusd.state, tusd.concat], ['complete', { kind: 'partial' }])
  const id = await on.final([sources[0]!, tusd])
  await (await on.start().open(id)).concat([sources[0]!, tusd])
  assert.equal((await on.bucket.object(id)).sha256, sha256(Buffer.concat([bytes, Buffer.from('of tusd')])))
})
