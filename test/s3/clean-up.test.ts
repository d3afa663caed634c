import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import type { Intercept } from '../../src/testing/bucket/index.js'
import { bodyOf } from '../support/body.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../support/bucket.js'

const KiB = 1024

describe('what writers leave behind is removed once an upload has ended', () => {
  let bucket: OpenBucket
  const stores: S3Store[] = []
  before(async () => {
    bucket = await openBucket({ minPartSize: KiB })
  })
  after(async () => {
    for (const store of stores) await store.close()
    await bucket.close()
  })
  const startProcess = (options: Partial<S3StoreOptions> = {}): S3Store => {
    const sizes = { minPartSize: KiB, preferredPartSize: 4 * KiB, bufferMemory: 256 * KiB, maxAttempts: 1 }
    const service = clientOf(bucket.bucket)
    const store = new S3Store({ bucket: BUCKET, service, capabilities: KNOWN, ...sizes, ...options })
    stores.push(store)
    return store
  }
  let count = 0
  const create = async (length: number): Promise<string> => {
    const id = `left${++count}`
    await startProcess().create({ id, length, metadata: {}, metadataField: undefined })
    return id
  }
  const during = async <T>(intercept: Intercept, work: () => Promise<T>): Promise<T> => {
    bucket.bucket.intercept = intercept
    try {
      return await work()
    } finally {
      bucket.bucket.intercept = undefined
    }
  }
  /** A writer that dies with parts stored and none committed: its multipart upload is named by no record. */
  const die = async (id: string, bytes: Buffer): Promise<void> => {
    const writer = await startProcess().open(id)
    await during(
      ({ operation, key }) =>
        operation === 'AbortMultipartUpload' || (operation === 'PutObject' && key.endsWith('.info'))
          ? { action: 'reset-before' }
          : undefined,
      () => assert.rejects(writer.append(0, bodyOf([bytes], { end: 'disconnected' }))),
    )
    assert.equal(await bucket.multiparts(id), 1, 'a stray is there')
  }
  const finish = async (id: string, bytes: Buffer, options: Partial<S3StoreOptions> = {}): Promise<void> => {
    const handle = await startProcess(options).open(id)
    await handle.append(0, bodyOf([bytes]))
    assert.equal(handle.info.state, 'complete')
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  }

  test('a multipart upload that no record names goes with the completion by another process', async () => {
    const bytes = someBytes(20 * KiB)
    const id = await create(bytes.length)
    await die(id, bytes.subarray(0, 10 * KiB))
    await finish(id, bytes)
    assert.equal(await bucket.multiparts(id), 0)
  })

  test('a multipart upload that no record names goes with the termination by another process', async () => {
    const id = await create(20 * KiB)
    await die(id, someBytes(10 * KiB))
    await (await startProcess().open(id)).terminate()
    assert.equal(await bucket.multiparts(id), 0)
    assert.deepEqual(await bucket.keys(id), [])
  })

  test('a CreateMultipartUpload that S3 did and did not answer leaves nothing', async () => {
    const bytes = someBytes(20 * KiB)
    const id = `left${++count}`
    const creator = await startProcess({ maxAttempts: 2 }).create({
      id,
      length: bytes.length,
      metadata: {},
      metadataField: undefined,
    })
    await during(
      ({ operation, occurrence }) =>
        operation === 'CreateMultipartUpload' && occurrence === 1 ? { action: 'reset-after' } : undefined,
      () => creator.append(0, bodyOf([bytes])),
    )
    assert.equal(creator.info.state, 'complete')
    assert.equal(await bucket.multiparts(id), 0)
  })

  test('slots that could not be deleted are, when the upload is next opened', async () => {
    const bytes = someBytes(3 * KiB)
    const id = await create(bytes.length)
    const handle = await startProcess().open(id)
    await handle.append(0, bodyOf([bytes.subarray(0, 1000)], { end: 'disconnected' }))
    const unavailable: Intercept = ({ operation }) =>
      operation === 'DeleteObjects' ? { action: 'status', status: 500, code: 'InternalError' } : undefined
    await during(unavailable, () => handle.append(1000, bodyOf([bytes.subarray(1000)])))
    assert.equal(handle.info.state, 'complete', 'a slot that is left is no reason to refuse the upload')
    assert.ok((await bucket.keys(id)).some((key) => key.includes('.part')))
    // Nor is it a reason to refuse a read.
    await during(unavailable, async () => assert.equal((await startProcess().open(id)).info.state, 'complete'))
    await startProcess().open(id)
    assert.deepEqual(await bucket.keys(id), [id, `${id}.info`])
    bucket.bucket.requests.reset()
    await startProcess().open(id)
    assert.deepEqual([...bucket.bucket.requests], [['GetObject', 1]], 'once it is clean nobody asks again')
  })

  test('without the right to list multipart uploads an upload finishes all the same, and the log says it once', async () => {
    const bytes = someBytes(20 * KiB)
    const said: string[] = []
    const logger = { warn: (_: object, message: string) => said.push(message) }
    const store = startProcess({ logger })
    for (let upload = 0; upload < 2; upload++) {
      const id = await create(bytes.length)
      await during(
        ({ operation }) =>
          operation === 'ListMultipartUploads' ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined,
        async () => (await store.open(id)).append(0, bodyOf([bytes])),
      )
      assert.equal((await startProcess().open(id)).info.state, 'complete')
    }
    assert.equal(said.filter((message) => message.includes('lifecycle rule')).length, 1, said.join('\n'))
  })
})
