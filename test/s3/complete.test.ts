/** What servers say of a multipart upload that was completed already, while the answer was lost. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { S3Store } from '../../src/s3/index.js'
import { bodyOf } from '../../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, openBucket, sha256, someBytes } from '../support/bucket.js'

const KiB = 1024

/** An upload whose Complete was done and whose answer was lost; the handle remembers its parts. */
async function unheard(context: TestContext) {
  const bucket = await openBucket({ minPartSize: 10 * KiB })
  const sizes = { minPartSize: 10 * KiB, preferredPartSize: 10 * KiB, maxObjectSize: 1_000 * KiB }
  const service = clientOf(bucket.bucket)
  const store = new S3Store({ bucket: BUCKET, service, capabilities: KNOWN, maxAttempts: 1, ...sizes })
  context.after(async () => {
    await store.close()
    await bucket.close()
  })
  const bytes = someBytes(25 * KiB)
  const handle = await store.create({ id: 'a', length: bytes.length, metadata: {}, metadataField: undefined })
  bucket.bucket.intercept = ({ operation }) => {
    if (operation === 'CompleteMultipartUpload') return { action: 'reset-after' }
    // Nor is it seen that it was done.
    return operation === 'HeadObject' ? { action: 'reset-before' } : undefined
  }
  await assert.rejects(handle.append(0, bodyOf([bytes])))
  assert.equal(handle.info.state, 'completing')
  return { bucket, handle, sum: sha256(bytes) }
}

test('its parts are invalid, some say: the object tells that it was done', async (context) => {
  const { bucket, handle, sum } = await unheard(context)
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'CompleteMultipartUpload' ? { action: 'status', status: 400, code: 'InvalidPart' } : undefined
  await handle.finish()
  assert.equal(handle.info.state, 'complete')
  assert.equal((await bucket.object('a')).sha256, sum)
})

test('without an object, parts that are invalid are a contradiction as ever', async (context) => {
  const { bucket, handle } = await unheard(context)
  const { DeleteObjectCommand } = await import('@aws-sdk/client-s3')
  await bucket.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'a' }))
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'CompleteMultipartUpload' ? { action: 'status', status: 400, code: 'InvalidPart' } : undefined
  await assert.rejects(handle.finish(), { code: 'ERR_STORE_CORRUPT' })
  assert.equal(handle.info.state, 'failed')
})
