/** The HTTP server of the command over real sockets: what it answers to what is no request, and what its limits are. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bind, createHttpServer } from '../../src/cli/listen.js'
import type { Serve } from '../../src/http/exchange.js'
import { lengthOf, ok, raw } from '../http/sockets.js'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** @returns the port */
async function listen(serve: Serve, limits = {}): Promise<number> {
  const { server } = createHttpServer({ holdfast: { serve }, basePath: '/files' }, limits)
  const port = await bind(server, '127.0.0.1', 0)
  closing.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return port
}

const request = (method: string, length: number, body = ''): string =>
  `${method} /files/a HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n${body}`

test('what is pipelined behind an answer that closes the connection is not served, and does not end the process', async () => {
  const served: string[] = []
  const port = await listen(async (exchange) => {
    const { method } = exchange.head
    served.push(method)
    // The first answer closes the connection, since its body is not read; the second goes on when that has happened.
    if (method === 'PATCH') await sleep(100).then(() => lengthOf(exchange.body(10, 1_000)))
    await ok(exchange, method)
  })
  const { socket, heard, closed } = raw(port)
  const body = 'x'.repeat(100_000)
  socket.write(
    `${request('POST', body.length, body)}${request('PATCH', 3, 'abc')}${request('DELETE', 0)}no request\r\n\r\n`,
  )
  await closed
  await sleep(50)
  assert.match(heard(), /^HTTP\/1\.1 200 OK\r\n.*POST$/s)
  assert.deepEqual(served, ['POST', 'PATCH'])
})

const GET = 'GET /files/a HTTP/1.1\r\nHost: h\r\n'
const CHUNKED = 'PATCH /files/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'
const many = (count: number): string => 'a: b\r\n'.repeat(count)

/** What is sent, and the status lines that come, in order; then the connection is closed. */
const refused: [rule: string, sent: string, statuses: number[]][] = [
  ['a head that is larger than the bound is 431', `${GET}X: ${'y'.repeat(40_000)}\r\n\r\n`, [431]],
  [
    'a head that is larger, and goes on for long, is 431 all the same',
    `${GET}X: ${'y'.repeat(2_000_000)}\r\n\r\n`,
    [431],
  ],
  [
    'a target that is larger than the bound is 431',
    `GET /files/${'y'.repeat(40_000)} HTTP/1.1\r\nHost: h\r\n\r\n`,
    [431],
  ],
  ['a head of more fields than the bound is 431', `${GET}${many(1_000)}Connection: close\r\n\r\n`, [431]],
  [
    'trailers that are larger than the bound are 431',
    `${CHUNKED}1\r\na\r\n0\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`,
    [431],
  ],
  ['chunk extensions without end are 413', `${CHUNKED}1;${'y'.repeat(40_000)}\r\na\r\n0\r\n\r\n`, [413]],
  ['a head that does not come whole in time is 408', GET, [408]],
  ['no head at all in time is 408', '', [408]],
  ['what is no request is 400', 'hello\r\n\r\n', [400]],
  ['two lengths are 400', `${GET}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, [400]],
  [
    'a length beside chunks is 400',
    `${GET}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    [400],
  ],
  ['a request without Host is 400', 'GET /files/a HTTP/1.1\r\n\r\n', [400]],
  ['another expectation than 100-continue is 417', `${GET}Expect: something\r\nConnection: close\r\n\r\n`, [417]],
  ['HTTP/1.0 is answered, and the connection closed', 'GET /files/a HTTP/1.0\r\n\r\n', [200]],
  ['two requests are answered in order', `${GET}\r\n${GET}Connection: close\r\n\r\n`, [200, 200]],
]
for (const [rule, sent, statuses] of refused) {
  test(rule, async () => {
    const limits = { headersTimeout: 300, connectionsCheckingInterval: 50 }
    const port = await listen(async (exchange) => {
      await lengthOf(exchange.body(1_000, 1_000))
      await ok(exchange, 'done')
    }, limits)
    const { socket, heard, closed } = raw(port)
    const errors: Error[] = []
    socket.on('error', (error) => errors.push(error))
    socket.write(sent)
    await closed
    assert.deepEqual(errors, [], 'the client sees an end, and no reset')
    assert.deepEqual(
      [...heard().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status)),
      statuses,
    )
  })
}

test('a body that is not wanted holds its connection for a moment only, whatever it was sent with', async () => {
  const port = await listen((exchange) => ok(exchange, 'done'))
  for (const lines of ['Expect: something\r\n', 'X: y\r\n']) {
    for (const target of ['/files/a', '/healthz', '/nothing']) {
      const { socket, closed } = raw(port)
      socket.write(`GET ${target} HTTP/1.1\r\nHost: h\r\n${lines}Content-Length: 1000000\r\n\r\nx`)
      const sending = setInterval(() => socket.write('x'), 50)
      const late = sleep(5_000, 'late', { ref: false })
      assert.notEqual(await Promise.race([closed, late]), 'late', `${target} ${lines}`)
      clearInterval(sending)
    }
  }
})

test('a client that goes on sending behind its refused head is not reset before it can have heard why', async () => {
  const port = await listen((exchange) => ok(exchange, 'done'))
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const errors: Error[] = []
  socket.on('error', (error) => errors.push(error)).resume()
  socket.write(`${GET}X: `)
  for (let round = 0; round < 30; round++) {
    socket.write('y'.repeat(20_000))
    await sleep(10)
  }
  assert.deepEqual(errors, [])
  socket.destroy()
})

test('a head of as many fields as the bound is served whole', async () => {
  const port = await listen((exchange) => ok(exchange, String(exchange.head.fields['x-last'])), {
    maxHeaderCount: 3_000,
  })
  const { socket, heard, closed } = raw(port)
  socket.write(`${GET}${many(2_997)}X-Last: here\r\nConnection: close\r\n\r\n`)
  await closed
  assert.match(heard(), /here$/)
})

test('in the midst of an answer no other one is told, but the connection ends', async () => {
  const total = 64 * 1024 * 1024
  const port = await listen(async (exchange) => {
    async function* content(): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < total; sent += 65_536) yield Buffer.alloc(65_536, 'x')
    }
    await exchange.answer({ status: 200, fields: { 'Content-Length': String(total) } }, content())
  })
  const { socket, heard, closed } = raw(port)
  socket.write(`${GET}\r\n`)
  while (heard().length < 1_000) await sleep(5)
  socket.write('no request\r\n\r\n')
  await closed
  assert.ok(heard().length < total)
  assert.doesNotMatch(heard().slice(100), /HTTP/)
})

test('a connection of HTTP/2 without a frame is told to go after as long as one of HTTP/1.1', {
  timeout: 10_000,
}, async () => {
  const port = await listen((exchange) => ok(exchange, ''), { h2c: true, keepAliveTimeout: 200 })
  const session = http2.connect(`http://127.0.0.1:${port}`)
  await once(session, 'goaway')
  session.destroy()
})
