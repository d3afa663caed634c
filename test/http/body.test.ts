/** The queue between an adapter and the store: each row is what is pushed and done, what was given, and how it ended. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { announcedLength, BodyQueue, HIGH_WATER } from '../../src/http/body.js'

interface Given {
  queue: BodyQueue
  /** What the sender was told, in order. */
  told: string[]
}

function queueOf(length?: number, limit = Number.POSITIVE_INFINITY, idleTimeout = 5_000, minRate = 0): Given {
  const told: string[] = []
  const source = { pause: () => void told.push('pause'), resume: () => void told.push('resume') }
  return { queue: new BodyQueue(source, length, limit, idleTimeout, minRate), told }
}
async function read(queue: BodyQueue, each: (length: number) => void = () => undefined): Promise<number> {
  let given = 0
  for await (const chunk of queue) {
    given += chunk.length
    each(given)
  }
  return given
}

type Step = number | 'stop' | Parameters<BodyQueue['finish']>[0]
type Row = [rule: string, length: number | undefined, limit: number, steps: readonly Step[], expected: string]
const KiB = 1024
const put = (queue: BodyQueue, ...sizes: readonly number[]): void => {
  for (const size of sizes) queue.push(Buffer.alloc(size))
}
function act(queue: BodyQueue, step: Step): void {
  if (typeof step === 'number') put(queue, step)
  else if (step === 'stop') queue.stop()
  else queue.finish(step)
}

/** Steps: the size of a chunk that comes, `stop` for stop(), or the end that the adapter tells. */
const rows: Row[] = [
  ['all', 6, 100, [3, 3, 'end'], '6 end'],
  ['all, of unknown length', undefined, 100, [3, 3, 'end'], '6 end'],
  ['nothing', 0, 100, ['end'], '0 end'],
  ['exactly the limit', undefined, 6, [3, 3, 'end'], '6 end'],
  ['up to the limit, of a chunk past it', undefined, 6, [3, 4, 'end'], '6 too-long'],
  ['no chunk behind the limit', undefined, 6, [6, 1], '6 too-long'],
  ['all, with an empty chunk behind the limit', undefined, 6, [6, 0, 'end'], '6 end'],
  ['nothing at a limit of nothing', undefined, 0, [1], '0 too-long'],
  ['no more than was announced', 5, 100, [6], '5 too-long'],
  ['less than was announced, which is not all', 10, 100, [6, 'end'], '6 disconnected'],
  ['what came before the client left', 10, 100, [6, 'disconnected'], '6 disconnected'],
  ['what came before it timed out', 10, 100, [6, 'timeout'], '6 timeout'],
  ['nothing that comes after its end', undefined, 100, ['end', 6], '0 end'],
  ['the first of two ends', undefined, 100, ['end', 'disconnected'], '0 end'],
  ['nothing once it was stopped', undefined, 100, [6, 'stop', 6], '0 stopped'],
  ['all, if it was stopped after its end', undefined, 100, [6, 'end', 'stop'], '6 end'],
  ['nothing if it was stopped twice', undefined, 100, ['stop', 'stop'], '0 stopped'],
]
for (const [rule, length, limit, steps, expected] of rows) {
  test(`a body gives ${rule}`, async () => {
    const { queue } = queueOf(length, limit)
    for (const step of steps) act(queue, step)
    assert.equal(queue.ended, undefined, 'nobody has read it yet')
    assert.equal(`${await read(queue)} ${queue.ended}`, expected)
  })
}

test('a body passes chunks on as they are, without copies', async () => {
  const { queue } = queueOf()
  const chunk = Buffer.from('abc')
  queue.push(chunk)
  queue.finish('end')
  for await (const given of queue) assert.equal(given, chunk)
})

test('stop() while a store works on a chunk: what waits is not given', async () => {
  const { queue } = queueOf()
  put(queue, 3, 3, 3)
  assert.equal(await read(queue, () => queue.stop()), 3)
  assert.equal(queue.ended, 'stopped')
})

test('stop() ends a wait at once', async () => {
  const { queue } = queueOf()
  setTimeout(() => queue.stop(), 10)
  assert.equal(await read(queue), 0)
  assert.equal(queue.ended, 'stopped')
})

test('a body that the store leaves early was not given whole, though it had arrived', async () => {
  const { queue } = queueOf()
  put(queue, 3, 3)
  queue.finish('end')
  for await (const _ of queue) break
  assert.equal(queue.ended, 'stopped')
})

test('a body that the store leaves with its last chunk was given whole', async () => {
  const { queue } = queueOf()
  put(queue, 3, 3)
  queue.finish('end')
  let given = 0
  for await (const chunk of queue) {
    given += chunk.length
    if (given === 6) break
  }
  assert.equal(queue.ended, 'end')
})

test('a body tells its sender to pause at its bound, to go on below it, and to pause at its end', async () => {
  const { queue, told } = queueOf()
  const iterator = queue[Symbol.asyncIterator]()
  const first = iterator.next()
  put(queue, 1)
  await first
  put(queue, HIGH_WATER - KiB)
  assert.deepEqual(told, ['resume'])
  put(queue, KiB)
  assert.deepEqual(told, ['resume', 'pause'])
  await iterator.next()
  assert.deepEqual(told, ['resume', 'pause', 'resume'])
  await iterator.return?.(undefined)
  assert.deepEqual(told, ['resume', 'pause', 'resume', 'pause'])
})

test('no more than 256 KiB of a body wait outside the budget of the store', () => assert.ok(HIGH_WATER <= 256 * KiB))

test('a body that was stopped before anybody read it never asks for a byte', async () => {
  const { queue, told } = queueOf()
  queue.stop()
  await read(queue)
  assert.ok(!told.includes('resume'))
})

test('a body times out while it is waited for, however often chunks came before', async () => {
  const { queue } = queueOf(undefined, 100, 60)
  const started = performance.now()
  for (const delay of [20, 40, 60, 80]) setTimeout(() => put(queue, 1), delay)
  assert.equal(await read(queue), 4)
  assert.equal(queue.ended, 'timeout')
  assert.ok(performance.now() - started >= 135)
})

/** Puts so many bytes every 10 ms, until the body ends by itself or so often. */
async function trickle(queue: BodyQueue, bytes: number, times: number): Promise<void> {
  for (let index = 0; index < times && queue.ended === undefined; index++) {
    put(queue, bytes)
    await sleep(10)
  }
  queue.finish('end')
}

test('a body that trickles below the least rate times out, and gives what came', async () => {
  const { queue } = queueOf(undefined, 10_000, 200, 1_000)
  void trickle(queue, 1, 1_000)
  const started = performance.now()
  const given = await read(queue)
  assert.equal(queue.ended, 'timeout')
  assert.ok(given >= 1 && given <= 100, `${given} bytes`)
  assert.ok(performance.now() - started < 2_000)
})

test('a body that trickles at any rate does not time out where none is asked for', async () => {
  const { queue } = queueOf(undefined, 10_000, 200)
  void trickle(queue, 1, 60)
  assert.equal(`${await read(queue)} ${queue.ended}`, '60 end')
})

test('a body well above the least rate does not time out, nor one that is silent and then sends all at once', async () => {
  const steady = queueOf(undefined, 10_000, 300, 100)
  void trickle(steady.queue, 40, 60)
  const bursts = queueOf(undefined, 10_000, 300, 500)
  for (const delay of [150, 300, 450]) setTimeout(() => put(bursts.queue, 400), delay)
  setTimeout(() => bursts.queue.finish('end'), 600)
  const given = await Promise.all([read(steady.queue), read(bursts.queue)])
  assert.deepEqual([...given, steady.queue.ended, bursts.queue.ended], [2_400, 1_200, 'end', 'end'])
})

test('the time in which the store works does not count against the rate of a body', async () => {
  const { queue } = queueOf(undefined, 10_000, 300, 1_000)
  setTimeout(() => put(queue, 1), 5)
  let given = 0
  for await (const chunk of queue) {
    given += chunk.length
    if (given === 8) queue.finish('end')
    else setTimeout(() => put(queue, 1), 105)
    await sleep(100)
  }
  assert.equal(`${given} ${queue.ended}`, '8 end')
})

test('a body does not time out while its store works', async () => {
  const { queue } = queueOf(undefined, 100, 30)
  put(queue, 1, 1)
  let given = 0
  for await (const chunk of queue) {
    given += chunk.length
    await sleep(100)
    if (given === 2) queue.finish('end')
  }
  assert.equal(`${given} ${queue.ended}`, '2 end')
})

test('a store that is stuck on a body keeps no timer', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const { queue } = queueOf(undefined, 100, 30)
  const iterator = queue[Symbol.asyncIterator]()
  const first = iterator.next()
  put(queue, 1)
  await first
  for (let tries = 0; timers() > before; tries++) {
    assert.ok(tries < 20, 'the timer is set again and again')
    await new Promise((resolve) => setImmediate(resolve))
    const until = performance.now() + 10
    while (performance.now() < until);
  }
  await iterator.return?.(undefined)
})

test('a body that has ended has no timer, even if its store never comes back for the end', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const { queue } = queueOf(undefined, 100, 60_000)
  const iterator = queue[Symbol.asyncIterator]()
  const first = iterator.next()
  put(queue, 1)
  await first
  assert.equal(timers(), before + 1)
  queue.finish('disconnected')
  assert.equal(timers(), before)
})

test('a body without a time-out has none, and no busy timer instead', async () => {
  const { queue } = queueOf(undefined, 100, Number.POSITIVE_INFINITY)
  const warnings: Error[] = []
  const listener = (warning: Error): void => void warnings.push(warning)
  process.on('warning', listener)
  const reading = read(queue)
  await sleep(30)
  queue.finish('end')
  await reading
  process.off('warning', listener)
  assert.deepEqual(warnings, [])
})

const lengths: [field: string | null | undefined, length: number | undefined][] = [
  ['0', 0],
  ['5497558138880', 5_497_558_138_880],
  ...[null, undefined, '', '-1', '1e3', '0x1', ' 1', '1, 1', '9999999999999999'].map(
    (field): [typeof field, undefined] => [field, undefined],
  ),
]
for (const [field, length] of lengths) {
  test(`Content-Length ${JSON.stringify(field)} announces ${length}`, () =>
    assert.equal(announcedLength(field), length))
}
