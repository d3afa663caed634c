/** Requests over real sockets: what a body gives, and how it ends, whatever the client does. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HIGH_WATER } from '../../src/http/body.js'
import type { Exchange } from '../../src/http/exchange.js'
import { nodeHandler } from '../../src/http/node.js'
import type { RequestHead } from '../../src/protocol/message.js'
import type { Body } from '../../src/store/store.js'
import { closeAll, lengthOf, listen, ok, raw, request, until } from './sockets.js'

const MiB = 1024 * 1024

describe('node:http', () => {
  afterEach(closeAll)

  test('a whole body ends as "end", with its announced length', async () => {
    let seen: [number, string | undefined, number | undefined] | undefined
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      seen = [await lengthOf(body), body.ended, body.length]
      await ok(exchange, 'done')
    })
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'PATCH', body: Buffer.alloc(3 * MiB) })
    assert.equal(await answer.text(), 'done')
    assert.deepEqual(seen, [3 * MiB, 'end', 3 * MiB])
  })

  test('the chunks are ours, unless somebody listened before us and may keep them', async () => {
    const seen: (boolean | undefined)[] = []
    const kept: Buffer[] = []
    const look = async (exchange: Exchange): Promise<void> => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      seen.push(body.isOurs)
      await lengthOf(body)
      await ok(exchange, '')
    }
    const handle = nodeHandler({ serve: look })
    const server = createServer((message, response) => {
      if (message.url === '/logged') message.on('data', (chunk: Buffer) => kept.push(chunk))
      handle(message, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    for (const path of ['', 'logged']) {
      await fetch(`http://127.0.0.1:${port}/${path}`, { method: 'PATCH', body: Buffer.alloc(3 * MiB) })
    }
    await new Promise((resolve) => server.close(resolve))
    assert.deepEqual(seen, [true, false])
    assert.equal(Buffer.concat(kept).length, 3 * MiB)
  })

  test('what came and was not read yet is told as unread', async () => {
    let body: Body | undefined
    const port = await listen(async (exchange) => {
      body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
      await until(() => body!.unread! > 0)
      await ok(exchange, `${body.unread} ${await lengthOf(body)} ${body.unread}`)
    })
    const { socket, heard } = raw(port)
    socket.write(`${request('PATCH', 10)}0123456789`)
    await until(() => heard().includes('10 10 0'))
    socket.destroy()
  })

  test('a client that vanishes ends the body as "disconnected", with all that arrived', async () => {
    let hasBegun = false
    let seen: [number, string | undefined] | undefined
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      let length = 0
      for await (const chunk of body) {
        length += chunk.length
        hasBegun = true
      }
      seen = [length, body.ended]
      await ok(exchange, '')
    })
    const { socket } = raw(port)
    socket.write(`${request('PATCH', 1000)}12345`)
    await until(() => hasBegun)
    socket.destroy()
    await until(() => seen !== undefined)
    assert.deepEqual(seen, [5, 'disconnected'])
  })

  test('stop() ends a body at once whose socket hangs, and the client still gets its answer', async () => {
    let body: Body | undefined
    const port = await listen(async (exchange) => {
      body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
      await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
    })
    const { socket, heard, closed } = raw(port)
    socket.write(`${request('PATCH', 1000)}12345`)
    await until(() => body !== undefined)
    await sleep(50)
    const started = performance.now()
    body!.stop()
    await until(() => heard().includes('5 stopped'))
    assert.ok(performance.now() - started < 2_000)
    assert.match(heard(), /connection: close/i)
    await closed
  })

  test('no more than the limit is given, and the rest is told as "too-long"', async () => {
    const port = await listen(async (exchange) => {
      const body = exchange.body(10, 5_000)
      await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
    })
    const exact = await fetch(`http://127.0.0.1:${port}/`, { method: 'PATCH', body: Buffer.alloc(10) })
    assert.equal(await exact.text(), '10 end')
    const long = await fetch(`http://127.0.0.1:${port}/`, { method: 'PATCH', body: Buffer.alloc(11) })
    assert.equal(await long.text(), '10 too-long')
  })

  test('a client that sends nothing for too long ends the body as "timeout"', async () => {
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 500)
      await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
    })
    const { socket, heard } = raw(port)
    socket.write(request('PATCH', 1000))
    for (let sent = 0; sent < 4; sent++) {
      socket.write('x')
      await sleep(200)
    }
    await until(() => heard().includes('4 timeout'))
  })

  test('a store that pauses for longer than the idle time-out is no idle client', async () => {
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 500)
      let length = 0
      for await (const chunk of body) {
        if (length === 0) await sleep(800)
        length += chunk.length
      }
      await ok(exchange, `${length} ${body.ended}`)
    })
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'PATCH', body: Buffer.alloc(4 * MiB) })
    assert.equal(await answer.text(), `${4 * MiB} end`)
  })

  test('a store that does not read pauses the client', async () => {
    const patience = new AbortController()
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
      for await (const _ of body) await sleep(60_000, undefined, { signal: patience.signal })
    })
    const { socket } = raw(port)
    socket.write(request('PATCH', 100 * MiB))
    let sent = 0
    for (; sent < 100 && socket.write(Buffer.alloc(MiB)); sent++) await sleep(1)
    await sleep(200)
    assert.ok(socket.writableLength > 0 || sent < 100, `${sent} MiB went through`)
    assert.ok(socket.bytesWritten - socket.writableLength < 20 * MiB, 'most of it waits at the client')
    socket.destroy()
    patience.abort()
  })

  test('a body is invited only when somebody wants it (Expect: 100-continue)', async () => {
    const port = await listen(async (exchange) => {
      if (exchange.head.method === 'POST') return exchange.answer({ status: 409, fields: {}, text: 'no' })
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
    })
    const wanted = raw(port)
    wanted.socket.write(request('PATCH', 5, 'Expect: 100-continue\r\n'))
    await until(() => wanted.heard().startsWith('HTTP/1.1 100 Continue'))
    wanted.socket.write('12345')
    await until(() => wanted.heard().includes('5 end'))
    wanted.socket.destroy()
    const refused = raw(port)
    refused.socket.write(request('POST', 5, 'Expect: 100-continue\r\n'))
    await until(() => refused.heard().includes('no'))
    assert.match(refused.heard(), /^HTTP\/1\.1 409 /)
    refused.socket.destroy()
  })

  test('a client that sends all and leaves before it was read: what was lost is not called whole', async () => {
    let seen: [number, string | undefined] | undefined
    let received: IncomingMessage | undefined
    let hasBegun = false
    let goOn = (): void => undefined
    const middleware = (request: IncomingMessage, next: () => void): void => {
      received = request
      next()
    }
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
      let length = 0
      for await (const chunk of body) {
        length += chunk.length
        if (hasBegun) continue
        hasBegun = true
        await new Promise<void>((resolve) => (goOn = resolve))
      }
      seen = [length, body.ended]
    }, middleware)
    const { socket } = raw(port)
    const chunk = (size: number): string => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`
    socket.write(`PATCH /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(1)}`)
    await until(() => hasBegun)
    // Fills the queue, which pauses the request; what comes then waits in node, and ends the request there.
    socket.write(chunk(HIGH_WATER))
    await until(() => received!.isPaused())
    socket.write(`${chunk(1000)}0\r\n\r\n`)
    await until(() => received!.complete)
    socket.destroy()
    await until(() => received!.destroyed)
    goOn()
    await until(() => seen !== undefined)
    assert.deepEqual(seen, [1 + HIGH_WATER, 'disconnected'])
  })

  test('a client that leaves before its body is asked for ends it as "disconnected" at once', async () => {
    let hasBegun = false
    let goOn = (): void => undefined
    let seen: [number, string | undefined] | undefined
    const port = await listen(async (exchange) => {
      hasBegun = true
      await new Promise<void>((resolve) => (goOn = resolve))
      const body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
      seen = [await lengthOf(body), body.ended]
    })
    const { socket } = raw(port)
    socket.write(`${request('PATCH', 5)}12345`)
    await until(() => hasBegun)
    socket.destroy()
    await sleep(100)
    goOn()
    await until(() => seen !== undefined)
    assert.deepEqual(seen, [0, 'disconnected'])
  })

  test('a request with neither Content-Length nor chunks has a body of length 0', async () => {
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      await ok(exchange, `${body.length} ${await lengthOf(body)} ${body.ended}`)
    })
    const { socket, heard } = raw(port)
    socket.write('POST / HTTP/1.1\r\nHost: h\r\n\r\n')
    await until(() => heard().endsWith('0 0 end'))
  })

  test('the promise of the handler resolves once the request is answered, and never rejects', async () => {
    const order: string[] = []
    const server = createServer(async (message, response) => {
      const serve = async (exchange: Exchange): Promise<void> => {
        await lengthOf(exchange.body(10, 5_000))
        if (message.url === '/bug') throw new Error('a bug')
        await ok(exchange, 'done')
        order.push('answered')
      }
      await nodeHandler({ serve })(message, response)
      order.push(`${response.headersSent}`)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await fetch(`http://127.0.0.1:${port}/`, { method: 'PATCH', body: 'abc' })
    await assert.rejects(fetch(`http://127.0.0.1:${port}/bug`, { method: 'PATCH', body: 'abc' }))
    await new Promise((resolve) => server.close(resolve))
    assert.deepEqual(order, ['answered', 'true', 'false'])
  })

  test('the head is the request’s, with the whole target where a framework cut it', async () => {
    const heads: RequestHead[] = []
    const mounted = (request: IncomingMessage, next: () => void): void => {
      if (request.url?.startsWith('/up')) {
        Object.assign(request, { originalUrl: request.url, url: request.url.slice('/up'.length) })
      }
      next()
    }
    const port = await listen(async (exchange) => {
      heads.push(exchange.head)
      await ok(exchange, '')
    }, mounted)
    const { socket, heard } = raw(port)
    socket.write('DELETE /up/a%20b?x=1 HTTP/1.1\r\nHost: h\r\nUpload-Offset: 1\r\nUpload-Offset: 2\r\n\r\n')
    await until(() => heard().includes('200 OK'))
    assert.deepEqual([heads[0]?.method, heads[0]?.target], ['DELETE', '/up/a%20b?x=1'])
    assert.equal(heads[0]?.fields['upload-offset'], '1, 2')
    assert.deepEqual([heads[0]?.encrypted, heads[0]?.remoteAddress], [false, '127.0.0.1'])
    await fetch(`http://127.0.0.1:${port}/files/x`)
    assert.equal(heads[1]?.target, '/files/x')
  })

  for (const garbage of ['\0\xff\r\n\r\n', 'GET\r\n\r\n', `${request('PATCH', 'x')}`, `GET / HTTP/9.9\r\n\r\n`]) {
    test(`${JSON.stringify(garbage)} ends its connection, and the next one is served`, async () => {
      const port = await listen((exchange) => ok(exchange, 'served'))
      const { socket, closed } = raw(port)
      socket.write(garbage)
      await closed
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'served')
    })
  }

  test('chunks that are malformed end the body as "disconnected", with what came before', async () => {
    let hasBegun = false
    let seen: [number, string | undefined] | undefined
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
      let length = 0
      for await (const chunk of body) {
        length += chunk.length
        hasBegun = true
      }
      seen = [length, body.ended]
    })
    const { socket } = raw(port)
    socket.write('PATCH / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await until(() => hasBegun)
    socket.write('zz\r\n')
    await until(() => seen !== undefined)
    assert.deepEqual(seen, [3, 'disconnected'])
  })
})
