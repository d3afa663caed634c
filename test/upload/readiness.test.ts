import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FailureCode, UploadError } from '../../src/errors.js'
import type { Locker } from '../../src/store/locker.js'
import { ReadinessLooks } from '../../src/upload/readiness.js'

/** A store whose answers are told, and counted. */
function ground(answer: () => Promise<never>, locker?: Partial<Locker>) {
  const counted = { looks: 0 }
  const store = {
    open(): Promise<never> {
      counted.looks++
      return answer()
    },
  }
  const looks = new ReadinessLooks(
    { store, locker: locker as Locker | undefined, ready: async () => undefined },
    { maxAge: 100, timeout: 200 },
  )
  return { looks, counted }
}

const failing = (code: FailureCode) => async (): Promise<never> => {
  throw new UploadError(code)
}
const missing = failing('ERR_UPLOAD_NOT_FOUND')

test('a store that knows of no such upload answers, so it is ready', async () => {
  const { looks } = ground(missing)
  assert.deepEqual(await looks.readiness(), { ready: true, code: undefined })
})

for (const code of ['ERR_STORE_UNAVAILABLE', 'ERR_STORE_REFUSED'] as const) {
  test(`a store that fails is told by its code alone: ${code}`, async () => {
    const { looks } = ground(failing(code))
    assert.deepEqual(await looks.readiness(), { ready: false, code })
  })
}

test('what nobody expected is told as such', async () => {
  const { looks } = ground(async () => {
    throw new Error('connect ECONNREFUSED 10.0.0.7:9000')
  })
  assert.deepEqual(await looks.readiness(), { ready: false, code: 'ERR_INTERNAL_SERVER_ERROR' })
})

test('a locker that cannot be reached is not ready', async () => {
  const { looks } = ground(missing, { ready: failing('ERR_LOCKER_UNAVAILABLE') })
  assert.deepEqual(await looks.readiness(), { ready: false, code: 'ERR_LOCKER_UNAVAILABLE' })
})

test('a hundred probes are one look, and one more once the answer is old', async () => {
  const { looks, counted } = ground(missing)
  await Promise.all(Array.from({ length: 100 }, () => looks.readiness()))
  await looks.readiness()
  assert.equal(counted.looks, 1)
  await sleep(120)
  await looks.readiness()
  assert.equal(counted.looks, 2)
})

test('a store that hangs is not ready in bounded time, and is asked once however often one probes', async () => {
  const { looks, counted } = ground(() => new Promise<never>(() => undefined))
  const started = performance.now()
  for (let probe = 0; probe < 3; probe++) {
    assert.deepEqual(await looks.readiness(), { ready: false, code: 'ERR_STORE_UNAVAILABLE' })
  }
  assert.ok(performance.now() - started < 2_000)
  assert.equal(counted.looks, 1)
})

test('who shuts down is not ready from then on, whatever was found before or is being found', async () => {
  const { looks } = ground(missing)
  assert.equal((await looks.readiness()).ready, true)
  looks.end()
  assert.deepEqual(await looks.readiness(), { ready: false, code: 'ERR_SERVER_SHUTDOWN' })
  const late = ground(() => sleep(50).then(missing))
  const asked = late.looks.readiness()
  late.looks.end()
  assert.deepEqual(await asked, { ready: false, code: 'ERR_SERVER_SHUTDOWN' })
})
