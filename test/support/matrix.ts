/**
 * The same questions to every way of running Holdfast: both stores, all adapters. A test asks through `send`, which
 * is fetch in manner and does not tell which it is.
 * @module
 */
import { truncate } from 'node:fs/promises'
import http from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { DiskStore } from '../../src/disk/index.js'
import { fetchHandler } from '../../src/http/fetch.js'
import { nodeHandler } from '../../src/http/node.js'
import { S3Store } from '../../src/s3/index.js'
import { createServer, type Holdfast, type ServerOptions } from '../../src/server.js'
import type { Store } from '../../src/store/store.js'
import { BUCKET, clientOf, KNOWN, openBucket, temporaryFolder } from './bucket.js'

export interface Running {
  /** Takes what is stored of an unfinished upload away, behind the server's back. */
  lose(id: string): Promise<void>
  /** Where sockets can be opened; undefined where there are none. */
  readonly origin: string | undefined
  /** A path below the origin, or an absolute URL that an answer gave. */
  send(target: string, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

export const STORES = ['s3', 'disk'] as const
export const ADAPTERS = ['node', 'http2', 'fetch'] as const

export async function run(
  store: (typeof STORES)[number],
  adapter: (typeof ADAPTERS)[number],
  options: Partial<ServerOptions> = {},
): Promise<Running> {
  const backend = await (store === 's3' ? openS3() : openDisk())
  const holdfast = createServer({ store: backend.store, ...options })
  const front = await FRONTS[adapter](holdfast)
  return {
    ...front,
    lose: backend.lose,
    async close() {
      await holdfast.close({ timeout: 5_000 })
      await front.close()
      await backend.close()
    },
  }
}

const FRONTS: Record<(typeof ADAPTERS)[number], (holdfast: Holdfast) => Promise<Front>> = {
  node: (holdfast) => overHttp(nodeHandler(holdfast)),
  http2: (holdfast) => overHttp2(nodeHandler(holdfast)),
  fetch: (holdfast) => inProcess(fetchHandler(holdfast)),
}

interface Backend {
  store: Store
  lose(id: string): Promise<void>
  close(): Promise<void>
}

async function openS3(): Promise<Backend> {
  const bucket = await openBucket()
  const store = new S3Store({
    bucket: BUCKET,
    service: clientOf(bucket.bucket),
    capabilities: KNOWN,
    preferredPartSize: 5 * 1024 * 1024,
  })
  return { store, lose: bucket.abortMultiparts, close: () => bucket.close() }
}

async function openDisk(): Promise<Backend> {
  const folder = await temporaryFolder()
  const store = new DiskStore({ directory: folder.path })
  return { store, lose: (id) => truncate(join(folder.path, id)), close: folder.remove }
}

type Front = Omit<Running, 'lose'>

async function overHttp(handler: ReturnType<typeof nodeHandler>): Promise<Front> {
  const server = http.createServer(handler).on('checkContinue', handler).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    send: (target, init) => fetch(new URL(target, origin), init),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function overHttp2(handler: ReturnType<typeof nodeHandler>): Promise<Front> {
  const server = http2.createServer(handler).listen(0, '127.0.0.1')
  await new Promise<void>((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // Node 20 counts what a client has still to send, and refuses the fields of an answer beyond 10 MB of that.
  const session = http2.connect(origin, { maxSessionMemory: 1_000 })
  return {
    origin,
    send: (target, init) => sendOver(session, new URL(target, origin), init),
    async close() {
      session.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** As fetch does it, on a stream. */
export function sendOver(session: http2.ClientHttp2Session, url: URL, init: RequestInit = {}): Promise<Response> {
  const { method = 'GET', headers, body } = init
  const fields: http2.OutgoingHttpHeaders = { ':method': method, ':path': url.pathname + url.search }
  for (const [name, value] of Object.entries((headers ?? {}) as Record<string, string>)) fields[name] = value
  if (body instanceof Uint8Array) fields['content-length'] = body.length
  return new Promise((resolve, reject) => {
    const stream = session.request(fields, { endStream: !body })
    const chunks: Buffer[] = []
    let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {}
    stream.on('response', (told) => {
      head = told
    })
    stream.on('data', (chunk) => chunks.push(chunk))
    stream.on('error', reject)
    stream.setTimeout(20_000, () => reject(new Error(`no answer to ${method} ${url}`)))
    stream.on('close', () => reject(new Error(`${method} ${url} was closed with ${stream.rstCode}`)))
    stream.on('end', () => {
      const status = head[':status'] ?? 0
      const named = Object.entries(head).filter(([name]) => !name.startsWith(':')) as [string, string][]
      const isEmpty = status === 204 || status === 304 || method === 'HEAD'
      resolve(new Response(isEmpty ? null : Buffer.concat(chunks), { status, headers: named }))
    })
    if (body instanceof ReadableStream) Readable.from(body as AsyncIterable<Uint8Array>).pipe(stream)
    else if (body) stream.end(body)
  })
}

async function inProcess(handler: (request: Request) => Promise<Response>): Promise<Front> {
  return {
    origin: undefined,
    send(target, init) {
      const request = new Request(new URL(target, 'http://127.0.0.1'), init)
      // As a server that makes Requests of what it receives does.
      if (init?.body instanceof Uint8Array) request.headers.set('Content-Length', String(init.body.length))
      return handler(request)
    },
    close: async () => undefined,
  }
}
