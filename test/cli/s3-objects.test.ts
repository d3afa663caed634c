import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { GetObjectTaggingCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { UsageError } from '../../src/cli/failure.js'
import { type Flags, readOptions } from '../../src/cli/read-options.js'
import { encryptionOf, objectsOf } from '../../src/cli/s3-objects.js'
import { BUCKET, openBucket } from '../support/bucket.js'
import { startServer, temporaryFolder } from './command.js'

const encryption = (flags: Flags) => encryptionOf(readOptions('serve', flags, {}))
const objects = (flags: Flags) => objectsOf(readOptions('serve', flags, {}))

test('without flags nothing is asked for', () => {
  assert.equal(encryption({}), undefined)
  const { object, objectMetadata, overwrite } = objects({})
  assert.deepEqual(Object.values(object).filter(Boolean), [])
  assert.equal(objectMetadata, undefined)
  assert.equal(overwrite, true)
})

test('flags of encryption', () => {
  assert.deepEqual(encryption({ 's3-sse': ['AES256'] }), { type: 'AES256' })
  const flags = {
    's3-sse': ['aws:kms'],
    's3-sse-kms-key-id': ['alias/a'],
    's3-sse-kms-context': ['tenant=a,stage=b=c'],
    's3-sse-bucket-key': ['true'],
  }
  const context = { tenant: 'a', stage: 'b=c' }
  assert.deepEqual(encryption(flags), { type: 'aws:kms', keyId: 'alias/a', bucketKey: true, context })
})

test("a customer's key is read from a file: 32 bytes, or their Base64 with a line break", (context) => {
  const bytes = Buffer.from(Array.from({ length: 32 }, (_, at) => at))
  const [raw, text] = ['raw', 'text'].map((name) => join(temporaryFolder(context), name)) as [string, string]
  writeFileSync(raw, bytes)
  writeFileSync(text, `${bytes.toString('base64')}\n`)
  const keyOf = (file: string) => encryption({ 's3-sse': ['customer'], 's3-sse-customer-key-file': [file] })
  assert.deepEqual(keyOf(raw), { type: 'customer', key: bytes })
  assert.deepEqual(keyOf(text), { type: 'customer', key: bytes.toString('base64') })
})

for (const [rule, flags, message] of [
  ["a customer's key without a file", { 's3-sse': ['customer'] }, /needs --s3-sse-customer-key-file/],
  ["a file with a key without a customer's key", { 's3-sse-customer-key-file': ['x'] }, /--s3-sse customer/],
  ['a file that is not there', { 's3-sse': ['customer'], 's3-sse-customer-key-file': ['/none'] }, /\/none .*ENOENT/],
  ['a KMS key without KMS', { 's3-sse': ['AES256'], 's3-sse-kms-key-id': ['x'] }, /only with --s3-sse aws:kms/],
  ['a context that is no pair', { 's3-sse': ['aws:kms'], 's3-sse-kms-context': ['x'] }, /'x' is not name=value/],
] as [string, Flags, RegExp][]) {
  test(`refused: ${rule}`, () => {
    assert.throws(
      () => encryption(flags),
      (error) => error instanceof UsageError && message.test(error.message),
    )
  })
}

test('refused: a tag without a name or a value', () => {
  for (const tag of ['x', '=y']) assert.throws(() => objects({ 's3-tags': [tag] }), UsageError)
})

test('holdfast serve stores objects as its flags say, and leads downloads to S3', async (context) => {
  const bucket = await openBucket()
  context.after(() => bucket.close())
  const { endpoint, credentials } = bucket.bucket
  const flags = {
    's3-bucket': BUCKET,
    's3-endpoint': endpoint,
    's3-tags': 'team=a b,cost=1',
    's3-cache-control': 'private, max-age=60',
    's3-storage-class': 'STANDARD_IA',
    's3-sse': 'AES256',
    's3-object-metadata': 'title',
    'download-redirect': 'true',
  }
  const given = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  const { url } = await startServer(context, ['serve', '--port', '0', ...given], {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  })
  const headers = {
    'Tus-Resumable': '1.0.0',
    'Content-Type': 'application/offset+octet-stream',
    'Upload-Length': '5',
    'Upload-Metadata': 'title eA==,other eQ==',
  }
  const created = await fetch(url, { method: 'POST', headers, body: 'hello' })
  assert.equal(created.status, 201)
  const location = created.headers.get('Location')!
  const Key = location.slice(location.lastIndexOf('/') + 1)
  const head = await bucket.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key }))
  assert.equal(head.CacheControl, flags['s3-cache-control'])
  assert.equal(head.StorageClass, 'STANDARD_IA')
  assert.equal(head.ServerSideEncryption, 'AES256')
  assert.deepEqual(Object.keys(head.Metadata!).sort(), ['holdfast-id', 'holdfast-token', 'title'])
  const { TagSet } = await bucket.client.send(new GetObjectTaggingCommand({ Bucket: BUCKET, Key }))
  assert.deepEqual(TagSet, [
    { Key: 'team', Value: 'a b' },
    { Key: 'cost', Value: '1' },
  ])
  const answer = await fetch(location, { redirect: 'manual' })
  assert.equal(answer.status, 307)
  assert.match(answer.headers.get('Location')!, /X-Amz-Expires=300&/)
})
