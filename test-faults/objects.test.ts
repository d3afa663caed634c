/**
 * Objects under keys of their own, and moves (docs/objects.md): each request to S3 in turn is refused, or its answer lost, or never
 * comes; then another process goes on.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../src/s3/index.js'
import type { NewUpload } from '../src/store/info.js'
import { bodyOf, type Fault } from '../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, someBytes } from '../test/support/bucket.js'
import { shareOf } from './share.js'

const PART = 16 * 1024
const OTHER = 'of somebody else'
const FAULTS: readonly Fault[] = [
  { action: 'status', status: 500, code: 'InternalError' },
  { action: 'reset-before' },
  { action: 'reset-after' },
  { action: 'hang' },
]

describe('objects under keys of their own', () => {
  let bucket: OpenBucket
  before(async () => {
    bucket = await openBucket({ minPartSize: PART })
  })
  after(() => bucket.close())

  const start = (options: Partial<S3StoreOptions> = {}): S3Store =>
    new S3Store({
      bucket: BUCKET,
      service: clientOf(bucket.bucket),
      capabilities: KNOWN,
      minPartSize: PART,
      preferredPartSize: PART,
      maxAttempts: 1,
      ...options,
    })

  /** Does it again, as another process, until it is done. @param turn which request is struck; 0: none @returns how many there were */
  const struck = async (fault: Fault, turn: number, work: (store: S3Store) => Promise<boolean>, options = {}) => {
    let seen = 0
    bucket.bucket.intercept = () => (!isLooking && ++seen === turn ? fault : undefined)
    // Only where a fault is about waiting: a busy machine is no fault.
    const timeout = fault.action === 'hang' ? 500 : 15_000
    try {
      for (let tries = 0; tries < 8; tries++) {
        const store = start({ requestTimeout: timeout, completeTimeout: timeout, ...options })
        const isDone = await work(store).catch(() => false)
        await store.close()
        if (isDone) return seen
      }
    } finally {
      bucket.bucket.intercept = undefined
    }
    throw new Error(`request ${turn}: not done, however often it is tried`)
  }
  /** The looks of the test itself are not struck. */
  let isLooking = false
  const looking = async <T>(look: () => Promise<T>): Promise<T> => {
    isLooking = true
    return look().finally(() => {
      isLooking = false
    })
  }
  /** What a look has found, in work that may also fail because of its fault. */
  const failures: string[] = []
  let count = 0
  /** Tries what is played with a fault at each of its requests. @param play the work after a beginning that is not struck */
  const tryAll = (title: string, play: (turn: number, fault: Fault, id: string) => Promise<number>): void => {
    for (const fault of FAULTS) {
      test(`${title}: ${fault.action}`, async () => {
        const requests = await play(0, fault, `upload${++count}`)
        const turns = Array.from({ length: requests }, (_, index) => index + 1)
        for (const turn of shareOf(turns)) await play(turn, fault, `upload${++count}`)
        assert.deepEqual(failures.splice(0), [])
      })
    }
  }
  const begin = async (upload: Pick<NewUpload, 'id' | 'length' | 'key'>, bytes?: Buffer) => {
    const store = start()
    const handle = await store.create({ metadata: {}, metadataField: undefined, ...upload })
    if (bytes) await handle.append(0, bodyOf([bytes]))
    await store.close()
  }
  const foreign = (Key: string) => bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: OTHER }))
  const textOf = async (key: string): Promise<string> => (await bucket.object(key)).bytes.toString('latin1')
  const isThere = (Key: string): Promise<boolean> =>
    bucket.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key })).then(
      () => true,
      () => false,
    )
  const complete = async (store: S3Store, id: string, bytes: Buffer): Promise<boolean> => {
    const handle = await store.open(id)
    const { state, offset } = handle.info
    if (state === 'open' && offset < bytes.length) await handle.append(offset, bodyOf([bytes.subarray(offset)]))
    await handle.finish()
    return true
  }

  for (const size of [100, 2 * PART + 100]) {
    tryAll(`${size} bytes under a key that is taken: replaced whole, or not yet`, async (turn, fault, id) => {
      const bytes = someBytes(size)
      const key = `taken/${id}`
      await foreign(key)
      await begin({ id, length: size, key })
      const requests = await struck(fault, turn, async (store) => {
        const isDone = await complete(store, id, bytes)
        const text = await looking(() => textOf(key))
        if (![OTHER, bytes.toString('latin1')].includes(text)) failures.push(`request ${turn}: it is neither`)
        return isDone
      })
      assert.equal(await textOf(key), bytes.toString('latin1'), `request ${turn}`)
      return requests
    })

    tryAll(
      `${size} bytes, terminated: another's object under the key stays, and nothing else`,
      async (turn, fault, id) => {
        const key = `ended/${id}`
        await foreign(key)
        await begin({ id, length: size, key }, someBytes(size - 1))
        const requests = await struck(fault, turn, async (store) => {
          const handle = await store.open(id).catch((error) => {
            if (error.code === 'ERR_UPLOAD_NOT_FOUND') return undefined
            throw error
          })
          await handle?.terminate()
          return true
        })
        assert.equal(await textOf(key), OTHER, `request ${turn}`)
        assert.deepEqual(await bucket.keys(id), [], `request ${turn}`)
        assert.equal(await bucket.multiparts(key), 0, `request ${turn}`)
        return requests
      },
    )

    tryAll(
      `${size} bytes, overwrite: false: another's object stays, and the upload has failed`,
      async (turn, fault, id) => {
        const key = `kept/${id}`
        const bytes = someBytes(size)
        await begin({ id, length: size, key })
        await foreign(key)
        const work = async (store: S3Store): Promise<boolean> => {
          await complete(store, id, bytes).catch(() => undefined)
          const { state, leftovers } = (await store.open(id)).info
          return state === 'failed' && !leftovers
        }
        const requests = await struck(fault, turn, work, { overwrite: false })
        assert.equal(await textOf(key), OTHER, `request ${turn}`)
        assert.deepEqual(await bucket.keys(id), [`${id}.info`], `request ${turn}`)
        return requests
      },
    )
  }

  for (const [way, options] of [
    ['at once', {}],
    ['in parts', { multipartFrom: PART }],
  ] as const) {
    tryAll(
      `a move ${way}: the object is never missing, and in the end at its new place alone`,
      async (turn, fault, id) => {
        const bytes = someBytes(3 * PART)
        const key = `moved/${id}`
        await begin({ id, length: bytes.length }, bytes)
        const requests = await struck(fault, turn, async (store) => {
          const moving = await store.moveUpload(id, { key, ...options }).then(
            () => true,
            () => false,
          )
          const places = await looking(() => Promise.all([isThere(id), isThere(key)]))
          if (!places.includes(true)) failures.push(`request ${turn}: it is at neither of the two places`)
          return moving && (await store.open(id)).info.leftovers === undefined
        })
        assert.equal(await textOf(key), bytes.toString('latin1'), `request ${turn}`)
        assert.equal(await isThere(id), false, `request ${turn}`)
        return requests
      },
    )
  }
})
