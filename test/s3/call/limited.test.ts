import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Call, payloadOf } from '../../../src/s3/call/call.js'
import { S3Fault } from '../../../src/s3/call/faults.js'
import { limited } from '../../../src/s3/call/limited.js'
import { Pace } from '../../../src/s3/call/pace.js'
import { Places } from '../../../src/s3/call/places.js'

const PART = { key: 'k', uploadId: 'u', partNumber: 1, body: payloadOf([], 0) }
const placesOf = (most: number, now?: () => number): Places => new Places(new Pace(most, now))
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A server that holds requests until it is told what to answer to the oldest. */
function server() {
  const held: { resolve: () => void; reject: (fault: S3Fault) => void }[] = []
  const call = (() =>
    new Promise((resolve, reject) => {
      held.push({ resolve: () => resolve({ etag: 'e' }), reject })
    })) as unknown as Call
  return {
    call,
    get running() {
      return held.length
    },
    async succeed() {
      held.shift()!.resolve()
      await turn()
    },
    async slowDown() {
      held.shift()!.reject(new S3Fault('uploadPart', 503, 'SlowDown', ''))
      await turn()
    },
  }
}

test('no more at once than allowed, first come first served', async () => {
  const s3 = server()
  const call = limited(s3.call, placesOf(2))
  const done: number[] = []
  for (const number of [1, 2, 3]) void call('uploadPart', PART).then(() => done.push(number))
  await turn()
  assert.equal(s3.running, 2)
  for (let count = 0; count < 3; count++) await s3.succeed()
  assert.deepEqual(done, [1, 2, 3])
})

test('SlowDown halves the places, successes give them back one by one', async () => {
  const s3 = server()
  let time = 0
  const call = limited(
    s3.call,
    placesOf(8, () => time),
  )
  for (let count = 0; count < 100; count++) void call('uploadPart', PART).catch(() => undefined)
  await turn()
  assert.equal(s3.running, 8)
  await s3.slowDown()
  assert.equal(s3.running, 7, 'those on their way go on, and none takes the place')
  await s3.slowDown()
  for (let count = 0; count < 3; count++) await s3.succeed()
  assert.equal(s3.running, 4, 'two at the same moment count as one')
  time = 2_000
  await s3.slowDown()
  await s3.succeed()
  await s3.succeed()
  assert.ok(s3.running <= 3)
  for (let count = 0; count < 40; count++) await s3.succeed()
  assert.equal(s3.running, 8)
})

test('records do not wait behind bytes', async () => {
  const s3 = server()
  const call = limited(s3.call, placesOf(1))
  void call('uploadPart', PART)
  void call('putObject', { key: 'r', body: payloadOf([], 0), data: false })
  await turn()
  assert.equal(s3.running, 2)
})

test('a request that waits can be given up', async () => {
  const s3 = server()
  const call = limited(s3.call, placesOf(1))
  const abort = new AbortController()
  void call('uploadPart', PART)
  const second = call('uploadPart', PART, abort.signal)
  abort.abort()
  await assert.rejects(second, { code: 'ABORT_ERR' })
  await s3.succeed()
  assert.equal(s3.running, 0)
})

test('whoever has the fewest on their way is served first: a huge upload does not keep small ones waiting', async () => {
  const s3 = server()
  const call = limited(s3.call, placesOf(4))
  const done: string[] = []
  const send = (key: string) => void call('uploadPart', { ...PART, key }).then(() => done.push(key))
  for (let count = 0; count < 20; count++) send('huge')
  for (const key of ['small', 'smaller', 'smallest']) send(key)
  await turn()
  for (let count = 0; count < 8; count++) await s3.succeed()
  assert.deepEqual(done.slice(0, 4), ['huge', 'huge', 'huge', 'huge'])
  assert.deepEqual(done.slice(4, 7), ['small', 'smaller', 'smallest'])
})

test('two uploads of many parts share the places', async () => {
  const s3 = server()
  const call = limited(s3.call, placesOf(8))
  const running = new Map<string, number>()
  const send = (key: string) =>
    void call('uploadPart', { ...PART, key }).then(() => running.set(key, (running.get(key) ?? 0) + 1))
  for (let count = 0; count < 100; count++) send('first')
  for (let count = 0; count < 100; count++) send('second')
  await turn()
  for (let count = 0; count < 108; count++) await s3.succeed()
  assert.ok(Math.abs(running.get('second')! - 50) <= 8, `${running.get('second')} of 108 were of the second`)
})

test('an upload may fill all places while nobody waits, and else its share; at least two', async () => {
  const s3 = server()
  const places = placesOf(8)
  const call = limited(s3.call, places)
  assert.equal(places.share, 8)
  const send = (key: string) => void call('uploadPart', { ...PART, key })
  for (let count = 0; count < 8; count++) send('a')
  await turn()
  assert.equal(places.share, 8)
  send('b')
  await turn()
  assert.equal(places.share, 4)
  for (const key of ['c', 'd', 'e', 'f', 'g']) send(key)
  await turn()
  assert.equal(places.share, 2)
  for (let count = 0; count < 14; count++) await s3.succeed()
  assert.equal(places.share, 8)
})
