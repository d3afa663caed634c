import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { UploadError } from '../../src/errors.js'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import type { Body } from '../../src/store/store.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../support/bucket.js'

const MiB = 1024 * 1024

/** A body of the bytes, in chunks; `between` runs after each chunk was taken. */
function bodyOf(bytes: Uint8Array, between?: (given: number) => Promise<void> | void): Body {
  let isStopped = false
  return {
    length: bytes.length,
    ended: undefined,
    stop() {
      isStopped = true
    },
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < bytes.length && !isStopped; at += 65_536) {
        yield bytes.subarray(at, at + 65_536)
        await between?.(at)
      }
      ;(this as { ended: string }).ended = isStopped ? 'stopped' : 'end'
    },
  }
}

const code = (expected: string) => (error: unknown) => error instanceof UploadError && error.code === expected

describe('several processes on one bucket, without a lock', () => {
  let bucket: OpenBucket
  const stores: S3Store[] = []
  before(async () => {
    bucket = await openBucket()
  })
  after(async () => {
    for (const store of stores) await store.close()
    await bucket.close()
  })

  /** A store of its own is a process of its own: nothing is shared but the bucket. */
  const startProcess = (options: Partial<S3StoreOptions> = {}): S3Store => {
    const store = new S3Store({
      bucket: BUCKET,
      service: clientOf(bucket.bucket),
      capabilities: KNOWN,
      preferredPartSize: 5 * MiB,
      ...options,
    })
    stores.push(store)
    return store
  }
  let count = 0
  const create = async (store: S3Store, length: number): Promise<string> => {
    const id = `race${++count}`
    await store.create({ id, length, metadata: {}, metadataField: undefined })
    return id
  }

  test('of two writers of other bytes at the same offset one wins, and the object is its bytes whole', async () => {
    for (const size of [1000, 5 * MiB, 12 * MiB]) {
      const id = await create(startProcess(), size)
      const [first, second] = [someBytes(size), someBytes(size)]
      const handles = await Promise.all([startProcess().open(id), startProcess().open(id)])
      const results = await Promise.allSettled([
        handles[0].append(0, bodyOf(first)),
        handles[1].append(0, bodyOf(second)),
      ])
      const won = results.filter(({ status }) => status === 'fulfilled').length
      assert.ok(won <= 1, 'never both')
      const now = await startProcess().open(id)
      await now.finish().catch(() => undefined)
      if (now.info.state !== 'complete') continue
      const stored = (await bucket.object(id)).sha256
      const winner = results[0].status === 'fulfilled' ? first : second
      if (won === 1) assert.equal(stored, sha256(winner), `${size}: the acknowledged bytes`)
      else assert.ok([sha256(first), sha256(second)].includes(stored), `${size}: one of them whole`)
    }
  })

  test('a writer that was overtaken changes nothing', async () => {
    const size = 12 * MiB
    const bytes = someBytes(size)
    const id = await create(startProcess(), size)
    const late = await startProcess().open(id)
    let overtaken = false
    const other = someBytes(size)
    const append = late.append(
      0,
      bodyOf(other, async (given) => {
        if (overtaken || given < 3 * MiB) return
        overtaken = true
        const fast = await startProcess().open(id)
        await fast.append(0, bodyOf(bytes))
        assert.equal(fast.info.state, 'complete')
      }),
    )
    await assert.rejects(append, code('ERR_CONFLICT'))
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
    assert.equal(await bucket.multiparts(), 0, 'and it took its own multipart upload away')
  })

  test('a writer whose multipart upload was aborted by whoever ended the upload is told of the conflict', async () => {
    const bytes = someBytes(12 * MiB)
    const id = await create(startProcess(), bytes.length)
    const late = await startProcess().open(id)
    let ending: Promise<void> | undefined
    const append = late.append(
      0,
      bodyOf(someBytes(bytes.length), async () => {
        if (ending || (await bucket.multiparts(id)) === 0) return
        ending = startProcess()
          .open(id)
          .then(async (fast) => void (await fast.append(0, bodyOf(bytes))))
        await ending
      }),
    )
    await assert.rejects(append, code('ERR_CONFLICT'))
    assert.ok(ending, 'it had a multipart upload when the other began')
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
    assert.equal(await bucket.multiparts(id), 0)
  })

  test('a slot that a crashed writer left behind is taken over, and the bytes are those committed', async () => {
    const bytes = someBytes(100_000)
    const id = await create(startProcess(), bytes.length)
    // The slot is written, its answer and the commit are lost: as if the process had died in between.
    bucket.bucket.intercept = ({ operation, key }) =>
      operation === 'PutObject' && key === `${id}.info` ? { action: 'hang' } : undefined
    const dying = await startProcess({ requestTimeout: 200, maxAttempts: 1 }).open(id)
    await assert.rejects(dying.append(0, bodyOf(someBytes(1000))))
    bucket.bucket.intercept = undefined
    assert.ok((await bucket.keys(id)).includes(`${id}.part`))

    const next = await startProcess().open(id)
    assert.equal(next.info.offset, 0)
    assert.equal(await next.append(0, bodyOf(bytes.subarray(0, 60_000))), 60_000)
    const last = await startProcess().open(id)
    await last.append(60_000, bodyOf(bytes.subarray(60_000)))
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
    assert.deepEqual(await bucket.keys(id), [id, `${id}.info`])
  })

  test('a writer whose slot was taken over can no longer commit it, however late its commit arrives', async () => {
    const id = await create(startProcess(), 1000)
    const [late, next] = [someBytes(400), someBytes(500)]
    let records = 0
    let slots = 0
    bucket.bucket.intercept = ({ operation, key }) => {
      if (operation !== 'PutObject' || !key?.startsWith(id)) return undefined
      if (key.endsWith('.part')) slots++
      else records++
      // The first commit is late; whatever is committed after the slot was written anew is later still.
      if (key.endsWith('.info') && (records === 1 || slots === 3))
        return { action: 'delay', ms: records === 1 ? 700 : 1_500 }
      return undefined
    }
    const [first, second] = await Promise.all([startProcess().open(id), startProcess().open(id)])
    const overtaken = first.append(0, bodyOf(late)).catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal(await second.append(0, bodyOf(next)), next.length)
    assert.ok(code('ERR_CONFLICT')(await overtaken))
    bucket.bucket.intercept = undefined
    assert.equal(slots, 3, 'written, refused, written anew')
    const rest = someBytes(500)
    const last = await startProcess().open(id)
    await last.append(500, bodyOf(rest))
    assert.equal((await bucket.object(id)).sha256, sha256(Buffer.concat([next, rest])))
  })

  test('an object of the same size that is not this upload’s is never taken for it', async () => {
    const bytes = someBytes(12 * MiB)
    const id = await create(startProcess(), bytes.length)
    bucket.bucket.intercept = ({ operation }) =>
      operation === 'CompleteMultipartUpload' ? { action: 'reset-before' } : undefined
    await assert.rejects((await startProcess({ maxAttempts: 1 }).open(id)).append(0, bodyOf(bytes)))
    bucket.bucket.intercept = undefined
    const { AbortMultipartUploadCommand, ListMultipartUploadsCommand, PutObjectCommand } = await import(
      '@aws-sdk/client-s3'
    )
    const { Uploads = [] } = await bucket.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: id }))
    const key = { Bucket: BUCKET, Key: id }
    await bucket.client.send(new AbortMultipartUploadCommand({ ...key, UploadId: Uploads[0]!.UploadId! }))
    const foreign = { ...key, Body: someBytes(bytes.length), Metadata: { 'holdfast-id': id } }
    await bucket.client.send(new PutObjectCommand(foreign))
    await assert.rejects((await startProcess().open(id)).finish(), code('ERR_UPLOAD_GONE'))
    assert.equal((await startProcess().open(id)).info.state, 'failed')
  })

  test('an upload whose object was written but never committed is finished all the same, also an empty one', async () => {
    for (const size of [0, 1000]) {
      const bytes = someBytes(size)
      const id = await create(startProcess(), size)
      bucket.bucket.intercept = ({ operation, key }) =>
        operation === 'PutObject' && key === `${id}.info`
          ? { action: 'status', status: 403, code: 'AccessDenied' }
          : undefined
      const dying = await startProcess({ maxAttempts: 1 }).open(id)
      await assert.rejects(size === 0 ? dying.finish() : dying.append(0, bodyOf(bytes)))
      bucket.bucket.intercept = undefined
      assert.ok((await bucket.keys(id)).includes(id), 'the object is there')
      const next = await startProcess().open(id)
      assert.equal(next.info.state, 'open')
      await (size === 0 ? next.finish() : next.append(0, bodyOf(bytes)))
      assert.equal((await startProcess().open(id)).info.state, 'complete')
      assert.equal((await bucket.object(id)).sha256, sha256(bytes))
      assert.equal(await bucket.multiparts(id), 0)
    }
  })

  test('a commit whose answer was lost is known by its nonce', async () => {
    const bytes = someBytes(1000)
    const store = startProcess({ maxAttempts: 2 })
    const id = await create(store, bytes.length)
    bucket.bucket.intercept = ({ operation, key }) =>
      operation === 'PutObject' && key === `${id}.info` ? { action: 'reset-after' } : undefined
    const handle = await store.open(id)
    assert.equal(await handle.append(0, bodyOf(bytes)), bytes.length)
    bucket.bucket.intercept = undefined
    assert.equal((await startProcess().open(id)).info.state, 'complete')
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('a process that died before CompleteMultipartUpload leaves a completing upload that any other finishes', async () => {
    const bytes = someBytes(12 * MiB)
    const id = await create(startProcess(), bytes.length)
    bucket.bucket.intercept = ({ operation }) =>
      operation === 'CompleteMultipartUpload' ? { action: 'reset-before' } : undefined
    const dying = await startProcess({ maxAttempts: 1 }).open(id)
    await assert.rejects(dying.append(0, bodyOf(bytes)))
    bucket.bucket.intercept = undefined
    const next = await startProcess().open(id)
    assert.equal(next.info.state, 'completing')
    await next.finish()
    assert.equal(next.info.state, 'complete')
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('a committed part that was replaced by other bytes is found out, never completed', async () => {
    const bytes = someBytes(12 * MiB)
    const id = await create(startProcess(), bytes.length)
    const first = await startProcess().open(id)
    await first.append(0, bodyOf(bytes.subarray(0, 6 * MiB)))
    const { UploadPartCommand, ListMultipartUploadsCommand } = await import('@aws-sdk/client-s3')
    const { Uploads = [] } = await bucket.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
    const upload = Uploads.find(({ Key }) => Key === id)!
    const foreign = { Bucket: BUCKET, Key: id, UploadId: upload.UploadId!, PartNumber: 1, Body: someBytes(6 * MiB) }
    await bucket.client.send(new UploadPartCommand(foreign))
    const next = await startProcess().open(id)
    await assert.rejects(next.append(6 * MiB, bodyOf(bytes.subarray(6 * MiB))), code('ERR_STORE_CORRUPT'))
    assert.ok(!(await bucket.keys(id)).includes(id), 'no object was made')
    assert.equal((await startProcess().open(id)).info.state, 'failed')
  })

  test('parts that find no memory wait in temporary files, which have no names', async () => {
    const { temporaryFolder } = await import('../support/bucket.js')
    const { readdir } = await import('node:fs/promises')
    const folder = await temporaryFolder()
    const store = startProcess({ bufferMemory: 5 * MiB, temporaryDirectory: folder.path })
    const uploads = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const bytes = someBytes(13 * MiB)
        const id = await create(store, bytes.length)
        const handle = await store.open(id)
        await handle.append(0, bodyOf(bytes.subarray(0, 7 * MiB)))
        await handle.append(7 * MiB, bodyOf(bytes.subarray(7 * MiB)))
        return { id, sum: sha256(bytes) }
      }),
    )
    for (const { id, sum } of uploads) assert.equal((await bucket.object(id)).sha256, sum)
    assert.deepEqual(await readdir(folder.path), [])
    await folder.remove()
  })

  test('a writer that was overtaken is told so, also where S3 answers its part 500', async () => {
    const bytes = someBytes(16 * MiB)
    const [first, second] = [startProcess({ maxAttempts: 1 }), startProcess()]
    const id = 'overtaken-500'
    await first.create({ id, length: bytes.length, metadata: {}, metadataField: undefined })
    const [loser, winner] = [await first.open(id), await second.open(id)]
    await winner.append(0, bodyOf(bytes.subarray(0, 100)))
    bucket.bucket.intercept = ({ operation, key }) =>
      operation === 'UploadPart' && key === id ? { action: 'status', status: 500, code: 'InternalError' } : undefined
    try {
      await assert.rejects(loser.append(0, bodyOf(bytes)), code('ERR_CONFLICT'))
    } finally {
      bucket.bucket.intercept = undefined
    }
    assert.equal((await second.open(id)).info.offset, 100)
  })
})
