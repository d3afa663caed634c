import assert from 'node:assert/strict'
import http from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../../src/errors.js'
import { ClusterLocker } from '../../src/lockers/cluster.js'
import type { Lease } from '../../src/store/locker.js'
import { FakeCluster } from '../support/cluster.js'
import {
  head,
  idOf,
  type Node,
  offsetOf,
  openBucket,
  PATCH_TYPE,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
} from '../support/stack.js'

const code = (expected: string) => (error: unknown) => error instanceof UploadError && error.code === expected

const ignore = (): void => undefined

function lockers(workers: number, endsWithPrimary = false) {
  const cluster = new FakeCluster(workers)
  return { cluster, lockers: cluster.wires.map((channel) => new ClusterLocker({ channel, endsWithPrimary })) }
}

/** How long a promise took, and what it rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<{ code: string; took: number }> {
  const started = performance.now()
  const error = await promise.then(
    () => assert.fail('it was granted'),
    (thrown: UploadError) => thrown,
  )
  return { code: error.code, took: performance.now() - started }
}

test('the holder at another worker is asked, and the newcomer waits until it has released', async () => {
  const [first, second] = lockers(2).lockers
  const order: string[] = []
  let lease: Lease
  const onReleaseRequested = async (): Promise<void> => {
    order.push('asked')
    await sleep(20)
    order.push('released')
    await lease.release()
  }
  lease = await first!.acquire('a', { timeout: 1_000, onReleaseRequested })
  const next = await second!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })
  order.push('taken')
  assert.deepEqual(order, ['asked', 'released', 'taken'])
  assert.ok(next.fence > lease.fence)
  assert.deepEqual([lease.handedOver, next.handedOver], [false, true])
  assert.deepEqual([lease.mayWrite(), next.mayWrite()], [false, true])
})

test('a holder that does not release: the newcomer is told so after its time, and its claim does not stay', async () => {
  const [first, second, third] = lockers(3).lockers
  const lease = await first!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })
  const { code, took } = await failureOf(second!.acquire('a', { timeout: 50, onReleaseRequested: ignore }))
  assert.equal(code, 'ERR_UPLOAD_LOCKED')
  assert.ok(took > 40 && took < 500, `${took} ms`)
  await lease.release()
  await (await third!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })).release()
})

test('quietly, and with no time: one try, and the holder is not asked', async () => {
  const [first, second] = lockers(2).lockers
  let asked = 0
  const lease = await first!.acquire('a', { timeout: 1_000, onReleaseRequested: () => asked++ })
  for (const how of [{ timeout: 60_000, quietly: true }, { timeout: 0 }, { timeout: -1 }]) {
    const { code, took } = await failureOf(second!.acquire('a', { ...how, onReleaseRequested: ignore }))
    assert.equal(code, 'ERR_UPLOAD_LOCKED')
    assert.ok(took < 500)
  }
  assert.equal(asked, 0)
  await lease.release()
  for (const how of [{ timeout: 60_000, quietly: true }, { timeout: 0 }]) {
    await (await second!.acquire('a', { ...how, onReleaseRequested: ignore })).release()
  }
})

test('a signal ends the wait, and the claim does not stay', async () => {
  const [first, second, third] = lockers(3).lockers
  const lease = await first!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 20)
  const waiting = second!.acquire('a', { timeout: 60_000, signal: abort.signal, onReleaseRequested: ignore })
  assert.ok((await failureOf(waiting)).took < 1_000)
  await lease.release()
  const options = { timeout: 1_000, signal: abort.signal, onReleaseRequested: ignore }
  await failureOf(second!.acquire('a', options))
  await (await third!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })).release()
})

test('yielded: the holder is asked, nothing is taken, and where nobody writes it is told at once', async () => {
  const { cluster, lockers: all } = lockers(2)
  const [first, second] = all
  const lease: Lease = await first!.acquire('a', { timeout: 1_000, onReleaseRequested: () => void lease.release() })
  await second!.yielded('a', 1_000)
  await second!.yielded('a', 0)
  const said = cluster.wires[1]!.log.length
  await sleep(20)
  assert.equal(cluster.wires[1]!.log.length, said, 'nothing is given back')
  const again = await first!.acquire('a', { timeout: 0, onReleaseRequested: ignore })
  assert.equal((await failureOf(second!.yielded('a', 30))).code, 'ERR_UPLOAD_LOCKED')
  await again.release()
})

test('what a worker held that has ended is free', async () => {
  const { cluster, lockers: all } = lockers(2)
  await all[0]!.acquire('a', { timeout: 1_000, onReleaseRequested: () => cluster.end(1) })
  const lease = await all[1]!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })
  assert.equal(lease.handedOver, true)
})

test('what a worker claims that has ended already is free, too', async () => {
  const { cluster, lockers: all } = lockers(2)
  cluster.end(1, { holdfastClaim: { kind: 'claim', claim: 1, upload: 'a', wish: 'write' } })
  await all[1]!.acquire('a', { timeout: 0, onReleaseRequested: ignore })
})

describe('a worker that has lost its primary', () => {
  test('is told so when it claims, and whoever waits is told at once', async () => {
    const { cluster, lockers: all } = lockers(2)
    await all[0]!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })
    const waiting = failureOf(all[1]!.acquire('a', { timeout: 60_000, onReleaseRequested: ignore }))
    await sleep(10)
    cluster.endPrimary()
    const { code, took } = await waiting
    assert.equal(code, 'ERR_LOCKER_UNAVAILABLE')
    assert.ok(took < 1_000)
    const { code: later } = await failureOf(all[1]!.acquire('b', { timeout: 60_000, onReleaseRequested: ignore }))
    assert.equal(later, 'ERR_LOCKER_UNAVAILABLE')
  })

  for (const endsWithPrimary of [false, true]) {
    const what = endsWithPrimary ? 'nothing more where only its claims keep writers apart' : 'what it has'
    test(`stores ${what}`, async () => {
      const { cluster, lockers: all } = lockers(1, endsWithPrimary)
      const lease = await all[0]!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })
      const released = await all[0]!.acquire('b', { timeout: 1_000, onReleaseRequested: ignore })
      await released.release()
      cluster.endPrimary()
      assert.equal(lease.lost.aborted, endsWithPrimary)
      assert.equal(lease.mayWrite(), !endsWithPrimary)
      assert.equal(lease.remaining(), endsWithPrimary ? 0 : Number.POSITIVE_INFINITY)
      assert.equal(released.lost.aborted, false)
      await lease.release()
    })
  }
})

test('other messages of the same channel are left alone', async () => {
  const { cluster, lockers: all } = lockers(1)
  for (const message of [undefined, null, 'text', { kind: 'granted', claim: 1 }]) {
    cluster.wires[0]!.emit('message', message)
    cluster.wires[0]!.send(message ?? null)
  }
  await (await all[0]!.acquire('a', { timeout: 1_000, onReleaseRequested: ignore })).release()
})

test('a process that is no worker cannot have one', () => {
  const channel = { connected: false, on: ignore }
  assert.throws(() => new ClusterLocker({ channel }), code('ERR_INVALID_OPTIONS'))
})

describe('two workers over one bucket, counted at S3', () => {
  async function stage(context: TestContext, options: { capabilities?: object } = {}, singleProcess = false) {
    const bucket = await openBucket()
    const { cluster, lockers: all } = lockers(2)
    const nodes: Node[] = []
    context.after(async () => {
      for (const node of nodes) await node.close()
      await bucket.close()
    })
    for (const locker of all) nodes.push(await startNode(bucket, options as never, { locker, singleProcess }))
    const counted = async (work: () => Promise<unknown>): Promise<Record<string, number>> => {
      bucket.bucket.requests.reset()
      await work()
      return Object.fromEntries(bucket.bucket.requests)
    }
    return { bucket, cluster, first: nodes[0]!, second: nodes[1]!, counted }
  }

  const create = async (node: Node, length: number): Promise<string> =>
    idOf((await post(node, { 'Upload-Length': String(length) })).headers.get('Location')!)

  test('a small upload by POST at one and PATCH at the other costs 6 instead of 3: a read, and the clean-up after another writer', async (context) => {
    const { bucket, first, second, counted } = await stage(context)
    const bytes = someBytes(10_000)
    const through = (creator: Node, writer: Node) =>
      counted(async () => {
        const id = await create(creator, bytes.length)
        assert.equal((await patch(writer.url + id, 0, bytes)).status, 204)
      })
    assert.deepEqual(await through(first, first), { PutObject: 3 })
    assert.deepEqual(await through(first, second), { PutObject: 4, GetObject: 1, DeleteObjects: 1 })
    assert.equal((await bucket.keys()).length, 4)
  })

  test('HEAD costs one GetObject, whoever created the upload', async (context) => {
    const { first, second, counted } = await stage(context)
    const id = await create(first, 100)
    for (const node of [first, second]) {
      assert.deepEqual(await counted(() => head(node.url + id)), { GetObject: 1 })
    }
  })

  test('a worker does not go by what it remembers of an upload that another had since', async (context) => {
    const { first, second, counted } = await stage(context)
    const id = await create(first, 1_000)
    assert.equal((await patch(first.url + id, 0, someBytes(100))).status, 204)
    assert.equal((await patch(second.url + id, 100, someBytes(100))).status, 204)
    // As the first worker remembers it, 100 is right.
    const requests = await counted(async () => {
      const late = await patch(first.url + id, 100, someBytes(900))
      assert.equal(late.status, 409)
      assert.match(await late.text(), /another offset/)
    })
    assert.equal(requests.PutObject, undefined, 'nothing was sent before that was seen')
    assert.equal(offsetOf(await head(first.url + id)), 200)
  })

  test('a stalled PATCH at one yields to HEAD and PATCH at the other, by messages alone', async (context) => {
    const { bucket, cluster, first, second, counted } = await stage(context)
    const bytes = someBytes(20_000)
    const id = await create(first, bytes.length)
    const headers = { ...PATCH_TYPE, 'Upload-Offset': '0', 'Content-Length': String(bytes.length) }
    const stalled = http.request(first.url + id, { method: 'PATCH', headers })
    const answered = new Promise<number>((resolve, reject) => {
      stalled.on('response', (response) => resolve(response.resume().statusCode!)).on('error', reject)
    })
    await new Promise((resolve) => stalled.write(bytes.subarray(0, 9_000), resolve))
    await sleep(100)
    const said = cluster.wires.map(({ log }) => log.length)
    let took = 0
    const requests = await counted(async () => {
      const started = performance.now()
      assert.equal(offsetOf(await head(second.url + id)), 9_000)
      took = performance.now() - started
    })
    assert.ok(took < 1_000, `${took} ms`)
    // The tail and the record that the writer had yet to store, and the newcomer's look at the record.
    assert.deepEqual(requests, { PutObject: 2, GetObject: 1 })
    const heard = cluster.wires.map(({ log }, worker) =>
      log.slice(said[worker]).map((text) => /"kind":"(\w+)"/.exec(text)![1]),
    )
    assert.deepEqual(heard, [
      ['wanted', 'release'],
      ['claim', 'granted'],
    ])
    assert.equal(await answered, 409)
    assert.equal((await patch(second.url + id, 9_000, bytes.subarray(9_000))).status, 204)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('of a provider without conditional writes: they need the promise that there is no other server', async (context) => {
    const capabilities = {
      conditionalWrites: 'none',
      checksums: true,
      missingKey: 'absent',
      fullObjectChecksums: 'all',
    }
    const { first } = await stage(context, { capabilities })
    await assert.rejects(first.holdfast.ready(), code('ERR_INVALID_OPTIONS'))
    const promised = await stage(context, { capabilities }, true)
    await promised.first.holdfast.ready()
  })
})
