/**
 * What differs between the messages of node:http and those of node:http2's compatibility API, which are alike in most:
 * where the head is, how a body's end is told from its loss, and how an answer is broken off.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Fields, RequestHead } from '../protocol/message.js'
import { announcedLength } from './body.js'

export type NodeRequest = IncomingMessage | Http2ServerRequest
export type NodeResponse = ServerResponse | Http2ServerResponse

/** The stream of a request that came by HTTP/2. */
export const streamOf = (message: NodeRequest | NodeResponse): ServerHttp2Stream | undefined =>
  (message as Http2ServerRequest).stream

export function headOf(request: NodeRequest): RequestHead {
  const { headers, socket } = request
  const fields = fieldsOf(headers)
  // "A server SHOULD treat a request as malformed if it contains a Host header field that identifies an entity that
  // differs from the entity in the :authority pseudo-header field" (RFC 9113, 8.3.1); at least it is not believed.
  const authority = headers[':authority']
  if (typeof authority === 'string') fields.host = authority
  return {
    method: request.method ?? '',
    // Express and its kin cut the prefix under which a handler is mounted, and keep the whole here.
    target: (request as { originalUrl?: string }).originalUrl ?? request.url ?? '',
    fields,
    encrypted: (socket as TLSSocket).encrypted === true,
    remoteAddress: socket.remoteAddress,
  }
}

/** Fields that followed the body; known once it came whole. */
export const trailersOf = (request: NodeRequest): Fields => fieldsOf(request.trailers)

/** Without pseudo-header fields, whose names have a colon in front. */
function fieldsOf(headers: NodeJS.Dict<string | string[]>): Record<string, string | undefined> {
  const fields: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(':')) fields[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return fields
}

/** A request without either field has no body (RFC 9112, 6.3); HTTP/2 needs neither. */
export function lengthOf(request: NodeRequest): number | undefined {
  const { headers } = request
  if (headers['transfer-encoding'] !== undefined) return undefined
  const stream = streamOf(request)
  if (stream) return stream.endAfterHeaders ? 0 : announcedLength(headers['content-length'])
  return announcedLength(headers['content-length']) ?? 0
}

/** Of a request whose 'end' was seen: whether that was the end of its body, and not the end of its client. */
export const cameWhole = (request: NodeRequest): boolean => {
  const stream = streamOf(request)
  return stream ? !stream.aborted : request.complete
}

/** Whether the client has sent its whole request, read or not. */
export function hasSentAll(request: NodeRequest): boolean {
  const stream = streamOf(request)
  if (!stream) return request.complete
  // Once the stream is closed on both sides it has no state.
  return request.readableEnded || stream.state.remoteClose !== 0
}

/**
 * Whether 100 (Continue) was sent already: node does so by itself if the listener is on 'request' alone.
 */
export function wroteContinue(response: NodeResponse): boolean {
  const sent = streamOf(response)?.sentInfoHeaders
  if (sent) return sent.some((head) => head[':status'] === constants.HTTP_STATUS_CONTINUE)
  return (response as { _sent100?: boolean })._sent100 === true
}

/** Breaks an answer off, so that nobody takes it for whole: by the end of its connection, or of its stream alone. */
export function breakOff(response: NodeResponse): void {
  const stream = streamOf(response)
  // Destroyed without a code it would be closed as if nothing was wrong.
  if (stream && !stream.destroyed) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else if (!stream) response.destroy()
}
