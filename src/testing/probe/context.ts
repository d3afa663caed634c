/**
 * What a row of the probe has at hand: two SDK clients, requests by hand, keys of its own.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { type CompletedPart, type CreateMultipartUploadCommandInput, S3, type S3ClientConfig } from '@aws-sdk/client-s3'
import { presign, type Signature, signHeaders, type UnsignedRequest } from './signing.js'

/** The S3 server that is probed. */
export interface ProbeTarget {
  /** http(s)://host:port */
  readonly endpoint: string
  /** The region that requests are signed for. */
  readonly region: string
  /** Credentials that may create a bucket and write to it. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Created if missing. Rows write below `holdfast-probe/` in it only. */
  readonly bucket: string
  /** Default: true */
  readonly forcePathStyle?: boolean
}

export interface RawRequest {
  readonly method: string
  readonly key?: string
  readonly query?: Record<string, string>
  /** Lower-case names. */
  readonly headers?: Record<string, string>
  readonly body?: Buffer | string
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

export interface SigningOptions {
  /** For x-amz-content-sha256; the hash of the body if absent. */
  readonly payload?: string
  readonly time?: number
  /** A Host that names the bucket, which the path then does not. */
  readonly host?: string
  /** Replaces the body once its head is signed. */
  readonly frame?: (seed: Signature) => Buffer
}

export interface Context {
  readonly target: ProbeTarget
  readonly bucket: string
  /** The SDK as it comes: checksums wherever the operation has them. */
  readonly s3: S3
  /** The SDK as it is set for servers other than AWS: checksums only where they are required. */
  readonly plain: S3
  /** What a real server gives no way to measure; see ProbeOptions. */
  readonly memory: (() => number) | undefined
  /** A key that no other row uses. */
  key(name?: string): string
  client(config: S3ClientConfig): S3
  /** Sends a request that is signed by hand. */
  raw(request: RawRequest, options?: SigningOptions): Promise<RawAnswer>
  /** A presigned URL. `expires` in seconds. */
  url(request: RawRequest, expires: number, time?: number): URL
}

export const MiB = 1024 * 1024
/** The least size of a part that is not the last. */
export const PART = 5 * MiB
export const someBytes = (size: number) => randomBytes(size)
export const md5 = (bytes: Buffer | string) => createHash('md5').update(bytes).digest('hex')
export const sha256Base64 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('base64')
export const unquoted = (etag: string | undefined) => etag?.replaceAll('"', '')

export function createContext(target: ProbeTarget, prefix: string, memory?: () => number): Context {
  const { endpoint, region, credentials, forcePathStyle = true } = target
  const client = (config: S3ClientConfig) =>
    withQuietBodies(new S3({ endpoint, region, credentials, forcePathStyle, maxAttempts: 1, ...config }))
  const context: Context = {
    target,
    bucket: target.bucket,
    s3: client({}),
    plain: client({ requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }),
    memory,
    key: (name = 'object') => `${prefix}${name}`,
    client,
    raw: (request, options) => sendRaw(target, request, options),
    url: (request, expires, time) => presignedUrl(target, request, expires, time),
  }
  return context
}

/** A row that fails leaves bodies unread; when its client is closed, their errors are nobody's. */
function withQuietBodies(s3: S3): S3 {
  s3.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      const { Body } = result.output as { Body?: { on?: (event: 'error', listener: () => void) => void } }
      Body?.on?.('error', () => {})
      return result
    },
    { step: 'initialize' },
  )
  return s3
}

const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

function hostOf({ endpoint, bucket, forcePathStyle = true }: ProbeTarget): string {
  const { host } = new URL(endpoint)
  return forcePathStyle ? host : `${bucket}.${host}`
}

function unsigned(target: ProbeTarget, request: RawRequest, host = hostOf(target)): UnsignedRequest {
  const inPath = (target.forcePathStyle ?? true) && host === hostOf(target)
  const key = (request.key ?? '').split('/').map(encode).join('/')
  return {
    method: request.method,
    host,
    path: inPath ? `/${target.bucket}/${key}` : `/${key}`,
    query: Object.entries(request.query ?? {}),
    headers: request.headers ?? {},
  }
}

const renderQuery = (query: UnsignedRequest['query']) =>
  query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')

function presignedUrl(target: ProbeTarget, request: RawRequest, expires: number, time?: number): URL {
  const { host, path, ...rest } = unsigned(target, request)
  const query = presign({ ...rest, host, path }, target, expires, time)
  return new URL(`${new URL(target.endpoint).protocol}//${host}${path}?${renderQuery(query)}`)
}

function sendRaw(target: ProbeTarget, request: RawRequest, options: SigningOptions = {}): Promise<RawAnswer> {
  const head = unsigned(target, request, options.host)
  const body = Buffer.from(request.body ?? '')
  const payload = options.payload ?? createHash('sha256').update(body).digest('hex')
  const signed = signHeaders(head, target, payload, options.time)
  const sent = options.frame?.(signed) ?? body
  const headers = { ...(request.method === 'GET' ? {} : { 'content-length': String(sent.length) }), ...signed.headers }
  const query = renderQuery(head.query)
  // Sent to the endpoint, whatever Host is signed: not every machine resolves a name below localhost.
  const url = new URL(`${new URL(target.endpoint).origin}${head.path}${query === '' ? '' : `?${query}`}`)
  return exchange(url, { method: head.method, headers, body: sent })
}

/** One request of plain HTTP. A body announced by `expect: 100-continue` waits for the 100. */
export function exchange(
  url: URL,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: Buffer },
): Promise<RawAnswer & { continued: boolean }> {
  return new Promise((resolve, reject) => {
    let continued = false
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = open(url, { method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () => {
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: Buffer.concat(pieces).toString(),
          continued,
        })
        request.destroy()
      })
    })
    request.on('error', reject)
    // Some servers say it twice.
    request.once('continue', () => {
      continued = true
      request.end(body)
    })
    if (headers.expect === undefined) request.end(body)
    else request.flushHeaders()
  })
}

export function expect(condition: unknown, detail: string): asserts condition {
  if (!condition) throw new Error(detail)
}

interface Refusal {
  readonly status: number
  readonly code: string
}

/** Waits for the request to fail, with one of these statuses or codes. */
export async function refused(request: Promise<unknown>, ...allowed: (number | string)[]): Promise<Refusal> {
  const refusal = await request.then(
    () => undefined,
    (error): Refusal => ({ status: error.$metadata?.httpStatusCode ?? 0, code: String(error.name) }),
  )
  expect(refusal !== undefined, 'it was accepted')
  const fits = allowed.includes(refusal.status) || allowed.includes(refusal.code)
  expect(allowed.length === 0 || fits, `${refusal.status} ${refusal.code} instead of ${allowed.join(' or ')}`)
  return refusal
}

/** As `refused`, for an answer by hand. */
export function rawRefused({ status, body }: RawAnswer, expected: number, code?: string): string {
  const found = /<Code>([^<]*)<\/Code>/.exec(body)?.[1] ?? ''
  expect(
    status === expected && (code === undefined || found === code),
    `${status} ${found} instead of ${expected} ${code ?? ''}`,
  )
  return `${status} ${found}`
}

export async function read({ s3, bucket }: Context, key: string): Promise<Buffer> {
  const { Body } = await s3.getObject({ Bucket: bucket, Key: key })
  return Buffer.from(await Body!.transformToByteArray())
}

/** Of several requests at once, those that succeeded. Those that did not must have failed in an allowed way. */
export async function race<T>(requests: Promise<T>[], ...allowed: (number | string)[]): Promise<T[]> {
  const settled = await Promise.allSettled(requests)
  await Promise.all(
    settled.map((one) => (one.status === 'rejected' ? refused(Promise.reject(one.reason), ...allowed) : undefined)),
  )
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}

export async function createUpload(
  { s3, bucket }: Context,
  key: string,
  input: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<{ Bucket: string; Key: string; UploadId: string }> {
  const { UploadId } = await s3.createMultipartUpload({ Bucket: bucket, Key: key, ...input })
  expect(UploadId, 'no upload ID')
  return { Bucket: bucket, Key: key, UploadId }
}

/** Uploads `bodies` as parts 1, 2, 3 …, without checksums. */
export async function uploadParts(
  { plain }: Context,
  upload: { Bucket: string; Key: string; UploadId: string },
  bodies: readonly (Buffer | string)[],
) {
  const parts: CompletedPart[] = []
  for (const [at, Body] of bodies.entries()) {
    const { ETag } = await plain.uploadPart({ ...upload, PartNumber: at + 1, Body })
    parts.push({ PartNumber: at + 1, ETag: ETag! })
  }
  return parts
}
