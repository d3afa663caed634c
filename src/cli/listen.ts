/**
 * The HTTP server of the command: which path leads where, and the limits of connections. Bodies have none here, since
 * an upload takes as long as it takes; Holdfast itself watches for those that stand still.
 * @module
 */
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server as AnyServer } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import type { Serve } from '../http/exchange.js'
import { nodeHandler } from '../http/node.js'
import type { Holdfast } from '../server.js'
import { PlainError } from './failure.js'
import { alsoHttp2, type Http2Sessions } from './http2.js'
import { refuseMalformed } from './refuse.js'

type Request = Parameters<ReturnType<typeof nodeHandler>>[0]
type Response = Parameters<ReturnType<typeof nodeHandler>>[1]
type Handler = (request: Request, response: Response) => unknown

/** Answers a request, or says that it is not for it. */
export type Page = (request: Request, response: Response) => boolean

export interface Routes {
  readonly holdfast: Pick<Holdfast, 'serve'> & Partial<Pick<Holdfast, 'readiness'>>
  /** Path or absolute URL. */
  readonly basePath: string
  readonly page?: Page | undefined
  /** Whoever asks for / is told what this is, unless there is a page. */
  readonly greets?: boolean | undefined
  readonly metrics?: Page | undefined
}

/** How clients are served beyond HTTP/1.1 without TLS. */
export interface Transport {
  /** Certificate (with its chain) and key, as PEM: then HTTP/1.1 and HTTP/2 over TLS. */
  readonly tls?: SecureContextOptions | undefined
  /** HTTP/2 without TLS, beside HTTP/1.1. */
  readonly h2c?: boolean | undefined
}

/** The path part of a base path, without a slash at the end; '' for the root. */
export function pathOf(basePath: string): string {
  const url = /^https?:/i.test(basePath) ? basePath : `http://localhost/${basePath.replace(/^\/+/, '')}`
  return new URL(url).pathname.replace(/\/+$/, '')
}

/** Of heads, and what else node:http takes in place of the usual. */
export interface Limits extends ServerOptions {
  /** How many fields a head may have; more is 431. node itself leaves out the rest in silence. Default: 1,000. */
  readonly maxHeaderCount?: number
}

const USUAL = {
  requestTimeout: 0,
  headersTimeout: 60_000,
  keepAliveTimeout: 75_000,
  maxHeaderSize: 32 * 1024,
} as const

/** @throws what node:tls does about a certificate */
export function createHttpServer(
  routes: Routes,
  { maxHeaderCount = 1_000, tls, h2c = false, ...limits }: Limits & Transport = {},
): { server: Server; http2: Http2Sessions | undefined } {
  const options = { ...USUAL, ...limits }
  const server = tls
    ? createTlsServer({ ...options, ...tls, ALPNProtocols: ['h2', 'http/1.1'] })
    : createServer(options)
  server.maxHeadersCount = 0
  const route = router(routes, maxHeaderCount)
  server.on('request', route)
  server.on('checkContinue', route)
  // node's own answer would read the body of such a request for as long as it lasts.
  server.on('checkExpectation', nodeHandler({ serve: telling(417, 'The only expectation is 100-continue.\n') }))
  refuseMalformed(server)
  const bounds = {
    maxHeaderSize: options.maxHeaderSize ?? USUAL.maxHeaderSize,
    maxHeaderCount,
    keepAliveTimeout: options.keepAliveTimeout ?? USUAL.keepAliveTimeout,
  }
  const http2 = tls || h2c ? alsoHttp2(server, tls ? 'alpn' : 'first bytes', bounds) : undefined
  return { server, http2 }
}

function router({ holdfast, basePath, page, metrics, greets }: Routes, maxHeaderCount: number): Handler {
  const base = pathOf(basePath)
  const uploads = nodeHandler(holdfast)
  const health = nodeHandler({ serve: telling(200, 'ok\n') })
  const ready = holdfast.readiness && nodeHandler({ serve: tellingReadiness(holdfast.readiness) })
  const tooMany = nodeHandler({ serve: telling(431, `A request may have at most ${maxHeaderCount} header fields.\n`) })
  const nothing = nodeHandler({ serve: telling(404, `There is nothing here. Uploads live under ${base}/\n`) })
  const greeting = `This is Holdfast, a server for resumable uploads. They live under ${base}/\n`
  const greet = greets && base !== '' ? nodeHandler({ serve: telling(200, greeting) }) : nothing
  return (request, response) => {
    if (request.rawHeaders.length > 2 * maxHeaderCount) return tooMany(request, response)
    const path = (request.url ?? '').split('?', 1)[0]!
    if (path === '/healthz') return health(request, response)
    if (path === '/readyz' && ready) return ready(request, response)
    if (metrics?.(request, response)) return
    if (page?.(request, response)) return
    if (path === base || path.startsWith(`${base}/`)) return uploads(request, response)
    if (path === '/' && (request.method === 'GET' || request.method === 'HEAD')) return greet(request, response)
    nothing(request, response)
  }
}

const telling =
  (status: number, text: string): Serve =>
  (exchange) => {
    const fields = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' }
    return exchange.answer({ status, fields, text })
  }

/** For probes: the code says why not, and nothing more. */
const tellingReadiness =
  (readiness: Holdfast['readiness']): Serve =>
  async (exchange) => {
    const { ready, code } = await readiness()
    const fields = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }
    await exchange.answer({ status: ready ? 200 : 503, fields, text: `${ready ? 'ready' : code}\n` })
  }

/** Whether a failure to listen means that another process has the port. */
export const isPortTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException)?.code === 'EADDRINUSE'

/**
 * Connections that may wait to be accepted; the system may allow fewer. With node's 511, of two thousand clients that come back at
 * once after a restart, some are reset.
 */
export const BACKLOG = 4_096

/** @returns the port. @throws what node:net does */
export function bind(server: AnyServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** As `bind`. @param flag that chose the port  @throws PlainError saying why it cannot listen there */
export async function listen(server: AnyServer, host: string, port: number, flag = '--port'): Promise<number> {
  try {
    return await bind(server, host, port)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new PlainError(`Another process listens on ${host}:${port}; choose another ${flag}.`)
    if (code === 'EACCES') throw new PlainError(`Port ${port} needs privileges; choose a ${flag} of 1024 or more.`)
    throw new PlainError(`Cannot listen on ${host}:${port}: ${message}.`)
  }
}

/** http://127.0.0.1:1080 */
export const originOf = (host: string, port: number, scheme: 'http' | 'https' = 'http'): string =>
  `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
