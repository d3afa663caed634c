/**
 * The data plane: UploadPart and PutObject signed here and sent by node:http(s), with the endpoint and credentials of
 * an AWS SDK client. The chunks go to the socket as they came from the client, uncopied (docs/performance.md tells
 * what that saves against the SDK).
 * @module
 */
import http from 'node:http'
import https from 'node:https'
import type { S3Client } from '@aws-sdk/client-s3'
import type { Operations, Payload } from './call.js'
import { S3Fault } from './faults.js'
import { type Credentials, canonicalQuery, encodeKey, sign } from './sign.js'

type DataOperation = 'putObject' | 'uploadPart'

/** An answer to a PUT holds an ETag or an error document; more than this of it is nobody's business. */
const ANSWER_LIMIT = 64 * 1024

export interface DirectOptions {
  bucket: string
  /** Milliseconds without any progress on the connection after which a try is given up. */
  idleTimeout: number
  /** Sends no checksum along with the bytes. */
  disableContentHashes: boolean
}

export interface DirectPlane {
  send(name: DataOperation, input: Operations[DataOperation][0], signal?: AbortSignal): Promise<{ etag: string }>
  close(): void
}

export function directPlane(client: S3Client, options: DirectOptions): DirectPlane {
  const agents = {
    'http:': new http.Agent({ keepAlive: true, scheduling: 'lifo' }),
    'https:': new https.Agent({ keepAlive: true, scheduling: 'lifo' }),
  }
  const target = once(() => resolveTarget(client, options.bucket))
  return {
    async send(name, input, signal) {
      const { url, region } = await target()
      const credentials = await client.config.credentials().catch((cause: unknown) => {
        throw new S3Fault(name, 403, 'CredentialsUnavailable', 'the credentials could not be had', cause)
      })
      const request = describe(name, input, options.disableContentHashes)
      const path = `${url.pathname.replace(/\/$/, '')}/${encodeKey(input.key)}`
      const headers: Record<string, string> = { host: url.host, ...request.headers }
      Object.assign(headers, sign('PUT', path, request.query, headers, credentials as Credentials, region, new Date()))
      headers['content-length'] = String(input.body.length)
      const query = canonicalQuery(request.query)
      const agent = agents[url.protocol as 'http:' | 'https:']
      return put(name, url, query ? `${path}?${query}` : path, headers, input.body, agent, options.idleTimeout, signal)
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
  if (crc32 !== undefined && !withoutChecksum) headers['x-amz-checksum-crc32'] = base64Crc32(crc32)
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

function base64Crc32(crc32: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32)
  return bytes.toString('base64')
}

function put(
  name: DataOperation,
  url: URL,
  path: string,
  headers: Record<string, string>,
  body: Payload,
  agent: http.Agent,
  idleTimeout: number,
  signal?: AbortSignal,
): Promise<{ etag: string }> {
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

async function readAnswer(name: DataOperation, response: http.IncomingMessage): Promise<{ etag: string }> {
  const status = response.statusCode ?? 0
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) if (text.length < ANSWER_LIMIT) text += chunk
  const etag = response.headers.etag
  if (status === 200 && etag) return { etag }
  const read = (tag: string): string => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1] ?? ''
  if (status >= 200 && status < 300) throw new S3Fault(name, 0, 'NoETag', 'a success without an ETag')
  throw new S3Fault(name, status, read('Code'), read('Message'))
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
