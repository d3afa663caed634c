import assert from 'node:assert/strict'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Exchange } from '../../src/http/exchange.js'
import { nodeHandler } from '../../src/http/node.js'
import type { Body } from '../../src/store/store.js'

const MiB = 1024 * 1024

describe('node:http', () => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  async function listen(serve: (exchange: Exchange) => Promise<void>): Promise<number> {
    const handler = nodeHandler({ serve })
    const server = http.createServer(handler).on('checkContinue', handler).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    closing.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    return (server.address() as AddressInfo).port
  }

  /** A client that says exactly what it is told, and keeps all that it hears. */
  function raw(port: number): { socket: net.Socket; heard: () => string; closed: Promise<void> } {
    const socket = net.connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    return { socket, heard: () => text, closed: new Promise((resolve) => socket.on('close', () => resolve())) }
  }

  async function lengthOf(body: Body): Promise<number> {
    let length = 0
    for await (const chunk of body) length += chunk.length
    return length
  }

  const ok = (exchange: Exchange, text: string): Promise<void> => exchange.answer({ status: 200, fields: {}, text })
  const request = (method: string, length: number | string, more = ''): string =>
    `${method} /x HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n${more}\r\n`

  async function until(condition: () => boolean): Promise<void> {
    for (let tries = 0; !condition(); tries++) {
      assert.ok(tries < 400, 'it did not happen in 4 s')
      await sleep(10)
    }
  }

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

  test('a client that vanishes ends the body as "disconnected", with all that arrived', async () => {
    let seen: [number, string | undefined] | undefined
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      seen = [await lengthOf(body), body.ended]
      await ok(exchange, '')
    })
    const { socket } = raw(port)
    socket.write(`${request('PATCH', 1000)}12345`)
    await sleep(50)
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
    assert.ok(performance.now() - started < 500)
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
      const body = exchange.body(Number.POSITIVE_INFINITY, 60)
      await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
    })
    const { socket, heard } = raw(port)
    socket.write(request('PATCH', 1000))
    for (let sent = 0; sent < 4; sent++) {
      socket.write('x')
      await sleep(30)
    }
    await until(() => heard().includes('4 timeout'))
  })

  test('a store that pauses for longer than the idle time-out is no idle client', async () => {
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 80)
      let length = 0
      for await (const chunk of body) {
        if (length === 0) await sleep(200)
        length += chunk.length
      }
      await ok(exchange, `${length} ${body.ended}`)
    })
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'PATCH', body: Buffer.alloc(4 * MiB) })
    assert.equal(await answer.text(), `${4 * MiB} end`)
  })

  test('a store that does not read pauses the client', async () => {
    let release = (): void => undefined
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
      for await (const _ of body) await new Promise<void>((resolve) => (release = resolve))
    })
    const { socket } = raw(port)
    socket.write(request('PATCH', 100 * MiB))
    let sent = 0
    for (; sent < 100 && socket.write(Buffer.alloc(MiB)); sent++) await sleep(1)
    await sleep(200)
    assert.ok(socket.writableLength > 0 || sent < 100, `${sent} MiB went through`)
    assert.ok(socket.bytesWritten - socket.writableLength < 20 * MiB, 'most of it waits at the client')
    socket.destroy()
    release()
  })

  test('an early answer reaches a client that is still sending', async () => {
    const port = await listen((exchange) => exchange.answer({ status: 413, fields: {}, text: 'too large' }))
    const { socket, heard, closed } = raw(port)
    socket.write(request('PATCH', 50 * MiB))
    socket.write(Buffer.alloc(2 * MiB))
    await until(() => heard().includes('too large'))
    assert.match(heard(), /^HTTP\/1\.1 413 /)
    await closed
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

  test('requests in a row on one connection keep their order', async () => {
    const port = await listen(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      await ok(exchange, `<${await lengthOf(body)}>`)
    })
    const { socket, heard } = raw(port)
    socket.write(`${request('PATCH', 3)}abc${request('PATCH', 2)}de${request('PATCH', 0)}`)
    await until(() => heard().includes('<0>'))
    assert.deepEqual(
      [...heard().matchAll(/<(\d)>/g)].map(([, length]) => length),
      ['3', '2', '0'],
    )
    socket.destroy()
  })

  test('HEAD has no content, and content that breaks midway breaks the connection', async () => {
    const port = await listen(async (exchange) => {
      async function* content(): AsyncIterable<Uint8Array> {
        yield Buffer.alloc(10)
        await sleep(20)
        throw new Error('the store broke')
      }
      await exchange.answer({ status: 200, fields: { 'Content-Length': '100' } }, content())
    })
    const head = await fetch(`http://127.0.0.1:${port}/`, { method: 'HEAD' })
    assert.equal(head.headers.get('content-length'), '100')
    const broken = await fetch(`http://127.0.0.1:${port}/`)
    await assert.rejects(broken.arrayBuffer())
  })

  test('content is no longer read when the client is gone', async () => {
    let isReturned = false
    const port = await listen(async (exchange) => {
      async function* content(): AsyncIterable<Uint8Array> {
        try {
          for (;;) {
            yield Buffer.alloc(MiB)
            await sleep(1)
          }
        } finally {
          isReturned = true
        }
      }
      await exchange.answer({ status: 200, fields: {} }, content())
    })
    const { socket } = raw(port)
    socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
    await sleep(100)
    socket.destroy()
    await until(() => isReturned)
  })

  test('a handler that throws ends its connection, not the process', async () => {
    const port = await listen(async () => {
      throw new Error('a bug')
    })
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
  })
})
