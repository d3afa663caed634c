/**
 * What the tests of one server share: nodes of Holdfast on it, and a look into its bucket past Holdfast.
 * @module
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  AbortMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import { Upload, type UploadOptions } from 'tus-js-client'
import { nodeHandler } from '../src/http/node.js'
import { S3Store } from '../src/s3/index.js'
import { resolveOptions } from '../src/s3/options.js'
import { AWS_CAPABILITIES, type Capabilities } from '../src/s3/provider/capabilities.js'
import { probeProvider } from '../src/s3/provider/probe.js'
import { composeCall } from '../src/s3/service.js'
import { createServer } from '../src/server.js'
import { sha256 } from '../test/support/bucket.js'
import type { RunningServer } from './servers/index.js'

export const KiB = 1024
export const MiB = 1024 * KiB
export const PART = 5 * MiB

export type Bench = ReturnType<typeof openBench>

/** What the store's own probe finds out about the server. */
export async function askServer(server: RunningServer): Promise<Awaited<ReturnType<typeof probeProvider>>> {
  const options = resolveOptions({ bucket: server.bucket, service: server.client() })
  const { plain, close } = composeCall(options, { ...AWS_CAPABILITIES })
  try {
    return await probeProvider(plain, { prefix: '' })
  } finally {
    close()
  }
}

/** @param capabilities what stores here are told; without conditional writes they are also told to be the only ones */
export function openBench(server: RunningServer, capabilities: Partial<Capabilities>) {
  const client = server.client()
  const Bucket = server.bucket
  const openStore = async (): Promise<S3Store> => {
    const service = server.client()
    const store = new S3Store({
      bucket: Bucket,
      service,
      preferredPartSize: PART,
      maxObjectSize: 64 * MiB,
      capabilities,
    })
    if (capabilities.conditionalWrites === 'none') await store.ready({ exclusive: true })
    return store
  }
  const keys = async (Prefix: string): Promise<string[]> => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }))
    return Contents.map(({ Key }) => Key!)
  }
  // With the whole key as prefix: MinIO finds nothing otherwise.
  const multiparts = async (Key: string): Promise<string[]> => {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }))
    return Uploads.filter((upload) => upload.Key === Key).map(({ UploadId }) => UploadId!)
  }
  return {
    openStore,
    keys,
    multiparts,
    startNode: async () => startNode(await openStore()),
    async leftovers(id: string): Promise<string[]> {
      return [...(await keys(id)), ...(await multiparts(id)).map((uploadId) => `multipart ${uploadId}`)]
    },
    async sha256Of(Key: string): Promise<string> {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
      return sha256(await Body!.transformToByteArray())
    },
    async abort(Key: string): Promise<void> {
      for (const UploadId of await multiparts(Key)) {
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
      }
    },
    close: () => client.destroy(),
  }
}

/** A node of its own is a store of its own: what another process would have. */
async function startNode(store: S3Store) {
  const holdfast = createServer({ store })
  const listener = http.createServer(nodeHandler(holdfast)).listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/files/`,
    async close(): Promise<void> {
      await holdfast.close({ timeout: 5_000 })
      listener.closeAllConnections()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

/**
 * Uploads with tus-js-client, as a browser does.
 * @param interruptAt bytes after which the connection is dropped; the upload then goes on, asking for the offset first
 * @returns the URL of the upload
 */
export function uploadWithClient(
  file: ConstructorParameters<typeof Upload>[0],
  options: UploadOptions,
  interruptAt = Number.POSITIVE_INFINITY,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let isInterrupted = false
    const upload = new Upload(file, {
      retryDelays: [0, 500, 1_000, 2_000],
      storeFingerprintForResuming: false,
      ...options,
      onProgress(sent) {
        if (isInterrupted || sent < interruptAt) return
        isInterrupted = true
        upload.abort().then(() => upload.start(), reject)
      },
      onSuccess: () => resolve(upload.url!),
      onError: reject,
    })
    upload.start()
  })
}
