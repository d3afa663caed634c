/**
 * The HTTP server of the command: which path leads where, and the limits of connections. Bodies have none here, since
 * an upload takes as long as it takes; Holdfast itself watches for those that stand still.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { nodeHandler } from '../http/node.js'
import type { Holdfast } from '../server.js'
import { PlainError } from './failure.js'
import { refuseMalformed } from './refuse.js'

/** Answers a request, or says that it is not for it. */
export type Page = (request: IncomingMessage, response: ServerResponse) => boolean

export interface Routes {
  readonly holdfast: Pick<Holdfast, 'serve'>
  /** Path or absolute URL. */
  readonly basePath: string
  readonly page?: Page | undefined
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

export function createHttpServer(routes: Routes, { maxHeaderCount = 1_000, ...limits }: Limits = {}): Server {
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: 60_000,
    keepAliveTimeout: 75_000,
    maxHeaderSize: 32 * 1024,
    ...limits,
  })
  server.maxHeadersCount = 0
  const route = router(routes, maxHeaderCount)
  server.on('request', route)
  server.on('checkContinue', route)
  refuseMalformed(server)
  return server
}

function router(
  { holdfast, basePath, page }: Routes,
  maxHeaderCount: number,
): (request: IncomingMessage, response: ServerResponse) => void {
  const uploads = nodeHandler(holdfast)
  const base = pathOf(basePath)
  return (request, response) => {
    if (request.rawHeaders.length > 2 * maxHeaderCount) {
      return answer(request, response, 431, `A request may have at most ${maxHeaderCount} header fields.\n`)
    }
    const path = (request.url ?? '').split('?', 1)[0]!
    if (path === '/healthz') return answer(request, response, 200, 'ok\n')
    if (page?.(request, response)) return
    if (path === base || path.startsWith(`${base}/`)) return uploads(request, response)
    answer(request, response, 404, `There is nothing here. Uploads live under ${base}/\n`)
  }
}

function answer(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  // The rest of an unwanted body would be taken for the next request.
  const isUnread = request.method !== 'GET' && request.method !== 'HEAD'
  response.on('error', () => undefined)
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'X-Content-Type-Options': 'nosniff',
    ...(isUnread ? { Connection: 'close' } : {}),
  })
  response.end(request.method === 'HEAD' ? undefined : text)
}

/** Whether a failure to listen means that another process has the port. */
export const isPortTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException)?.code === 'EADDRINUSE'

/** @returns the port. @throws what node:net does */
export function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** As `bind`. @throws PlainError saying why it cannot listen there */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    return await bind(server, host, port)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new PlainError(`Another process listens on ${host}:${port}; choose another --port.`)
    if (code === 'EACCES') throw new PlainError(`Port ${port} needs privileges; choose a --port of 1024 or more.`)
    throw new PlainError(`Cannot listen on ${host}:${port}: ${message}.`)
  }
}

/** http://127.0.0.1:1080 */
export const originOf = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`
