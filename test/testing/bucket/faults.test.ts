import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { S3 } from '@aws-sdk/client-s3'
import {
  type DevelopmentBucket,
  type InterceptedRequest,
  type RequestRecord,
  startBucket,
} from '../../../src/testing/bucket/index.js'
import { NAME, start, temporaryDirectory, text, upload } from './harness.js'

describe('faults on purpose', () => {
  let directory: string
  let bucket: DevelopmentBucket
  let s3: S3
  const records: RequestRecord[] = []

  before(async () => {
    directory = await temporaryDirectory()
    const started = await start(directory, { onRequest: (record) => records.push(record) })
    bucket = started.bucket
    s3 = started.s3
  })
  beforeEach(async () => {
    bucket.intercept = undefined
    await s3.deleteObject({ Bucket: NAME, Key: 'key' })
    bucket.requests.reset()
    records.length = 0
  })
  after(() => bucket.close())

  const put = (Body: string | Buffer = 'x') => s3.putObject({ Bucket: NAME, Key: 'key', Body })
  const exists = () =>
    s3.headObject({ Bucket: NAME, Key: 'key' }).then(
      () => true,
      () => false,
    )

  it('status: answers the error and does nothing, however large the body', async () => {
    bucket.intercept = ({ occurrence }) =>
      occurrence <= 3 ? { action: 'status', status: 503, code: 'SlowDown' } : undefined
    for (const size of [1, 1024 * 1024, 24 * 1024 * 1024]) {
      await assert.rejects(
        put(Buffer.alloc(size)),
        (error: { name: string; $metadata: { httpStatusCode: number } }) => {
          assert.deepEqual([error.name, error.$metadata.httpStatusCode], ['SlowDown', 503])
          return true
        },
      )
    }
    assert.deepEqual(await readdir(join(directory, 'blobs')), [])
    await put()
  })

  it('reset-before: cuts the connection and does nothing', async () => {
    bucket.intercept = ({ operation }) => (operation === 'PutObject' ? { action: 'reset-before' } : undefined)
    await assert.rejects(put(), { code: 'ECONNRESET' })
    assert.equal(await exists(), false)
  })

  it('reset-after: does the work and cuts the connection', async () => {
    bucket.intercept = ({ operation }) => (operation === 'PutObject' ? { action: 'reset-after' } : undefined)
    await assert.rejects(put(), { code: 'ECONNRESET' })
    assert.equal(await exists(), true)
  })

  it('late: cuts the connection and does the work afterwards, with the body that came', async () => {
    const body = randomBytes(300_000)
    bucket.intercept = ({ operation }) => (operation === 'PutObject' ? { action: 'late', ms: 150 } : undefined)
    await assert.rejects(put(body), { code: 'ECONNRESET' })
    assert.equal(await exists(), false)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const { Body } = await s3.getObject({ Bucket: NAME, Key: 'key' })
    assert.deepEqual(Buffer.from(await Body!.transformToByteArray()), body)
  })

  it('reset-after on Complete: the retry finds the answer', async () => {
    const target = await upload(s3, 'key')
    const { ETag } = await s3.uploadPart({ ...target, PartNumber: 1, Body: 'bytes' })
    const completion = { ...target, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] }, IfNoneMatch: '*' }
    bucket.intercept = ({ operation, occurrence }) =>
      operation === 'CompleteMultipartUpload' && occurrence === 1 ? { action: 'reset-after' } : undefined
    await assert.rejects(s3.completeMultipartUpload(completion), { code: 'ECONNRESET' })
    assert.match((await s3.completeMultipartUpload(completion)).ETag!, /-1"$/)
    assert.equal(await text(s3, 'key'), 'bytes')
  })

  it('hang: never answers; the client may go', async () => {
    bucket.intercept = ({ operation }) => (operation === 'PutObject' ? { action: 'hang' } : undefined)
    const abortSignal = AbortSignal.timeout(100)
    await assert.rejects(s3.putObject({ Bucket: NAME, Key: 'key', Body: 'x' }, { abortSignal }))
    assert.equal(await exists(), false)
  })

  it('delay: works, later', async () => {
    bucket.intercept = () => ({ action: 'delay', ms: 80 })
    const started = performance.now()
    await put()
    assert.ok(performance.now() - started >= 79)
  })

  it('is told operation, bucket, key, part, upload and how often it was asked the same', async () => {
    const asked: InterceptedRequest[] = []
    const target = await upload(s3, 'key')
    bucket.intercept = (request) => {
      asked.push(request)
      return undefined
    }
    for (const PartNumber of [1, 1, 2]) await s3.uploadPart({ ...target, PartNumber, Body: 'x' })
    const shared = { operation: 'UploadPart', bucket: NAME, key: 'key', uploadId: target.UploadId }
    assert.deepEqual(asked, [
      { ...shared, partNumber: 1, occurrence: 1 },
      { ...shared, partNumber: 1, occurrence: 2 },
      { ...shared, partNumber: 2, occurrence: 1 },
    ])
    await s3.abortMultipartUpload(target)
  })

  it('counts and reports requests', async () => {
    await put('12345')
    await exists()
    await exists()
    assert.deepEqual(
      [...bucket.requests],
      [
        ['PutObject', 1],
        ['HeadObject', 2],
      ],
    )
    const { operation, key, status, bytes } = records[0]!
    assert.deepEqual({ operation, key, status, bytes }, { operation: 'PutObject', key: 'key', status: 200, bytes: 5 })
    bucket.requests.reset()
    assert.equal(bucket.requests.size, 0)
  })

  it('close: ends what hangs', async () => {
    const other = await start(await temporaryDirectory())
    const asked = new Promise<void>((resolve) => {
      other.bucket.intercept = () => {
        resolve()
        return { action: 'hang' }
      }
    })
    const hanging = assert.rejects(other.s3.listBuckets({}))
    await asked
    await other.bucket.close()
    await hanging
  })
})

describe('options', () => {
  it('refuses to listen anywhere but on loopback', async () => {
    await assert.rejects(startBucket({ directory: await temporaryDirectory(), host: '0.0.0.0' }), /loopback/)
  })

  it('listens on IPv6 loopback', async () => {
    const { bucket, s3 } = await start(await temporaryDirectory(), { host: '::1' })
    assert.equal((await s3.listBuckets({})).Buckets?.length, 1)
    await bucket.close()
  })

  it('takes no more of a connection in a second than connectionRate', async () => {
    const { bucket, s3 } = await start(await temporaryDirectory(), { connectionRate: 1_000_000 })
    const began = performance.now()
    await s3.putObject({ Bucket: NAME, Key: 'key', Body: Buffer.alloc(400_000, 'x') })
    assert.ok(performance.now() - began >= 390)
    assert.equal((await text(s3, 'key')).length, 400_000)
    await bucket.close()
    const directory = await temporaryDirectory()
    await assert.rejects(startBucket({ directory, connectionRate: 0 }), /connectionRate/)
  })

  it('pages lists by maxListSize', async () => {
    const { bucket, s3 } = await start(await temporaryDirectory(), { maxListSize: 2 })
    for (const Key of ['a', 'b', 'c']) await s3.putObject({ Bucket: NAME, Key, Body: 'x' })
    const { Contents, IsTruncated } = await s3.listObjectsV2({ Bucket: NAME })
    assert.deepEqual([Contents?.length, IsTruncated], [2, true])
    await bucket.close()
  })

  it('gives up the directory when the port is taken', async () => {
    const { bucket } = await start(await temporaryDirectory())
    const directory = await temporaryDirectory()
    await assert.rejects(startBucket({ directory, port: bucket.port }), { code: 'EADDRINUSE' })
    await (await startBucket({ directory })).close()
    await bucket.close()
  })
})

describe('reading while writing', () => {
  it('a reader gets the whole of what it began to read, though it is replaced and deleted meanwhile', async () => {
    const directory = await temporaryDirectory()
    const { bucket, s3 } = await start(directory)
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'a')
    await s3.putObject({ Bucket: NAME, Key: 'key', Body: bytes })
    const { Body } = await s3.getObject({ Bucket: NAME, Key: 'key' })
    await s3.putObject({ Bucket: NAME, Key: 'key', Body: 'new' })
    await s3.deleteObject({ Bucket: NAME, Key: 'key' })
    assert.ok(bytes.equals(await Body!.transformToByteArray()))
    await bucket.close()
    assert.deepEqual(await readdir(join(directory, 'blobs')), [])
  })
})
