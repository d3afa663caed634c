/**
 * One request of HTTP: authenticated, handed to its operation, answered. Failures are caught here and nowhere else.
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Account, verifySignature } from './auth.js'
import { openBody } from './body.js'
import { type Answer, type Context, httpTime } from './call.js'
import { corrupt } from './corrupt.js'
import { asS3Error, renderError, S3Error } from './errors.js'
import type { Fault, Interceptor } from './intercept.js'
import { HANDLERS } from './operations.js'
import type { withQuirks } from './quirks.js'
import { type OperationName, parseRoute, parseTarget, type Route, type Target } from './route.js'

/** A request that the development bucket has answered. */
export interface RequestRecord {
  /** Undefined if the request was for no operation that this server has. */
  readonly operation: OperationName | undefined
  /** The bucket; empty for operations on the account. */
  readonly bucket: string
  /** The key; empty for operations on the bucket. */
  readonly key: string
  /** 0 if the connection ended before an answer. */
  readonly status: number
  /** Bytes of the body that came, framing included. */
  readonly bytes: number
  /** Milliseconds from its head to the end of the answer. */
  readonly durationMs: number
  /** What went wrong inside, where the answer was InternalError. */
  readonly error?: unknown
}

export interface Service {
  readonly context: Context
  account: Account
  readonly interceptor: Interceptor
  readonly quirked: ReturnType<typeof withQuirks>
  /** Bytes a second; undefined for as many as come. */
  readonly connectionRate: number | undefined
  /** How often each operation was asked for. */
  readonly requests: Map<OperationName, number>
  report(record: RequestRecord): void
}

/** A request under way. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
  /** The client waits for a 100 before it sends the body. */
  waitsForContinue: boolean
  bytes: number
  /** Bytes a second that are read of the body. */
  readonly rate: number | undefined
  /** The body, if it was read before the operation asked for it. */
  taken?: readonly Buffer[]
  route?: Route
  error?: unknown
}

/** Never rejects. */
export async function serve(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
  waitsForContinue: boolean,
): Promise<void> {
  const started = performance.now()
  const requestId = randomBytes(8).toString('hex').toUpperCase()
  const rate = service.connectionRate
  const exchange: Exchange = { request, response, requestId, waitsForContinue, bytes: 0, rate }
  // An error of the connection reaches whoever reads or writes; without a listener it would also end the process.
  request.on('error', () => {})
  response.on('error', () => {})
  const answer = await answerTo(service, exchange).catch((error) => {
    // A client that went away is no error of ours.
    exchange.error = error instanceof S3Error || response.destroyed ? undefined : error
    return failure(exchange, asS3Error(error))
  })
  const status = answer === 'cut' || response.destroyed ? 0 : answer.status
  if (answer !== 'cut') await send(exchange, answer, service.context.now())
  const { operation, bucket = '', key = '' } = exchange.route ?? {}
  const error = exchange.error === undefined ? {} : { error: exchange.error }
  service.report({
    operation,
    bucket,
    key,
    status,
    bytes: exchange.bytes,
    durationMs: performance.now() - started,
    ...error,
  })
}

async function answerTo(service: Service, exchange: Exchange): Promise<Answer | 'cut'> {
  const target = parseTarget(exchange.request.url ?? '')
  const headers = readHeaders(exchange.request)
  const route = parseRoute(exchange.request.method ?? '', target, headers)
  exchange.route = route
  service.requests.set(route.operation, (service.requests.get(route.operation) ?? 0) + 1)
  const fault = service.interceptor.ask(route)
  const struck = fault && (await strike(exchange, fault))
  if (struck !== undefined) return struck
  const answer = await operate(service, exchange, { target, headers, route })
  if (fault?.action === 'corrupt') await corrupt(service.context, route)
  if (fault?.action !== 'reset-after' && fault?.action !== 'late') return answer
  answer.content?.close()
  exchange.request.socket.resetAndDestroy()
  return 'cut'
}

/** @returns what there is instead of the operation's answer, if anything */
async function strike(exchange: Exchange, fault: Fault): Promise<Answer | 'cut' | undefined> {
  const { request, response } = exchange
  if (fault.action === 'status') return failure(exchange, { message: 'A fault on purpose.', ...fault })
  if (fault.action === 'delay') await sleep(fault.ms)
  if (fault.action === 'late') {
    exchange.taken = await takeAll(exchange)
    request.socket.resetAndDestroy()
    await sleep(fault.ms)
  }
  if (fault.action === 'reset-before') request.socket.resetAndDestroy()
  if (fault.action === 'hang')
    await new Promise((resolve) => (response.destroyed ? resolve(0) : response.once('close', resolve)))
  return fault.action === 'reset-before' || fault.action === 'hang' ? 'cut' : undefined
}

/** The account to which all buckets belong. */
const OWNER = '123456789012'

interface Head {
  readonly target: Target
  readonly headers: ReadonlyMap<string, string>
  readonly route: Route
}

async function operate(
  { context, account, quirked }: Service,
  exchange: Exchange,
  { target, headers, route }: Head,
): Promise<Answer> {
  const signed = verifySignature({ method: exchange.request.method!, ...target, headers }, account, context.now())
  const effective = signed.presigned ? withQueryHeaders(target, headers) : headers
  const owner = effective.get('x-amz-expected-bucket-owner')
  if (owner !== undefined && owner !== OWNER) throw new S3Error('AccessDenied')
  const body = openBody(effective, signed, () => readBytes(exchange))
  return quirked(route.operation, HANDLERS[route.operation])(context, { ...route, headers: effective, body })
}

/** By lower-case name; what came several times, joined by commas, as it is signed. */
function readHeaders({ rawHeaders }: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    const before = headers.get(name)
    headers.set(name, before === undefined ? rawHeaders[at + 1]! : `${before},${rawHeaders[at + 1]}`)
  }
  return headers
}

const AUTHENTICATION = /^x-amz-(?:algorithm|credential|date|expires|signedheaders|signature|security-token)$/

/** A presigned URL carries S3's headers in its query, signed with it. */
function withQueryHeaders({ query }: Target, headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const hoisted = query
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => name.startsWith('x-amz-') && !AUTHENTICATION.test(name))
  return new Map([...hoisted, ...headers])
}

async function takeAll(exchange: Exchange): Promise<Buffer[]> {
  const taken: Buffer[] = []
  for await (const bytes of readBytes(exchange)) taken.push(bytes)
  return taken
}

async function* readBytes(exchange: Exchange): AsyncGenerator<Buffer> {
  if (exchange.taken) {
    yield* exchange.taken
    return
  }
  if (exchange.waitsForContinue) exchange.response.writeContinue()
  exchange.waitsForContinue = false
  // Leaving the loop early must not destroy the connection: the client is still to learn why.
  const started = performance.now()
  for await (const bytes of exchange.request.iterator({ destroyOnReturn: false })) {
    exchange.bytes += bytes.length
    yield bytes
    const early =
      exchange.rate === undefined ? 0 : started + (exchange.bytes / exchange.rate) * 1_000 - performance.now()
    if (early > 1) await sleep(early)
  }
}

function failure({ request, requestId }: Exchange, error: { status: number; code: string; message: string }): Answer {
  if (request.method === 'HEAD') return { status: error.status }
  const resource = (request.url ?? '').split('?', 1)[0]!
  const headers = { 'content-type': 'application/xml' }
  return { status: error.status, headers, body: renderError(error.code, error.message, resource, requestId) }
}

async function send(exchange: Exchange, answer: Answer, now: number): Promise<void> {
  const { request, response, requestId } = exchange
  const { status, headers = {}, body = '', content } = answer
  try {
    if (response.destroyed) return
    const length =
      status === 204 || status === 304 || headers['content-length'] !== undefined
        ? {}
        : { 'content-length': Buffer.byteLength(body) }
    for (const [name, value] of Object.entries({ ...headers, ...length })) {
      if (value !== undefined) response.setHeader(name, value)
    }
    // No 100 was sent, so whether the body will come is open, and with it where the next request begins.
    if (exchange.waitsForContinue) response.setHeader('connection', 'close')
    // Clients whose clock is off learn the time from this.
    response.writeHead(status, { 'x-amz-request-id': requestId, date: httpTime(now) })
    if (content === undefined) response.end(body)
    else await pipeline(content.bytes, response)
  } catch {
    // The client went away, or the disk failed in mid-answer: a cut connection is how the client can tell.
    response.destroy()
  } finally {
    content?.close()
    // What is left of a body that nobody wanted is read and forgotten, so that the client gets to read the answer.
    if (!exchange.waitsForContinue) request.resume()
  }
}
