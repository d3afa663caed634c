/**
 * The adapter for node:http, and for all that is built on it: Express, Fastify, Koa, Next's pages.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { RequestHead, ResponseHead } from '../protocol/message.js'
import { announcedLength, BodyQueue } from './body.js'
import type { Content, Exchange, Serve } from './exchange.js'

/**
 * A listener for 'request', and for 'checkContinue' too: then a client that asks first sends no body that would be
 * refused.
 */
export function nodeHandler(target: { serve: Serve }): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    // A connection may break at any time; who cares notices by other means.
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    target.serve(exchangeOf(request, response)).catch(() => response.destroy())
  }
}

function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
  let expectsContinue = request.headers.expect?.toLowerCase() === '100-continue' && !wroteContinue(response)
  return {
    head: headOf(request),
    body(limit, idleTimeout) {
      const source = { pause: () => request.pause(), resume: () => request.resume() }
      const queue = new BodyQueue(
        {
          pause: source.pause,
          resume() {
            // Only now is it certain that the body is wanted.
            if (expectsContinue) response.writeContinue()
            expectsContinue = false
            source.resume()
          },
        },
        announcedLength(request.headers['content-length']),
        limit,
        idleTimeout,
      )
      feed(request, queue)
      return queue
    },
    inform: (head) => inform(request, response, head),
    answer: (head, content) =>
      answer(request, response, head, content, expectsContinue).catch(() => void response.destroy()),
  }
}

/** node:http has answered the expectation by itself if the listener is on 'request' alone. */
const wroteContinue = (response: ServerResponse): boolean => (response as { _sent100?: boolean })._sent100 === true

function headOf(request: IncomingMessage): RequestHead {
  const fields: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(request.headers))
    fields[name] = Array.isArray(value) ? value.join(', ') : value
  return {
    method: request.method ?? '',
    // Express and its kin cut the prefix under which a handler is mounted, and keep the whole here.
    target: (request as { originalUrl?: string }).originalUrl ?? request.url ?? '',
    fields,
    encrypted: (request.socket as TLSSocket).encrypted === true,
    remoteAddress: request.socket.remoteAddress,
  }
}

function feed(request: IncomingMessage, queue: BodyQueue): void {
  const gone = (): void => queue.finish(request.complete ? 'end' : 'disconnected')
  if (request.destroyed && !request.complete) gone()
  request.on('data', (chunk: Buffer) => queue.push(chunk))
  request.on('end', () => queue.finish(request.complete ? 'end' : 'disconnected'))
  request.on('close', gone)
  request.on('error', gone)
  request.on('aborted', gone)
  // Nothing flows before somebody iterates.
  request.pause()
}

function inform(request: IncomingMessage, response: ServerResponse, head: ResponseHead): void {
  if (response.headersSent || request.httpVersionMajor !== 1 || request.httpVersionMinor === 0) return
  const lines = Object.entries(head.fields).map(([name, value]) => `${name}: ${value}\r\n`)
  request.socket.write(`HTTP/1.1 ${head.status} \r\n${lines.join('')}\r\n`)
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  head: ResponseHead,
  content: Content | undefined,
  neverContinued: boolean,
): Promise<void> {
  const text = head.text === undefined ? undefined : Buffer.from(head.text)
  const fields = { ...head.fields }
  const mayHaveContent = head.status >= 200 && head.status !== 204 && head.status !== 304 && request.method !== 'HEAD'
  if (text || (!content && mayHaveContent)) fields['Content-Length'] = String(text?.length ?? 0)
  // What is left of the body would be taken for the next request.
  const unread = !request.complete
  if (unread) fields.Connection = 'close'
  response.writeHead(head.status, fields)
  if (content && request.method !== 'HEAD') return send(response, content)
  if (text && request.method !== 'HEAD') response.write(text)
  if (unread && !neverContinued) await linger(request, response)
  response.end()
}

/** Bytes and milliseconds for which the rest of an unwanted body is read and thrown away. */
const LINGER_BYTES = 4 * 1024 * 1024
const LINGER_TIME = 1_000

/**
 * Closing a connection on a client that still sends makes it see a reset instead of the answer: so the answer goes out,
 * and what comes meanwhile is discarded, for a while.
 */
function linger(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.flushHeaders()
  return new Promise((resolve) => {
    let discarded = 0
    const timer = setTimeout(resolve, LINGER_TIME)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    request.removeAllListeners('data')
    request.on('data', (chunk: Buffer) => {
      discarded += chunk.length
      if (discarded > LINGER_BYTES) done()
    })
    request.on('end', done)
    request.on('close', done)
    if (request.destroyed || request.complete) done()
    request.resume()
  })
}

/** Sends content at the client's pace. If it breaks midway the connection does too, so that nobody takes it for whole. */
async function send(response: ServerResponse, content: Content): Promise<void> {
  try {
    for await (const chunk of content) {
      if (response.destroyed) return
      if (!response.write(chunk)) await drained(response)
    }
    response.end()
  } catch {
    response.destroy()
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
    if (response.destroyed) done()
  })
}
