import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import { bodyOf } from '../../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, openBucket, sha256, someBytes } from '../support/bucket.js'

const PART = 16 * 1024
const NEW = { metadata: {}, metadataField: undefined }

async function stage(context: TestContext) {
  const bucket = await openBucket({ minPartSize: PART })
  const stores: S3Store[] = []
  const warnings: string[] = []
  context.after(async () => {
    for (const store of stores) await store.close()
    await bucket.close()
  })
  const start = (options: Partial<S3StoreOptions>): S3Store => {
    const logger = { warn: (...told: unknown[]) => void warnings.push(JSON.stringify(told)) }
    const sizes = { minPartSize: PART, preferredPartSize: PART }
    const service = clientOf(bucket.bucket)
    const store = new S3Store({ bucket: BUCKET, service, capabilities: KNOWN, logger, ...sizes, ...options })
    stores.push(store)
    return store
  }
  return { bucket, start, warnings }
}

async function read(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Each way that bytes take: a small object, a tail, parts, another node, a join, a termination. */
async function useAll(start: (options: Partial<S3StoreOptions>) => S3Store, options: Partial<S3StoreOptions>) {
  const small = await start(options).create({ ...NEW, id: 'small', length: 100 })
  await small.append(0, bodyOf([someBytes(100)]))
  assert.equal((await read(await small.read({ first: 10, last: 19 }))).length, 10)
  const bytes = someBytes(3 * PART + 100)
  const store = start(options)
  await store.create({ ...NEW, id: 'large', length: bytes.length, concat: { kind: 'partial' } })
  const offsets = [0, PART + 50, 2 * PART + 300, bytes.length]
  for (const [at, offset] of offsets.slice(0, -1).entries()) {
    const node = await start(options).open('large')
    await node.append(offset, bodyOf([bytes.subarray(offset, offsets[at + 1])]))
  }
  const large = await start(options).open('large')
  assert.equal(large.info.state, 'complete')
  assert.equal(sha256(await read(await large.read())), sha256(bytes))
  const concat = { kind: 'final', partials: ['large', 'large'], field: undefined } as const
  const final = await store.create({ ...NEW, id: 'final', length: undefined, concat })
  await final.concat([large.info, large.info])
  assert.equal(sha256(await read(await final.read())), sha256(Buffer.concat([bytes, bytes])))
  const kept = await store.create({ ...NEW, id: 'kept', length: 100 })
  await kept.append(0, bodyOf([someBytes(50)]))
  const ended = await store.create({ ...NEW, id: 'ended', length: 3 * PART })
  await ended.append(0, bodyOf([someBytes(2 * PART)]))
  await ended.terminate()
}

describe('server-side encryption', () => {
  for (const [encryption, expected] of [
    [{ type: 'AES256' }, { ServerSideEncryption: 'AES256' }],
    [
      { type: 'aws:kms', keyId: 'alias/uploads', bucketKey: true, context: { tenant: 'a' } },
      { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'alias/uploads', BucketKeyEnabled: true },
    ],
    [{ type: 'aws:kms:dsse' }, { ServerSideEncryption: 'aws:kms:dsse' }],
  ] as const) {
    test(`${encryption.type}: objects, records and tails are encrypted so, and all goes on as ever`, async (context) => {
      const { bucket, start } = await stage(context)
      await useAll(start, { encryption })
      const keys = await bucket.keys()
      assert.deepEqual(keys, [
        'final',
        'final.info',
        'kept.info',
        'kept.part',
        'large',
        'large.info',
        'small',
        'small.info',
      ])
      for (const Key of keys) {
        const head = await bucket.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key }))
        for (const [name, value] of Object.entries(expected))
          assert.equal(head[name as 'SSEKMSKeyId'], value, `${Key}: ${name}`)
      }
    })
  }

  for (const form of ['bytes', 'Base64'] as const) {
    test(`a customer's key in ${form}: nothing can be read without it, and all goes on as ever`, async (context) => {
      const { bucket, start } = await stage(context)
      const bytes = randomBytes(32)
      const key = form === 'bytes' ? bytes : bytes.toString('base64')
      await useAll(start, { encryption: { type: 'customer', key } })
      const keys = await bucket.keys()
      assert.equal(keys.length, 8)
      for (const Key of keys) {
        await assert.rejects(bucket.object(Key), { name: 'InvalidRequest' }, Key)
        const head = bucket.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key }))
        await assert.rejects(head, ({ $metadata }) => $metadata.httpStatusCode === 400)
      }
    })
  }

  test('with another key of a customer, an upload is not there for anybody: it fails clearly and leaves it as it is', async (context) => {
    const { bucket, start } = await stage(context)
    const [right, wrong] = [randomBytes(32), randomBytes(32)]
    const mine = await start({ encryption: { type: 'customer', key: right } }).create({ ...NEW, id: 'a', length: 100 })
    await mine.append(0, bodyOf([someBytes(50)]))
    const before = await bucket.keys()
    await assert.rejects(start({ encryption: { type: 'customer', key: wrong } }).open('a'), {
      code: 'ERR_STORE_UNAVAILABLE',
    })
    await assert.rejects(start({}).open('a'), { code: 'ERR_STORE_UNAVAILABLE' })
    assert.deepEqual(await bucket.keys(), before)
  })

  test("a customer's key is in no record, no warning and no failure", async (context) => {
    const { bucket, start, warnings } = await stage(context)
    const key = randomBytes(32)
    const encryption = { type: 'customer', key } as const
    const handle = await start({ encryption, maxAttempts: 1 }).create({ ...NEW, id: 'a', length: 3 * PART })
    bucket.bucket.intercept = ({ operation }) =>
      operation === 'UploadPart' ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined
    const failure = await handle.append(0, bodyOf([someBytes(3 * PART)])).catch((error: unknown) => error)
    const told = [...warnings, String((failure as Error).stack), JSON.stringify(handle.info)]
    for (let cause = (failure as Error).cause; cause; cause = (cause as Error).cause) {
      told.push(String((cause as Error).stack), JSON.stringify(cause))
    }
    for (const text of told) {
      assert.ok(!text.includes(key.toString('base64')), text)
      assert.ok(!text.includes(key.toString('hex')), text)
    }
  })

  for (const key of ['short', randomBytes(16), randomBytes(33), '']) {
    test(`${key.length} bytes or characters are no key, and the failure does not tell them`, () => {
      const encryption = { type: 'customer', key } as const
      const make = () => new S3Store({ bucket: BUCKET, service: {} as never, encryption })
      assert.throws(make, { code: 'ERR_INVALID_OPTIONS', message: /32 bytes/ })
    })
  }
})
