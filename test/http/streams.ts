/** A server of node:http2 around a small `serve`; a client of node:http2, and one that sends the frames that it is told. */
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import type { Serve } from '../../src/http/exchange.js'
import { nodeHandler } from '../../src/http/node.js'

const closing: (() => Promise<void>)[] = []

/** For afterEach. */
export async function closeStreams(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close()
}

/**
 * @param seen gets the streams of the server
 * @returns the port
 */
export async function listenHttp2(
  serve: Serve,
  options: http2.ServerOptions = {},
  seen: http2.ServerHttp2Stream[] = [],
): Promise<number> {
  const handler = nodeHandler({ serve })
  const server = http2.createServer(options, handler).on('checkContinue', handler).listen(0, '127.0.0.1')
  server.on('stream', (stream) => void seen.push(stream))
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', (session) => sessions.add(session))
  await new Promise((resolve) => server.once('listening', () => resolve(undefined)))
  closing.push(async () => {
    for (const session of sessions) session.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

export function connect(port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  closing.push(async () => session.destroy())
  return session
}

/** What a stream got, until it was closed. */
export interface Heard {
  status: number | undefined
  fields: http2.IncomingHttpHeaders
  /** Interim answers, in order. */
  interim: http2.IncomingHttpHeaders[]
  text: string
  /** The code with which the stream was closed; 0 is none. */
  code: number
  error: string | undefined
}

/** Listens to a stream until it is closed. What was heard by then can be looked at before. */
export function hear(stream: http2.ClientHttp2Stream): Heard & { readonly closed: Promise<Heard> } {
  const heard: Heard = { status: undefined, fields: {}, interim: [], text: '', code: 0, error: undefined }
  stream.on('headers', (fields) => heard.interim.push(fields))
  stream.on('response', (fields) => {
    heard.status = fields[':status']
    heard.fields = fields
  })
  stream.on('data', (chunk) => {
    heard.text += chunk
  })
  stream.on('error', (error: NodeJS.ErrnoException) => {
    heard.error = error.code
  })
  const closed = new Promise<Heard>((resolve) => {
    const done = (): void => {
      heard.code = stream.rstCode
      resolve(heard)
    }
    stream.on('close', done)
    // Node 20 has no 'close' for a stream of which it could not send all.
    stream.on('aborted', () => setTimeout(done, 50))
  })
  return Object.assign(heard, { closed })
}

/** A whole request and its answer. */
export function ask(
  session: http2.ClientHttp2Session,
  fields: http2.OutgoingHttpHeaders,
  body?: Uint8Array | string,
): Promise<Heard> {
  const stream = session.request({ ':path': '/x', ...fields }, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return hear(stream).closed
}

const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const END_STREAM = 1
const END_HEADERS = 4

/** One connection, by its frames: what node's client would not send. */
export function frames(port: number) {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  closing.push(async () => void socket.destroy())
  const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head.writeUInt8(type, 3)
    head.writeUInt8(flags, 4)
    head.writeUInt32BE(stream, 5)
    return Buffer.concat([head, payload])
  }
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)))
  return {
    socket,
    /** Each field as a literal that is not indexed (RFC 7541, 6.2.2). */
    headers(fields: readonly (readonly [string, string])[], { end = false, stream = 1 } = {}): void {
      const block = fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)]))
      socket.write(frame(HEADERS, END_HEADERS | (end ? END_STREAM : 0), stream, Buffer.concat(block)))
    },
    data(bytes: string, { end = false, stream = 1 } = {}): void {
      socket.write(frame(DATA, end ? END_STREAM : 0, stream, Buffer.from(bytes)))
    },
    reset(code: number, stream = 1): void {
      const payload = Buffer.alloc(4)
      payload.writeUInt32BE(code)
      socket.write(frame(RST_STREAM, 0, stream, payload))
    },
  }
}

export const REQUEST = (method: string, ...more: readonly (readonly [string, string])[]) =>
  [[':method', method], [':scheme', 'http'], [':authority', 'h'], [':path', '/x'], ...more] as const
