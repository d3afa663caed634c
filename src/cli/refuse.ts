/**
 * What is answered to what is no request: a head that is too large or too slow, framing that contradicts itself. It ends
 * the connection, since nobody knows where the next request would begin.
 * @module
 */
import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** By the code of node's parser. Anything else is 400. */
const ANSWERS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Milliseconds for which what still comes is read and thrown away, so that the client hears the answer and no reset. */
const LINGER_TIME = 1_000

export function refuseMalformed(server: Server): void {
  // The parser fails again at whatever else comes.
  const refused = new WeakSet<Duplex>()
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (refused.has(socket)) return
    refused.add(socket)
    // In the midst of an answer another one would be taken for its content.
    const answering = (socket as { _httpMessage?: ServerResponse | null })._httpMessage?.headersSent === true
    if (!socket.writable || answering) return void socket.destroy()
    const line = ANSWERS[error.code ?? ''] ?? '400 Bad Request'
    socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    const timer = setTimeout(() => socket.destroy(), LINGER_TIME)
    socket.once('close', () => clearTimeout(timer))
  })
}
