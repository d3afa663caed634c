import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { now, RedisLease, type Renewal } from '../../src/lockers/lease.js'

const TTL = 600

/** A lease whose server answers as `answers` say, one for each renewal, and 'kept' after that. */
function leaseOf(
  context: TestContext,
  answers: (Renewal | 'away' | 'silent')[],
  { age = 0 }: { age?: number } = {},
): { lease: RedisLease; renewed: number[]; requests: () => number } {
  const renewed: number[] = []
  let requests = 0
  const start = performance.now()
  const sentAt = now()
  const lease = new RedisLease({
    fence: 7,
    sentAt: { monotonic: sentAt.monotonic - age, wall: sentAt.wall - age },
    ttl: TTL,
    async renew() {
      renewed.push(performance.now() - start)
      const answer = answers.shift() ?? 'kept'
      if (answer === 'away') throw new Error('no connection')
      if (answer === 'silent') return new Promise<never>(() => undefined)
      return answer
    },
    giveBack: async () => undefined,
    onReleaseRequested: () => void requests++,
  })
  context.after(() => lease.release())
  return { lease, renewed, requests: () => requests }
}

test('it is renewed at a third of its time, and lasts as long as it is', async (context) => {
  const { lease, renewed } = leaseOf(context, [])
  await sleep(TTL * 2)
  assert.ok(lease.mayWrite())
  assert.equal(lease.lost.aborted, false)
  assert.ok(renewed.length >= 4 && renewed.length <= 7, `${renewed.length} renewals`)
})

test('a renewal that fails is tried again, and costs nothing while there is time', async (context) => {
  const { lease, renewed } = leaseOf(context, ['away', 'away'])
  await sleep(TTL * 1.5)
  assert.ok(lease.mayWrite())
  assert.ok(renewed[2]! < TTL * 0.6, 'soon after the first failure')
})

test('without an answer it is lost when three quarters of its time are over, and the rest is for what was begun', async (context) => {
  const { lease } = leaseOf(context, ['silent'])
  const started = performance.now()
  await new Promise((resolve) => lease.lost.addEventListener('abort', resolve))
  const after = performance.now() - started
  assert.ok(after > TTL * 0.7 && after < TTL * 0.95, `lost after ${after} ms`)
  assert.equal(lease.mayWrite(), false)
  assert.ok(lease.remaining() > 0 && lease.remaining() <= TTL / 4)
})

test('its time counts from before the command was sent', async (context) => {
  const { lease } = leaseOf(context, [], { age: TTL / 2 })
  assert.ok(lease.remaining() <= TTL / 2)
  const older = leaseOf(context, [], { age: TTL }).lease
  assert.equal(older.mayWrite(), false)
  assert.equal(older.lost.aborted, true)
})

test('if somebody else has it, it is lost at once', async (context) => {
  const { lease, renewed } = leaseOf(context, ['lost'])
  await new Promise((resolve) => lease.lost.addEventListener('abort', resolve))
  assert.ok(renewed.length === 1)
  assert.equal(lease.mayWrite(), false)
  assert.equal(lease.remaining(), 0)
})

test('a process that was stopped for longer than the lease may not write, though no timer has fired yet', async (context) => {
  const { lease } = leaseOf(context, [])
  const end = performance.now() + TTL
  while (performance.now() < end);
  assert.equal(lease.mayWrite(), false)
})

test('a machine whose monotonic clock stood still is judged by the other', async (context) => {
  const { lease } = leaseOf(context, [])
  const { now: real } = Date
  Date.now = () => real() + TTL
  try {
    assert.equal(lease.mayWrite(), false)
  } finally {
    Date.now = real
  }
})

test('that somebody waits is noticed at a renewal, if no message came', async (context) => {
  const { requests } = leaseOf(context, ['wanted'])
  await sleep(TTL / 2)
  assert.equal(requests(), 1)
})

test('once released it is over: no renewal, no request, no write', async (context) => {
  const { lease, renewed, requests } = leaseOf(context, ['wanted'])
  await lease.release()
  lease.requestRelease()
  await sleep(TTL)
  assert.deepEqual([renewed.length, requests(), lease.mayWrite(), lease.remaining()], [0, 0, false, 0])
  assert.equal(lease.lost.aborted, false)
})
