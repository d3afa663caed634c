/**
 * Holdfast on node:http over the S3 store over the development bucket: the whole way that bytes take, in one process.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { nodeHandler } from '../../src/http/node.js'
import type { S3StoreOptions } from '../../src/s3/index.js'
import { S3Store } from '../../src/s3/index.js'
import { createServer, type Holdfast, type ServerOptions } from '../../src/server.js'
import { startBucket } from '../../src/testing/bucket/index.js'

export const BUCKET = 'uploads'

export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) }
}

export type Bucket = Awaited<ReturnType<typeof startBucket>>

export function clientOf(bucket: Bucket): S3Client {
  return new S3Client({
    endpoint: bucket.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: bucket.credentials,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

/** A bucket of its own, with what tests ask of it. */
export async function openBucket(options: Partial<Parameters<typeof startBucket>[0]> = {}) {
  const folder = await temporaryFolder()
  const bucket = await startBucket({ directory: folder.path, buckets: [BUCKET], ...options })
  const client = clientOf(bucket)
  return {
    bucket,
    client,
    async object(
      key: string,
    ): Promise<{ bytes: Buffer; sha256: string; contentType: string; metadata: Record<string, string> }> {
      const output = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))
      const bytes = Buffer.from(await output.Body!.transformToByteArray())
      return { bytes, sha256: sha256(bytes), contentType: output.ContentType ?? '', metadata: output.Metadata ?? {} }
    },
    async keys(prefix = ''): Promise<string[]> {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }))
      return Contents.map(({ Key }) => Key!)
    },
    async multiparts(): Promise<number> {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
      return Uploads.length
    },
    async close(): Promise<void> {
      client.destroy()
      await bucket.close()
      await folder.remove()
    },
  }
}

export type OpenBucket = Awaited<ReturnType<typeof openBucket>>

/** One node: a store of its own over the bucket, as a process has it. */
export async function startNode(
  bucket: OpenBucket,
  store: Partial<S3StoreOptions> = {},
  server: Partial<ServerOptions> = {},
) {
  const s3 = new S3Store({ bucket: BUCKET, service: clientOf(bucket.bucket), ...store })
  const holdfast: Holdfast = createServer({ store: s3, ...server })
  const listener = http.createServer(nodeHandler(holdfast)).listen(0, '127.0.0.1')
  listener.on('checkContinue', nodeHandler(holdfast))
  await new Promise((resolve) => listener.once('listening', resolve))
  const { port } = listener.address() as AddressInfo
  return {
    holdfast,
    port,
    origin: `http://127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/files/`,
    async close(): Promise<void> {
      await holdfast.close({ timeout: 5_000 })
      listener.closeAllConnections()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

export type Node = Awaited<ReturnType<typeof startNode>>

export const TUS = { 'Tus-Resumable': '1.0.0' }
export const PATCH_TYPE = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
export const someBytes = (length: number): Buffer => randomBytes(length)

export async function post(
  node: { url: string },
  fields: Record<string, string>,
  body?: Uint8Array,
): Promise<Response> {
  return fetch(node.url, { method: 'POST', headers: { ...TUS, ...fields }, ...(body ? { body } : {}) })
}

export async function patch(
  url: string,
  offset: number,
  body: Uint8Array,
  fields: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'PATCH', headers: { ...PATCH_TYPE, 'Upload-Offset': String(offset), ...fields }, body })
}

export async function head(url: string): Promise<Response> {
  return fetch(url, { method: 'HEAD', headers: TUS })
}

export const offsetOf = (response: Response): number => Number(response.headers.get('Upload-Offset'))
export const idOf = (url: string): string => url.slice(url.lastIndexOf('/') + 1)
