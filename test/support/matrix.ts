/**
 * The same questions to every way of running Holdfast: both stores, both adapters. A test asks through `send`, which
 * is fetch in manner and does not tell which it is.
 * @module
 */
import { truncate } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DiskStore } from '../../src/disk/index.js'
import { fetchHandler } from '../../src/http/fetch.js'
import { nodeHandler } from '../../src/http/node.js'
import { S3Store } from '../../src/s3/index.js'
import { createServer, type ServerOptions } from '../../src/server.js'
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
export const ADAPTERS = ['node', 'fetch'] as const

export async function run(
  store: (typeof STORES)[number],
  adapter: (typeof ADAPTERS)[number],
  options: Partial<ServerOptions> = {},
): Promise<Running> {
  const backend = await (store === 's3' ? openS3() : openDisk())
  const holdfast = createServer({ store: backend.store, ...options })
  const front = await (adapter === 'node' ? overHttp(nodeHandler(holdfast)) : inProcess(fetchHandler(holdfast)))
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
