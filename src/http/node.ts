/**
 * The adapter for node:http and node:http2 (its compatibility API), and for all that is built on them: Express, Fastify,
 * Koa, Next's pages.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { ResponseHead } from '../protocol/message.js'
import { BodyQueue } from './body.js'
import { keptOf } from './consumed.js'
import type { Exchange, Serve } from './exchange.js'
import { answer } from './node-answer.js'
import { inform } from './node-interim.js'
import {
  breakOff,
  cameWhole,
  headOf,
  lengthOf,
  type NodeRequest,
  type NodeResponse,
  streamOf,
  trailersOf,
  wroteContinue,
} from './node-message.js'

/**
 * A listener for 'request', and for 'checkContinue' too: then a client that asks first sends no body that would be
 * refused. For servers of node:http, node:https and node:http2.
 * @returns a function whose promise resolves when the request was answered or its client is gone, and never rejects:
 *   frameworks wait for it that would answer themselves otherwise
 */
export function nodeHandler(target: {
  serve: Serve
}): (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => Promise<void> {
  return (request, response) => {
    // A connection may break at any time; who cares notices by other means.
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    return isOver(request) ? Promise.resolve() : run(target, request, response)
  }
}

/**
 * "A server that sends a 'close' connection option MUST NOT process any further requests received on that connection"
 * (RFC 9112, 9.6). node hands them out all the same, and ends the process if one is answered while the socket is destroyed.
 */
const isOver = (request: NodeRequest): boolean =>
  !streamOf(request) && (request.socket.writableEnded || request.socket.destroyed)

/** A bug below costs its connection (or its stream), not the process. */
async function run(target: { serve: Serve }, request: NodeRequest, response: NodeResponse): Promise<void> {
  try {
    await target.serve(exchangeOf(request, response))
  } catch {
    breakOff(response)
  }
}

function exchangeOf(request: NodeRequest, response: NodeResponse): Exchange {
  let mustInvite = request.headers.expect?.toLowerCase() === '100-continue' && !wroteContinue(response)
  let queue: BodyQueue | undefined
  const source = {
    // Who listened before us may keep what it got.
    isOurs: request.listenerCount('data') === 0,
    unread: () => request.readableLength,
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
      const length = lengthOf(request)
      const kept = keptOf(request, length)
      queue = new BodyQueue(source, length, limit, idleTimeout, minRate)
      if (kept) giveKept(kept, queue)
      else feed(request, queue)
      return queue
    },
    trailers: () => trailersOf(request),
    ...(request.httpVersion === '1.0' ? {} : { inform: (head: ResponseHead) => inform(request, response, head) }),
    async answer(head, content) {
      // What nobody read by now, nobody will.
      queue?.stop()
      await answer(request, response, head, content, !mustInvite)
    },
  }
}

function giveKept(kept: Uint8Array, queue: BodyQueue): void {
  queue.push(kept)
  queue.finish('end')
}

/**
 * The body came whole only if its 'end' was seen: a client that leaves takes with it what was received but not read
 * yet, though the request counts as `complete`.
 */
function feed(request: NodeRequest, queue: BodyQueue): void {
  const gone = (): void => queue.finish('disconnected')
  const stream = streamOf(request)
  request.on('data', (chunk: Buffer) => queue.push(chunk))
  request.on('end', () => queue.finish(cameWhole(request) ? 'end' : 'disconnected'))
  request.on('close', gone)
  stream?.on('aborted', gone)
  // Nothing flows before somebody iterates.
  request.pause()
  // There was nothing to read.
  if (request.readableEnded) queue.finish('end')
  else if (request.destroyed || stream?.aborted || stream?.destroyed) gone()
}
