/**
 * Interim (1xx) answers over node's servers, by whatever the version of node has for them.
 * @module
 */
import { STATUS_CODES } from 'node:http'
import type { ResponseHead } from '../protocol/message.js'
import { type NodeRequest, type NodeResponse, streamOf } from './node-message.js'

/** Of both kinds of responses since node 24.18 and 26.2. */
interface Informing {
  writeInformation?(status: number, fields: Record<string, string>): unknown
}

/** Fields that say how a message is framed, or belong to one connection: an interim answer has no content and ends nothing. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'trailer', 'connection', 'keep-alive', 'upgrade'])

/**
 * Sends an interim answer, any number of them before the answer, in order. HTTP/1.0 knows none, a connection may be gone,
 * a field may be one that cannot be sent: then nothing happens, since an interim answer is a courtesy.
 */
export function inform(request: NodeRequest, response: NodeResponse, { status, fields }: ResponseHead): void {
  if (response.headersSent || request.httpVersion === '1.0' || !isInterim(status)) return
  const entries = Object.entries(fields).filter(([name]) => !FRAMING.has(name.toLowerCase()))
  if (!entries.every(([name, value]) => /^[\w-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value))) return
  try {
    send(response, status, Object.fromEntries(entries))
  } catch {
    // The client is gone.
  }
}

/** 101 would hand the connection over to another protocol; 100 is the invitation, which has its own rules. */
const isInterim = (status: number): boolean => status > 101 && status < 200

function send(response: NodeResponse, status: number, fields: Record<string, string>): void {
  const informing = response as Informing
  const stream = streamOf(response)
  if (informing.writeInformation) informing.writeInformation(status, fields)
  else if (stream) stream.additionalHeaders({ ':status': status, ...fields })
  else writeRaw(response, status, fields)
}

/** Directly to the socket, which a response on a pipelined connection does not have before its turn. */
function writeRaw({ socket }: NodeResponse, status: number, fields: Record<string, string>): void {
  if (!socket?.writable) return
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  socket.write(`${[`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines].join('\r\n')}\r\n\r\n`)
}
