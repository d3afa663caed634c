/**
 * A proxy in front of a real S3 server that lets requests fail on purpose. It forwards what it gets byte for byte, so
 * that signatures hold, and knows of each request which operation it is.
 * @module
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type OperationName, parseRoute, parseTarget } from '../../src/testing/bucket/route.js'

export interface ProxiedCall {
  readonly operation: OperationName
  readonly bucket: string
  readonly key: string
  readonly partNumber: number | undefined
}

/** What happens to one request. */
export type ProxyFault =
  /** Answers an error in S3's place. */
  | { action: 'status'; status: number; code: string }
  /** Cuts the connection; S3 never sees the request. */
  | { action: 'reset-before' }
  /** S3 does the work; the connection is cut instead of the answer. */
  | { action: 'reset-after' }
  /** The connection is cut at once, and S3 gets the request when `until` resolves: after its retry, for instance. */
  | { action: 'late'; until: Promise<unknown> }
  /**
   * S3 gets the request when `until` resolves; or it does the work at once, and the answer goes on its way then. `held`
   * is called when the request has come, or the work is done.
   */
  | { action: 'hold-before' | 'hold-after'; held: () => void; until: Promise<unknown> }
  /** S3 does the work; its answer breaks off in the middle. */
  | { action: 'cut' }
  /** S3 never sees the request, and nobody ever answers. */
  | { action: 'hang' }
  /** S3 does the work, and nobody ever answers. */
  | { action: 'hang-after' }
  /** S3 gets the request later. */
  | { action: 'delay'; ms: number }
  /** 200 with an error document, as S3 answers what it began to answer before it failed. */
  | { action: 'error-in-200'; isDone: boolean }
  /** Runs `strike` (which kills the server) before S3 sees the request, or after it did the work; nobody answers. */
  | { action: 'kill-before' | 'kill-after'; strike: () => void }

export interface FaultProxy {
  /** Instead of the server's own. */
  readonly endpoint: string
  /** Asked before each request. */
  decide: ((call: ProxiedCall) => ProxyFault | undefined) | undefined
  /** Told when S3 has answered a request and the answer was passed on. */
  answered: ((call: ProxiedCall) => void) | undefined
  close(): Promise<void>
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const agent = new http.Agent({ keepAlive: true })
  const server = http.createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, (request, response) => {
    // Whoever cuts a connection on purpose does not want to hear of it.
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    const call = callOf(request)
    const fault = call && proxy.decide?.(call)
    serve({ target: new URL(target), agent, request, response }, fault)
      .then((wasAnswered) => wasAnswered && call && proxy.answered?.(call))
      .catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const proxy: FaultProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    decide: undefined,
    answered: undefined,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      agent.destroy()
      await closed
    },
  }
  return proxy
}

function callOf({ method = '', url = '', headers }: IncomingMessage): ProxiedCall | undefined {
  try {
    const fields = new Map(Object.entries(headers).map(([name, value]) => [name, String(value)]))
    const { operation, bucket, key, query } = parseRoute(method, parseTarget(url), fields)
    const part = query.get('partNumber')
    return { operation, bucket, key, partNumber: part === undefined ? undefined : Number(part) }
  } catch {
    return undefined
  }
}

interface Exchange {
  target: URL
  agent: http.Agent
  request: IncomingMessage
  response: ServerResponse
}

/** @returns whether the answer of S3 was passed on */
async function serve(exchange: Exchange, fault: ProxyFault | undefined): Promise<boolean> {
  const { request, response } = exchange
  switch (fault?.action) {
    case undefined:
      return pass(exchange)
    case 'delay':
      await sleep(fault.ms)
      return pass(exchange)
    case 'status':
      await consume(request)
      refuse(response, fault.status, fault.code)
      return false
    case 'error-in-200':
      if (fault.isDone) await forward(exchange)
      else await consume(request)
      refuse(response, 200, 'InternalError')
      return false
    case 'reset-before':
      request.socket.resetAndDestroy()
      return false
    case 'reset-after':
      await forward(exchange)
      request.socket.resetAndDestroy()
      return false
    case 'late': {
      const body = await consume(request)
      request.socket.resetAndDestroy()
      await fault.until
      await forward(exchange, body)
      return false
    }
    case 'hold-before': {
      const body = await consume(request)
      fault.held()
      await fault.until
      return give(response, await forward(exchange, body))
    }
    case 'hold-after': {
      const answer = await forward(exchange)
      fault.held()
      await fault.until
      return give(response, answer)
    }
    case 'cut':
      cut(response, await forward(exchange))
      return false
    case 'hang':
      await consume(request)
      return false
    case 'hang-after':
      await forward(exchange)
      return false
    case 'kill-before':
      fault.strike()
      request.socket.destroy()
      return false
    case 'kill-after':
      await forward(exchange)
      fault.strike()
      request.socket.destroy()
      return false
  }
}

interface Answer {
  status: number
  headers: string[]
  body: Buffer
}

/** Streams both ways. */
function pass({ request, response, ...way }: Exchange): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onward = send(way, request, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.on('error', reject)
      response.on('finish', () => resolve(true))
      answer.pipe(response)
    })
    onward.on('error', reject)
    // Who goes away in the middle of a body does so at S3, too.
    request.on('close', () => {
      if (!request.complete) onward.destroy()
    })
    request.pipe(onward)
  })
}

/** Has S3 do the work. @param body instead of what comes on the connection */
function forward({ request, response: _, ...way }: Exchange, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onward = send(way, request, (answer) => {
      consume(answer).then((read) => {
        resolve({ status: answer.statusCode ?? 502, headers: answer.rawHeaders, body: read })
      }, reject)
    })
    onward.on('error', reject)
    if (body) onward.end(body)
    else request.pipe(onward)
  })
}

function send(
  { target, agent }: Pick<Exchange, 'target' | 'agent'>,
  { method = 'GET', url = '/', rawHeaders }: IncomingMessage,
  answered: (answer: IncomingMessage) => void,
): http.ClientRequest {
  const { hostname, port } = target
  // Host as it was signed. Nobody waits for a 100 here: the proxy has answered it.
  const headers = rawHeaders.filter((_, index) => rawHeaders[index - (index % 2)]!.toLowerCase() !== 'expect')
  return http.request({ hostname, port, method, path: url, headers, agent, setHost: false }, answered)
}

async function consume(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>on purpose</Message></Error>`
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** @returns whether the client was still there to take it */
function give(response: ServerResponse, { status, headers, body }: Answer): boolean {
  if (response.destroyed) return false
  response.writeHead(status, headers)
  response.end(body)
  return true
}

/** Half of the body; or, where there is none, half of the head. */
function cut(response: ServerResponse, { status, headers, body }: Answer): void {
  const fields = headers.map((text, index) => (index % 2 ? `${text}\r\n` : `${text}: `)).join('')
  const head = `HTTP/1.1 ${status} cut\r\n${fields}\r\n`
  const text = body.length > 0 ? Buffer.concat([Buffer.from(head), body]) : Buffer.from(head)
  const end = body.length > 0 ? head.length + Math.floor(body.length / 2) : Math.floor(head.length / 2)
  response.socket?.end(text.subarray(0, end))
}
