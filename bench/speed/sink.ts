/**
 * An S3 server that takes everything and keeps next to nothing, in a process of its own: what a server costs is then its own
 * cost. Records and tails are kept, since servers read them again; the bytes of objects and parts are counted and dropped.
 * Its ETags are numbers, so that no digest takes the processor from who is measured. It counts requests by operation.
 *
 * Told by its first argument in JSON: latency (milliseconds before each answer), tls (key and certificate). Sends its port to
 * the parent, and answers each message with its counts, which begin anew.
 * @module
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'

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
const objects = new Map<string, Stored>()
const multiparts = new Map<string, Map<number, { etag: string; size: number }>>()
let counts: SinkCounts = { requests: {}, bytes: 0 }
let serial = 0

/** What servers read again: small objects of their own. */
const isKept = (key: string): boolean => /\.(info|part\d*|finals)$/.test(key)

const newEtag = (): string => `"${(++serial).toString(16).padStart(32, '0')}"`

async function take(request: IncomingMessage, keep: boolean): Promise<{ size: number; bytes: Buffer | undefined }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (keep) chunks.push(chunk)
  }
  counts.bytes += size
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

async function answerTo(request: IncomingMessage): Promise<[operation: string, Answer]> {
  const url = new URL(request.url ?? '/', 'http://sink')
  const key = decodeURIComponent(url.pathname).replace(/^\/[^/]*\/?/, '')
  const query = url.searchParams
  const uploadId = query.get('uploadId')
  switch (request.method) {
    case 'PUT':
      if (uploadId !== null) return ['UploadPart', await putPart(request, uploadId, Number(query.get('partNumber')))]
      return ['PutObject', await putObject(request, key)]
    case 'POST':
      if (query.has('uploads')) return ['CreateMultipartUpload', await createMultipart(request, key)]
      if (query.has('delete')) return ['DeleteObjects', await deleteAll(request)]
      return ['CompleteMultipartUpload', await completeMultipart(request, key, uploadId ?? '')]
    case 'DELETE':
      if (uploadId !== null) multiparts.delete(uploadId)
      else objects.delete(key)
      return [uploadId === null ? 'DeleteObject' : 'AbortMultipartUpload', { status: 204 }]
    case 'HEAD':
      return ['HeadObject', headOf(key)]
    default:
      if (uploadId !== null) return ['ListParts', listParts(uploadId)]
      if (query.has('uploads')) return ['ListMultipartUploads', xml('ListMultipartUploadsResult', '')]
      if (key === '') return ['ListObjects', xml('ListBucketResult', '<IsTruncated>false</IsTruncated>')]
      return ['GetObject', getObject(key, request.headers.range)]
  }
}

function metadataOf(request: IncomingMessage): Record<string, string> {
  const entries = Object.entries(request.headers).filter(([name]) => name.startsWith('x-amz-meta-'))
  return Object.fromEntries(entries) as Record<string, string>
}

async function putObject(request: IncomingMessage, key: string): Promise<Answer> {
  const { size, bytes } = await take(request, isKept(key))
  const { 'if-match': match, 'if-none-match': noneMatch } = request.headers
  const before = objects.get(key)
  const isRefused = (noneMatch === '*' && before) || (match !== undefined && match !== before?.etag)
  if (isRefused) return failure(412, 'PreconditionFailed')
  const etag = newEtag()
  objects.set(key, { etag, size, bytes, metadata: metadataOf(request) })
  return { status: 200, headers: { ETag: etag } }
}

async function putPart(request: IncomingMessage, uploadId: string, partNumber: number): Promise<Answer> {
  const { size } = await take(request, false)
  const parts = multiparts.get(uploadId)
  if (!parts) return failure(404, 'NoSuchUpload')
  const etag = newEtag()
  parts.set(partNumber, { etag, size })
  return { status: 200, headers: { ETag: etag } }
}

async function createMultipart(request: IncomingMessage, key: string): Promise<Answer> {
  await take(request, false)
  const uploadId = `upload-${++serial}`
  multiparts.set(uploadId, new Map())
  const inner = `<Bucket>b</Bucket><Key>${key}</Key><UploadId>${uploadId}</UploadId>`
  objects.set(`${uploadId} `, { etag: '', size: 0, bytes: undefined, metadata: metadataOf(request) })
  return xml('InitiateMultipartUploadResult', inner)
}

async function completeMultipart(request: IncomingMessage, key: string, uploadId: string): Promise<Answer> {
  await take(request, false)
  const parts = multiparts.get(uploadId)
  if (!parts) return failure(404, 'NoSuchUpload')
  const etag = newEtag()
  const size = [...parts.values()].reduce((sum, part) => sum + part.size, 0)
  const { metadata = {} } = objects.get(`${uploadId} `) ?? {}
  objects.set(key, { etag, size, bytes: undefined, metadata })
  objects.delete(`${uploadId} `)
  multiparts.delete(uploadId)
  return xml('CompleteMultipartUploadResult', `<Bucket>b</Bucket><Key>${key}</Key><ETag>${etag}</ETag>`)
}

async function deleteAll(request: IncomingMessage): Promise<Answer> {
  const { bytes } = await take(request, true)
  for (const [, key] of bytes!.toString().matchAll(/<Key>([^<]*)<\/Key>/g)) objects.delete(key!)
  return xml('DeleteResult', '')
}

function listParts(uploadId: string): Answer {
  const parts = multiparts.get(uploadId)
  if (!parts) return failure(404, 'NoSuchUpload')
  const listed = [...parts].sort(([one], [other]) => one - other)
  const inner = listed.map(
    ([number, { etag, size }]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><Size>${size}</Size></Part>`,
  )
  return xml('ListPartsResult', `<IsTruncated>false</IsTruncated>${inner.join('')}`)
}

function headOf(key: string): Answer {
  const found = objects.get(key)
  if (!found) return { status: 404 }
  const { etag, size, metadata } = found
  return { status: 200, headers: { ...metadata, ETag: etag, 'Content-Length': String(size) } }
}

function getObject(key: string, range: string | undefined): Answer {
  const found = objects.get(key)
  if (!found?.bytes) return failure(404, 'NoSuchKey')
  const headers = { ...found.metadata, ETag: found.etag }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  if (first === undefined) return { status: 200, headers, text: found.bytes }
  return { status: 206, headers, text: found.bytes.subarray(Number(first), Number(last) + 1) }
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  request.on('error', () => undefined)
  answerTo(request)
    .then(([operation, { status, headers = {}, text = '' }]) => {
      counts.requests[operation] = (counts.requests[operation] ?? 0) + 1
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
process.on('message', () => {
  process.send?.(counts)
  counts = { requests: {}, bytes: 0 }
})
process.once('disconnect', () => process.exit())
