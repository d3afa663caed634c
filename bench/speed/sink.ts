/**
 * An S3 server that takes everything and keeps next to nothing, in a process of its own: what a server costs is then its own
 * cost. Records and tails are kept, since servers read them again; the bytes of objects and parts are counted and dropped.
 * Its ETags are numbers, so that no digest takes the processor from who is measured. Each server has a bucket of its own here.
 *
 * Told by its first argument in JSON: latency (milliseconds before each answer), tls (key and certificate). Sends its port to
 * the parent, and answers each message, the name of a bucket, with what came into it; the bucket is empty then.
 * @module
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { now, serialIn } from './marker.js'

export interface SinkOptions {
  /** Milliseconds before each answer. */
  latency: number
  tls?: { key: string; cert: string } | undefined
}

export interface SinkCounts {
  /** By operation. */
  requests: Record<string, number>
  /** Bytes of bodies. */
  bytes: number
  /** Finished objects by their size in bytes. */
  objects: Record<string, number>
  /** When the first byte of an upload came: its number, and milliseconds on the clock of marker.ts. */
  firstBytes: [serial: number, at: number][]
}

interface Stored {
  etag: string
  size: number
  /** Undefined where they were dropped. */
  bytes: Buffer | undefined
  metadata: Record<string, string>
}

interface Answer {
  status: number
  headers?: Record<string, string>
  text?: string | Buffer
}

const { latency, tls } = JSON.parse(process.argv[2] ?? '{"latency":0}') as SinkOptions

interface Multipart {
  metadata: Record<string, string>
  parts: Map<number, { etag: string; size: number }>
}

class Bucket {
  readonly objects = new Map<string, Stored>()
  readonly multiparts = new Map<string, Multipart>()
  readonly requests: Record<string, number> = {}
  readonly firstBytes = new Map<number, number>()
  bytes = 0
}

const buckets = new Map<string, Bucket>()
let serial = 0

function bucketOf(name: string): Bucket {
  const bucket = buckets.get(name) ?? new Bucket()
  buckets.set(name, bucket)
  return bucket
}

function countsOf({ objects, requests, firstBytes, bytes }: Bucket): SinkCounts {
  const sizes: Record<string, number> = {}
  for (const [key, { size }] of objects) if (!isKept(key)) sizes[size] = (sizes[size] ?? 0) + 1
  return { requests, bytes, objects: sizes, firstBytes: [...firstBytes] }
}

/** What servers read again: small objects of their own. */
const isKept = (key: string): boolean => /\.(info|part\d*|finals)$/.test(key)

const newEtag = (): string => `"${(++serial).toString(16).padStart(32, '0')}"`

/** How many bytes of a body are searched for a marker. */
const SEARCHED = 4_096

/** Events, since they cost less than `for await`. */
function bodyOf(request: IncomingMessage, keep: boolean, bucket: Bucket): Promise<{ size: number; chunks: Buffer[] }> {
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    if (size < SEARCHED) {
      const found = serialIn(chunk)
      if (found !== undefined && !bucket.firstBytes.has(found)) bucket.firstBytes.set(found, now())
    }
    size += chunk.length
    if (keep) chunks.push(chunk)
  })
  return new Promise((resolve, reject) => {
    request.on('end', () => resolve({ size, chunks })).on('close', () => reject(new Error('cut off')))
  })
}

async function take(
  request: IncomingMessage,
  keep: boolean,
  bucket: Bucket,
): Promise<{ size: number; bytes: Buffer | undefined }> {
  const { size, chunks } = await bodyOf(request, keep, bucket)
  bucket.bytes += size
  const isFramed = request.headers['content-encoding']?.includes('aws-chunked') === true
  const decoded = Number(request.headers['x-amz-decoded-content-length'] ?? size)
  if (!keep) return { size: isFramed ? decoded : size, bytes: undefined }
  const bytes = isFramed ? unframed(Buffer.concat(chunks)) : Buffer.concat(chunks)
  return { size: bytes.length, bytes }
}

/** The bytes in the chunks of aws-chunked. */
function unframed(framed: Buffer): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const end = framed.indexOf('\r\n', at)
    const length = Number.parseInt(framed.toString('latin1', at, end), 16)
    if (!(length > 0)) return Buffer.concat(chunks)
    chunks.push(framed.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
}

const xml = (name: string, inner: string): Answer => ({
  status: 200,
  headers: { 'Content-Type': 'application/xml' },
  text: `<?xml version="1.0" encoding="UTF-8"?><${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</${name}>`,
})

const failure = (status: number, code: string): Answer => ({
  status,
  headers: { 'Content-Type': 'application/xml' },
  text: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
})

async function answerTo(request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://sink')
  const [, name = '', path = ''] = /^\/([^/]*)\/?(.*)$/.exec(url.pathname) ?? []
  const bucket = bucketOf(name)
  const [operation, answer] = await operate(bucket, request, decodeURIComponent(path), url.searchParams)
  bucket.requests[operation] = (bucket.requests[operation] ?? 0) + 1
  return answer
}

async function operate(
  bucket: Bucket,
  request: IncomingMessage,
  key: string,
  query: URLSearchParams,
): Promise<[operation: string, Answer]> {
  const uploadId = query.get('uploadId')
  switch (request.method) {
    case 'PUT':
      if (uploadId === null) return ['PutObject', await putObject(bucket, request, key)]
      return ['UploadPart', await putPart(bucket, request, uploadId, Number(query.get('partNumber')))]
    case 'POST':
      if (query.has('uploads')) return ['CreateMultipartUpload', await createMultipart(bucket, request, key)]
      if (query.has('delete')) return ['DeleteObjects', await deleteAll(bucket, request)]
      return ['CompleteMultipartUpload', await completeMultipart(bucket, request, key, uploadId ?? '')]
    case 'DELETE':
      if (uploadId !== null) bucket.multiparts.delete(uploadId)
      else bucket.objects.delete(key)
      return [uploadId === null ? 'DeleteObject' : 'AbortMultipartUpload', { status: 204 }]
    case 'HEAD':
      return ['HeadObject', headOf(bucket, key)]
    default:
      if (uploadId !== null) return ['ListParts', listParts(bucket, uploadId)]
      if (query.has('uploads')) return ['ListMultipartUploads', xml('ListMultipartUploadsResult', '')]
      if (key === '') return ['ListObjects', xml('ListBucketResult', '<IsTruncated>false</IsTruncated>')]
      return ['GetObject', getObject(bucket, key, request.headers.range)]
  }
}

function metadataOf(request: IncomingMessage): Record<string, string> {
  const entries = Object.entries(request.headers).filter(([name]) => name.startsWith('x-amz-meta-'))
  return Object.fromEntries(entries) as Record<string, string>
}

async function putObject(bucket: Bucket, request: IncomingMessage, key: string): Promise<Answer> {
  const { objects } = bucket
  const { size, bytes } = await take(request, isKept(key), bucket)
  const { 'if-match': match, 'if-none-match': noneMatch } = request.headers
  const before = objects.get(key)
  const isRefused = (noneMatch === '*' && before) || (match !== undefined && match !== before?.etag)
  if (isRefused) return failure(412, 'PreconditionFailed')
  const etag = newEtag()
  objects.set(key, { etag, size, bytes, metadata: metadataOf(request) })
  return { status: 200, headers: { ETag: etag } }
}

async function putPart(
  bucket: Bucket,
  request: IncomingMessage,
  uploadId: string,
  partNumber: number,
): Promise<Answer> {
  const { size } = await take(request, false, bucket)
  const multipart = bucket.multiparts.get(uploadId)
  if (!multipart) return failure(404, 'NoSuchUpload')
  const etag = newEtag()
  multipart.parts.set(partNumber, { etag, size })
  return { status: 200, headers: { ETag: etag } }
}

async function createMultipart(bucket: Bucket, request: IncomingMessage, key: string): Promise<Answer> {
  await take(request, false, bucket)
  const uploadId = `upload-${++serial}`
  bucket.multiparts.set(uploadId, { metadata: metadataOf(request), parts: new Map() })
  const inner = `<Bucket>b</Bucket><Key>${key}</Key><UploadId>${uploadId}</UploadId>`
  return xml('InitiateMultipartUploadResult', inner)
}

async function completeMultipart(
  bucket: Bucket,
  request: IncomingMessage,
  key: string,
  uploadId: string,
): Promise<Answer> {
  const { bytes } = await take(request, true, bucket)
  const multipart = bucket.multiparts.get(uploadId)
  if (!multipart) return failure(404, 'NoSuchUpload')
  let size = 0
  for (const [, number] of bytes!.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)) {
    const part = multipart.parts.get(Number(number))
    if (!part) return failure(400, 'InvalidPart')
    size += part.size
  }
  const etag = newEtag()
  bucket.objects.set(key, { etag, size, bytes: undefined, metadata: multipart.metadata })
  bucket.multiparts.delete(uploadId)
  return xml('CompleteMultipartUploadResult', `<Bucket>b</Bucket><Key>${key}</Key><ETag>${etag}</ETag>`)
}

async function deleteAll(bucket: Bucket, request: IncomingMessage): Promise<Answer> {
  const { bytes } = await take(request, true, bucket)
  for (const [, key] of bytes!.toString().matchAll(/<Key>([^<]*)<\/Key>/g)) bucket.objects.delete(key!)
  return xml('DeleteResult', '')
}

function listParts({ multiparts }: Bucket, uploadId: string): Answer {
  const multipart = multiparts.get(uploadId)
  if (!multipart) return failure(404, 'NoSuchUpload')
  const listed = [...multipart.parts].sort(([one], [other]) => one - other)
  const inner = listed.map(
    ([number, { etag, size }]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><Size>${size}</Size></Part>`,
  )
  return xml('ListPartsResult', `<IsTruncated>false</IsTruncated>${inner.join('')}`)
}

function headOf({ objects }: Bucket, key: string): Answer {
  const found = objects.get(key)
  if (!found) return { status: 404 }
  const { etag, size, metadata } = found
  return { status: 200, headers: { ...metadata, ETag: etag, 'Content-Length': String(size) } }
}

function getObject({ objects }: Bucket, key: string, range: string | undefined): Answer {
  const found = objects.get(key)
  if (!found?.bytes) return failure(404, 'NoSuchKey')
  const headers = { ...found.metadata, ETag: found.etag }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
  if (first === undefined) return { status: 200, headers, text: found.bytes }
  const text = found.bytes.subarray(Number(first), last ? Number(last) + 1 : undefined)
  const end = Number(first) + text.length - 1
  return { status: 206, headers: { ...headers, 'Content-Range': `bytes ${first}-${end}/${found.size}` }, text }
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  request.on('error', () => undefined)
  answerTo(request)
    .then(({ status, headers = {}, text = '' }) => {
      const length = Buffer.byteLength(text)
      const send = (): void => {
        response.writeHead(status, { 'Content-Length': length, ...headers, 'x-amz-request-id': String(serial) })
        response.end(request.method === 'HEAD' ? undefined : text)
      }
      if (latency > 0) setTimeout(send, latency)
      else send()
    })
    .catch(() => response.destroy())
}

const server = tls ? https.createServer(tls, serve) : http.createServer(serve)
server.requestTimeout = 0
server.keepAliveTimeout = 60_000
server.on('checkContinue', (request, response) => {
  response.writeContinue()
  serve(request, response)
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('message', (name: string) => {
  process.send?.(countsOf(bucketOf(name)))
  buckets.delete(name)
})
process.once('disconnect', () => process.exit())
