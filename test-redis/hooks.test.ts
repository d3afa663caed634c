import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { createClient } from '@redis/client'
import type { HookMessage } from '../src/hooks/message.js'
import { type RedisHooksOptions, redisHooks } from '../src/hooks/redis.js'
import { context, deliveredEvent, REQUEST } from '../test/support/hook-events.js'
import { type RedisServer, startRedis } from './support/server.js'

let redis: RedisServer
const cleanups: (() => unknown)[] = []
before(async () => {
  redis = await startRedis({ after: (fn: () => unknown) => void cleanups.push(fn) } as unknown as TestContext)
})
after(async () => {
  for (const cleanup of cleanups) await cleanup()
})

let streams = 0
const newStream = (): string => `stream-${++streams}`

function hooksInto(test: TestContext, stream: string, options: Partial<RedisHooksOptions> = {}) {
  const hooks = redisHooks({ ...(options.client ? {} : { url: redis.url }), stream, ...options })
  test.after(() => hooks.close())
  return hooks
}

/** The entries of a stream, each as an object. */
async function entriesOf(stream: string): Promise<Record<string, string>[]> {
  const entries = (await redis.send('XRANGE', stream, '-', '+')) as [string, string[]][]
  return entries.map(([, fields]) =>
    Object.fromEntries(
      fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]!]] : [])) as [string, string][],
    ),
  )
}

test('each event is an entry: its type, ID and delivery, and the message', async (test) => {
  const stream = newStream()
  const hooks = hooksInto(test, stream)
  assert.deepEqual(
    Object.keys(hooks).filter((name) => name.startsWith('on')),
    ['onCreated', 'onFinished', 'onTerminated'],
  )
  await hooks.onCreated!(deliveredEvent(), context())
  await hooks.onFinished!(deliveredEvent({ deliveryId: 'delivery-2' }), context())
  const [created, finished] = await entriesOf(stream)
  const { type, id, delivery, message } = finished!
  assert.equal(created!.type, 'post-create')
  assert.deepEqual({ type, id, delivery }, { type: 'post-finish', id: 'a1', delivery: 'delivery-2' })
  const { Event, DeliveryID } = JSON.parse(message!) as HookMessage
  assert.equal(DeliveryID, 'delivery-2')
  assert.deepEqual(Event.Upload.Storage, { Type: 's3store', Bucket: 'media', Key: 'in/a1' })
  assert.deepEqual(Event.HTTPRequest.Header, {}, 'credentials of clients are not kept')
})

test('header fields that are named are kept', async (test) => {
  const stream = newStream()
  const hooks = hooksInto(test, stream, { payloadHeaders: ['X-Trace-Id'], events: ['post-receive'] })
  await hooks.onProgress!({ ...deliveredEvent(), request: REQUEST }, context())
  const { Event } = JSON.parse((await entriesOf(stream))[0]!.message!) as HookMessage
  assert.deepEqual(Event.HTTPRequest.Header, { 'X-Trace-Id': ['7'] })
})

test('a stream has about as many entries as it may', async (test) => {
  const stream = newStream()
  const hooks = hooksInto(test, stream, { maxLength: 100 })
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 50 }, () => hooks.onCreated!(deliveredEvent(), context())))
  }
  const length = Number(await redis.send('XLEN', stream))
  assert.ok(length >= 100 && length < 400, `${length} entries of 1,000`)
  const all = newStream()
  const unbounded = hooksInto(test, all, { maxLength: 0 })
  for (let round = 0; round < 300; round++) await unbounded.onCreated!(deliveredEvent(), context())
  assert.equal(await redis.send('XLEN', all), 300)
})

test('a client of the user is used, and stays open', async (test) => {
  const client = createClient({ url: redis.url })
  test.after(() => client.destroy())
  const stream = newStream()
  const hooks = hooksInto(test, stream, { client })
  await hooks.onCreated!(deliveredEvent(), context())
  await hooks.close()
  assert.equal(await client.ping(), 'PONG')
  assert.equal((await entriesOf(stream)).length, 1)
})

test('two consumers of a group share the events, and what one took and did not confirm is given to the other', async (test) => {
  const stream = newStream()
  const hooks = hooksInto(test, stream)
  await redis.send('XGROUP', 'CREATE', stream, 'workers', '0', 'MKSTREAM')
  for (let at = 0; at < 4; at++) await hooks.onFinished!(deliveredEvent({ deliveryId: `d${at}` }), context())
  const take = async (consumer: string) => {
    const answer = await redis.send('XREADGROUP', 'GROUP', 'workers', consumer, 'COUNT', '2', 'STREAMS', stream, '>')
    return Object.values(answer as Record<string, [string, string[]][]>).flat()
  }
  const [first, second] = [await take('a'), await take('b')]
  assert.deepEqual([first.length, second.length], [2, 2])
  await redis.send('XACK', stream, 'workers', ...second.map(([id]) => id))
  const [, claimed] = (await redis.send('XAUTOCLAIM', stream, 'workers', 'b', '0', '0')) as [
    string,
    [string, string[]][],
  ]
  assert.deepEqual(
    claimed.map(([id]) => id),
    first.map(([id]) => id),
  )
})

test('a server that hangs has the time limit, and when it goes on events come again', async (test) => {
  const stream = newStream()
  const hooks = hooksInto(test, stream, { timeout: 300 })
  await hooks.onCreated!(deliveredEvent(), context())
  redis.pause()
  test.after(() => redis.resume())
  const started = performance.now()
  await assert.rejects(async () => hooks.onCreated!(deliveredEvent(), context()), /no answer in time/)
  assert.ok(performance.now() - started < 2_000)
  redis.resume()
  await hooks.onCreated!(deliveredEvent(), context())
  assert.ok((await entriesOf(stream)).length >= 2)
})

test('a server that is away, at the start or later, fails the event and nothing else, and is found when it is back', async (test) => {
  const later = await startRedis(test, { isStarted: false })
  const hooks = redisHooks({ url: later.url.replace('//', '//:hunter2@'), timeout: 300 })
  test.after(() => hooks.close())
  await hooks.ready()
  const tell = async (): Promise<unknown> => hooks.onCreated!(deliveredEvent(), context())
  const isAway = async (): Promise<void> =>
    assert.rejects(tell, ({ message, status }: Error & { status?: number }) => {
      assert.match(message, /^the hook post-create could not be asked: /)
      assert.doesNotMatch(message, /hunter2/)
      return status === undefined
    })
  const isBack = async (): Promise<void> => {
    for (let tries = 0; ; tries++) {
      if (await tell().then(Boolean.bind(undefined, true), () => false)) return
      assert.ok(tries < 60, 'in time')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  await isAway()
  await later.start()
  await later.send('CONFIG', 'SET', 'requirepass', 'hunter2')
  await isBack()
  await later.stop()
  await isAway()
  await later.start()
  await later.send('CONFIG', 'SET', 'requirepass', 'hunter2')
  await isBack()
})

const impossible: [rule: string, options: RedisHooksOptions, says: RegExp][] = [
  ['neither client nor URL', {}, /^url: hooks need either/],
  ['a URL of something else', { url: 'http://:hunter2@x' }, /^url: must begin with redis/],
  ['a URL that is none', { url: 'redis://:hunter2@a b:x' }, /^url: must begin with redis/],
  ['an event that wants an answer', { url: 'redis://x', events: ['pre-create' as 'post-create'] }, /^events: /],
  ['a length that is none', { url: 'redis://x', maxLength: -1 }, /^maxLength: /],
]
for (const [rule, options, says] of impossible) {
  test(`options are refused by name, without a secret: ${rule}`, () => {
    assert.throws(
      () => redisHooks(options),
      ({ message, code }: Error & { code: string }) => {
        assert.equal(code, 'ERR_INVALID_OPTIONS')
        assert.match(message, says)
        assert.doesNotMatch(message, /hunter2/)
        return true
      },
    )
  })
}
