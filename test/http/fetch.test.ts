import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Exchange } from '../../src/http/exchange.js'
import { fetchHandler } from '../../src/http/fetch.js'
import type { Body } from '../../src/store/store.js'

const MiB = 1024 * 1024

describe('fetch', () => {
  const handle = (
    serve: (exchange: Exchange) => Promise<void>,
    url = 'http://h/x',
    init?: RequestInit & { duplex?: 'half' },
  ) => fetchHandler({ serve })(new Request(url, init as RequestInit))

  async function lengthOf(body: Body): Promise<number> {
    let length = 0
    for await (const chunk of body) length += chunk.length
    return length
  }
  const tell = async (exchange: Exchange, limit = Number.POSITIVE_INFINITY, idle = 5_000): Promise<void> => {
    const body = exchange.body(limit, idle)
    await exchange.answer({ status: 200, fields: {}, text: `${await lengthOf(body)} ${body.ended}` })
  }
  /** A body that gives one chunk and then nothing, without an end. */
  const hanging = (chunk: Uint8Array): ReadableStream<Uint8Array> =>
    new ReadableStream({ start: (controller) => controller.enqueue(chunk) })

  test('the head is the request’s', async () => {
    let head: Exchange['head'] | undefined
    await handle(
      async (exchange) => {
        head = exchange.head
        await exchange.answer({ status: 204, fields: {} })
      },
      'https://files.example:8443/files/a%20b?x=1',
      { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } },
    )
    assert.equal(head?.method, 'DELETE')
    assert.equal(head?.target, '/files/a%20b?x=1')
    assert.equal(head?.encrypted, true)
    assert.equal(head?.fields.host, 'files.example:8443')
    assert.equal(head?.fields['tus-resumable'], '1.0.0')
  })

  test('a whole body ends as "end"', async () => {
    const answer = await handle(tell, undefined, { method: 'PATCH', body: new Uint8Array(3_000_000) })
    assert.equal(await answer.text(), '3000000 end')
  })

  test('no body is an empty one', async () => {
    assert.equal(await (await handle(tell, undefined, { method: 'PATCH' })).text(), '0 end')
  })

  test('no more than the limit is given', async () => {
    const answer = await handle((exchange) => tell(exchange, 10), undefined, {
      method: 'PATCH',
      body: new Uint8Array(11),
    })
    assert.equal(await answer.text(), '10 too-long')
  })

  test('a body without bytes for too long ends as "timeout"', async () => {
    const body = hanging(new Uint8Array(7))
    const answer = await handle((exchange) => tell(exchange, 100, 30), undefined, {
      method: 'PATCH',
      body,
      duplex: 'half',
    })
    assert.equal(await answer.text(), '7 timeout')
  })

  test('a client that goes away ends the body as "disconnected"', async () => {
    const leave = new AbortController()
    const init = { method: 'PATCH', body: hanging(new Uint8Array(7)), duplex: 'half' as const, signal: leave.signal }
    const answer = handle(tell, undefined, init)
    setTimeout(() => leave.abort(), 30)
    assert.equal(await (await answer).text(), '7 disconnected')
  })

  test('stop() ends a body that hangs; its stream is cancelled, but not before the answer had its time', async () => {
    let isCancelled = false
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(7)),
      cancel: () => {
        isCancelled = true
      },
    })
    const serve = async (exchange: Exchange): Promise<void> => {
      const body = exchange.body(100, 5_000)
      setTimeout(() => body.stop(), 30)
      await exchange.answer({ status: 200, fields: {}, text: `${await lengthOf(body)} ${body.ended}` })
    }
    const answer = await handle(serve, undefined, { method: 'PATCH', body: stream, duplex: 'half' })
    assert.equal(await answer.text(), '7 stopped')
    await sleep(500)
    assert.equal(isCancelled, false, 'frameworks destroy the connection then')
    await sleep(700)
    assert.equal(isCancelled, true)
  })

  test('what comes after the answer is thrown away, up to a bound', async () => {
    let given = 0
    const stream = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await new Promise((resolve) => setImmediate(resolve))
          given += MiB
          controller.enqueue(new Uint8Array(MiB))
        },
      },
      { highWaterMark: 0 },
    )
    const serve = async (exchange: Exchange): Promise<void> => {
      for await (const _ of exchange.body(100 * MiB, 5_000)) break
      await exchange.answer({ status: 409, fields: {} })
    }
    const answer = await handle(serve, undefined, { method: 'PATCH', body: stream, duplex: 'half' })
    assert.equal(answer.status, 409)
    await sleep(200)
    assert.ok(given > 4 * MiB && given < 8 * MiB, `${given} bytes were read`)
  })

  test('content is read at the client’s pace and no further', async () => {
    let given = 0
    let isReturned = false
    async function* content(): AsyncIterable<Uint8Array> {
      try {
        for (;;) {
          given++
          yield new Uint8Array(1000)
        }
      } finally {
        isReturned = true
      }
    }
    const answer = await handle((exchange) => exchange.answer({ status: 200, fields: {} }, content()))
    const reader = answer.body!.getReader()
    await reader.read()
    await sleep(20)
    assert.ok(given <= 2, `${given} chunks were read ahead`)
    await reader.cancel()
    assert.equal(isReturned, true)
  })

  test('HEAD and 204 have no content', async () => {
    const serve = (status: number) => (exchange: Exchange) => exchange.answer({ status, fields: {}, text: 'x' })
    assert.equal((await handle(serve(200), undefined, { method: 'HEAD' })).body, null)
    assert.equal((await handle(serve(204))).status, 204)
  })

  test('a body that ends before its announced length did not come whole', async () => {
    const init = { method: 'PATCH', body: 'abc', headers: { 'Content-Length': '10' } }
    assert.equal(await (await handle(tell, undefined, init)).text(), '3 disconnected')
  })

  test('a body whose stream fails ends as "disconnected", with what came', async () => {
    let pulls = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) =>
        pulls++ === 0 ? controller.enqueue(new Uint8Array(7)) : controller.error(new Error('cut')),
    })
    assert.equal(
      await (await handle(tell, undefined, { method: 'PATCH', body, duplex: 'half' })).text(),
      '7 disconnected',
    )
  })

  test('a client that is gone already gives nothing', async () => {
    const init = { method: 'PATCH', body: 'abc', signal: AbortSignal.abort() }
    assert.equal(await (await handle(tell, undefined, init)).text(), '0 disconnected')
  })

  test('a stream is read no faster than the store takes it', async () => {
    let pulls = 0
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulls++
          controller.enqueue(new Uint8Array(64 * 1024))
        },
      },
      { highWaterMark: 0 },
    )
    const stop = new AbortController()
    const serve = async (exchange: Exchange): Promise<void> => {
      const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
      await body[Symbol.asyncIterator]().next()
      await sleep(50)
      stop.abort()
      await exchange.answer({ status: 204, fields: {} })
    }
    await handle(serve, undefined, { method: 'PATCH', body, duplex: 'half', signal: stop.signal })
    assert.ok(pulls <= 7, `${pulls} chunks of 64 KiB were read`)
  })

  for (const [rule, size] of [
    ['short', 10],
    ['long', 200],
  ] as const) {
    test(`content that is too ${rule} for its Content-Length breaks`, async () => {
      async function* content(): AsyncIterable<Uint8Array> {
        yield new Uint8Array(size)
      }
      const answer = await handle((exchange) =>
        exchange.answer({ status: 200, fields: { 'Content-Length': '100' } }, content()),
      )
      await assert.rejects(answer.arrayBuffer())
    })
  }

  test('content that fails midway breaks the answer', async () => {
    async function* content(): AsyncIterable<Uint8Array> {
      yield new Uint8Array(10)
      throw new Error('the store broke')
    }
    const answer = await handle((exchange) => exchange.answer({ status: 200, fields: {} }, content()))
    await assert.rejects(answer.arrayBuffer(), /the store broke/)
  })

  test('content that HEAD does not want is told so', async () => {
    let isReturned = false
    const content = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: new Uint8Array(1) }),
        async return() {
          isReturned = true
          return { done: true as const, value: undefined }
        },
      }),
    }
    const serve = (exchange: Exchange) => exchange.answer({ status: 200, fields: {} }, content)
    assert.equal((await handle(serve, undefined, { method: 'HEAD' })).body, null)
    assert.equal(isReturned, true)
  })

  test('a field that cannot be sent is answered with 500, and answer() does not reject', async () => {
    const serve = (exchange: Exchange) => exchange.answer({ status: 200, fields: { 'X-A': 'a\r\nb' }, text: 'x' })
    assert.equal((await handle(serve)).status, 500)
  })

  for (const [rule, serve] of [
    ['before it waits', (): Promise<void> => assert.fail('a bug')],
    ['later', async (): Promise<void> => assert.fail('a bug')],
  ] as const) {
    test(`a serve that throws ${rule} rejects`, () => assert.rejects(handle(serve), /a bug/))
  }

  test('content that nobody begins to read lets go of what is behind it', async () => {
    let isReleased = false
    async function* content(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('abc')
      } finally {
        isReleased = true
      }
    }
    const serve = (exchange: Exchange): Promise<void> =>
      exchange.answer({ status: 200, fields: { 'Content-Length': '3' } }, content())
    await (await handle(serve)).body?.cancel()
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(isReleased)
  })

  test('no interim answer can be sent', async () => {
    const serve = (exchange: Exchange): Promise<void> => {
      assert.equal(exchange.inform, undefined)
      return exchange.answer({ status: 204, fields: {} })
    }
    assert.equal((await handle(serve)).status, 204)
  })
})
