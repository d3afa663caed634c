// A test of your own code against a bucket of its own: no container, no network, no mock.
// Run it: node --import tsx --test examples/own-bucket-in-tests.ts
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { createServer, type Holdfast } from 'holdfast'
import { fetchHandler } from 'holdfast/fetch'
import { S3Store } from 'holdfast/s3'
import { type DevelopmentBucket, startBucket } from 'holdfast/testing'

let directory: string
let bucket: DevelopmentBucket
let service: S3Client
let holdfast: Holdfast
let handle: (request: Request) => Promise<Response>

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'example-'))
  bucket = await startBucket({ directory, buckets: ['uploads'] })
  const { endpoint, region, credentials } = bucket
  service = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  holdfast = createServer({ store: new S3Store({ bucket: 'uploads', service }) })
  handle = fetchHandler(holdfast)
})

after(async () => {
  await holdfast.close()
  service.destroy()
  await bucket.close()
  await rm(directory, { recursive: true })
})

async function upload(text: string): Promise<{ url: string; response: Response }> {
  const created = await handle(
    new Request('http://localhost/files/', {
      method: 'POST',
      headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': String(Buffer.byteLength(text)) },
    }),
  )
  const url = created.headers.get('Location')!
  const headers = {
    'Tus-Resumable': '1.0.0',
    'Upload-Offset': '0',
    'Content-Type': 'application/offset+octet-stream',
  }
  return { url, response: await handle(new Request(url, { method: 'PATCH', headers, body: text })) }
}

test('an upload is in the bucket, byte for byte', async () => {
  const { url, response } = await upload('hello')
  assert.equal(response.status, 204)
  const Key = url.slice(url.lastIndexOf('/') + 1)
  const { Body } = await service.send(new GetObjectCommand({ Bucket: 'uploads', Key }))
  assert.equal(await Body?.transformToString(), 'hello')
})

test('when S3 is busy for a moment, nobody notices', async () => {
  bucket.intercept = ({ operation, occurrence }) =>
    operation === 'PutObject' && occurrence === 1 ? { action: 'status', status: 503, code: 'SlowDown' } : undefined
  const { response } = await upload('hello again')
  assert.equal(response.status, 204)
  bucket.intercept = undefined
})
