import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { UploadError } from '../../src/errors.js'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import { bodyOf, chunksOf } from '../support/body.js'
import { BUCKET, clientOf, type OpenBucket, openBucket, sha256, someBytes } from '../support/bucket.js'

const KiB = 1024
const REFUSED = { action: 'status', status: 403, code: 'AccessDenied' } as const

describe('what a writer does after its commit was overtaken, or is not known to have failed, costs no committed byte', () => {
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
    const service = clientOf(bucket.bucket)
    const sizes = { minPartSize: KiB, preferredPartSize: 4 * KiB, bufferMemory: 256 * KiB }
    const store = new S3Store({ bucket: BUCKET, service, ...sizes, ...options })
    stores.push(store)
    return store
  }
  let count = 0
  const create = async (length: number): Promise<string> => {
    const id = `delayed${++count}`
    await startProcess().create({ id, length, metadata: {}, metadataField: undefined })
    return id
  }
  const finishWith = async (id: string, bytes: Buffer): Promise<void> => {
    const handle = await startProcess().open(id)
    if (handle.info.state === 'open')
      await handle.append(handle.info.offset, bodyOf([bytes.subarray(handle.info.offset)]))
    assert.equal((await startProcess().open(id)).info.state, 'complete')
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  }

  test('a whole upload that was overtaken by a commit of its first bytes leaves their slot alone', async () => {
    const bytes = someBytes(3000)
    const id = await create(bytes.length)
    const late = await startProcess().open(id)
    const fast = await startProcess().open(id)
    assert.equal(await fast.append(0, bodyOf([bytes.subarray(0, 1000)], { end: 'disconnected' })), 1000)
    await assert.rejects(
      late.append(0, bodyOf([bytes])),
      (error) => error instanceof UploadError && error.code === 'ERR_CONFLICT',
    )
    assert.equal((await startProcess().open(id)).info.offset, 1000)
    await finishWith(id, bytes)
    assert.deepEqual(await bucket.keys(id), [id, `${id}.info`])
  })

  test('the multipart upload of a commit whose outcome nobody told is not aborted', async () => {
    const bytes = someBytes(20 * KiB)
    const id = await create(bytes.length)
    const writer = await startProcess({ maxAttempts: 1, commitInterval: 60_000 }).open(id)
    let committed = false
    bucket.bucket.intercept = ({ operation, key }) => {
      if (key !== `${id}.info`) return undefined
      if (operation === 'PutObject') {
        committed = true
        return { action: 'reset-after' }
      }
      return committed ? REFUSED : undefined
    }
    await assert.rejects(writer.append(0, bodyOf([bytes.subarray(0, 8 * KiB)], { end: 'disconnected' })))
    bucket.bucket.intercept = undefined
    assert.equal((await startProcess().open(id)).info.offset, 8 * KiB, 'it was done')
    await finishWith(id, bytes)
  })

  test('nor is it aborted if another process went on from that commit before its writer looked', async () => {
    const bytes = someBytes(20 * KiB)
    const id = await create(bytes.length)
    const writer = await startProcess({ maxAttempts: 1, commitInterval: 60_000 }).open(id)
    let isLost = false
    bucket.bucket.intercept = ({ operation, key }) => {
      if (key !== `${id}.info` || isLost) return undefined
      if (operation !== 'PutObject') return undefined
      isLost = true
      return { action: 'reset-after' }
    }
    const { call } = writer.context
    // The writer asks what became of its commit; before the answer, another process appends.
    let overtaken: Promise<unknown> | undefined
    writer.context.call = (async (name: 'getObject', input: { key: string }, signal?: AbortSignal) => {
      if (isLost && name === 'getObject' && !overtaken) {
        overtaken = startProcess()
          .open(id)
          .then((next) => next.append(8 * KiB, bodyOf([bytes.subarray(8 * KiB, 17 * KiB)], { end: 'disconnected' })))
        await overtaken
      }
      return call(name, input, signal)
    }) as typeof call
    await assert.rejects(writer.append(0, bodyOf([bytes.subarray(0, 8 * KiB)], { end: 'disconnected' })))
    bucket.bucket.intercept = undefined
    assert.equal(await overtaken, 17 * KiB)
    await finishWith(id, bytes)
  })

  test('parts of a commit that was refused are not skipped by the next commit', async () => {
    const bytes = someBytes(40 * KiB)
    const id = await create(bytes.length)
    const writer = await startProcess({ maxAttempts: 1, commitInterval: 1 }).open(id)
    let commits = 0
    bucket.bucket.intercept = ({ operation, key, partNumber }) => {
      if (operation === 'UploadPart' && partNumber! > 1) return { action: 'delay', ms: 100 }
      return operation === 'PutObject' && key === `${id}.info` && ++commits === 1 ? REFUSED : undefined
    }
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (const chunk of chunksOf(bytes, 4 * KiB)) {
        yield chunk
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    await assert.rejects(writer.append(0, bodyOf(slowly())))
    bucket.bucket.intercept = undefined
    assert.ok(commits > 1, 'what was confirmed is committed in a second try')
    await finishWith(id, bytes)
  })
})
