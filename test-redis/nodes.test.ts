import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as tus from 'tus-js-client'
import { decodeRecord } from '../src/s3/record/codec.js'
import type { Command } from '../test/cli/command.js'
import { head, idOf, type OpenBucket, offsetOf, patch, post, sha256, someBytes, TUS } from '../test/support/stack.js'
import { type Answer, bucketFor, hang, launch, startServing, until } from './support/nodes.js'
import { type RedisServer, settled, startRedis } from './support/server.js'

/** Long enough for a busy machine, short enough to wait for. */
const TTL = 2_000

let redis: RedisServer
const cleanups: (() => unknown)[] = []
const suite = { after: (fn: () => unknown) => void cleanups.push(fn) } as unknown as TestContext
before(async () => {
  redis = await startRedis(suite, { ttl: TTL })
})
after(async () => {
  for (const cleanup of cleanups) await cleanup()
})

type Serving = Command & { url: string }
const flagsOf = (more: Record<string, string> = {}) => ({
  'locker-redis': redis.url,
  'locker-ttl': `${TTL}ms`,
  ...more,
})

async function twoNodes(context: TestContext): Promise<{ bucket: OpenBucket; a: Serving; b: Serving }> {
  const bucket = await bucketFor(context)
  const [a, b] = await Promise.all([
    startServing(context, bucket, flagsOf()),
    startServing(context, bucket, flagsOf({ 'yield-timeout': '10s' })),
  ])
  return { bucket, a, b }
}

async function create(node: { url: string }, length: number): Promise<string> {
  const created = await post(node, { 'Upload-Length': String(length) })
  assert.equal(created.status, 201, await created.text())
  return idOf(created.headers.get('Location')!)
}

const offsetAt = async (url: string): Promise<number> => offsetOf(await head(url))
const recordOf = async (bucket: OpenBucket, id: string) =>
  decodeRecord((await bucket.object(`${id}.info`)).bytes.toString())!
const isHeld = async (id: string): Promise<boolean> => (await redis.send('EXISTS', `holdfast:{${id}}`)) === 1
const quietly = (command: Command): void => assert.doesNotMatch(command.stderr, /unhandled|uncaught|TypeError/i)

describe('two nodes over a bucket that ignores conditions', () => {
  test('HEAD on another node frees a hanging upload at once, and keeps what it had', async (context) => {
    const { bucket, a, b } = await twoNodes(context)
    const bytes = someBytes(100_000)
    const id = await create(a, bytes.length)
    const hanging = hang(a.url + id, 0, bytes.length)
    await hanging.send(bytes.subarray(0, 50_000))
    await until('the lock is taken', () => isHeld(id))
    await sleep(300)
    const started = performance.now()
    const asked = await head(b.url + id)
    const waited = performance.now() - started
    assert.equal(asked.status, 200)
    assert.equal(offsetOf(asked), 50_000)
    assert.ok(waited < 5_000, `after ${waited} ms, of 10,000 that it may take`)
    assert.equal(((await hanging.answer) as Answer).status, 409)
    assert.equal((await patch(b.url + id, 50_000, bytes.subarray(50_000))).status, 204)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
    quietly(a)
    quietly(b)
  })

  test('a node that was stopped for longer than its lease commits nothing when it goes on', async (context) => {
    const { bucket, a, b } = await twoNodes(context)
    // The stopped node's client sends other bytes than the one that took over: what it committed would be seen.
    const [bytes, others] = [someBytes(200_000), someBytes(200_000)]
    const id = await create(a, bytes.length)
    assert.equal((await patch(a.url + id, 0, bytes.subarray(0, 20_000))).status, 204)
    const stopped = hang(a.url + id, 20_000, bytes.length - 20_000)
    await stopped.send(others.subarray(0, 60_000))
    await until('the lock is taken', () => isHeld(id))
    await sleep(200)
    a.child.kill('SIGSTOP')
    const before = await recordOf(bucket, id)
    const started = performance.now()
    await until('the other node takes over', async () => (await head(b.url + id)).status === 200)
    assert.ok(performance.now() - started > TTL / 2, 'not before its time is up')
    assert.equal(await offsetAt(b.url + id), before.offset)
    // What the stopped node had committed of its own in time stands.
    const whole = Buffer.concat([
      bytes.subarray(0, 20_000),
      others.subarray(0, before.offset - 20_000),
      bytes.subarray(before.offset),
    ])
    const some = await patch(b.url + id, before.offset, whole.subarray(before.offset, 150_000))
    assert.equal(some.status, 204, await some.text())
    const taken = await recordOf(bucket, id)
    assert.ok(taken.fence! > before.fence!)
    // It has the end of its body waiting for it, too.
    void stopped.send(others.subarray(60_000, 180_000))
    a.child.kill('SIGCONT')
    const answer = (await stopped.answer) as Answer
    assert.equal(answer.status, 503, answer.text)
    assert.match(answer.text, /lock/)
    assert.ok(answer.fields['retry-after'])
    assert.deepEqual(await recordOf(bucket, id), taken)
    const rest = await patch(a.url + id, 150_000, whole.subarray(150_000))
    assert.ok([204, 409].includes(rest.status), `${rest.status}`)
    if (rest.status === 409) {
      const offset = await offsetAt(a.url + id)
      assert.equal(offset, 150_000)
      assert.equal((await patch(a.url + id, offset, whole.subarray(offset))).status, 204)
    }
    assert.equal((await bucket.object(id)).sha256, sha256(whole))
    quietly(a)
    quietly(b)
  })

  test('a node that was killed is followed by the other when its lease is over', async (context) => {
    const { bucket, a, b } = await twoNodes(context)
    const bytes = someBytes(100_000)
    const id = await create(a, bytes.length)
    const hanging = hang(a.url + id, 0, bytes.length)
    await hanging.send(bytes.subarray(0, 50_000))
    await until('the lock is taken', () => isHeld(id))
    await sleep(1_500)
    a.child.kill('SIGKILL')
    await hanging.answer
    let offset = Number.NaN
    await until('the other node takes over', async () => {
      const asked = await head(b.url + id)
      offset = offsetOf(asked)
      return asked.status === 200
    })
    assert.ok(offset <= 50_000)
    assert.equal((await patch(b.url + id, offset, bytes.subarray(offset))).status, 204)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('requests of one upload to either node, in any order and at once, end in an identical object', async (context) => {
    const { bucket, a, b } = await twoNodes(context)
    const urls = [a.url, b.url]
    const pick = (): string => urls[Math.floor(Math.random() * 2)]!
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const bytes = someBytes(40_000 + Math.floor(Math.random() * 150_000))
        const id = await create({ url: pick() }, bytes.length)
        let acknowledged = 0
        const step = async (): Promise<void> => {
          const before = acknowledged
          const asked = await head(pick() + id)
          if (asked.status !== 200) return
          const offset = offsetOf(asked)
          assert.ok(offset >= before, `${offset} after ${before} was acknowledged`)
          if (offset === bytes.length) return
          const size = 1 + Math.floor(Math.random() * 30_000)
          const answer = await patch(pick() + id, offset, bytes.subarray(offset, offset + size))
          if (answer.status === 204) acknowledged = Math.max(acknowledged, offsetOf(answer))
          else assert.ok([409, 423, 503].includes(answer.status), `${answer.status} ${await answer.text()}`)
        }
        const end = performance.now() + 60_000
        while ((await offsetAt(pick() + id)) !== bytes.length) {
          assert.ok(performance.now() < end, 'in time')
          // Two at once now and then: a client that gave up and came again.
          await Promise.all(Math.random() < 0.4 ? [step(), step()] : [step()])
        }
        assert.equal((await bucket.object(id)).sha256, sha256(bytes))
        assert.deepEqual(await bucket.keys(id), [id, `${id}.info`])
      }),
    )
    quietly(a)
    quietly(b)
  })

  test('tus-js-client, whose requests go to either node and are cut off, uploads what it has', async (context) => {
    const { bucket, a, b } = await twoNodes(context)
    const bytes = someBytes(400_000)
    let requests = 0
    let url = ''
    let isDone = false
    for (let tries = 0; !isDone; tries++) {
      assert.ok(tries < 100, 'in fewer tries')
      await new Promise<void>((resolve, reject) => {
        const upload = new tus.Upload(bytes, {
          endpoint: a.url,
          ...(url ? { uploadUrl: (requests % 2 ? a.url : b.url) + idOf(url) } : {}),
          chunkSize: 50_000,
          retryDelays: Array.from({ length: 20 }, () => 200),
          onUploadUrlAvailable: () => {
            url = upload.url!
          },
          onChunkComplete: (_size, accepted) => {
            requests++
            // Cut off in the middle of the next chunk, and go on at the other node.
            if (requests % 2 === 0 && accepted < bytes.length) setTimeout(() => upload.abort().then(resolve, reject), 5)
          },
          onSuccess: () => {
            isDone = true
            resolve()
          },
          onError: reject,
        })
        upload.start()
      })
    }
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  })
})

describe('Redis goes away', () => {
  test('for a moment, and forgets everything: the upload goes on', async (context) => {
    const { bucket, a } = await twoNodes(context)
    const bytes = someBytes(100_000)
    const id = await create(a, bytes.length)
    const hanging = hang(a.url + id, 0, bytes.length)
    await hanging.send(bytes.subarray(0, 30_000))
    await until('the lock is taken', () => isHeld(id))
    await redis.stop()
    await hanging.send(bytes.subarray(30_000, 60_000))
    await redis.start()
    await settled(TTL)
    await hanging.send(bytes.subarray(60_000))
    const answer = (await hanging.answer) as Answer
    assert.equal(answer.status, 204, answer.text)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
    quietly(a)
  })

  test('for longer than a lease: the upload stops with 503, others are refused, what is finished is served, and it recovers', async (context) => {
    const { bucket, a, b } = await twoNodes(context)
    const bytes = someBytes(100_000)
    const finished = await create(a, 50)
    assert.equal((await patch(a.url + finished, 0, bytes.subarray(0, 50))).status, 204)
    const id = await create(a, bytes.length)
    const hanging = hang(a.url + id, 0, bytes.length)
    await hanging.send(bytes.subarray(0, 40_000))
    await until('the lock is taken', () => isHeld(id))
    await redis.stop()
    const answer = (await hanging.answer) as Answer
    assert.equal(answer.status, 503, answer.text)
    assert.ok(answer.fields['retry-after'])
    const kept = (await recordOf(bucket, id)).offset
    for (const node of [a, b]) {
      const refused = await patch(node.url + id, kept, bytes.subarray(kept))
      assert.equal(refused.status, 503)
      assert.ok(refused.headers.get('Retry-After'))
      assert.equal((await head(node.url + id)).status, 503)
      assert.equal((await head(node.url + finished)).status, 200)
      assert.equal((await fetch(node.url + finished)).status, 200)
    }
    await redis.start()
    await until('both serve again', async () => {
      const heads = await Promise.all([head(a.url + id), head(b.url + id)])
      return heads.every(({ status }) => status === 200)
    })
    const offset = await offsetAt(b.url + id)
    assert.equal(offset, kept)
    assert.equal((await patch(b.url + id, offset, bytes.subarray(offset))).status, 204)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
    for (const node of [a, b]) quietly(node)
  })

  test('before the start: the command serves, says so, and recovers', async (context) => {
    const bucket = await bucketFor(context)
    const later = await startRedis(context, { isStarted: false })
    const secret = 'hunter2-secret'
    const url = later.url.replace('//', `//:${secret}@`)
    const node = await startServing(context, bucket, { 'locker-ttl': `${TTL}ms` }, { HOLDFAST_LOCKER_REDIS: url })
    assert.match(node.stderr, /ERR_LOCKER_UNAVAILABLE/)
    const id = await create(node, 10)
    assert.equal((await patch(node.url + id, 0, someBytes(10))).status, 503)
    await later.start()
    await later.send('CONFIG', 'SET', 'requirepass', secret)
    await until('it serves', async () => (await patch(node.url + id, 0, someBytes(10))).status === 204)
    quietly(node)
    assert.doesNotMatch(node.stderr + node.stdout, new RegExp(secret))
  })
})

describe('holdfast serve over a provider without conditional writes', () => {
  test('without a locker and without the promise, it ends at start with the reason', async (context) => {
    const bucket = await bucketFor(context)
    const command = launch(bucket, {})
    const started = performance.now()
    assert.equal(await command.ended, 2)
    assert.ok(performance.now() - started < 8_000)
    assert.match(command.stderr, /^holdfast: --locker-redis: this bucket has no conditional writes/m)
    assert.match(command.stderr, /--single-process/)
    assert.doesNotMatch(command.stdout, /upload files/)
  })

  test('a URL of Redis that cannot be is told, without what is in it', async (context) => {
    const bucket = await bucketFor(context)
    const command = launch(bucket, { 'locker-redis': 'http://:hunter2-secret@localhost' })
    assert.equal(await command.ended, 2)
    assert.match(command.stderr, /--locker-redis: the URL must begin with redis/)
    assert.doesNotMatch(command.stderr, /hunter2/)
  })

  test('the end in order gives the locks back', async (context) => {
    const { a, b } = await twoNodes(context)
    const id = await create(a, 100)
    const hanging = hang(a.url + id, 0, 100)
    await hanging.send(someBytes(50))
    await until('the lock is taken', () => isHeld(id))
    await sleep(100)
    a.child.kill('SIGTERM')
    assert.equal(((await hanging.answer) as Answer).status, 503)
    assert.equal(await a.ended, 0)
    assert.equal(await isHeld(id), false)
    assert.equal(await offsetAt(b.url + id), 50)
    const ended = await fetch(b.url + id, { method: 'DELETE', headers: TUS })
    assert.equal(ended.status, 204)
  })
})
