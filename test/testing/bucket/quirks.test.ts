import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type PutObjectCommandOutput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { Quirks } from '../../../src/testing/bucket/index.js'
import { BUCKET, openBucket } from '../../support/bucket.js'

/** The code of S3's refusal, or 'ok'. */
const outcome = (sent: Promise<unknown>): Promise<string> =>
  sent.then(
    () => 'ok',
    (error) => error.Code ?? error.name,
  )

const put = (client: S3Client, Key: string, more: object = {}): Promise<PutObjectCommandOutput> =>
  client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'bytes', ...more }))

async function parts(client: S3Client, Key: string, sizes: readonly number[]) {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }))
  const named: { PartNumber: number; ETag: string | undefined }[] = []
  for (const [at, size] of sizes.entries()) {
    const PartNumber = at + 1
    const upload = { Bucket: BUCKET, Key, UploadId, PartNumber, Body: Buffer.alloc(size, at) }
    named.push({ PartNumber, ETag: (await client.send(new UploadPartCommand(upload))).ETag })
  }
  const complete = (Parts = named) =>
    client.send(new CompleteMultipartUploadCommand({ Bucket: BUCKET, Key, UploadId, MultipartUpload: { Parts } }))
  return { UploadId, named, complete }
}

async function open(context: TestContext, quirks: Quirks): Promise<S3Client> {
  const bucket = await openBucket({ quirks, minPartSize: 1 })
  context.after(() => bucket.close())
  return bucket.client
}

test('conditions ignored: both headers are', async (context) => {
  const client = await open(context, { conditions: 'ignored' })
  await put(client, 'a')
  assert.equal(await outcome(put(client, 'a', { IfNoneMatch: '*' })), 'ok')
  assert.equal(await outcome(put(client, 'a', { IfMatch: '"0"' })), 'ok')
})

test('conditions refused: 501 for either header', async (context) => {
  const client = await open(context, { conditions: 'refused' })
  assert.equal(await outcome(put(client, 'a', { IfNoneMatch: '*' })), 'NotImplemented')
  assert.equal(await outcome(put(client, 'a', { IfMatch: '"0"' })), 'NotImplemented')
})

test('conditions unquoted: If-Match holds without quotes only', async (context) => {
  const client = await open(context, { conditions: 'unquoted' })
  const { ETag } = await put(client, 'a')
  assert.equal(await outcome(put(client, 'a', { IfMatch: ETag })), 'PreconditionFailed')
  assert.equal(await outcome(put(client, 'a', { IfMatch: ETag!.replaceAll('"', '') })), 'ok')
  assert.equal(await outcome(put(client, 'a', { IfMatch: '0' })), 'PreconditionFailed')
})

test('conditions late: each holds, and of several at once more than one does', async (context) => {
  const client = await open(context, { conditions: 'late' })
  const many = Array.from({ length: 4 }, () => outcome(put(client, 'a', { IfNoneMatch: '*' })))
  assert.ok((await Promise.all(many)).filter((one) => one === 'ok').length > 1)
  assert.equal(await outcome(put(client, 'a', { IfNoneMatch: '*' })), 'PreconditionFailed')
  assert.equal(await outcome(put(client, 'a', { IfMatch: '"0"' })), 'PreconditionFailed')
})

test('checksums refused or ignored', async (context) => {
  const refused = await open(context, { checksums: 'refused' })
  assert.equal(await outcome(put(refused, 'a', { ChecksumCRC32: 'AAAAAA==' })), 'NotImplemented')
  const ignored = await open(context, { checksums: 'ignored' })
  assert.equal(await outcome(put(ignored, 'a', { ChecksumCRC32: 'AAAAAA==' })), 'ok')
})

test('DeleteObjects by MD5 only, or absent', async (context) => {
  const Delete = { Objects: [{ Key: 'a' }] }
  const strict = await open(context, { deleteObjects: 'md5-only' })
  assert.equal(await outcome(strict.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete }))), 'MissingContentMD5')
  const absent = await open(context, { deleteObjects: 'absent' })
  assert.equal(await outcome(absent.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete }))), 'NotImplemented')
})

test('one write of a key in an interval', async (context) => {
  const client = await open(context, { writeInterval: 60_000 })
  assert.equal(await outcome(put(client, 'a')), 'ok')
  assert.equal(await outcome(put(client, 'b')), 'ok')
  assert.equal(await outcome(put(client, 'a')), 'TooManyRequests')
})

test('fewer parts, equal parts, all parts named', async (context) => {
  const few = await open(context, { maxParts: 2 })
  assert.equal(await outcome(parts(few, 'a', [1, 1, 1])), 'InvalidArgument')
  const uniform = await open(context, { uniformParts: true })
  assert.equal(await outcome((await parts(uniform, 'a', [3, 2, 3])).complete()), 'InvalidPart')
  assert.equal(await outcome((await parts(uniform, 'b', [3, 3, 4])).complete()), 'InvalidPart')
  assert.equal(await outcome((await parts(uniform, 'c', [3, 3, 2])).complete()), 'ok')
  const all = await open(context, { namesAllParts: true })
  const { named, complete } = await parts(all, 'a', [3, 3])
  assert.equal(await outcome(complete(named.slice(0, 1))), 'InvalidPart')
  assert.equal(await outcome(complete()), 'ok')
})

test('Complete answers without an ETag, and only once', async (context) => {
  const client = await open(context, { emptyCompleteEtag: true, completesOnce: true })
  const { complete } = await parts(client, 'a', [1])
  assert.ok(!(await complete()).ETag)
  assert.equal(await outcome(complete()), 'NoSuchUpload')
})

test('other names for what is missing', async (context) => {
  const client = await open(context, { missingUpload: 'NoSuchKey', missingKey: 'AccessDenied' })
  const gone = { Bucket: BUCKET, Key: 'a', UploadId: 'none' }
  assert.equal(await outcome(client.send(new ListPartsCommand(gone))), 'NoSuchKey')
  assert.equal(await outcome(client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'a' }))), 'AccessDenied')
})

test('ETags that are no MD5', async (context) => {
  const client = await open(context, { opaqueEtags: true })
  assert.notEqual((await put(client, 'a')).ETag, (await put(client, 'b')).ETag)
})

test('rotated keys: the old ones are refused', async (context) => {
  const bucket = await openBucket()
  context.after(() => bucket.close())
  bucket.bucket.rotate({ accessKeyId: 'new', secretAccessKey: 'newer' })
  assert.equal(await outcome(put(bucket.client, 'a')), 'InvalidAccessKeyId')
})
