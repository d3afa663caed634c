/**
 * Holdfast on node:http over the S3 store over the development bucket: the whole way that bytes take, in one process.
 * @module
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { nodeHandler } from '../../src/http/node.js'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import { createServer, type Holdfast, type ServerOptions } from '../../src/server.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket } from './bucket.js'

export * from './bucket.js'

/** One node: a store of its own over the bucket, as a process has it. */
export async function startNode(
  bucket: OpenBucket,
  { exclusive = false, ...store }: Partial<S3StoreOptions> & { exclusive?: boolean } = {},
  server: Partial<ServerOptions> = {},
) {
  const s3 = new S3Store({ bucket: BUCKET, service: clientOf(bucket.bucket), capabilities: KNOWN, ...store })
  if (exclusive) await s3.ready({ exclusive })
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
