/** What S3 stored is held against what was sent, once more and as a whole, before an upload is complete. */
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import type { UploadInfo } from '../../src/store/info.js'
import type { UploadHandle } from '../../src/store/store.js'
import { bodyOf, type Intercept, type Quirks } from '../../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../support/bucket.js'

const KiB = 1024
const SIZES = { minPartSize: 10 * KiB, preferredPartSize: 10 * KiB, maxPartSize: 60 * KiB, maxObjectSize: 10_000 * KiB }
const WITHOUT = { ...KNOWN, fullObjectChecksums: 'none' } as const

interface Stage {
  bucket: OpenBucket
  warnings: string[]
  /** A node of its own. */
  start: (options?: Partial<S3StoreOptions>) => S3Store
  requests: () => Record<string, number>
}

async function stage(context: TestContext, quirks: Quirks = {}): Promise<Stage> {
  const bucket = await openBucket({ quirks, minPartSize: 10 * KiB })
  const stores: S3Store[] = []
  const warnings: string[] = []
  context.after(async () => {
    for (const store of stores) await store.close()
    await bucket.close()
  })
  return {
    bucket,
    warnings,
    start(options = {}) {
      const logger = { warn: (_: object, message: string) => void warnings.push(message) }
      const all = {
        bucket: BUCKET,
        service: clientOf(bucket.bucket),
        capabilities: KNOWN,
        logger,
        ...SIZES,
        ...options,
      }
      const store = new S3Store(all)
      stores.push(store)
      return store
    },
    requests: () => Object.fromEntries(bucket.bucket.requests),
  }
}

const create = (store: S3Store, id: string, length: number): Promise<UploadHandle> =>
  store.create({ id, length, metadata: {}, metadataField: undefined })

async function upload(store: S3Store, id: string, bytes: Buffer): Promise<UploadHandle> {
  const handle = await create(store, id, bytes.length)
  await handle.append(0, bodyOf([bytes]))
  return handle
}

async function partials(store: S3Store, ...contents: Buffer[]): Promise<UploadInfo[]> {
  const infos: UploadInfo[] = []
  for (const [index, bytes] of contents.entries()) {
    const named = { id: `part${index}`, length: bytes.length, metadata: {}, metadataField: undefined }
    const handle = await store.create({ ...named, concat: { kind: 'partial' } })
    await handle.append(0, bodyOf([bytes]))
    infos.push(handle.info)
  }
  return infos
}

const final = (store: S3Store, id: string, sources: readonly UploadInfo[]): Promise<UploadHandle> => {
  const concat = { kind: 'final', partials: sources.map((source) => source.id), field: undefined } as const
  return store.create({ id, length: undefined, metadata: {}, metadataField: undefined, concat })
}

/** The part with this number is stored with another last byte than was confirmed. */
const spoiling =
  (number: number): Intercept =>
  ({ operation, partNumber }) =>
    /^UploadPart/.test(operation) && partNumber === number ? { action: 'corrupt' } : undefined

async function mustHaveFailed({ bucket, start }: Stage, id: string): Promise<void> {
  const seen = await start().open(id)
  assert.equal(seen.info.state, 'failed', 'on every node')
  assert.match(seen.info.failure!, /not (those that were committed|what was sent); create a new/)
  await assert.rejects(seen.read(), { code: 'ERR_UPLOAD_GONE' })
  assert.ok(!(await bucket.keys()).includes(id), 'and there is no object')
}

for (const part of [1, 2, 3]) {
  test(`part ${part} of three is stored otherwise than it was confirmed: found at the completion`, async (context) => {
    const on = await stage(context)
    on.bucket.bucket.intercept = spoiling(part)
    await assert.rejects(upload(on.start(), 'a', someBytes(25 * KiB)), { code: 'ERR_STORE_CORRUPT' })
    await mustHaveFailed(on, 'a')
  })
}

test('without the checksum of the whole nothing tells: such an upload becomes complete, with other bytes', async (context) => {
  const { bucket, start } = await stage(context)
  bucket.bucket.intercept = spoiling(2)
  const bytes = someBytes(25 * KiB)
  const { info } = await upload(start({ capabilities: WITHOUT }), 'a', bytes)
  assert.equal(info.state, 'complete')
  assert.notEqual((await bucket.object('a')).sha256, sha256(bytes))
})

test('another node completes it, of parts that it did not send: found there, too', async (context) => {
  const on = await stage(context)
  const spoil = spoiling(1)
  on.bucket.bucket.intercept = (request) =>
    request.operation === 'CompleteMultipartUpload'
      ? { action: 'status', status: 503, code: 'SlowDown' }
      : spoil(request)
  const started = upload(on.start({ maxAttempts: 1 }), 'a', someBytes(25 * KiB))
  await assert.rejects(started, { code: 'ERR_COMPLETION_PENDING' })
  on.bucket.bucket.intercept = undefined
  const elsewhere = await on.start().open('a')
  await assert.rejects(elsewhere.finish(), { code: 'ERR_STORE_CORRUPT' })
  await mustHaveFailed(on, 'a')
})

test('a part that was copied otherwise than it was confirmed: found when the final upload is completed', async (context) => {
  const on = await stage(context)
  const sources = await partials(on.start(), someBytes(20 * KiB), someBytes(15 * KiB))
  on.bucket.bucket.intercept = ({ operation }) => (operation === 'UploadPartCopy' ? { action: 'corrupt' } : undefined)
  const handle = await final(on.start(), 'final', sources)
  await assert.rejects(handle.concat!(sources), { code: 'ERR_STORE_CORRUPT' })
  await mustHaveFailed(on, 'final')
})

test('the checksum of the whole is kept with the object, also of one that was joined', async (context) => {
  const { bucket, start } = await stage(context)
  const contents = [someBytes(25 * KiB), someBytes(15 * KiB)]
  const sources = await partials(start(), ...contents)
  const handle = await final(start(), 'final', sources)
  await handle.concat!(sources)
  for (const { id, crc32 } of [...sources, handle.info]) {
    const told = await bucket.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: id, ChecksumMode: 'ENABLED' }))
    assert.equal(Buffer.from(told.ChecksumCRC32!, 'base64').readUInt32BE(), crc32, id)
    assert.equal(told.ChecksumType, 'FULL_OBJECT')
  }
  assert.equal((await bucket.object('final')).sha256, sha256(Buffer.concat(contents)))
})

/** What servers make of the checksum of a whole, and how many further requests it costs, once. */
const QUIRKS: readonly [quirks: Quirks, warning: RegExp | undefined, creates: number, anew: number][] = [
  [{ objectChecksums: 'refused' }, /refuses x-amz-checksum-type/, 2, 1],
  [{ objectChecksums: 'ignored' }, undefined, 1, 1],
  [{ objectChecksums: 'unverified' }, undefined, 1, 1],
  [{ objectChecksums: 'sent' }, /copies no part into an object/, 1, 2],
]

for (const [quirks, warning, creates, anew] of QUIRKS) {
  test(`${JSON.stringify(quirks)}, which was not known: no upload fails for it, and it is learnt once`, async (context) => {
    const { bucket, start, warnings, requests } = await stage(context, quirks)
    const store = start()
    for (const [id, expected] of [
      ['a', creates],
      ['b', 1],
    ] as const) {
      const bytes = someBytes(25 * KiB)
      bucket.bucket.requests.reset()
      assert.equal((await upload(store, id, bytes)).info.state, 'complete')
      assert.equal(requests().CreateMultipartUpload, expected, id)
      assert.equal((await bucket.object(id)).sha256, sha256(bytes))
    }
    const contents = [someBytes(25 * KiB), someBytes(15 * KiB)]
    const sources = await partials(store, ...contents)
    for (const [id, expected] of [
      ['final1', anew],
      ['final2', 1],
    ] as const) {
      bucket.bucket.requests.reset()
      await (await final(store, id, sources)).concat!(sources)
      assert.equal(requests().CreateMultipartUpload, expected, id)
      assert.ok(requests().UploadPartCopy! > 0, 'still copied')
      assert.equal((await bucket.object(id)).sha256, sha256(Buffer.concat(contents)))
    }
    assert.equal(await bucket.multiparts(), 0)
    assert.equal(warnings.length, warning ? 1 : 0, warnings.join('; '))
    if (warning) assert.match(warnings[0]!, warning)
  })
}

test('begun before checksums of the whole were known of, or where they are not taken: completed where they are', async (context) => {
  const { bucket, start, requests } = await stage(context)
  const bytes = someBytes(45 * KiB)
  const handle = await create(start({ capabilities: WITHOUT }), 'a', bytes.length)
  await handle.append(0, bodyOf([bytes.subarray(0, 25 * KiB)]))
  const elsewhere = await start().open('a')
  await elsewhere.append(25 * KiB, bodyOf([bytes.subarray(25 * KiB)]))
  assert.equal(elsewhere.info.state, 'complete')
  assert.equal((await bucket.object('a')).sha256, sha256(bytes))
  assert.equal(requests().CreateMultipartUpload, 1)
})

test('begun where they are taken, and completed by a node that takes them for unknown: verified all the same', async (context) => {
  const on = await stage(context)
  const bytes = someBytes(45 * KiB)
  on.bucket.bucket.intercept = spoiling(1)
  const handle = await create(on.start(), 'a', bytes.length)
  await handle.append(0, bodyOf([bytes.subarray(0, 25 * KiB)]))
  const elsewhere = await on.start({ capabilities: WITHOUT }).open('a')
  const rest = elsewhere.append(25 * KiB, bodyOf([bytes.subarray(25 * KiB)]))
  await assert.rejects(rest, { code: 'ERR_STORE_CORRUPT' })
  await mustHaveFailed(on, 'a')
})

const refusingCompletion =
  (times: number): Intercept =>
  ({ operation, occurrence }) =>
    operation === 'CompleteMultipartUpload' && occurrence <= times
      ? { action: 'status', status: 400, code: 'BadRequest' }
      : undefined

test('a completion that is refused for who knows what: the parts are those committed, so it is made without', async (context) => {
  const { bucket, start } = await stage(context)
  const bytes = someBytes(25 * KiB)
  bucket.bucket.intercept = refusingCompletion(1)
  assert.equal((await upload(start(), 'a', bytes)).info.state, 'complete')
  assert.equal((await bucket.object('a')).sha256, sha256(bytes))
})

test('a completion that is refused so, of parts that are others: it has failed', async (context) => {
  const on = await stage(context)
  const [refuse, spoil] = [refusingCompletion(100), spoiling(2)]
  on.bucket.bucket.intercept = (request) => refuse(request) ?? spoil(request)
  await assert.rejects(upload(on.start(), 'a', someBytes(25 * KiB)), { code: 'ERR_STORE_CORRUPT' })
  await mustHaveFailed(on, 'a')
})

/** S3 says of an object that its CRC32 is another. */
function telling(client: S3Client, command: string): S3Client {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args)
        if (commandName === command) Object.assign(result.output as object, { ChecksumCRC32: 'AAAAAA==' })
        return result
      },
    { step: 'initialize' },
  )
  return client
}

test('S3 answers a completion with another checksum than it took: never complete, and the object is removed', async (context) => {
  const on = await stage(context)
  const service = telling(clientOf(on.bucket.bucket), 'CompleteMultipartUploadCommand')
  await assert.rejects(upload(on.start({ service }), 'a', someBytes(25 * KiB)), { code: 'ERR_STORE_CORRUPT' })
  await mustHaveFailed(on, 'a')
})

test('the answer to a completion was lost, and S3 tells another checksum of the object: never complete', async (context) => {
  const on = await stage(context)
  on.bucket.bucket.intercept = ({ operation }) =>
    operation === 'CompleteMultipartUpload' ? { action: 'reset-after' } : undefined
  const service = telling(clientOf(on.bucket.bucket), 'HeadObjectCommand')
  await assert.rejects(upload(on.start({ service }), 'a', someBytes(25 * KiB)), { code: 'ERR_STORE_CORRUPT' })
  await mustHaveFailed(on, 'a')
})

test('what is to be removed and cannot be is removed by who looks next, on any node', async (context) => {
  const on = await stage(context)
  on.bucket.bucket.intercept = ({ operation }) =>
    operation.startsWith('DeleteObject') ? { action: 'status', status: 503, code: 'SlowDown' } : undefined
  const service = telling(clientOf(on.bucket.bucket), 'CompleteMultipartUploadCommand')
  const store = on.start({ service, maxAttempts: 1 })
  await assert.rejects(upload(store, 'a', someBytes(25 * KiB)), { code: 'ERR_STORE_CORRUPT' })
  assert.ok((await on.bucket.keys()).includes('a'), 'the object is still there')
  on.bucket.bucket.intercept = undefined
  await mustHaveFailed(on, 'a')
})

/** Between a store and its bucket: the CRC32 in answers to PUTs of these keys is another. */
async function lying(context: TestContext, bucket: OpenBucket, isTold: (path: string) => boolean): Promise<S3Client> {
  const { hostname, port } = new URL(bucket.bucket.endpoint)
  const proxy = http.createServer((request, response) => {
    const { method, url: path, headers } = request
    const upstream = http.request({ hostname, port, method, path, headers }, (answer) => {
      const told = method === 'PUT' && isTold(path!) ? { 'x-amz-checksum-crc32': 'AAAAAA==' } : {}
      response.writeHead(answer.statusCode!, { ...answer.headers, ...told })
      answer.pipe(response)
    })
    request.pipe(upstream)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  return clientOf({ endpoint, credentials: bucket.bucket.credentials } as typeof bucket.bucket)
}

test('S3 confirms a small object with another checksum: never complete, and the object is removed', async (context) => {
  const on = await stage(context)
  const service = await lying(context, on.bucket, (path) => path === `/${BUCKET}/a`)
  await assert.rejects(upload(on.start({ service }), 'a', someBytes(5 * KiB)), { code: 'ERR_STORE_CORRUPT' })
  await mustHaveFailed(on, 'a')
})

test('S3 confirms a part with another checksum: it is sent again, and the upload is whole', async (context) => {
  const on = await stage(context)
  let told = 0
  const service = await lying(context, on.bucket, (path) => path.includes('partNumber=2') && told++ === 0)
  const bytes = someBytes(25 * KiB)
  assert.equal((await upload(on.start({ service }), 'a', bytes)).info.state, 'complete')
  assert.equal(on.requests().UploadPart, 4)
  assert.equal((await on.bucket.object('a')).sha256, sha256(bytes))
})

test('S3 confirms a tail with another checksum: it is not committed', async (context) => {
  const on = await stage(context)
  const service = await lying(context, on.bucket, (path) => path.endsWith('/a.part'))
  const handle = await create(on.start({ service }), 'a', 25 * KiB)
  await assert.rejects(handle.append(0, bodyOf([someBytes(5 * KiB)])), { code: 'ERR_STORE_UNAVAILABLE' })
  assert.equal((await on.start().open('a')).info.offset, 0)
})

test('no checksums with the bytes, none of the whole', async (context) => {
  const { bucket, start, requests } = await stage(context, { objectChecksums: 'sent' })
  const bytes = someBytes(25 * KiB)
  const handle = await upload(start({ disableContentHashes: true }), 'a', bytes)
  assert.equal(handle.info.state, 'complete')
  assert.equal((await bucket.object('a')).sha256, sha256(bytes))
  assert.equal(requests().CreateMultipartUpload, 1)
})

test('where there are no conditional writes, the only process removes what has failed, too', async (context) => {
  const on = await stage(context, { conditions: 'ignored' })
  const store = on.start({ capabilities: { ...KNOWN, conditionalWrites: 'none' } })
  await store.ready({ exclusive: true })
  const handle = await create(store, 'a', 45 * KiB)
  await handle.append(0, bodyOf([someBytes(25 * KiB)]))
  await handle.fail('It is not what it was said to be.')
  assert.deepEqual(await on.bucket.keys(), ['a.info'])
  assert.equal(await on.bucket.multiparts(), 0)
})
