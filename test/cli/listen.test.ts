/** The HTTP server of the command over real sockets: what it answers to what is no request, and what its limits are. */
import assert from 'node:assert/strict'
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
  const server = createHttpServer({ holdfast: { serve }, basePath: '/files' }, limits)
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
