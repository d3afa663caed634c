/**
 * HTTP/2 beside HTTP/1.1 on the connections of one server: with TLS the client chooses by ALPN, without TLS by its first
 * bytes (h2c with prior knowledge, RFC 9113, 3.3). HTTP/1.1 keeps its own code, and with it all its limits.
 * @module
 */
import type { Server } from 'node:http'
import { createServer, type Http2Server, type ServerHttp2Session, type Settings } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/**
 * Bytes of a stream that a client may send unasked. They wait in memory here while the upload is paused, so this is what a
 * paused upload costs beside `bufferMemory`. Over 50 ms there and back, one upload was measured to send 1 MB a second with
 * HTTP/2's own 64 KiB, and 9 with 1 MiB.
 */
const STREAM_WINDOW = 1024 * 1024

/**
 * The same for all streams of a connection. It costs no memory: node gives these bytes back as they arrive, whether or not
 * somebody reads the stream.
 */
const CONNECTION_WINDOW = 8 * 1024 * 1024

/** What RFC 9113, 6.5.2 asks for at least. A browser has some 10 uploads under way, a proxy opens more connections. */
const STREAMS = 100

/** Milliseconds that a client has for its first bytes. */
const FIRST_BYTES = 60_000

/** Megabytes (10 by default) of answers on their way to slow readers, beyond which node refuses what a connection asks for. */
const SESSION_MEMORY = 100

const SETTINGS: Settings = { initialWindowSize: STREAM_WINDOW, maxConcurrentStreams: STREAMS }

/** What a request's head may have at most: bytes, and fields; and the milliseconds without a frame that end a connection. */
interface Bounds {
  readonly keepAliveTimeout: number
  readonly maxHeaderSize: number
  readonly maxHeaderCount: number
}

export interface Http2Sessions {
  /** Tells all clients that no further request is taken (GOAWAY). Requests under way go on. */
  close(): void
  /** Ends all connections, whatever goes on there. */
  destroy(): void
}

/** Serves HTTP/2 too, by the listeners that the server has for 'request' and 'checkContinue'. */
export function alsoHttp2(
  server: Server,
  choice: 'alpn' | 'first bytes',
  { maxHeaderSize, maxHeaderCount, keepAliveTimeout }: Bounds,
): Http2Sessions {
  const settings = { ...SETTINGS, maxHeaderListSize: maxHeaderSize }
  const http2 = createServer({
    settings,
    maxHeaderListPairs: maxHeaderCount,
    maxSessionMemory: SESSION_MEMORY,
  })
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    http2.on(event, (request, response) => server.emit(event, request, response))
  }
  const sessions = sessionsOf(http2, keepAliveTimeout)
  // How node documents that a server takes over a connection: as if it had accepted it.
  const serve = (socket: Socket): void => void http2.emit('connection', socket)
  const undecided = choice === 'alpn' ? chooseByAlpn(server, serve) : chooseByFirstBytes(server, serve)
  return {
    close() {
      for (const socket of undecided) socket.destroy()
      for (const session of sessions) session.close()
    },
    destroy() {
      for (const session of sessions) session.destroy()
    },
  }
}

function sessionsOf(http2: Http2Server, idle: number): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>()
  http2.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    // The settings are for streams alone.
    session.setLocalWindowSize(CONNECTION_WINDOW)
    session.setTimeout(idle, () => session.close())
  })
  return sessions
}

/** The listener by which a server serves HTTP/1.1 on a new connection; it is the server's no more. */
function takeListener(server: Server, event: 'connection' | 'secureConnection'): (socket: Socket) => void {
  const [listener] = server.listeners(event)
  server.removeAllListeners(event)
  return (socket) => listener!.call(server, socket)
}

function chooseByAlpn(server: Server, serve: (socket: Socket) => void): Iterable<Socket> {
  const serveHttp1 = takeListener(server, 'secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') serve(socket)
    else serveHttp1(socket)
  })
  return []
}

/** What every client that speaks HTTP/2 begins with, and no request of HTTP/1.1 (RFC 9113, 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

function chooseByFirstBytes(server: Server, serve: (socket: Socket) => void): Iterable<Socket> {
  const serveHttp1 = takeListener(server, 'connection')
  const undecided = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    undecided.add(socket)
    socket.once('close', () => undecided.delete(socket))
    decide(socket, (isHttp2) => {
      undecided.delete(socket)
      if (isHttp2) serve(socket)
      else serveHttp1(socket)
    })
  })
  return undecided
}

/** Reads until the first bytes cannot be the preface any more, or are it; then puts them back. */
function decide(socket: Socket, decided: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0)
  const giveUp = (): void => void socket.destroy()
  const timer = setTimeout(giveUp, FIRST_BYTES)
  const onData = (chunk: Buffer): void => {
    seen = Buffer.concat([seen, chunk])
    const length = Math.min(seen.length, PREFACE.length)
    const isLike = seen.subarray(0, length).equals(PREFACE.subarray(0, length))
    if (isLike && length < PREFACE.length) return
    clearTimeout(timer)
    socket.off('data', onData).off('end', giveUp).off('error', giveUp)
    socket.pause()
    socket.unshift(seen)
    decided(isLike)
    // What was put back is read before what comes.
    process.nextTick(() => socket.resume())
  }
  socket.on('data', onData).on('end', giveUp).on('error', giveUp)
  socket.once('close', () => clearTimeout(timer))
}
