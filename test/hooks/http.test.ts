import assert from 'node:assert/strict'
import { once } from 'node:events'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { UploadError } from '../../src/errors.js'
import { type HttpHooksOptions, httpHooks, verifyWebhook } from '../../src/hooks/http.js'
import type { RemoteHooks } from '../../src/hooks/remote.js'
import { makeCertificate } from '../support/certificate.js'
import { context, createEvent, deliveredEvent, finishEvent, REQUEST, uploadEvent } from '../support/hook-events.js'
import { type Receiver, type Respond, startReceiver } from '../support/hook-scenario.js'

const SECRET = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
const ALL = [
  'pre-create',
  'post-create',
  'post-receive',
  'pre-finish',
  'post-finish',
  'pre-terminate',
  'post-terminate',
] as const

async function hooksTo(
  test: TestContext,
  respond?: Respond,
  options: Partial<HttpHooksOptions> = {},
): Promise<{ hooks: RemoteHooks; receiver: Receiver }> {
  const receiver = await startReceiver(respond)
  const hooks = httpHooks({ url: receiver.url, events: ALL, backoff: 10, ...options })
  test.after(async () => {
    await hooks.close()
    await receiver.close()
  })
  return { hooks, receiver }
}

test('each hook is one POST of JSON, over one connection', async (test) => {
  const sockets = new Set<unknown>()
  const { hooks, receiver } = await hooksTo(test, (_, response) => {
    sockets.add(response.req.socket)
    return {}
  })
  await hooks.onCreate!(createEvent(), context())
  await hooks.onCreated!(deliveredEvent(), context())
  await hooks.onProgress!(uploadEvent(), context())
  await hooks.onFinish!(finishEvent(), context())
  await hooks.onFinished!(deliveredEvent(), context())
  await hooks.onTerminate!(uploadEvent(), context())
  await hooks.onTerminated!(deliveredEvent({ request: undefined }), context())
  assert.deepEqual(
    receiver.received.map(({ message }) => message.Type),
    ALL,
  )
  assert.equal(sockets.size, 1)
  for (const { headers, message } of receiver.received) {
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(headers['webhook-id'], message.DeliveryID)
    assert.equal(headers['webhook-signature'], undefined)
    assert.equal(headers.authorization, undefined)
  }
  const [created, , , , finished] = receiver.received.map(({ message }) => message)
  assert.equal(created!.Event.Upload.ID, '')
  assert.deepEqual(finished!.Event.Upload.Storage, { Type: 's3store', Bucket: 'media', Key: 'in/a1' })
  assert.equal(finished!.DeliveryID, 'delivery-1')
})

test('by default the events are those of tusd', () => {
  const hooks = httpHooks({ url: 'http://127.0.0.1:1/' })
  const { ready, close, ...rest } = hooks
  assert.deepEqual(Object.keys(rest), ['onCreate', 'onCreated', 'onProgress', 'onTerminated', 'onFinished'])
})

test('what is answered decides', async (test) => {
  const { hooks } = await hooksTo(test, ({ message }) => {
    if (message.Type === 'pre-create') return { ChangeFileInfo: { ID: 'b', MetaData: { a: '1' } } }
    return { RejectTermination: true, HTTPResponse: { StatusCode: 403, Body: 'no' } }
  })
  const decision = await hooks.onCreate!(createEvent(), context())
  assert.deepEqual(decision, { id: 'b', metadata: { a: '1' }, answer: undefined })
  await assert.rejects(async () => hooks.onTerminate!(uploadEvent(), context()), { status: 403, body: 'no' })
})

test('after 500, 429 and a broken connection it is tried again, with one ID, and signed anew', async (test) => {
  let now = 1_000_000
  const { hooks, receiver } = await hooksTo(
    test,
    (_, response) => {
      now += 5_000
      const tries = receiver.received.length
      if (tries === 1) return response.writeHead(500).end()
      if (tries === 2) return response.writeHead(429, { 'Retry-After': '0', Connection: 'close' }).end()
      if (tries === 3) return response.destroy()
      return {}
    },
    { retry: 4, secrets: SECRET, now: () => now },
  )
  await hooks.onFinished!(deliveredEvent(), context())
  assert.equal(receiver.received.length, 4)
  const times = receiver.received.map(({ headers, body }) => {
    verifyWebhook({ body, headers, secrets: SECRET, now: () => now, tolerance: 60_000 })
    assert.equal(headers['webhook-id'], 'delivery-1')
    return headers['webhook-timestamp']
  })
  assert.deepEqual(times, ['1000', '1005', '1010', '1015'])
})

test('Retry-After is waited for, within the time limit', async (test) => {
  const respond: Respond = (_, response) => response.writeHead(503, { 'Retry-After': '3600' }).end()
  const { hooks, receiver } = await hooksTo(test, respond, { timeout: 400 })
  const started = performance.now()
  await assert.rejects(async () => hooks.onFinished!(deliveredEvent(), context()), /no answer in time/)
  assert.ok(performance.now() - started < 5_000)
  assert.equal(receiver.received.length, 1)
})

const failures: [rule: string, respond: Respond, says: RegExp, tries: number][] = [
  ['500 each time', (_, response) => response.writeHead(500).end('hunter2'), /the endpoint answered 500$/, 3],
  ['404', (_, response) => response.writeHead(404).end('hunter2'), /the endpoint answered 404$/, 1],
  ['a redirection', (_, response) => response.writeHead(307, { Location: '/' }).end(), /answered 307$/, 1],
  ['no connection', (_, response) => void response.destroy(), /socket hang up|ECONNRESET/, 3],
  ['another type', (_, response) => response.setHeader('Content-Type', 'text/html').end('{}'), /application\/json$/, 1],
  ['no type', (_, response) => response.end('{}'), /must be application\/json$/, 1],
  [
    'no JSON',
    (_, response) => response.setHeader('Content-Type', 'application/json; charset=utf-8').end('hunter2'),
    /the answer is not JSON$/,
    1,
  ],
  ['too much', () => ({ HTTPResponse: { Body: 'x'.repeat(6_000) } }), /larger than the limit$/, 1],
]
for (const [rule, respond, says, tries] of failures) {
  test(`${rule} is a failure: it has no status, quotes nothing, and is tried ${tries} times`, async (test) => {
    const { hooks, receiver } = await hooksTo(test, respond)
    await assert.rejects(
      async () => hooks.onCreate!(createEvent(), context()),
      (error: Error & { status?: number }) => {
        assert.match(error.message, says)
        assert.match(error.message, /^the hook pre-create could not be asked: /)
        assert.equal(error.status, undefined)
        assert.doesNotMatch(error.message, /hunter2|hooks$/)
        return true
      },
    )
    assert.equal(receiver.received.length, tries)
  })
}

test('nobody listening is a failure', async () => {
  const hooks = httpHooks({ url: 'http://user:hunter2@127.0.0.1:1/?token=hunter2', backoff: 1 })
  await assert.rejects(
    async () => hooks.onCreate!(createEvent(), context()),
    ({ message }: Error) => {
      assert.match(message, /ECONNREFUSED/)
      assert.doesNotMatch(message, /hunter2/)
      return true
    },
  )
})

test('what happened needs no reply: any 2xx will do', async (test) => {
  const { hooks, receiver } = await hooksTo(test, (_, response) => {
    if (receiver.received.length === 1) return response.end('OK')
    if (receiver.received.length === 2) return response.writeHead(204).end()
    return response.end('x'.repeat(100_000))
  })
  await hooks.onCreated!(deliveredEvent(), context())
  await hooks.onFinished!(deliveredEvent(), context())
  await hooks.onTerminated!(deliveredEvent(), context())
  assert.equal(receiver.received.length, 3)
})

test('an answer without a body is an empty reply', async (test) => {
  const { hooks } = await hooksTo(test, (_, response) => response.writeHead(204).end())
  assert.deepEqual(await hooks.onCreate!(createEvent(), context()), { answer: undefined })
})

test('a server that hangs has the time limit, over all tries, and no longer', async (test) => {
  const { hooks } = await hooksTo(test, () => undefined, { timeout: 150 })
  const started = performance.now()
  await assert.rejects(async () => hooks.onCreate!(createEvent(), context()), /no answer in time/)
  const took = performance.now() - started
  assert.ok(took >= 149 && took < 2_000, `${took} ms`)
})

test('the signal of the context ends it, too', async (test) => {
  const { hooks } = await hooksTo(test, () => undefined)
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 50)
  await assert.rejects(async () => hooks.onCreate!(createEvent(), { signal: stop.signal }), /no answer in time/)
  await assert.rejects(async () => hooks.onCreate!(createEvent(), { signal: AbortSignal.abort() }), /no answer in time/)
})

test('fields that are forwarded are spelt as they were named, and others stay', async (test) => {
  const { hooks, receiver } = await hooksTo(test, undefined, {
    forwardHeaders: ['authorization', 'X-TRACE-ID', 'Absent'],
    headers: { Authorization: 'Bearer mine', 'X-Mine': '1' },
    payloadHeaders: ['x-trace-id'],
  })
  await hooks.onFinish!({ ...finishEvent(), request: REQUEST }, context())
  await hooks.onFinished!(deliveredEvent({ request: undefined }), context())
  const [first, second] = receiver.received
  assert.equal(first!.headers.authorization, 'Bearer hunter2')
  assert.equal(first!.headers['x-trace-id'], '7')
  assert.equal(first!.headers['x-mine'], '1')
  assert.deepEqual(first!.message.Event.HTTPRequest.Header, { 'X-Trace-Id': ['7'] })
  assert.equal(second!.headers.authorization, 'Bearer mine')
})

test('a certificate that nobody signed is refused, unless all are taken', async (test) => {
  const { cert, key } = makeCertificate('a receiver')
  let posts = 0
  const server = https.createServer({ cert, key }, (request, response) => {
    posts++
    request.resume()
    response.writeHead(204).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => void server.close(() => undefined).closeAllConnections())
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const strict = httpHooks({ url, retry: 1 })
  await assert.rejects(async () => strict.onCreate!(createEvent(), context()), /certificate/)
  assert.equal(posts, 0)
  const lax = httpHooks({ url, skipVerify: true })
  await lax.onCreate!(createEvent(), context())
  assert.equal(posts, 1)
  await Promise.all([strict.close(), lax.close()])
})

test('a kept connection that the other side has closed is no failed try', async () => {
  // Answers once on each connection, keeps it, and resets it when it is used again.
  let requests = 0
  const server = net.createServer((socket) => {
    let used = false
    socket.on('error', () => undefined)
    socket.on('data', () => {
      if (used) return void socket.resetAndDestroy()
      used = true
      requests++
      socket.write('HTTP/1.1 204 No Content\r\n\r\n')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hooks = httpHooks({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, retry: 1 })
  try {
    for (let round = 0; round < 4; round++) await hooks.onCreated!(deliveredEvent(), context())
    assert.equal(requests, 4)
  } finally {
    await hooks.close()
    server.close()
  }
})

const impossible: [rule: string, options: Partial<HttpHooksOptions>, says: RegExp][] = [
  ['a URL that is none', { url: 'hunter2' }, /^url: hooks need a URL/],
  ['a URL of something else', { url: 'ftp://hunter2@x/' }, /^url: hooks need a URL/],
  ['no try', { retry: 0 }, /^retry: must be a whole number from 1/],
  ['no time', { timeout: Number.NaN }, /^timeout: /],
  ['a time to wait that is none', { backoff: -1 }, /^backoff: /],
  ['a secret that is too short', { secrets: ['whsec_aHVudGVyMg=='] }, /^secret: /],
  ['an event that there is not', { events: ['pre-everything' as 'pre-create'] }, /^events: there is no hook pre-every/],
  ['a field of the connection', { forwardHeaders: ['Content-Length'] }, /^forwardHeaders: Content-Length /],
]
for (const [rule, options, says] of impossible) {
  test(`options are refused by name, without a secret: ${rule}`, () => {
    assert.throws(
      () => httpHooks({ url: 'http://127.0.0.1/', ...options }),
      ({ code, message }: UploadError) => {
        assert.equal(code, 'ERR_INVALID_OPTIONS')
        assert.match(message, says)
        assert.doesNotMatch(message, /hunter2|aHVu/)
        return true
      },
    )
  })
}
