/**
 * The data plane: UploadPart and PutObject signed here and sent by node:http(s), with the endpoint and credentials of
 * an AWS SDK client. The chunks go to the socket as they came from the client, uncopied (docs/performance.md tells
 * what that saves against the SDK).
 * @module
 */
import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import type { S3Client } from '@aws-sdk/client-s3'
import { base64OfCrc32, crc32OfBase64 } from '../../store/crc32.js'
import type { Operations, Payload, Stored } from './call.js'
import { S3Fault } from './faults.js'
import { type Credentials, canonicalQuery, encodeKey, sign } from './sign.js'

type DataOperation = 'putObject' | 'uploadPart'

/** An answer to a PUT holds an ETag or an error document; more than this of it is nobody's business. */
const ANSWER_LIMIT = 64 * 1024

/** Milliseconds for TCP and TLS. */
const CONNECT_TIMEOUT = 5_000

export interface DirectOptions {
  bucket: string
  /** Milliseconds without any progress on the connection after which a try is given up. */
  idleTimeout: number
  /** Sends no checksum along with the bytes. */
  disableContentHashes: boolean
}

export interface DirectPlane {
  send(name: DataOperation, input: Operations[DataOperation][0], signal?: AbortSignal): Promise<Stored>
  close(): void
}

export function directPlane(client: S3Client, options: DirectOptions): DirectPlane {
  const agents = {
    'http:': new http.Agent({ keepAlive: true, scheduling: 'lifo' }),
    'https:': new https.Agent({ keepAlive: true, scheduling: 'lifo' }),
  }
  const target = once(() => resolveTarget(client, options.bucket))
  /** Milliseconds by which S3's clock is ahead of ours, once it refused a request for that. */
  let skew = 0
  return {
    async send(name, input, signal) {
      const { url, region } = await target()
      const credentials = await client.config.credentials().catch((cause: unknown) => {
        throw new S3Fault(name, 403, 'CredentialsUnavailable', 'the credentials could not be had', cause)
      })
      const request = describe(name, input, options.disableContentHashes)
      if (input.body.md5 && !options.disableContentHashes) request.headers['content-md5'] = await md5Of(input.body)
      const path = `${url.pathname.replace(/\/$/, '')}/${encodeKey(input.key)}`
      const headers: Record<string, string> = { host: url.host, ...request.headers }
      Object.assign(
        headers,
        sign('PUT', path, request.query, headers, credentials as Credentials, region, new Date(Date.now() + skew)),
      )
      headers['content-length'] = String(input.body.length)
      const query = canonicalQuery(request.query)
      const agent = agents[url.protocol as 'http:' | 'https:']
      const sent = { name, url, path: query ? `${path}?${query}` : path, headers, body: input.body, agent }
      return put(sent, options.idleTimeout, signal).catch((error) => {
        if (error instanceof ClockFault) skew = error.serverTime - Date.now()
        throw error
      })
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

/** Where the SDK would send requests for the bucket, asked of its own rules. */
async function resolveTarget(client: S3Client, bucket: string): Promise<{ url: URL; region: string }> {
  const { config } = client
  const region = await config.region()
  const custom = config.endpoint ? await config.endpoint() : undefined
  const endpoint =
    custom && `${custom.protocol}//${custom.hostname}${custom.port ? `:${custom.port}` : ''}${custom.path}`
  const { url } = config.endpointProvider({
    Bucket: bucket,
    Region: region,
    ...(endpoint ? { Endpoint: endpoint } : {}),
    ForcePathStyle: Boolean(config.forcePathStyle),
    UseFIPS: Boolean(await config.useFipsEndpoint()),
    UseDualStack: Boolean(await config.useDualstackEndpoint()),
    Accelerate: Boolean(config.useAccelerateEndpoint),
  })
  return { url, region }
}

/** The headers and query of an operation, before the signature. */
function describe(
  name: DataOperation,
  input: Operations[DataOperation][0],
  withoutChecksum: boolean,
): { headers: Record<string, string>; query: Record<string, string> } {
  const headers: Record<string, string> = {}
  const { crc32 } = input.body
  if (crc32 !== undefined && !withoutChecksum) headers['x-amz-checksum-crc32'] = base64OfCrc32(crc32)
  if (name === 'uploadPart') {
    const { uploadId, partNumber } = input as Operations['uploadPart'][0]
    return { headers, query: { partNumber: String(partNumber), uploadId } }
  }
  const { contentType, metadata, ifMatch, ifAbsent } = input as Operations['putObject'][0]
  if (contentType) headers['content-type'] = contentType
  for (const [key, value] of Object.entries(metadata ?? {})) headers[`x-amz-meta-${key.toLowerCase()}`] = value
  if (ifMatch) headers['if-match'] = ifMatch
  if (ifAbsent) headers['if-none-match'] = '*'
  return { headers, query: {} }
}

/** S3 refused the request for its time; its own is in the answer. */
class ClockFault extends S3Fault {
  serverTime = Date.now()
}

/** Of megabytes at once, so that hashing a part does not hold up all other uploads. */
async function md5Of(body: Payload): Promise<string> {
  const hash = createHash('md5')
  let since = 0
  for await (const chunk of body.chunks()) {
    hash.update(chunk)
    since += chunk.length
    if (since < 1024 * 1024) continue
    since = 0
    await new Promise(setImmediate)
  }
  body.returned?.()
  return hash.digest('base64')
}

interface Put {
  name: DataOperation
  url: URL
  path: string
  headers: Record<string, string>
  body: Payload
  agent: http.Agent
}

function put(
  { name, url, path, headers, body, agent }: Put,
  idleTimeout: number,
  signal?: AbortSignal,
): Promise<Stored> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? https.request : http.request
    const { hostname, port } = url
    const request = send({
      method: 'PUT',
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path,
      headers,
      agent,
      signal,
      // From before the connection is made; a part that is being sent counts as progress.
      timeout: idleTimeout,
    })
    const fail = (cause: NodeJS.ErrnoException): void =>
      reject(cause instanceof S3Fault ? cause : new S3Fault(name, 0, cause.code ?? '', cause.message, cause))
    request.on('timeout', () => request.destroy(new S3Fault(name, 0, 'ETIMEDOUT', 'no progress')))
    request.on('error', fail)
    // All of it was handed to the system; of a request that is given up nobody can say so.
    request.on('finish', () => body.returned?.())
    limitConnecting(request, name, url.protocol === 'https:' ? 'secureConnect' : 'connect', idleTimeout)
    request.on('response', (response) => {
      readAnswer(name, response).then(
        (answer) => {
          // An answer before the whole body was taken is a refusal; the rest of the body must not follow on this socket.
          if (!request.writableFinished) request.destroy()
          resolve(answer)
        },
        (error) => {
          if (!request.writableFinished) request.destroy()
          fail(error)
        },
      )
    })
    write(request, body).catch((error: Error) => request.destroy(error))
  })
}

/**
 * Gives a request up whose connection is not made in time. No listener stays on the socket: it lives on for the next
 * requests, and would keep the first one, with all bytes of its part, in memory.
 */
function limitConnecting(request: http.ClientRequest, name: DataOperation, made: string, idleTimeout: number): void {
  request.on('socket', (socket) => {
    if (!socket.connecting) return
    const slow = (): unknown => request.destroy(new S3Fault(name, 0, 'ETIMEDOUT', 'no connection in time'))
    const timer = setTimeout(slow, Math.min(CONNECT_TIMEOUT, idleTimeout))
    const end = (): void => {
      clearTimeout(timer)
      socket.off(made, end).off('close', end)
    }
    socket.on(made, end).on('close', end)
  })
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

async function readAnswer(name: DataOperation, response: http.IncomingMessage): Promise<Stored> {
  const status = response.statusCode ?? 0
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) if (text.length < ANSWER_LIMIT) text += chunk
  const etag = response.headers.etag
  if (status === 200 && etag) return { etag, crc32: crc32OfBase64(String(response.headers['x-amz-checksum-crc32'])) }
  const read = (tag: string): string => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1] ?? ''
  if (status >= 200 && status < 300) throw new S3Fault(name, 0, 'NoETag', 'a success without an ETag')
  const time = Date.parse(response.headers.date ?? '')
  const isSkewed = read('Code') === 'RequestTimeTooSkewed' && Number.isFinite(time)
  const fault = new (isSkewed ? ClockFault : S3Fault)(name, status, read('Code'), read('Message'))
  if (fault instanceof ClockFault) fault.serverTime = time
  fault.retryAfter = secondsOf(response.headers['retry-after'])
  throw fault
}

/** Retry-After in milliseconds; S3 and its kin send it in seconds. */
export function secondsOf(field: string | undefined): number | undefined {
  return field !== undefined && /^\d{1,6}$/.test(field) ? Number(field) * 1_000 : undefined
}

/** Calls `make` until it succeeded once; then keeps what it gave. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error) => {
      made = undefined
      throw error
    })
    return made
  }
}
