/**
 * Answers over node:http and node:http2: to clients that still send, that read slowly, or that leave. Whatever happens, the
 * connection is either in step afterwards or closed; of HTTP/2 that is the stream.
 * @module
 */
import { type ServerResponse, validateHeaderValue } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { ResponseHead } from '../protocol/message.js'
import { announcedLength } from './body.js'
import { type Content, giveUp } from './exchange.js'
import { breakOff, hasSentAll, type NodeRequest, type NodeResponse, streamOf } from './node-message.js'

/** Bytes and milliseconds for which the rest of an unwanted body is read and thrown away. */
const LINGER_BYTES = 4 * 1024 * 1024
const LINGER_TIME = 1_000

/** Milliseconds in which a client that reads content has to take some of it. Else it holds its connection to the store for ever. */
export const STALL_TIME = 60_000

/** Statuses whose answers never have content (RFC 9110, 6.4.1). */
const EMPTY = new Set([204, 304])

/** @param invited whether the client sends its body unasked, or was asked to (Expect: 100-continue) */
export async function answer(
  request: NodeRequest,
  response: NodeResponse,
  head: ResponseHead,
  content: Content | undefined,
  invited: boolean,
): Promise<void> {
  // A head is handed out while its packet is still being read: a moment later a small body, or none, is there whole.
  await undefined
  const isUnread = !hasSentAll(request)
  const stream = streamOf(response)
  const isEmpty = request.method === 'HEAD' || EMPTY.has(head.status)
  try {
    const fields = fieldsOf(request, head, content, isUnread)
    // node:http looks by itself.
    if (stream) for (const [name, value] of Object.entries(fields)) validateHeaderValue(name, value)
    response.writeHead(head.status, fields)
    if (content && !isEmpty) await send(request, response, content, announcedLength(head.fields['Content-Length']))
    else if (content) giveUp(content)
    else if (head.text && !isEmpty) write(response, head.text)
    if (isUnread && stream) lingerOnStream(request, response, stream)
    else if (isUnread && invited) linger(request, response)
    else end(request, response)
  } catch {
    if (content && !response.headersSent) giveUp(content)
    breakOff(response)
  }
}

/** Both kinds take text and bytes; their types agree on no overload. */
const write = (response: NodeResponse, chunk: string | Uint8Array): boolean =>
  (response as { write(chunk: string | Uint8Array): boolean }).write(chunk)

function fieldsOf(
  request: NodeRequest,
  head: ResponseHead,
  content: Content | undefined,
  isUnread: boolean,
): Record<string, string> {
  const fields = { ...head.fields }
  if (!content && !EMPTY.has(head.status)) {
    if (head.text !== undefined) fields['Content-Length'] = String(Buffer.byteLength(head.text))
    else if (request.method !== 'HEAD') fields['Content-Length'] = '0'
  }
  // What is left of the body would be taken for the next request.
  if (isUnread && request.httpVersionMajor === 1) fields.Connection = 'close'
  return fields
}

function end(request: NodeRequest, response: NodeResponse): void {
  response.end()
  // What was received and not wanted gives its memory back.
  request.resume()
}

/**
 * Closing a connection on a client that still sends makes it see a reset instead of the answer (RFC 9112, 9.6): so the
 * answer goes out, and what comes is discarded for a while; past the bound the client is paused, so that it looks.
 */
function linger(request: NodeRequest, response: NodeResponse): void {
  // Not yet its end, which would close the connection.
  ;(response as ServerResponse).flushHeaders()
  discard(request, () => response.end())
}

/**
 * "A server MAY request that the client abort transmission of a request without error by sending a RST_STREAM with an error
 * code of NO_ERROR after sending a complete response" (RFC 9113, 8.1). A reset overtakes what node has not sent yet, the
 * answer too: so this one waits as long as a connection would be kept.
 */
function lingerOnStream(request: NodeRequest, response: NodeResponse, stream: ServerHttp2Stream): void {
  response.end()
  discard(request, () => {
    if (!hasSentAll(request)) stream.close(constants.NGHTTP2_NO_ERROR)
    // As long as something waits to be read, node keeps the stream, and for it the connection.
    request.resume()
  })
}

/** Reads and throws away what comes, up to the bounds. `done` is called once: at its end, or after a while. */
function discard(request: NodeRequest, done: () => void): void {
  let discarded = 0
  const count = (chunk: Buffer): void => {
    discarded += chunk.length
    if (discarded > LINGER_BYTES) request.pause()
  }
  const finish = (): void => {
    clearTimeout(timer)
    request.off('data', count)
    request.off('end', finish)
    request.off('close', finish)
    done()
  }
  const timer = setTimeout(finish, LINGER_TIME)
  request.on('data', count)
  request.on('end', finish)
  request.on('close', finish)
  if (request.destroyed) finish()
  else request.resume()
}

/**
 * Sends content at the client's pace, until its end or until the client leaves.
 * @throws if the content breaks: its connection must then break too, so that nobody takes it for whole
 */
async function send(
  request: NodeRequest,
  response: NodeResponse,
  content: Content,
  length: number | undefined,
): Promise<void> {
  const iterator = content[Symbol.asyncIterator]()
  const connection = watch(request, response)
  try {
    // A client that leaves ends this even while the store is silent.
    await Promise.race([pump(response, iterator, length, connection), connection.closed])
  } finally {
    connection.forget()
    release(iterator)
  }
}

async function pump(
  response: NodeResponse,
  iterator: AsyncIterator<Uint8Array>,
  length: number | undefined,
  connection: Connection,
): Promise<void> {
  let left = length ?? Number.POSITIVE_INFINITY
  for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
    if (connection.isClosed()) return
    left -= step.value.length
    // Surplus bytes would be taken for the next answer.
    if (left < 0) throw new Error('the content is longer than its Content-Length')
    if (!write(response, step.value)) await connection.drained()
  }
  if (left > 0 && length !== undefined) throw new Error('the content is shorter than its Content-Length')
}

interface Connection {
  isClosed(): boolean
  readonly closed: Promise<void>
  /** Resolves when more can be written, or the connection is closed. */
  drained(): Promise<void>
  forget(): void
}

/**
 * A response that waits for its turn on a pipelined connection does not hear of its end; the socket does. A stream that was
 * reset is closed only when somebody has read what came before; that it was aborted is told at once.
 */
function watch(request: NodeRequest, response: NodeResponse): Connection {
  const stream = streamOf(request)
  const emitters: readonly Emitter[] = stream ? [stream] : [response as Emitter, request.socket]
  let isClosed = stream?.aborted === true || emitters.some(({ destroyed }) => destroyed)
  let wake = (): void => undefined
  let leave = (): void => undefined
  const closed = new Promise<void>((resolve) => {
    leave = resolve
  })
  const onDrain = (): void => wake()
  const onClose = (): void => {
    isClosed = true
    wake()
    leave()
  }
  if (isClosed) onClose()
  for (const emitter of emitters) for (const event of ENDS) emitter.on(event, onClose)
  response.on('drain', onDrain)
  return {
    isClosed: () => isClosed,
    closed,
    async drained() {
      if (isClosed) return
      const timer = setTimeout(() => breakOff(response), STALL_TIME)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      clearTimeout(timer)
    },
    forget() {
      for (const emitter of emitters) for (const event of ENDS) emitter.off(event, onClose)
      response.off('drain', onDrain)
    },
  }
}

const ENDS = ['close', 'aborted'] as const

interface Emitter {
  readonly destroyed: boolean
  on(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

/** Tells content that no more of it is wanted. A no-op at its end. */
function release(iterator: AsyncIterator<Uint8Array>): void {
  iterator.return?.().catch(() => undefined)
}
