/** Bodies that a body parser, or a platform, has read before us. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { asUploadError } from '../../src/errors.js'
import type { Exchange } from '../../src/http/exchange.js'
import { fetchHandler } from '../../src/http/fetch.js'
import { closeAll, lengthOf, listen, ok } from './sockets.js'

/** Tells how many bytes came and how the body ended, or which failure there was instead. */
async function tell(exchange: Exchange): Promise<void> {
  try {
    const body = exchange.body(Number.POSITIVE_INFINITY, 5_000)
    await ok(exchange, `${await lengthOf(body)} ${body.ended}`)
  } catch (error) {
    await ok(exchange, asUploadError(error).code)
  }
}

const send = async (port: number, body: string | ReadableStream, headers: Record<string, string> = {}) => {
  const init = { method: 'PATCH', body, headers, duplex: 'half' } as RequestInit
  return (await fetch(`http://127.0.0.1:${port}/`, init)).text()
}

/** Reads everything, as body parsers do. */
async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const chunked = (text: string): ReadableStream =>
  new ReadableStream({
    start(controller) {
      if (text) controller.enqueue(Buffer.from(text))
      controller.close()
    },
  })

describe('a body that was read before us', () => {
  afterEach(closeAll)

  test('fails if nobody kept its bytes, unless there were none', async () => {
    const port = await listen(tell, (request, next) => void bytesOf(request).then(() => setImmediate(next)))
    assert.equal(await send(port, 'abc'), 'ERR_BODY_CONSUMED')
    assert.equal(await send(port, chunked('abc')), 'ERR_BODY_CONSUMED')
    assert.equal(await send(port, ''), '0 end')
    assert.equal(await send(port, chunked('')), '0 end')
  })

  test('fails if it was parsed', async () => {
    const parse = async (request: IncomingMessage, next: () => void): Promise<void> => {
      Object.assign(request, { body: JSON.parse((await bytesOf(request)).toString()) })
      next()
    }
    assert.equal(await send(await listen(tell, (...args) => void parse(...args)), '{"a":1}'), 'ERR_BODY_CONSUMED')
  })

  test('fails if only some of it was read', async () => {
    const port = await listen(tell, (request, next) => {
      request.once('data', () => {
        request.pause()
        next()
      })
    })
    assert.equal(await send(port, 'a'.repeat(200_000)), 'ERR_BODY_CONSUMED')
  })

  for (const name of ['rawBody', 'body']) {
    test(`is taken from request.${name}, where its bytes were kept`, async () => {
      const keep = async (request: IncomingMessage, next: () => void): Promise<void> => {
        Object.assign(request, { body: { parsed: true }, [name]: await bytesOf(request) })
        next()
      }
      const port = await listen(tell, (...args) => void keep(...args))
      assert.equal(await send(port, 'abc'), '3 end')
      assert.equal(await send(port, chunked('a'.repeat(200_000))), '200000 end')
    })
  }

  for (const [rule, kept, headers] of [
    ['not as long as the request announced', Buffer.from('ab'), {}],
    ['perhaps unpacked', Buffer.from('abc'), { 'Content-Encoding': 'identity' }],
  ] as const) {
    test(`fails if what was kept is ${rule}`, async () => {
      const keep = async (request: IncomingMessage, next: () => void): Promise<void> => {
        await bytesOf(request)
        Object.assign(request, { body: kept })
        next()
      }
      const port = await listen(tell, (...args) => void keep(...args))
      assert.equal(await send(port, 'abc', headers), 'ERR_BODY_CONSUMED')
    })
  }

  test('that waits while others are asked loses nothing', async () => {
    const port = await listen(tell, (_, next) => void sleep(100).then(next))
    assert.equal(await send(port, 'a'.repeat(200_000)), '200000 end')
  })

  for (const headers of [{ 'Content-Length': '3' }, { 'Transfer-Encoding': 'chunked' }]) {
    test(`fails if the Request has none, but ${Object.keys(headers)}`, async () => {
      const answer = await fetchHandler({ serve: tell })(new Request('http://h/', { method: 'PATCH', headers }))
      assert.equal(await answer.text(), 'ERR_BODY_CONSUMED')
    })
  }

  for (const [rule, use] of [
    ['read', (request: Request) => request.text()],
    ['locked', async (request: Request) => void request.body!.getReader()],
  ] as const) {
    test(`fails if the Request is ${rule}`, async () => {
      const request = new Request('http://h/', { method: 'PATCH', body: 'abc' })
      await use(request)
      assert.equal(await (await fetchHandler({ serve: tell })(request)).text(), 'ERR_BODY_CONSUMED')
    })
  }
})
