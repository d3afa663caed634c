/**
 * The adapter for node:http, and for all that is built on it: Express, Fastify, Koa, Next's pages.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { RequestHead } from '../protocol/message.js'
import { announcedLength, BodyQueue } from './body.js'
import type { Exchange, Serve } from './exchange.js'
import { answer, inform } from './node-answer.js'

/**
 * A listener for 'request', and for 'checkContinue' too: then a client that asks first sends no body that would be
 * refused.
 */
export function nodeHandler(target: { serve: Serve }): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    // A connection may break at any time; who cares notices by other means.
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    if (!isOver(request)) void run(target, request, response)
  }
}

/**
 * "A server that sends a 'close' connection option MUST NOT process any further requests received on that connection"
 * (RFC 9112, 9.6). node hands them out all the same, and ends the process if one is answered while the socket is destroyed.
 */
const isOver = ({ socket }: IncomingMessage): boolean => socket.writableEnded || socket.destroyed

/** A bug below costs its connection, not the process. */
async function run(target: { serve: Serve }, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await target.serve(exchangeOf(request, response))
  } catch {
    response.destroy()
  }
}

function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
  let mustInvite = request.headers.expect?.toLowerCase() === '100-continue' && !wroteContinue(response)
  let queue: BodyQueue | undefined
  const source = {
    pause: () => void request.pause(),
    resume(): void {
      // Only now is it certain that the body is wanted.
      if (mustInvite) response.writeContinue()
      mustInvite = false
      request.resume()
    },
  }
  return {
    head: headOf(request),
    body(limit, idleTimeout, minRate) {
      queue = new BodyQueue(source, lengthOf(request), limit, idleTimeout, minRate)
      feed(request, queue)
      return queue
    },
    inform: (head) => inform(request, response, head),
    async answer(head, content) {
      // What nobody read by now, nobody will.
      queue?.stop()
      await answer(request, response, head, content, !mustInvite)
    },
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

/** A request without either field has no body (RFC 9112, 6.3); HTTP/2 needs neither. */
function lengthOf({ headers, httpVersionMajor }: IncomingMessage): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined
  return announcedLength(headers['content-length']) ?? (httpVersionMajor === 1 ? 0 : undefined)
}

/**
 * The body came whole only if its 'end' was seen: a client that leaves takes with it what was received but not read
 * yet, though the request counts as `complete`.
 */
function feed(request: IncomingMessage, queue: BodyQueue): void {
  const gone = (): void => queue.finish('disconnected')
  request.on('data', (chunk: Buffer) => queue.push(chunk))
  request.on('end', () => queue.finish(request.complete ? 'end' : 'disconnected'))
  request.on('close', gone)
  // Nothing flows before somebody iterates.
  request.pause()
  // Somebody before us (a body parser) read it all; unless there was nothing to read, those bytes are lost.
  if (request.readableEnded) queue.finish(queue.length === 0 ? 'end' : 'disconnected')
  else if (request.destroyed) gone()
}
