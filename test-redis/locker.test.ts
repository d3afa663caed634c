import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import type { UploadError } from '../src/errors.js'
import { RedisLocker, type RedisLockerOptions } from '../src/lockers/redis.js'
import type { Lease } from '../src/store/locker.js'
import { temporaryFolder } from '../test/cli/command.js'
import { startContender } from './support/contend.js'
import { type RedisServer, settled, startRedis } from './support/server.js'

const TTL = 1_200
/** For a process of its own, that a busy machine may hold up. */
const LONG = 4_000
const quiet = { timeout: 0, onReleaseRequested: () => undefined }
const patient = { ...quiet, timeout: 10_000 }
const code = (expected: string) => (error: UploadError) => error.code === expected

let redis: RedisServer
const cleanups: (() => unknown)[] = []
const suite = { after: (fn: () => unknown) => void cleanups.push(fn) } as unknown as TestContext
before(async () => {
  redis = await startRedis(suite, { ttl: TTL })
})
after(async () => {
  for (const cleanup of cleanups) await cleanup()
})

function lockerOf(context: TestContext, options: Partial<RedisLockerOptions> = {}): RedisLocker {
  const locker = new RedisLocker({ ...(options.client ? {} : { url: redis.url }), ttl: TTL, ...options })
  context.after(() => locker.close())
  return locker
}

let ids = 0
const newId = (): string => `upload-${++ids}`

describe('mutual exclusion', () => {
  test('of many contenders in several processes one has the lock, and each token is larger than the one before', async (context) => {
    const witness = join(temporaryFolder(context), 'witness')
    const id = newId()
    const contenders = Array.from({ length: 4 }, () => startContender(context, redis.url, 5_000, id, 4, 6, witness))
    assert.deepEqual(await Promise.all(contenders.map(({ ended }) => ended)), [0, 0, 0, 0])
    const fences = readFileSync(`${witness}.fences`, 'utf8').trim().split('\n').map(Number)
    assert.equal(fences.length, 4 * 4 * 6)
    for (const [at, fence] of fences.entries()) assert.ok(at === 0 || fence > fences[at - 1]!, `token ${at}`)
  })

  test('a lock that is held is refused when the time to wait is up, and its holder was asked', async (context) => {
    const id = newId()
    let asked = 0
    const lease = await lockerOf(context).acquire(id, { ...quiet, onReleaseRequested: () => void asked++ })
    const started = performance.now()
    await assert.rejects(lockerOf(context).acquire(id, { ...quiet, timeout: 300 }), code('ERR_UPLOAD_LOCKED'))
    assert.ok(performance.now() - started < 1_000)
    assert.ok(asked > 0)
    assert.ok(lease.mayWrite())
  })

  test('a lock that is wanted quietly is refused at once, and its holder is never asked, not even at its next renewal', async (context) => {
    const id = newId()
    let asked = 0
    const lease = await lockerOf(context).acquire(id, { ...quiet, onReleaseRequested: () => void asked++ })
    const started = performance.now()
    const wanting = lockerOf(context).acquire(id, { ...patient, quietly: true })
    await assert.rejects(wanting, code('ERR_UPLOAD_LOCKED'))
    assert.ok(performance.now() - started < 1_000)
    await sleep(TTL)
    assert.equal(asked, 0)
    await lease.release()
    await (await lockerOf(context).acquire(id, { ...quiet, quietly: true })).release()
  })

  test('other uploads, and other prefixes, have other locks', async (context) => {
    const id = newId()
    await lockerOf(context).acquire(id, quiet)
    await lockerOf(context).acquire(newId(), quiet)
    await lockerOf(context, { prefix: 'other:' }).acquire(id, quiet)
  })

  test('the wait ends with the signal', async (context) => {
    const id = newId()
    await lockerOf(context).acquire(id, quiet)
    const waiting = lockerOf(context).acquire(id, { ...patient, signal: AbortSignal.timeout(100) })
    const started = performance.now()
    await assert.rejects(waiting)
    assert.ok(performance.now() - started < 1_000)
  })

  test('a release by who is not the owner does nothing', async (context) => {
    const id = newId()
    const old = await lockerOf(context).acquire(id, quiet)
    await redis.send('SET', `holdfast:{${id}}`, 'somebody', 'PX', '60000')
    await old.release()
    assert.equal(await redis.send('GET', `holdfast:{${id}}`), 'somebody')
    await assert.rejects(lockerOf(context).acquire(id, quiet), code('ERR_UPLOAD_LOCKED'))
  })

  test('a holder whose lock somebody else took learns it at its next renewal', async (context) => {
    const id = newId()
    const old = await lockerOf(context).acquire(id, quiet)
    await redis.send('SET', `holdfast:{${id}}`, 'somebody', 'PX', '60000')
    await lost(old)
    assert.equal(old.mayWrite(), false)
    assert.equal(old.remaining(), 0)
  })

  test('a holder whose lock somebody else took and gave back learns it, too', async (context) => {
    const id = newId()
    const old = await lockerOf(context).acquire(id, quiet)
    await redis.send('SET', `holdfast:{${id}}:fence`, String(old.fence + 1))
    await redis.send('DEL', `holdfast:{${id}}`)
    await lost(old)
    assert.equal(old.mayWrite(), false)
    assert.equal(await redis.send('EXISTS', `holdfast:{${id}}`), 0)
  })
})

describe('the time of a lease', () => {
  test('while it is renewed nobody else gets it; its keys expire', async (context) => {
    const id = newId()
    const lease = await lockerOf(context).acquire(id, quiet)
    await assert.rejects(lockerOf(context).acquire(id, { ...quiet, timeout: TTL * 2 }), code('ERR_UPLOAD_LOCKED'))
    assert.ok(lease.mayWrite())
    await lease.release()
    const keys = (await redis.send('KEYS', `holdfast:{${id}}*`)) as string[]
    assert.deepEqual(keys, [`holdfast:{${id}}:fence`])
    assert.ok(((await redis.send('PTTL', keys[0]!)) as number) > 0)
  })

  test('a holder that was killed is followed when its time is up, and not sooner', async (context) => {
    const id = newId()
    const holder = startContender(context, redis.url, LONG, id, 'hold')
    const fence = Number((await holder.waitFor(/held (\d+)/))[1])
    await sleep(LONG)
    holder.child.kill('SIGKILL')
    const started = performance.now()
    const left = (await redis.send('PTTL', `holdfast:{${id}}`)) as number
    const lease = await lockerOf(context).acquire(id, patient)
    const waited = performance.now() - started
    assert.ok(left > 0, 'it was renewed')
    assert.ok(waited >= left - 1 && waited < left + 5_000, `waited ${waited} of ${left} ms`)
    assert.ok(lease.fence > fence)
  })

  test('a holder that was stopped for longer than its lease may not write when it goes on', async (context) => {
    const id = newId()
    const holder = startContender(context, redis.url, TTL, id, 'hold')
    const fence = Number((await holder.waitFor(/held (\d+)/))[1])
    holder.child.kill('SIGSTOP')
    const lease = await lockerOf(context).acquire(id, patient)
    assert.ok(lease.fence > fence)
    holder.child.kill('SIGCONT')
    await holder.waitFor(/lost false/)
    assert.ok(lease.mayWrite())
  })

  test('tokens grow over releases, also when the last one was forgotten', async (context) => {
    const id = newId()
    const fences: number[] = []
    for (let round = 0; round < 6; round++) {
      const lease = await lockerOf(context).acquire(id, quiet)
      fences.push(lease.fence)
      await lease.release()
      if (round % 2 === 1) await redis.send('DEL', `holdfast:{${id}}:fence`)
    }
    assert.deepEqual(
      fences,
      [...new Set(fences)].sort((a, b) => a - b),
    )
    assert.ok(fences.every(Number.isSafeInteger))
  })

  test('a token that is ahead of the time is followed by a larger one', async (context) => {
    const id = newId()
    const ahead = 8_000_000_000_000_000
    await redis.send('SET', `holdfast:{${id}}:fence`, String(ahead))
    assert.equal((await lockerOf(context).acquire(id, quiet)).fence, ahead + 1)
  })
})

describe('who waits', () => {
  test('is heard at once', async (context) => {
    const { waited } = await yielding(context)
    assert.ok(waited < TTL / 3, `after ${waited} ms`)
  })

  test('is heard at the next renewal if no message comes through', async (context) => {
    await redis.send('ACL', 'SETUSER', 'default', 'resetchannels')
    context.after(() => redis.send('ACL', 'SETUSER', 'default', 'allchannels'))
    const { waited } = await yielding(context)
    assert.ok(waited < TTL, `after ${waited} ms`)
  })

  async function yielding(context: TestContext): Promise<{ waited: number }> {
    const id = newId()
    let release: (() => void) | undefined
    const asked = new Promise<void>((resolve) => {
      release = resolve
    })
    const lease = await lockerOf(context).acquire(id, { ...quiet, onReleaseRequested: () => release?.() })
    // The subscription takes a moment.
    await sleep(100)
    const started = performance.now()
    const next = lockerOf(context).acquire(id, patient)
    await asked
    await lease.release()
    assert.ok((await next).fence > lease.fence)
    return { waited: performance.now() - started }
  }
})

describe('a client of the user', () => {
  test('that is connected is used, and stays open', async (context) => {
    const client = createClient({ url: redis.url })
    await client.connect()
    context.after(() => client.destroy())
    const locker = lockerOf(context, { client })
    await locker.ready()
    await (await locker.acquire(newId(), quiet)).release()
    await locker.close()
    assert.equal(await client.ping(), 'PONG')
  })

  test('that is not connected is connected', async (context) => {
    const client = createClient({ url: redis.url })
    context.after(() => client.destroy())
    const lease = await lockerOf(context, { client }).acquire(newId(), quiet)
    assert.ok(lease.mayWrite())
  })

  test('with RESP2 and a key prefix serves, too', async (context) => {
    const client = createClient({ url: redis.url, RESP: 2, keyPrefix: 'mine:' })
    context.after(() => client.destroy())
    const id = newId()
    const lease = await lockerOf(context, { client }).acquire(id, quiet)
    assert.equal(await redis.send('EXISTS', `mine:holdfast:{${id}}`), 1)
    await lease.release()
    assert.equal(await redis.send('EXISTS', `mine:holdfast:{${id}}`), 0)
  })
})

// Last: these stop the server.
describe('a server that goes away', () => {
  test('and says nothing for a moment: requests have an answer in time, and holders go on', async (context) => {
    const locker = lockerOf(context)
    const [held, id] = [newId(), newId()]
    const lease = await locker.acquire(held, quiet)
    redis.pause()
    const started = performance.now()
    const waiting = locker.acquire(id, patient).catch((error: UploadError) => error)
    await sleep(TTL / 3)
    redis.resume()
    const outcome = await waiting
    assert.ok(performance.now() - started < TTL * 1.5)
    // Which of the two it is depends on the moment.
    if (outcome instanceof Error) assert.equal((outcome as UploadError).code, 'ERR_LOCKER_UNAVAILABLE')
    else await outcome.release()
    await sleep(TTL)
    assert.ok(lease.mayWrite())
    await (await lockerOf(context).acquire(id, patient)).release()
  })

  test('and says nothing for longer than a lease: it is lost, and what was asked meanwhile is in the way of nobody for long', async (context) => {
    const locker = lockerOf(context)
    const [held, id] = [newId(), newId()]
    const lease = await locker.acquire(held, quiet)
    redis.pause()
    const started = performance.now()
    await assert.rejects(locker.acquire(id, patient), code('ERR_LOCKER_UNAVAILABLE'))
    assert.ok(performance.now() - started < TTL)
    await lost(lease)
    assert.equal(lease.mayWrite(), false)
    redis.resume()
    const next = await lockerOf(context).acquire(id, { ...quiet, timeout: TTL * 2 })
    assert.ok(next.mayWrite())
    await (await locker.acquire(held, patient)).release()
  })

  test('and forgets: a holder keeps its lock, nobody else gets it, and tokens grow', async (context) => {
    const locker = lockerOf(context)
    const id = newId()
    const lease = await locker.acquire(id, quiet)
    await redis.stop()
    await assert.rejects(locker.acquire(newId(), quiet), code('ERR_LOCKER_UNAVAILABLE'))
    await redis.start()
    // The server knows nothing of the lock until the holder renews it, and until then gives it to nobody.
    const codes = ['ERR_LOCKER_UNAVAILABLE', 'ERR_UPLOAD_LOCKED']
    const early = lockerOf(context).acquire(id, { ...quiet, timeout: 50 })
    await assert.rejects(early, ({ code }: UploadError) => codes.includes(code))
    const other = lockerOf(context).acquire(newId(), { ...quiet, timeout: 50 })
    await assert.rejects(other, ({ code, cause }: UploadError) => /started a moment ago/.test(`${cause}`) && !!code)
    await settled(TTL)
    assert.ok(lease.mayWrite(), 'the lease was renewed')
    await assert.rejects(lockerOf(context).acquire(id, quiet), code('ERR_UPLOAD_LOCKED'))
    await lease.release()
    const next = await locker.acquire(id, quiet)
    assert.ok(next.fence > lease.fence)
    await next.release()
  })

  test('and comes back: messages are heard again', async (context) => {
    const locker = lockerOf(context)
    await (await locker.acquire(newId(), patient)).release()
    await redis.stop()
    await sleep(300)
    await redis.start()
    await settled(TTL)
    let asked = 0
    const id = newId()
    const lease = await locker.acquire(id, { ...patient, onReleaseRequested: () => void asked++ })
    await sleep(500)
    await assert.rejects(lockerOf(context).acquire(id, quiet), code('ERR_UPLOAD_LOCKED'))
    await sleep(50)
    assert.ok(asked > 0)
    await lease.release()
  })

  test('while it is away, it is not hammered', async (context) => {
    const locker = lockerOf(context)
    await (await locker.acquire(newId(), patient)).release()
    await redis.stop()
    let connections = 0
    const { createServer } = await import('node:net')
    const listener = createServer((socket) => {
      connections++
      socket.destroy()
    }).listen(redis.port, '127.0.0.1')
    const tries = Array.from({ length: 200 }, () => locker.acquire(newId(), quiet).catch(() => undefined))
    await Promise.all([...tries, sleep(3_000)])
    await new Promise((resolve) => listener.close(resolve))
    assert.ok(connections > 0 && connections < 40, `${connections} connections in 3 s`)
    await redis.start()
  })
})

/** Resolves when the lease is lost. */
function lost(lease: Lease): Promise<unknown> {
  return lease.lost.aborted
    ? Promise.resolve()
    : new Promise((resolve) => lease.lost.addEventListener('abort', resolve))
}
