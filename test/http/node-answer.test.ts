/** Answers over real sockets: each connection is in step afterwards, or closed, whatever client and content do. */
import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Content } from '../../src/http/exchange.js'
import { STALL_TIME } from '../../src/http/node-answer.js'
import { closeAll, lengthOf, listen, ok, raw, request, until } from './sockets.js'

const MiB = 1024 * 1024
const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'

describe('node:http, answers', () => {
  afterEach(closeAll)

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

  test('content is no longer read for a client that takes nothing of it for a minute', async (context) => {
    let [given, isReturned] = [0, false]
    const port = await listen(async (exchange) => {
      async function* content(): AsyncIterable<Uint8Array> {
        try {
          for (;;) {
            given += MiB
            yield Buffer.alloc(MiB)
          }
        } finally {
          isReturned = true
        }
      }
      await exchange.answer({ status: 200, fields: {} }, content())
    })
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const { socket, closed } = raw(port)
    socket.pause()
    socket.write(GET)
    let before = -1
    for (let turns = 0; turns < 2_000 || given !== before; turns++) {
      before = given
      await new Promise((resolve) => setImmediate(resolve))
    }
    context.mock.timers.tick(STALL_TIME - 1)
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(!isReturned, 'it may take its time')
    context.mock.timers.tick(1)
    socket.resume()
    await closed
    assert.ok(isReturned)
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
    const { socket, heard } = raw(port)
    socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
    await until(() => heard().length > 0)
    socket.destroy()
    await until(() => isReturned)
  })

  test('a handler that throws ends its connection, not the process', async () => {
    const port = await listen(async () => {
      throw new Error('a bug')
    })
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
  })

  test('a handler that throws before it waits ends its connection, not the process', async () => {
    const port = await listen(() => {
      throw new Error('a bug')
    })
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
  })

  test('a client that sends 50 MB which nobody wants can read why', async () => {
    const port = await listen((exchange) => exchange.answer({ status: 413, fields: {}, text: 'too large' }))
    const { socket, heard, closed } = raw(port)
    socket.write(request('PATCH', 50 * MiB))
    let isOpen = true
    void closed.then(() => (isOpen = false))
    for (let sent = 0; sent < 50 && isOpen; sent++) {
      if (!socket.write(Buffer.alloc(MiB))) await Promise.race([new Promise((go) => socket.once('drain', go)), closed])
    }
    await closed
    assert.match(heard(), /^HTTP\/1\.1 413 .*too large$/s)
    assert.match(heard(), /^connection: close\r$/im)
  })

  test('a client that reads only when it has sent all can read why, too', async () => {
    const port = await listen((exchange) => exchange.answer({ status: 413, fields: {}, text: 'too large' }))
    const { socket, heard, closed } = raw(port)
    socket.pause()
    socket.write(request('PATCH', 2 * MiB))
    for (let sent = 0; sent < 20; sent++) {
      socket.write(Buffer.alloc((2 * MiB) / 20 + 1))
      await sleep(10)
    }
    socket.resume()
    await closed
    assert.match(heard(), /too large$/)
  })

  test('a client that sends on slowly is let go after a while', async () => {
    const port = await listen((exchange) => exchange.answer({ status: 409, fields: {}, text: 'no' }))
    const { socket, heard, closed } = raw(port)
    socket.write(request('PATCH', 50 * MiB))
    const dripping = setInterval(() => socket.write('x'), 20)
    const started = performance.now()
    await closed
    clearInterval(dripping)
    assert.ok(performance.now() - started < 10_000)
    assert.match(heard(), /no$/)
  })

  test('a refusal is handed over before the client has ended its body', async () => {
    let took = 0
    const port = await listen(async (exchange) => {
      const started = performance.now()
      await exchange.answer({ status: 409, fields: {}, text: 'no' })
      took = performance.now() - started
    })
    const { socket, heard } = raw(port)
    socket.write(`${request('PATCH', 1000)}1`)
    await until(() => heard().endsWith('no') && took > 0)
    assert.ok(took < 500, `${took} ms`)
  })

  test('refusing a request without a body keeps its connection', async () => {
    const port = await listen((exchange) => exchange.answer({ status: 404, fields: {}, text: 'no;' }))
    const { socket, heard } = raw(port)
    socket.write(GET + GET)
    await until(() => heard().match(/no;/g)?.length === 2)
    assert.doesNotMatch(heard(), /connection: close/i)
  })

  for (const size of [10, 40_000, 200_000]) {
    test(`${size} bytes that nobody read are not taken for the next request`, async () => {
      const port = await listen(async (exchange) => {
        await sleep(30)
        await ok(exchange, `${exchange.head.method};`)
      })
      const { socket, heard, closed } = raw(port)
      // What looks like a request, within a body.
      const smuggled = `${'DELETE / HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(size / 10)}`.slice(0, size)
      socket.write(request('PATCH', size) + smuggled + GET)
      await Promise.race([closed, until(() => heard().includes('GET;'))])
      assert.match(heard(), /PATCH;/)
      assert.doesNotMatch(heard(), /DELETE;/)
      assert.ok(heard().includes('GET;') || /connection: close/i.test(heard()))
    })
  }

  test('a body of which a part was read is not taken for the next request either', async () => {
    const port = await listen(async (exchange) => {
      const body = exchange.body(3, 5_000)
      await ok(exchange, `${exchange.head.method} ${await lengthOf(body)} ${body.ended};`)
    })
    const { socket, heard, closed } = raw(port)
    socket.write(`${request('PATCH', 40_000)}${GET.repeat(2_000)}`.slice(0, 40_000 + request('PATCH', 40_000).length))
    socket.write('HEAD / HTTP/1.1\r\nHost: h\r\n\r\n')
    await Promise.race([closed, until(() => heard().match(/HTTP\/1\.1 200/g)?.length === 2)])
    assert.match(heard(), /PATCH 3 too-long;/)
    assert.doesNotMatch(heard(), /GET/)
  })

  const framing: [status: number, method: string, text: string | undefined, length: string | undefined][] = [
    [200, 'GET', 'abc', '3'],
    [200, 'GET', 'ä', '2'],
    [201, 'POST', undefined, '0'],
    [204, 'PATCH', undefined, undefined],
    [304, 'GET', undefined, undefined],
    [404, 'HEAD', 'abc', '3'],
    [200, 'HEAD', undefined, undefined],
  ]
  for (const [status, method, text, length] of framing) {
    test(`${status} to ${method} with text ${text}: Content-Length is ${length}, and nothing is chunked`, async () => {
      const head = { status, fields: {}, ...(text === undefined ? {} : { text }) }
      const port = await listen((exchange) => exchange.answer(head))
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method })
      assert.deepEqual([answer.status, answer.headers.get('content-length')], [status, length ?? null])
      assert.equal(answer.headers.get('transfer-encoding'), null)
      assert.equal(await answer.text(), method === 'HEAD' ? '' : (text ?? ''))
    })
  }

  for (const [rule, size] of [
    ['short', 10],
    ['long', 200],
  ] as const) {
    test(`content that is too ${rule} for its Content-Length breaks the connection`, async () => {
      const port = await listen((exchange) =>
        exchange.answer(
          { status: 200, fields: { 'Content-Length': '100' } },
          once(Buffer.alloc(50), 20, Buffer.alloc(size)),
        ),
      )
      const { socket, heard, closed } = raw(port)
      socket.write(GET + GET)
      await closed
      assert.ok((heard().split('\r\n\r\n')[1]?.length ?? 0) <= 100)
      assert.equal(heard().match(/HTTP\/1\.1/g)?.length ?? 0, 1, 'the next request is not answered on it')
    })
  }

  test('content goes at the pace of a client that does not read', async () => {
    let given = 0
    const port = await listen(async (exchange) => {
      async function* content(): AsyncIterable<Uint8Array> {
        for (; given < 100; given++) yield Buffer.alloc(MiB)
      }
      await exchange.answer({ status: 200, fields: {} }, content())
    })
    const { socket } = raw(port)
    socket.pause()
    socket.write(GET)
    await until(() => given > 0)
    await sleep(300)
    assert.ok(given < 50, `${given} MiB were read ahead`)
  })

  test('a client that leaves while the store is silent ends the answer, and the content is told', async () => {
    const seen = { isAsked: false, isReturned: false, isAnswered: false }
    const silent: Content = {
      [Symbol.asyncIterator]: () => ({
        next() {
          seen.isAsked = true
          return new Promise(() => undefined)
        },
        async return() {
          seen.isReturned = true
          return { done: true, value: undefined }
        },
      }),
    }
    const port = await listen(async (exchange) => {
      await exchange.answer({ status: 200, fields: {} }, silent)
      seen.isAnswered = true
    })
    const { socket } = raw(port)
    socket.write(GET)
    await until(() => seen.isAsked)
    socket.destroy()
    await until(() => seen.isReturned && seen.isAnswered)
  })

  test('content whose turn never comes on a pipelined connection is given up with it', async () => {
    let hasBegun = false
    let isAnswered = false
    const port = await listen(async (exchange) => {
      if (exchange.head.target === '/never') return new Promise(() => undefined)
      hasBegun = true
      await exchange.answer({ status: 200, fields: {} }, endless())
      isAnswered = true
    })
    const { socket } = raw(port)
    socket.write(`${GET.replace('/', '/never')}${GET}`)
    await until(() => hasBegun)
    socket.destroy()
    await until(() => isAnswered)
  })

  test('HEAD never has content, which is told so', async () => {
    let isReturned = false
    const content: Content = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: Buffer.from('secret') }),
        async return() {
          isReturned = true
          return { done: true, value: undefined }
        },
      }),
    }
    const port = await listen((exchange) => exchange.answer({ status: 200, fields: {} }, content))
    const { socket, heard } = raw(port)
    socket.write('HEAD / HTTP/1.1\r\nHost: h\r\n\r\n')
    await until(() => heard().includes('\r\n\r\n') && isReturned)
    assert.doesNotMatch(heard(), /secret/)
  })

  test('a field that cannot be sent costs its connection, not the process', async () => {
    const port = await listen((exchange) => exchange.answer({ status: 200, fields: { 'X-A': 'a\r\nb' }, text: '' }))
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
  })
})

/** Chunks, and milliseconds between them. */
async function* once(...steps: readonly (Uint8Array | number)[]): AsyncIterable<Uint8Array> {
  for (const step of steps) {
    if (typeof step === 'number') await sleep(step)
    else yield step
  }
}

async function* endless(): AsyncIterable<Uint8Array> {
  for (;;) {
    yield Buffer.alloc(MiB)
    await sleep(1)
  }
}
