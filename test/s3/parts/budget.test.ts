import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Budget, type Reservation } from '../../../src/s3/parts/budget.js'

const never = (): void => assert.fail('nobody waits, so nobody hurries')
const isSettled = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol('pending')
  return (await Promise.race([promise, sleep(5, pending)])) !== pending
}

test('room is given at once while there is some', async () => {
  const budget = new Budget(100)
  await budget.reserve(60, never)
  await budget.reserve(40, never)
  assert.equal(budget.used, 100)
})

test('who finds no room waits, first come first served', async () => {
  const budget = new Budget(100, 60_000)
  const first = await budget.reserve(80, never)
  const large = budget.reserve(50, never)
  const small = budget.reserve(10, never)
  assert.equal(await isSettled(small), false, 'a small one does not overtake a large one')
  first?.release()
  await large
  await small
  assert.equal(budget.used, 60)
})

test('releasing twice gives back once', async () => {
  const budget = new Budget(100)
  const one = await budget.reserve(60, never)
  one?.release()
  one?.release()
  assert.equal(budget.used, 0)
})

test('more than the whole budget is granted alone', async () => {
  const budget = new Budget(100, 60_000)
  const small = await budget.reserve(1, never)
  const huge = budget.reserve(1_000, never)
  assert.equal(await isSettled(huge), false)
  small?.release()
  const granted = await huge
  assert.equal(budget.used, 100)
  granted?.release()
  assert.equal(budget.used, 0)
})

test('a wait can be ended, and the next in line goes on', async () => {
  const budget = new Budget(100, 60_000)
  await budget.reserve(80, never)
  const leave = new AbortController()
  const large = budget.reserve(50, never, leave.signal)
  const small = budget.reserve(10, never)
  assert.equal(await isSettled(small), false)
  leave.abort()
  assert.equal(await large, undefined)
  assert.equal((await small)?.bytes, 10)
  assert.equal(await budget.reserve(90, never, AbortSignal.abort()), undefined)
})

test('spare bytes go as soon as somebody needs the room', async () => {
  const budget = new Budget(100)
  let dropped = 0
  assert.equal(
    budget.keep({}, 90, () => dropped++),
    true,
  )
  await budget.reserve(50, never)
  assert.equal(dropped, 1)
  assert.equal(budget.used, 50)
})

test('spare bytes are not kept when there is no room', async () => {
  const budget = new Budget(100)
  await budget.reserve(50, never)
  assert.equal(budget.keep({}, 60, never), false)
  assert.equal(budget.used, 50)
})

test('when somebody waits for long, the oldest that still fills is asked to hurry, and only that', async () => {
  const budget = new Budget(100, 10)
  const hurried: string[] = []
  const held = new Map<string, Reservation>()
  for (const name of ['full', 'slow', 'young']) {
    held.set(name, (await budget.reserve(30, () => hurried.push(name)))!)
  }
  held.get('full')!.filled()
  const waiting = budget.reserve(40, never)
  await sleep(15)
  assert.deepEqual(hurried, ['slow'])
  held.get('slow')!.release()
  await waiting
  await sleep(30)
  assert.deepEqual(hurried, ['slow'], 'nobody waits any more')
})

test('what those have in memory who wait counts, up to half of the budget', async () => {
  const budget = new Budget(100, 60_000)
  const first = await budget.reserve(100, never)
  const granted: number[] = []
  const waiting = Array.from({ length: 10 }, (_, index) =>
    budget.reserve(20, never, undefined, 20).then((reservation) => {
      granted.push(index)
      return reservation
    }),
  )
  first?.release()
  const second = await waiting[0]
  await waiting[1]
  assert.equal(await isSettled(waiting[2]!), false, 'half of the budget is left to the others')
  second?.release()
  const third = await waiting[2]
  third?.release()
  for (const one of waiting.slice(3)) (await one)?.release()
  assert.deepEqual(granted, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 'in order, and all of them')
})

test('who waits alone may have the whole budget, whatever it has in memory', async () => {
  const budget = new Budget(100)
  assert.equal((await budget.reserve(100, never, undefined, 90))?.bytes, 100)
})
