/** Requests and answers over streams of HTTP/2: each stream is answered or reset, and its neighbours go on. */
import assert from 'node:assert/strict'
import http2 from 'node:http2'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Exchange } from '../../src/http/exchange.js'
import type { RequestHead } from '../../src/protocol/message.js'
import { lengthOf, ok, until } from './sockets.js'
import { ask, closeStreams, connect, frames, hear, listenHttp2, REQUEST } from './streams.js'

const MiB = 1024 * 1024
const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = http2.constants

/** Reads the body, and tells how it ended. */
const reading =
  (seen: (string | number | undefined)[][]) =>
  async (exchange: Exchange): Promise<void> => {
    const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
    seen.push([await lengthOf(body), body.ended, body.length])
    await ok(exchange, `${body.ended}`)
  }

describe('node:http2, requests', () => {
  afterEach(closeStreams)

  test('the head is the request’s; :authority is its host, and no pseudo-header field is a field', async () => {
    const heads: RequestHead[] = []
    const port = await listenHttp2(async (exchange) => {
      heads.push(exchange.head)
      await ok(exchange, '')
    })
    await ask(connect(port), { ':method': 'DELETE', ':path': '/a%20b?x=1', ':authority': 'up.example', 'x-a': '1' })
    assert.deepEqual(heads[0], {
      method: 'DELETE',
      target: '/a%20b?x=1',
      fields: { host: 'up.example', 'x-a': '1' },
      encrypted: false,
      remoteAddress: '127.0.0.1',
    })
    // A Host beside it is not believed.
    const { headers } = frames(port)
    headers([...REQUEST('GET'), ['host', 'elsewhere'], ['upload-offset', '1'], ['upload-offset', '2']], { end: true })
    await until(() => heads.length === 2)
    assert.deepEqual(heads[1]?.fields, { host: 'h', 'upload-offset': '1, 2' })
  })

  test('a whole body ends as "end", with its length announced or not', async () => {
    const seen: (string | number | undefined)[][] = []
    const session = connect(await listenHttp2(reading(seen)))
    const body = Buffer.alloc(3 * MiB)
    assert.equal((await ask(session, { ':method': 'PATCH', 'content-length': body.length }, body)).text, 'end')
    assert.equal((await ask(session, { ':method': 'PATCH' }, body)).text, 'end')
    assert.equal((await ask(session, { ':method': 'PATCH' }, '')).text, 'end')
    assert.equal((await ask(session, { ':method': 'PATCH' })).text, 'end')
    assert.deepEqual(seen, [
      [3 * MiB, 'end', 3 * MiB],
      [3 * MiB, 'end', undefined],
      [0, 'end', undefined],
      [0, 'end', 0],
    ])
  })

  for (const [name, code] of [
    ['NO_ERROR', NGHTTP2_NO_ERROR],
    ['CANCEL', NGHTTP2_CANCEL],
    ['PROTOCOL_ERROR', NGHTTP2_PROTOCOL_ERROR],
  ] as const) {
    test(`a stream that is reset with ${name} ends its body as "disconnected", with all that arrived`, async () => {
      let came = 0
      let ended: string | undefined
      const port = await listenHttp2(async (exchange) => {
        const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
        for await (const chunk of body) came += chunk.length
        ended = body.ended
        exchange.inform?.({ status: 104, fields: {} })
        await ok(exchange, 'nobody hears this')
      })
      const { headers, data, reset } = frames(port)
      headers(REQUEST('PATCH'))
      data('12345')
      await until(() => came === 5)
      reset(code)
      await until(() => ended !== undefined)
      assert.equal(ended, 'disconnected')
    })

    test(`a stream that is reset with ${name} while the store is busy is "disconnected", too`, async () => {
      let hasBegun = false
      let goOn = (): void => undefined
      let seen: [number, string | undefined] | undefined
      const port = await listenHttp2(async (exchange) => {
        const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
        let length = 0
        for await (const chunk of body) {
          length += chunk.length
          if (hasBegun) continue
          hasBegun = true
          await new Promise<void>((resolve) => (goOn = resolve))
        }
        seen = [length, body.ended]
        await ok(exchange, '')
      })
      const { headers, data, reset } = frames(port)
      headers(REQUEST('PATCH'))
      data('x')
      await until(() => hasBegun)
      for (let sent = 0; sent < 3; sent++) data('x'.repeat(16_000))
      await sleep(50)
      reset(code)
      await sleep(50)
      goOn()
      await until(() => seen !== undefined)
      assert.equal(seen![1], 'disconnected')
      assert.equal(seen![0], 48_001)
    })
  }

  test('a client of node that destroys its stream or its session midway ends the body as "disconnected"', async () => {
    let came = 0
    const ended: (string | undefined)[] = []
    const port = await listenHttp2(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      for await (const chunk of body) came += chunk.length
      ended.push(body.ended)
      await ok(exchange, '')
    })
    const session = connect(port)
    // With close() it would end the body, and reset the stream after that.
    const leave: ((stream: http2.ClientHttp2Stream) => unknown)[] = [
      (stream) => stream.destroy(),
      () => session.destroy(),
    ]
    for (const [index, go] of leave.entries()) {
      const stream = session.request({ ':method': 'PATCH', ':path': '/x' })
      stream.on('error', () => undefined)
      stream.write('12345')
      await until(() => came === 5 * (index + 1))
      go(stream)
      await until(() => ended.length === index + 1)
    }
    assert.deepEqual(ended, Array(2).fill('disconnected'))
  })

  test('a body that is shorter or longer than its Content-Length is "disconnected"', async () => {
    const seen: (string | number | undefined)[][] = []
    const port = await listenHttp2(reading(seen))
    for (const bytes of ['123', '1234567']) {
      const { headers, data } = frames(port)
      headers(REQUEST('PATCH', ['content-length', '5']))
      data(bytes, { end: true })
    }
    await until(() => seen.length === 2)
    for (const [length, ended] of seen) {
      assert.equal(ended, 'disconnected')
      assert.ok(Number(length) <= 5)
    }
  })

  test('a store that does not read pauses its stream within the window, and no other stream', async () => {
    const patience = new AbortController()
    let came = 0
    const port = await listenHttp2(
      async (exchange) => {
        const body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
        if (exchange.head.method === 'POST') return ok(exchange, `${await lengthOf(body)}`)
        for await (const chunk of body) {
          came += chunk.length
          await sleep(60_000, undefined, { signal: patience.signal }).catch(() => undefined)
        }
      },
      { settings: { initialWindowSize: MiB } },
    )
    const session = connect(port)
    const stuck = session.request({ ':method': 'PATCH', ':path': '/x' })
    stuck.on('error', () => undefined)
    let sent = 0
    for (let tries = 0; tries < 50; tries++) {
      if (!stuck.write(Buffer.alloc(MiB), () => (sent += 1))) await sleep(10)
    }
    await sleep(200)
    assert.ok(came > 0 && came <= 64 * 1024, `${came} bytes were taken`)
    assert.ok(sent <= 2, `${sent} MiB went through`)
    const other = await ask(session, { ':method': 'POST' }, Buffer.alloc(8 * MiB))
    assert.equal(other.text, String(8 * MiB))
    patience.abort()
  })

  test('a body is invited only when somebody wants it (Expect: 100-continue)', async () => {
    const port = await listenHttp2(async (exchange) => {
      if (exchange.head.method === 'POST') return exchange.answer({ status: 409, fields: {}, text: 'no' })
      exchange.inform?.({ status: 104, fields: { 'Upload-Offset': '0' } })
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
    })
    const session = connect(port)
    const wanted = session.request({ ':method': 'PATCH', ':path': '/x', expect: '100-continue' })
    const heard = hear(wanted)
    await new Promise<void>((resolve) => wanted.once('continue', () => resolve()))
    wanted.end('12345')
    assert.equal((await heard.closed).text, '5 end')
    assert.deepEqual(
      heard.interim.map((fields) => fields[':status']),
      [104, 100],
    )
    const refused = hear(session.request({ ':method': 'POST', ':path': '/x', expect: '100-continue' }))
    await refused.closed
    assert.deepEqual([refused.status, refused.text, refused.interim.length], [409, 'no', 0])
  })

  test('the 100 that node sends by itself is not sent twice', async () => {
    const { nodeHandler } = await import('../../src/http/node.js')
    const handler = nodeHandler({
      async serve(exchange) {
        const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
        await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
      },
    })
    const server = http2.createServer(handler).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', () => resolve(undefined)))
    const session = connect((server.address() as { port: number }).port)
    const heard = await ask(session, { ':method': 'PATCH', expect: '100-continue' }, '12345')
    assert.equal(heard.text, '5 end')
    assert.equal(heard.interim.length, 1)
    session.destroy()
    server.close()
  })
})

describe('node:http2, answers', () => {
  afterEach(closeStreams)

  test('a client that sends 50 MB which nobody wants sees the answer, and its stream is closed with NO_ERROR', async () => {
    const streams: http2.ServerHttp2Stream[] = []
    const refuse = (exchange: Exchange) => exchange.answer({ status: 413, fields: {}, text: 'too large' })
    const session = connect(await listenHttp2(refuse, {}, streams))
    const stream = session.request({ ':method': 'PATCH', ':path': '/x', 'content-length': 50 * MiB })
    const heard = hear(stream)
    for (let sent = 0; sent < 50 && !stream.closed; sent++) {
      if (!stream.write(Buffer.alloc(MiB))) await Promise.race([heard.closed, sleep(50)])
    }
    await heard.closed
    assert.deepEqual([heard.status, heard.text], [413, 'too large'])
    assert.deepEqual([stream.closed, heard.code, heard.error], [true, NGHTTP2_NO_ERROR, undefined])
    assert.equal((await ask(session, { ':method': 'GET' })).status, 413, 'the next stream is served')
    await until(() => streams.every(({ destroyed }) => destroyed))
  })

  test('stop() ends a body at once whose stream hangs, and the client still gets its answer', async () => {
    const port = await listenHttp2(async (exchange) => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 60_000)
      setTimeout(() => body.stop(), 100)
      await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
    })
    const stream = connect(port).request({ ':method': 'PATCH', ':path': '/x' })
    const heard = hear(stream)
    stream.write('12345')
    await heard.closed
    assert.deepEqual([heard.text, heard.code, heard.error], ['5 stopped', NGHTTP2_NO_ERROR, undefined])
  })

  test('a request that came whole is answered without a reset', async () => {
    const resets: string[] = []
    const port = await listenHttp2((exchange) => ok(exchange, 'done'))
    const { socket, headers, data } = frames(port)
    const heard: Buffer[] = []
    socket.on('data', (chunk) => heard.push(chunk))
    headers(REQUEST('PATCH', ['content-length', '5']))
    data('12345', { end: true })
    await until(() => Buffer.concat(heard).includes('done'))
    await sleep(50)
    for (let rest = Buffer.concat(heard); rest.length >= 9; rest = rest.subarray(9 + rest.readUIntBE(0, 3))) {
      if (rest[3] === 3) resets.push(rest.subarray(9, 13).toString('hex'))
    }
    assert.deepEqual(resets, [])
  })

  for (const length of [undefined, 100]) {
    test(`content ${length === undefined ? 'without' : 'with'} a length that breaks midway resets its stream, and no other`, async () => {
      const port = await listenHttp2(async (exchange) => {
        if (exchange.head.method === 'POST') return ok(exchange, 'served')
        async function* content(): AsyncIterable<Uint8Array> {
          yield Buffer.from('0123456789')
          await sleep(20)
          throw new Error('the store broke')
        }
        const fields: Record<string, string> = length === undefined ? {} : { 'Content-Length': String(length) }
        await exchange.answer({ status: 200, fields }, content())
      })
      const session = connect(port)
      const broken = await ask(session, { ':method': 'GET' })
      assert.deepEqual(
        [broken.status, broken.text, broken.code, broken.error],
        [200, '0123456789', NGHTTP2_INTERNAL_ERROR, 'ERR_HTTP2_STREAM_ERROR'],
      )
      assert.equal((await ask(session, { ':method': 'POST' })).text, 'served')
      const head = await ask(session, { ':method': 'HEAD' })
      assert.deepEqual([head.status, head.text, head.code], [200, '', NGHTTP2_NO_ERROR])
    })
  }

  for (const [rule, size] of [
    ['short', 10],
    ['long', 200],
  ] as const) {
    test(`content that is too ${rule} for its Content-Length resets its stream`, async () => {
      const port = await listenHttp2((exchange) => {
        async function* content(): AsyncIterable<Uint8Array> {
          yield Buffer.alloc(50)
          yield Buffer.alloc(size)
        }
        return exchange.answer({ status: 200, fields: { 'Content-Length': '100' } }, content())
      })
      const heard = await ask(connect(port), { ':method': 'GET' })
      assert.equal(heard.error, 'ERR_HTTP2_STREAM_ERROR')
      assert.ok(heard.text.length <= 100)
    })
  }

  test('content goes at the pace of a client that does not read, and ends when it leaves', async () => {
    let given = 0
    let isReturned = false
    const port = await listenHttp2(async (exchange) => {
      async function* content(): AsyncIterable<Uint8Array> {
        try {
          for (; given < 1_000; given++) yield Buffer.alloc(10_000)
        } finally {
          isReturned = true
        }
      }
      await exchange.answer({ status: 200, fields: {} }, content())
    })
    const stream = connect(port).request({ ':path': '/x' })
    stream.on('error', () => undefined)
    stream.pause()
    await until(() => given > 0)
    await sleep(200)
    assert.ok(given < 20, `${given} chunks were read ahead`)
    stream.close(NGHTTP2_CANCEL)
    await until(() => isReturned)
  })

  for (const code of [NGHTTP2_CANCEL, NGHTTP2_NO_ERROR]) {
    test(`content ends when the stream is reset with ${code}, though the body of its request was not read`, async () => {
      let isReturned = false
      let hasBegun = false
      const port = await listenHttp2(async (exchange) => {
        async function* content(): AsyncIterable<Uint8Array> {
          try {
            for (;;) {
              hasBegun = true
              yield Buffer.alloc(1000)
              await sleep(1)
            }
          } finally {
            isReturned = true
          }
        }
        exchange.body(Number.POSITIVE_INFINITY, 5_000)
        await exchange.answer({ status: 200, fields: {} }, content())
      })
      const { headers, data, reset } = frames(port)
      headers(REQUEST('PATCH'))
      data('12345')
      await until(() => hasBegun)
      reset(code)
      await until(() => isReturned)
    })
  }

  test('a client that left is not answered, and nothing throws', async () => {
    const done: string[] = []
    let goOn = (): void => undefined
    let hasBegun = false
    const port = await listenHttp2(async (exchange) => {
      hasBegun = true
      await new Promise<void>((resolve) => (goOn = resolve))
      exchange.inform?.({ status: 104, fields: {} })
      await exchange.answer({ status: 200, fields: {} }, once(Buffer.alloc(10)))
      done.push(exchange.head.method)
    })
    for (const leave of ['stream', 'session']) {
      hasBegun = false
      const session = connect(port)
      const stream = session.request({ ':method': 'GET', ':path': '/x' })
      stream.on('error', () => undefined)
      await until(() => hasBegun)
      if (leave === 'stream') stream.close(NGHTTP2_CANCEL)
      else session.destroy()
      await sleep(50)
      goOn()
      await until(() => done.length === (leave === 'stream' ? 1 : 2))
    }
  })

  test('a handler that throws resets its stream, and the next one is served', async () => {
    const port = await listenHttp2(async (exchange) => {
      if (exchange.head.method === 'PATCH') throw new Error('a bug')
      await ok(exchange, 'served')
    })
    const session = connect(port)
    assert.equal((await ask(session, { ':method': 'PATCH' }, 'x')).code, NGHTTP2_INTERNAL_ERROR)
    assert.equal((await ask(session, { ':method': 'GET' })).text, 'served')
  })

  test('a field that cannot be sent costs its stream, not the connection', async () => {
    const port = await listenHttp2((exchange) => {
      const fields: Record<string, string> = exchange.head.method === 'PATCH' ? { 'X-A': 'a\r\nb' } : {}
      return exchange.answer({ status: 200, fields, text: 'served' })
    })
    const session = connect(port)
    const heard = await ask(session, { ':method': 'PATCH' }, 'x')
    assert.equal(heard.fields['x-a'], undefined)
    assert.equal(heard.code, NGHTTP2_INTERNAL_ERROR)
    assert.equal((await ask(session, { ':method': 'GET' })).text, 'served')
  })

  const framing: [status: number, method: string, text: string | undefined, length: string | undefined][] = [
    [200, 'GET', 'ä', '2'],
    [201, 'POST', undefined, '0'],
    [204, 'PATCH', undefined, undefined],
    [304, 'GET', undefined, undefined],
    [404, 'HEAD', 'abc', '3'],
    [200, 'HEAD', undefined, undefined],
  ]
  for (const [status, method, text, length] of framing) {
    test(`${status} to ${method} with text ${text}: Content-Length is ${length}, and no field is of a connection`, async () => {
      const head = { status, fields: {}, ...(text === undefined ? {} : { text }) }
      const session = connect(await listenHttp2((exchange) => exchange.answer(head)))
      const heard = await ask(session, { ':method': method }, method === 'PATCH' ? 'x' : undefined)
      assert.deepEqual([heard.status, heard.fields['content-length']], [status, length])
      assert.equal(heard.fields.connection, undefined)
      assert.equal(heard.text, method === 'HEAD' ? '' : (text ?? ''))
      assert.equal(heard.code, NGHTTP2_NO_ERROR)
    })
  }
})

async function* once(...chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks
}
