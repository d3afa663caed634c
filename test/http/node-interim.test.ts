/** Interim (1xx) answers, as raw sockets and node's clients hear them. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Exchange, Serve } from '../../src/http/exchange.js'
import { closeAll, listen, ok, raw, request, until } from './sockets.js'
import { ask, closeStreams, connect, hear, listenHttp2 } from './streams.js'

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'
const OFFSET = { 'Upload-Offset': '5' }

/** Answers after some interim answers, and tries another one after that. */
const informing =
  (...heads: readonly (readonly [status: number, fields: Record<string, string>])[]): Serve =>
  async (exchange) => {
    for (const [status, fields] of heads) exchange.inform?.({ status, fields })
    await ok(exchange, 'done')
    exchange.inform?.({ status: 104, fields: OFFSET })
  }

/** Heads that must never be sent so. */
const UNFIT: readonly (readonly [status: number, fields: Record<string, string>])[] = [
  [104, { 'X-A': 'a\r\nb' }],
  [104, { 'X-A': 'ä' }],
  [104, { 'X A': 'a' }],
  [104, { 'X-A\r\nX-B': 'a' }],
  [101, {}],
  [99, {}],
  [200, {}],
]

async function readsBody(exchange: Exchange): Promise<void> {
  exchange.inform?.({ status: 104, fields: { Location: '/files/1' } })
  const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    exchange.inform?.({ status: 104, fields: { 'Upload-Offset': String(length) } })
  }
  await ok(exchange, `${length} ${body.ended}`)
}

describe('interim answers over node:http', () => {
  afterEach(closeAll)

  test('several go before the answer, in order; none goes after it', async () => {
    const port = await listen(informing([104, OFFSET], [102, {}], [104, { 'Upload-Offset': '6' }]))
    const { socket, heard } = raw(port)
    socket.write(GET)
    await until(() => heard().includes('done'))
    await sleep(20)
    const statuses = [...heard().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
    assert.deepEqual(statuses, ['104', '102', '104', '200'])
    assert.match(heard(), /^HTTP\/1\.1 104 [^\r\n]*\r\nUpload-Offset: 5\r\n\r\nHTTP\/1\.1 102 /)
  })

  test('a client of node:http hears them as "information"', async () => {
    const port = await listen(informing([104, OFFSET], [104, { 'Upload-Offset': '6' }]))
    const informed: [number, string | string[] | undefined][] = []
    const status = await new Promise((resolve, reject) => {
      const asked = http.get({ port, host: '127.0.0.1', agent: false })
      asked.on('information', ({ statusCode, headers }) => informed.push([statusCode, headers['upload-offset']]))
      asked.on('response', (response) => resolve(response.resume().statusCode))
      asked.on('error', reject)
    })
    assert.equal(status, 200)
    assert.deepEqual(informed, [
      [104, '5'],
      [104, '6'],
    ])
  })

  test('none goes to HTTP/1.0', async () => {
    const port = await listen(informing([104, OFFSET]))
    const { socket, heard } = raw(port)
    socket.write('GET / HTTP/1.0\r\nHost: h\r\n\r\n')
    await until(() => heard().includes('done'))
    assert.match(heard(), /^HTTP\/1\.1 200 /)
  })

  for (const [status, fields] of UNFIT) {
    test(`none goes with what cannot be sent: ${status} ${JSON.stringify(fields)}`, async () => {
      const port = await listen(informing([status, fields]))
      const { socket, heard } = raw(port)
      socket.write(GET)
      await until(() => heard().includes('done'))
      assert.match(heard(), /^HTTP\/1\.1 200 /)
    })
  }

  test('what frames a message is left out of it', async () => {
    const framing = { 'Content-Length': '5', 'transfer-encoding': 'chunked', Connection: 'close', Trailer: 'X' }
    const port = await listen(informing([104, { ...framing, ...OFFSET }]))
    const { socket, heard } = raw(port)
    socket.write(GET)
    await until(() => heard().includes('done'))
    assert.match(heard(), /^HTTP\/1\.1 104 [^\r\n]*\r\nUpload-Offset: 5\r\n\r\nHTTP\/1\.1 200 /)
  })

  test('a body that waits to be invited is: 100 comes after the 104 that came first', async () => {
    const port = await listen(readsBody)
    const { socket, heard } = raw(port)
    socket.write(request('PATCH', 5, 'Expect: 100-continue\r\n'))
    await until(() => heard().includes(' 100 Continue\r\n'))
    assert.match(heard(), /^HTTP\/1\.1 104 [^\r\n]*\r\nLocation: \/files\/1\r\n\r\nHTTP\/1\.1 100 Continue\r\n\r\n$/)
    socket.write('12345')
    await until(() => heard().includes('5 end'))
    assert.match(heard(), /104 [^\r\n]*\r\nUpload-Offset: 5\r\n/)
  })

  test('one never goes into the answer before it on its connection', async () => {
    const port = await listen(async (exchange) => {
      if (exchange.head.target === '/first') {
        async function* content(): AsyncIterable<Uint8Array> {
          yield Buffer.from('aaa')
          await sleep(100)
          yield Buffer.from('bbb')
        }
        return exchange.answer({ status: 200, fields: { 'Content-Length': '6' } }, content())
      }
      await sleep(30)
      exchange.inform?.({ status: 104, fields: OFFSET })
      await ok(exchange, 'done')
    })
    const { socket, heard } = raw(port)
    socket.write(`${GET.replace('/', '/first')}${GET}`)
    await until(() => heard().includes('done'))
    assert.match(heard(), /aaabbbHTTP/)
  })

  test('a client that is gone gets none, and nothing throws', async () => {
    let outcome: string | undefined
    let exchanged: Exchange | undefined
    const port = await listen(async (exchange) => {
      exchanged = exchange
      for await (const _ of exchange.body(Number.POSITIVE_INFINITY, 5_000)) await sleep(1)
      await sleep(20)
      exchange.inform?.({ status: 104, fields: OFFSET })
      await ok(exchange, 'done')
      outcome = 'answered'
    })
    const { socket } = raw(port)
    socket.write(`${request('PATCH', 100)}12345`)
    await until(() => exchanged !== undefined)
    socket.destroy()
    await until(() => outcome !== undefined)
  })
})

describe('interim answers over node:http2', () => {
  afterEach(closeStreams)

  test('several go before the answer, in order, as "headers" of a client of node:http2; none goes after it', async () => {
    const port = await listenHttp2(informing([104, OFFSET], [102, {}], [104, { 'Upload-Offset': '6' }]))
    const { status, interim, error } = await ask(connect(port), { ':method': 'GET' })
    assert.deepEqual(
      interim.map((fields) => [fields[':status'], fields['upload-offset']]),
      [
        [104, '5'],
        [102, undefined],
        [104, '6'],
      ],
    )
    assert.deepEqual([status, error], [200, undefined])
  })

  for (const [status, fields] of [...UNFIT, [104, { Connection: 'close', 'Content-Length': '5' }] as const]) {
    test(`nothing that cannot be sent goes out: ${status} ${JSON.stringify(fields)}`, async () => {
      const session = connect(await listenHttp2(informing([status, fields])))
      const heard = await ask(session, { ':method': 'GET' })
      assert.deepEqual([heard.status, heard.text, heard.error], [200, 'done', undefined])
      for (const { 'x-a': a, connection, 'content-length': length } of heard.interim) {
        assert.deepEqual([a, connection, length], [undefined, undefined, undefined])
      }
      assert.equal((await ask(session, { ':method': 'GET' })).status, 200, 'the next stream is served')
    })
  }

  test('they tell of a body while it comes', async () => {
    const stream = connect(await listenHttp2(readsBody)).request({ ':method': 'PATCH', ':path': '/x' })
    const heard = hear(stream)
    await until(() => heard.interim.length === 1)
    assert.equal(heard.interim[0]?.location, '/files/1')
    stream.write('12345')
    await until(() => heard.interim.length === 2)
    assert.equal(heard.interim[1]?.['upload-offset'], '5')
    stream.end('678')
    assert.equal((await heard.closed).text, '8 end')
  })
})
