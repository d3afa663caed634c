import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { UploadError } from '../../src/errors.js'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import type { UploadHandle } from '../../src/store/store.js'
import type { Fault } from '../../src/testing/bucket/index.js'
import { bodyOf } from '../support/body.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../support/bucket.js'

const KiB = 1024
/** Small parts, little memory and a commit after every part: much happens in few bytes. */
const SMALL: Partial<S3StoreOptions> = {
  minPartSize: KiB,
  preferredPartSize: 4 * KiB,
  bufferMemory: 16 * KiB,
  maxObjectSize: 40 * 1024 * KiB,
  commitInterval: 1,
  maxAttempts: 2,
  requestTimeout: 5_000,
}

/** A generator whose whole run follows from its seed, so that a failure can be run again. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const FAULTS: Fault[] = [
  { action: 'status', status: 500, code: 'InternalError' },
  { action: 'status', status: 403, code: 'AccessDenied' },
  { action: 'reset-before' },
  { action: 'reset-after' },
  { action: 'delay', ms: 20 },
]

describe('random appends, interruptions, faults and processes', () => {
  let bucket: OpenBucket
  const stores: S3Store[] = []
  before(async () => {
    bucket = await openBucket({ minPartSize: KiB })
  })
  after(async () => {
    for (const store of stores) await store.close()
    await bucket.close()
  })
  const startProcess = (): S3Store => {
    const store = new S3Store({ bucket: BUCKET, service: clientOf(bucket.bucket), capabilities: KNOWN, ...SMALL })
    stores.push(store)
    return store
  }

  /** One append of random bytes in random chunks, which ends as it may. @returns the offset that a client was told */
  async function append(handle: UploadHandle, rest: Uint8Array, random: (below: number) => number): Promise<number> {
    const some = rest.subarray(0, random(3) === 0 ? rest.length : random(rest.length + 1))
    const chunks: Uint8Array[] = []
    for (let at = 0; at < some.length; ) {
      const next = at + 1 + random(random(4) === 0 ? 20 * KiB : 700)
      chunks.push(some.subarray(at, next))
      at = next
    }
    const length = random(2) === 0 ? { length: rest.length } : {}
    const body = bodyOf(chunks, { ...length, end: some.length === rest.length ? 'end' : 'disconnected' })
    return handle.append(handle.info.offset, body)
  }

  async function upload(id: string, seed: number): Promise<void> {
    const random = randomOf(seed)
    const bytes = someBytes(random(4) === 0 ? random(4 * KiB) : 1 + random(90 * KiB))
    const nodes = [startProcess(), startProcess()]
    const deferred = random(4) === 0
    const length = deferred ? undefined : bytes.length
    await nodes[0]!.create({ id, length, metadata: {}, metadataField: undefined })
    const faultRate = random(3) * 6
    bucket.bucket.intercept = () => (random(100) < faultRate ? FAULTS[random(FAULTS.length)] : undefined)
    let told = 0
    for (let turn = 0; ; turn++) {
      assert.ok(turn < 400, 'it comes to an end')
      if (turn === 60) bucket.bucket.intercept = undefined
      const node = random(5) === 0 ? startProcess() : nodes[random(2)]!
      try {
        const handle = await node.open(id, { cached: random(2) === 0 })
        const { info } = handle
        if (info.state === 'complete') break
        if (info.state === 'completing') {
          await handle.finish()
          continue
        }
        // What this process remembers may be old; what is read never is.
        const fresh = (await startProcess().open(id)).info.offset
        assert.ok(fresh >= told, `${told} was told, ${fresh} is committed`)
        if (deferred && info.length === undefined && (info.offset === bytes.length || random(6) === 0)) {
          await handle.declareLength!(bytes.length)
        }
        if (handle.info.offset === bytes.length && handle.info.length !== undefined) await handle.finish()
        else told = Math.max(told, await append(handle, bytes.subarray(info.offset), random))
      } catch (error) {
        if (!(error instanceof UploadError)) throw error
        assert.ok(
          ['ERR_STORE_UNAVAILABLE', 'ERR_CONFLICT', 'ERR_MISMATCHED_OFFSET', 'ERR_COMPLETION_PENDING'].includes(
            error.code,
          ),
          error.code,
        )
      }
    }
    bucket.bucket.intercept = undefined
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  }

  // HOLDFAST_TEST_SEEDS=1-1000 makes a long run of it, and HOLDFAST_TEST_SEEDS=19-19 runs one again.
  const [first = 1, last = 30] = (process.env.HOLDFAST_TEST_SEEDS ?? '').split('-').filter(Boolean).map(Number)
  for (let seed = first; seed <= last; seed++) {
    test(`seed ${seed}: the object is what was sent`, async () => {
      try {
        await upload(`random${seed}`, seed)
      } finally {
        bucket.bucket.intercept = undefined
      }
    })
  }
})
