/**
 * One PUT by node:http(s): all chunks to the socket in one go, and what S3 said. Written for little work for each request, since a
 * small upload is hardly more than three of these (docs/performance.md).
 * @module
 */
import http from 'node:http'
import https from 'node:https'
import { crc32OfBase64 } from '../../store/crc32.js'
import type { OperationName, Payload, Stored } from './call.js'
import { S3Fault } from './faults.js'

/** An answer to a PUT holds an ETag or an error document; more than this of it is nobody's business. */
const ANSWER_LIMIT = 64 * 1024

/** Milliseconds for TCP and TLS. */
const CONNECT_TIMEOUT = 5_000

/** The one server that a plane sends to, and its connections. */
export interface Origin {
  readonly hostname: string
  readonly port: string
  readonly send: typeof http.request
  readonly agent: http.Agent
  /** The event of a socket that is ready. */
  readonly ready: 'connect' | 'secureConnect'
}

export function originOf(url: URL): Origin {
  const isSecure = url.protocol === 'https:'
  const agent = new (isSecure ? https : http).Agent({ keepAlive: true, scheduling: 'lifo' })
  // All its connections go to one place.
  agent.getName = () => ''
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    send: isSecure ? https.request : http.request,
    agent,
    ready: isSecure ? 'secureConnect' : 'connect',
  }
}

export interface Put {
  name: OperationName
  path: string
  /** `host` and `content-length` among them. */
  headers: Record<string, string>
  body: Payload
  /** Milliseconds without any progress on the connection after which it is given up. */
  idleTimeout: number
}

/** S3 refused the request for its time; its own is in the answer. */
export class ClockFault extends S3Fault {
  serverTime = Date.now()
}

/** @throws S3Fault, and nothing else */
export function put(origin: Origin, { name, path, headers, body, idleTimeout }: Put, signal?: AbortSignal) {
  return new Promise<Stored>((resolve, reject) => {
    const { hostname, port, agent, send } = origin
    // From before the connection is made; a part that is being sent counts as progress.
    const options = { method: 'PUT', hostname, port, path, agent, timeout: idleTimeout }
    const request = send({ ...options, headers: listOf(headers) } as unknown as http.RequestOptions)
    // By hand: node's own `signal` watches the streams as well, which costs as much as signing.
    const giveUp = (): unknown => request.destroy(new S3Fault(name, 0, 'ABORT_ERR', 'given up'))
    const done = (): void => signal?.removeEventListener('abort', giveUp)
    const fail = (cause: NodeJS.ErrnoException): void => {
      done()
      reject(cause instanceof S3Fault ? cause : new S3Fault(name, 0, cause.code ?? '', cause.message, cause))
    }
    signal?.addEventListener('abort', giveUp)
    if (signal?.aborted) giveUp()
    request.on('timeout', () => request.destroy(new S3Fault(name, 0, 'ETIMEDOUT', 'no progress')))
    request.on('error', fail)
    // All of it was handed to the system; of a request that is given up nobody can say so.
    request.on('finish', () => body.returned?.())
    request.on('socket', (socket) => {
      if (socket.connecting) limitConnecting(request, socket, name, origin.ready, idleTimeout)
    })
    request.on('response', (response) => {
      readAnswer(name, response, (outcome) => {
        // An answer before the whole body was taken is a refusal; the rest of the body must not follow on this socket.
        if (!request.writableFinished) request.destroy()
        if (outcome instanceof Error) return fail(outcome)
        done()
        resolve(outcome)
      })
    })
    write(request, body).catch((error: Error) => request.destroy(error))
  })
}

/** As node sends them unchanged, with nothing of its own but `connection`. */
function listOf(headers: Record<string, string>): string[] {
  const list: string[] = []
  for (const name in headers) list.push(name, headers[name]!)
  return list
}

/**
 * Gives a request up whose connection is not made in time. No listener stays on the socket: it lives on for the next
 * requests, and would keep the first one, with all bytes of its part, in memory.
 */
function limitConnecting(
  request: http.ClientRequest,
  socket: NonNullable<http.ClientRequest['socket']>,
  name: OperationName,
  ready: Origin['ready'],
  idleTimeout: number,
): void {
  const slow = (): unknown => request.destroy(new S3Fault(name, 0, 'ETIMEDOUT', 'no connection in time'))
  const timer = setTimeout(slow, Math.min(CONNECT_TIMEOUT, idleTimeout))
  const end = (): void => {
    clearTimeout(timer)
    socket.off(ready, end).off('close', end)
  }
  socket.on(ready, end).on('close', end)
}

/** Hands all chunks to the socket in one go: they are in memory anyway, and one writev beats many writes. */
async function write(request: http.ClientRequest, body: Payload): Promise<void> {
  const chunks = body.chunks()
  if (Symbol.iterator in chunks) {
    request.cork()
    for (const chunk of chunks) request.write(chunk)
    request.end()
    request.uncork()
    return
  }
  for await (const chunk of chunks) {
    if (request.destroyed) return
    if (!request.write(chunk)) await drained(request)
  }
  request.end()
}

function drained(request: http.ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off('drain', done)
      request.off('close', done)
      resolve()
    }
    request.on('drain', done)
    request.on('close', done)
  })
}

/** @param tell called at least once; only the first time counts */
function readAnswer(
  name: OperationName,
  response: http.IncomingMessage,
  tell: (outcome: Stored | Error) => void,
): void {
  const { statusCode: status = 0, headers } = response
  const { etag } = headers
  response.on('error', tell)
  response.on('close', () => {
    if (!response.readableEnded) tell(new S3Fault(name, 0, 'ECONNRESET', 'the answer broke off'))
  })
  if (status === 200 && etag) {
    response.on('end', () => tell({ etag, crc32: crc32OfBase64(headers['x-amz-checksum-crc32'] as string) }))
    response.resume()
    return
  }
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < ANSWER_LIMIT) text += chunk
  })
  response.on('end', () => tell(faultOf(name, status, headers, text)))
}

function faultOf(name: OperationName, status: number, headers: http.IncomingHttpHeaders, text: string): S3Fault {
  if (status >= 200 && status < 300) return new S3Fault(name, 0, 'NoETag', 'a success without an ETag')
  const read = (tag: string): string => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1] ?? ''
  const time = Date.parse(headers.date ?? '')
  const isSkewed = read('Code') === 'RequestTimeTooSkewed' && Number.isFinite(time)
  const fault = new (isSkewed ? ClockFault : S3Fault)(name, status, read('Code'), read('Message'))
  if (fault instanceof ClockFault) fault.serverTime = time
  fault.retryAfter = secondsOf(headers['retry-after'])
  return fault
}

/** Retry-After in milliseconds; S3 and its kin send it in seconds. */
export function secondsOf(field: string | undefined): number | undefined {
  return field !== undefined && /^\d{1,6}$/.test(field) ? Number(field) * 1_000 : undefined
}
