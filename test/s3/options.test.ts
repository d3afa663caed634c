import assert from 'node:assert/strict'
import { test } from 'node:test'
import { S3Client } from '@aws-sdk/client-s3'
import { UploadError } from '../../src/errors.js'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'

const MiB = 1024 * 1024
const service = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 's' } })

/** What cannot work, and what the refusal names. */
const refused: [string, Partial<S3StoreOptions>, RegExp][] = [
  ['no bucket', { bucket: '' }, /^bucket:/],
  ['no service', { service: undefined as never }, /^service:/],
  ['a preferred part below the least', { preferredPartSize: 4 * MiB }, /preferredPartSize.*minPartSize/],
  [
    'a preferred part above the largest',
    { maxPartSize: 6 * MiB, maxObjectSize: MiB },
    /preferredPartSize.*maxPartSize/,
  ],
  ['more parts than S3 takes', { maxMultipartParts: 10_001 }, /maxMultipartParts.*10,000/],
  ['an object that no parts can hold', { maxPartSize: 10 * MiB }, /maxObjectSize.*maxMultipartParts.*maxPartSize/],
  ['a memory that holds no part', { bufferMemory: 7 * MiB }, /bufferMemory.*preferredPartSize/],
  ...(['minPartSize', 'concurrentPartUploads', 'maxBufferedParts', 'requestTimeout', 'maxAttempts'] as const).flatMap(
    (name): [string, Partial<S3StoreOptions>, RegExp][] =>
      [0, -1, 1.5, Number.NaN].map((value) => [`${name} of ${value}`, { [name]: value }, new RegExp(`^${name}:`)]),
  ),
]
for (const [name, change, message] of refused) {
  test(`refused: ${name}`, () => {
    const open = (): S3Store => new S3Store({ bucket: 'b', service, ...change })
    assert.throws(open, (error: unknown) => {
      assert.ok(error instanceof UploadError && error.code === 'ERR_INVALID_OPTIONS')
      assert.match(error.message, message)
      return true
    })
  })
}

test('the defaults work, and so do options that are given as undefined', async () => {
  const store = new S3Store({ bucket: 'b', service, preferredPartSize: undefined, bufferMemory: undefined })
  assert.equal(store.maxObjectSize, 5 * 1024 ** 4)
  await store.close()
})
