/** How many parts are on their way at once, seen by the bucket. Counts, not times. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { S3StoreOptions } from '../../src/s3/index.js'
import type { Intercept } from '../../src/testing/bucket/index.js'
import {
  idOf,
  type Node,
  type OpenBucket,
  openBucket,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
} from '../support/stack.js'

const KiB = 1024
const MiB = 1024 * KiB

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

/** A bucket that counts the parts on their way. Parts are of 128 KiB, so that there are many. */
async function watched(options: Parameters<typeof openBucket>[0], store: Partial<S3StoreOptions> = {}) {
  let now = 0
  let most = 0
  let answered = 0
  const slowDowns: number[] = []
  const begun: { answered: number; now: number }[] = []
  const ended: string[] = []
  const bucket: OpenBucket = await openBucket({
    minPartSize: 64 * KiB,
    ...options,
    intercept: (request) => {
      const fault = options?.intercept?.(request)
      if (request.operation !== 'UploadPart') return fault
      if (fault?.action === 'status') slowDowns.push(answered)
      most = Math.max(most, ++now)
      begun.push({ answered, now })
      return fault
    },
    onRequest({ operation, key }) {
      if (operation === 'UploadPart') {
        now--
        answered++
      }
      ended.push(`${operation} ${key}`)
    },
  })
  const sizes = { minPartSize: 64 * KiB, preferredPartSize: 128 * KiB, maxObjectSize: 1024 * MiB }
  const node: Node = await startNode(bucket, { ...sizes, ...store })
  return {
    bucket,
    node,
    ended,
    /** Parts that were answered. */
    parts: () => answered,
    /** How many parts had been answered when each SlowDown came. */
    slowDowns,
    /** Of each part how many had been answered when it began, and how many were on their way then, itself included. */
    begun,
    counts: () => ({ most }),
    async send(bytes: Buffer): Promise<string> {
      const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
      assert.equal((await patch(url, 0, bytes)).status, 204)
      return idOf(url)
    },
    async close(): Promise<void> {
      await node.close()
      await bucket.close()
    },
  }
}

describe('parts on their way at once', () => {
  test('S3 that takes 4 MB/s of a connection is sent more of them, up to the limit', async () => {
    const s3 = await watched({ connectionRate: 4_000_000 }, { concurrentPartUploads: 16, maxBufferedParts: 16 })
    try {
      const bytes = someBytes(40 * MiB)
      const id = await s3.send(bytes)
      assert.ok(s3.counts().most > 8 && s3.counts().most <= 16, `${s3.counts().most} at once`)
      assert.equal((await s3.bucket.object(id)).sha256, sha256(bytes))
    } finally {
      await s3.close()
    }
  })

  test('the limit is never passed, whatever there is to send', async () => {
    const s3 = await watched({ connectionRate: 4_000_000 }, { concurrentPartUploads: 3 })
    try {
      await Promise.all([1, 2, 3].map(() => s3.send(someBytes(3 * MiB))))
      assert.equal(s3.counts().most, 3)
    } finally {
      await s3.close()
    }
  })

  test('a SlowDown halves them, and the object is whole', async () => {
    let parts = 0
    const intercept: Intercept = ({ operation }) =>
      operation === 'UploadPart' && ++parts === 40 ? { action: 'status', status: 503, code: 'SlowDown' } : undefined
    const s3 = await watched({ connectionRate: 4_000_000, intercept }, { concurrentPartUploads: 8 })
    try {
      const bytes = someBytes(8 * MiB)
      const id = await s3.send(bytes)
      assert.equal(s3.counts().most, 8)
      const [at] = s3.slowDowns
      const soon = s3.begun.filter(({ answered }) => answered > at! && answered <= at! + 8)
      assert.ok(soon.length > 0 && soon.every(({ now }) => now <= 5), soon.map(({ now }) => now).join(' '))
      assert.equal((await s3.bucket.object(id)).sha256, sha256(bytes))
    } finally {
      await s3.close()
    }
  })

  test('a huge upload does not keep small ones waiting', async () => {
    const s3 = await watched({ connectionRate: 2_000_000 }, { concurrentPartUploads: 4 })
    try {
      const huge = s3.send(someBytes(16 * MiB))
      huge.catch(() => undefined)
      while (s3.parts() < 8) await pause()
      const before = s3.parts()
      for (let count = 0; count < 5; count++) {
        const id = await s3.send(someBytes(10 * KiB))
        assert.ok(s3.ended.includes(`PutObject ${id}`))
      }
      // Each waited for about one part of the huge one, not for all that it had to send.
      const parts = s3.parts() - before
      assert.ok(parts <= 30, `${parts} parts of the huge upload went before five small ones`)
      await huge
    } finally {
      await s3.close()
    }
  })

  test('parts of which two fit into memory overlap: one is sent while the next one fills', async () => {
    const size = { preferredPartSize: MiB, bufferMemory: 2 * MiB }
    const s3 = await watched({ connectionRate: 20_000_000 }, size)
    try {
      await s3.send(someBytes(8 * MiB))
      assert.equal(s3.counts().most, 2)
    } finally {
      await s3.close()
    }
  })

  test('an upload that has filled the memory leaves what it gives back to those who wait', async () => {
    const size = { preferredPartSize: MiB, bufferMemory: 4 * MiB }
    const s3 = await watched({ connectionRate: 4_000_000 }, size)
    try {
      const huge = s3.send(someBytes(40 * MiB))
      huge.catch(() => undefined)
      while (s3.parts() < 4) await pause()
      const before = s3.parts()
      for (let count = 0; count < 3; count++) await s3.send(someBytes(900 * KiB))
      const parts = s3.parts() - before
      assert.ok(parts <= 24, `${parts} parts of the huge upload went before three small ones`)
      await huge
    } finally {
      await s3.close()
    }
  })
})
