/**
 * Answers over node:http: to clients that still send, that read slowly, or that leave. Whatever happens, the connection
 * is either in step afterwards or closed.
 * @module
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { ResponseHead } from '../protocol/message.js'
import { announcedLength } from './body.js'
import type { Content } from './exchange.js'

/** Bytes and milliseconds for which the rest of an unwanted body is read and thrown away. */
const LINGER_BYTES = 4 * 1024 * 1024
const LINGER_TIME = 1_000

/** Statuses whose answers never have content (RFC 9110, 6.4.1). */
const EMPTY = new Set([204, 304])

/**
 * Sends an interim response. node:http can do so for some statuses only, so it goes to the socket directly; on a
 * pipelined connection only in its turn, before which the response has no socket.
 */
export function inform(request: IncomingMessage, response: ServerResponse, { status, fields }: ResponseHead): void {
  const { socket } = response
  if (response.headersSent || !socket?.writable || request.httpVersion !== '1.1') return
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  if (!lines.every((line) => /^[\t\x20-\x7e]*$/.test(line))) return
  socket.write(`${[`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines].join('\r\n')}\r\n\r\n`)
}

/** @param invited whether the client sends its body unasked, or was asked to (Expect: 100-continue) */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  head: ResponseHead,
  content: Content | undefined,
  invited: boolean,
): Promise<void> {
  // A head is handed out while its packet is still being read: a moment later a small body, or none, is there whole.
  await undefined
  const isUnread = !request.complete
  const isEmpty = request.method === 'HEAD' || EMPTY.has(head.status)
  try {
    response.writeHead(head.status, fieldsOf(request, head, content, isUnread))
    if (content && !isEmpty) await send(request, response, content, announcedLength(head.fields['Content-Length']))
    else if (content) release(content[Symbol.asyncIterator]())
    else if (head.text && !isEmpty) response.write(head.text)
    if (isUnread && invited) linger(request, response)
    else end(request, response)
  } catch {
    if (content && !response.headersSent) release(content[Symbol.asyncIterator]())
    response.destroy()
  }
}

function fieldsOf(
  request: IncomingMessage,
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

function end(request: IncomingMessage, response: ServerResponse): void {
  response.end()
  // What was received and not wanted gives its memory back.
  request.resume()
}

/**
 * Closing a connection on a client that still sends makes it see a reset instead of the answer (RFC 9112, 9.6): so the
 * answer goes out, and what comes is discarded for a while; past the bound the client is paused, so that it looks.
 */
function linger(request: IncomingMessage, response: ServerResponse): void {
  response.flushHeaders()
  let discarded = 0
  const done = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(done, LINGER_TIME)
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > LINGER_BYTES) request.pause()
  })
  request.on('end', done)
  request.on('close', done)
  if (request.destroyed) done()
  else request.resume()
}

/**
 * Sends content at the client's pace, until its end or until the client leaves.
 * @throws if the content breaks: its connection must then break too, so that nobody takes it for whole
 */
async function send(
  request: IncomingMessage,
  response: ServerResponse,
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
  response: ServerResponse,
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
    if (!response.write(step.value)) await connection.drained()
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

/** A response that waits for its turn on a pipelined connection does not hear of its end; the socket does. */
function watch(request: IncomingMessage, response: ServerResponse): Connection {
  const emitters = request.httpVersionMajor === 1 ? [response, request.socket] : [response]
  let isClosed = emitters.some(({ destroyed }) => destroyed)
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
  for (const emitter of emitters) emitter.on('close', onClose)
  response.on('drain', onDrain)
  return {
    isClosed: () => isClosed,
    closed,
    drained: () => (isClosed ? Promise.resolve() : new Promise((resolve) => (wake = resolve))),
    forget() {
      for (const emitter of emitters) emitter.off('close', onClose)
      response.off('drain', onDrain)
    },
  }
}

/** Tells content that no more of it is wanted. A no-op at its end. */
function release(iterator: AsyncIterator<Uint8Array>): void {
  iterator.return?.().catch(() => undefined)
}
