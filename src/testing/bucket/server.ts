/**
 * The development bucket: S3 in this process, on a directory, for development and for tests. It holds requests to S3's
 * rules (signatures, checksums, conditions, part sizes) instead of nodding them through, and can be told to fail.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { checkBucketName, ensureBucket } from './buckets.js'
import { lockDirectory } from './directory-lock.js'
import { type Intercept, Interceptor } from './intercept.js'
import { type Quirks, withQuirks } from './quirks.js'
import type { OperationName } from './route.js'
import { type RequestRecord, type Service, serve } from './serve.js'
import { Store } from './store.js'

const MAX_CONNECTIONS = 1024
const MAX_HEADER_BYTES = 32 * 1024

/** How a development bucket starts. */
export interface BucketOptions {
  /** Where everything is kept. Created if missing; of one server at a time. What it holds is there again at the next start. */
  directory: string
  /** 0, the default, takes any that is free. */
  port?: number
  /** A loopback address: 127.0.0.1 (the default), ::1 or localhost. Nothing else is taken. */
  host?: string
  /** Default: holdfast */
  accessKeyId?: string
  /** Default: holdfast-secret */
  secretAccessKey?: string
  /** Default: us-east-1. Requests signed for another are refused. */
  region?: string
  /** Buckets to create at start where they are missing. */
  buckets?: readonly string[]
  /** Bytes that each part but the last must have. Default: 5 MiB, as on S3; tests may want less. */
  minPartSize?: number
  /** Entries on one page of a list, at most. Default: 1000, as on S3; tests may want less. */
  maxListSize?: number
  /** Bytes a second that it takes of one connection, as S3 has such a limit. Default: none. */
  connectionRate?: number
  /** Called after each request. Must not throw. */
  onRequest?: (record: RequestRecord) => void
  /** See `DevelopmentBucket.intercept`. */
  intercept?: Intercept
  /** The ways in which it differs from S3, as other servers do. Default: none. */
  quirks?: Quirks
  /** Milliseconds since 1970. Default: Date.now */
  now?: () => number
}

/** A development bucket that runs. */
export interface DevelopmentBucket {
  /** http://127.0.0.1:port */
  readonly endpoint: string
  /** The port on 127.0.0.1. */
  readonly port: number
  /** The region that requests must be signed for. */
  readonly region: string
  /** The credentials that requests must be signed with. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** How often each operation was asked for, refused requests included. */
  readonly requests: ReadonlyMap<OperationName, number> & { reset(): void }
  /** From now on requests must be signed with these; those of before are refused, as after a rotation of keys. */
  rotate(credentials: { accessKeyId: string; secretAccessKey: string }): void
  /** Asked before each request, and may have it fail. Can be set and unset at any time. */
  intercept: Intercept | undefined
  /** Cuts all connections and resolves when nothing is being written any more. */
  close(): Promise<void>
}

/** Starts a development bucket. */
export async function startBucket(options: BucketOptions): Promise<DevelopmentBucket> {
  const { directory, port = 0, host = '127.0.0.1' } = options
  checkOptions(options, host)
  const unlock = await lockDirectory(directory)
  try {
    const service = await createService(options)
    const { server, stop } = createHttpServer(service)
    await listen(server, port, host)
    return present(service, host, (server.address() as AddressInfo).port, async () => {
      await stop()
      await service.context.store.settle()
      await unlock()
    })
  } catch (error) {
    await unlock()
    throw error
  }
}

async function createService(options: BucketOptions): Promise<Service> {
  const { directory, region = 'us-east-1', minPartSize = 5 * 1024 * 1024, maxListSize = 1000, now = Date.now } = options
  const {
    accessKeyId = 'holdfast',
    secretAccessKey = 'holdfast-secret',
    buckets = [],
    onRequest = () => {},
    quirks = {},
    connectionRate,
  } = options
  const store = await Store.open(directory)
  for (const name of buckets) await ensureBucket(store, name, now())
  const interceptor = new Interceptor()
  interceptor.intercept = options.intercept
  return {
    context: { store, region, now, minPartSize, maxListSize, quirks },
    quirked: withQuirks(quirks),
    connectionRate,
    account: { accessKeyId, secretAccessKey, region },
    interceptor,
    requests: new Map(),
    report: onRequest,
  }
}

function present(service: Service, host: string, port: number, close: () => Promise<void>): DevelopmentBucket {
  const { account, interceptor, requests } = service
  const { region } = account
  return {
    endpoint: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    region,
    get credentials() {
      const { accessKeyId, secretAccessKey } = service.account
      return { accessKeyId, secretAccessKey }
    },
    rotate(credentials) {
      service.account = { ...service.account, ...credentials }
    },
    requests: Object.assign(requests, { reset: () => requests.clear() }),
    get intercept() {
      return interceptor.intercept
    },
    set intercept(intercept) {
      interceptor.intercept = intercept
    },
    close,
  }
}

function checkOptions(options: BucketOptions, host: string): void {
  const { buckets = [], minPartSize = 1, maxListSize = 1, connectionRate = 1 } = options
  if (!['127.0.0.1', '::1', 'localhost'].includes(host))
    throw new TypeError(`host must be a loopback address, not ${host}`)
  if (!(minPartSize >= 0)) throw new TypeError('minPartSize must be a number of bytes')
  if (!(maxListSize >= 1 && maxListSize <= 1000)) throw new TypeError('maxListSize must be from 1 to 1000')
  if (!(connectionRate > 0)) throw new TypeError('connectionRate must be a positive number of bytes a second')
  for (const name of buckets) checkBucketName(name)
}

/** A server that knows which requests are under way, so that it can be stopped for good. */
function createHttpServer(service: Service): { server: Server; stop: () => Promise<void> } {
  // Large uploads over slow connections take as long as they take; only the head of a request has a time limit.
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: 60_000,
    keepAliveTimeout: 60_000,
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  server.maxConnections = MAX_CONNECTIONS
  const running = new Set<Promise<void>>()
  const take = (request: IncomingMessage, response: ServerResponse, waits: boolean) => {
    const done = serve(service, request, response, waits).finally(() => running.delete(done))
    running.add(done)
  }
  server.on('request', (request, response) => take(request, response, false))
  server.on('checkContinue', (request, response) => take(request, response, true))
  return {
    server,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await Promise.all([closed, ...running])
    },
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
