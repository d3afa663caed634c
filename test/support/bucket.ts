/**
 * A development bucket for a test, with what tests ask of it.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AbortMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { startBucket } from '../../src/testing/bucket/index.js'

export const BUCKET = 'uploads'

/** Of the development bucket: stores that are told this do not ask it, so that requests can be counted and faulted. */
export const KNOWN = {
  conditionalWrites: 'quoted',
  checksums: true,
  missingKey: 'absent',
  fullObjectChecksums: 'all',
} as const

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
    async multiparts(prefix = ''): Promise<number> {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: prefix }))
      return Uploads.length
    },
    /** As a lifecycle rule does, or a person. */
    async abortMultiparts(key: string): Promise<void> {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: key }))
      for (const { Key, UploadId } of Uploads) {
        await client.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key, UploadId }))
      }
    },
    async close(): Promise<void> {
      client.destroy()
      await bucket.close()
      await folder.remove()
    },
  }
}

export type OpenBucket = Awaited<ReturnType<typeof openBucket>>

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
export const someBytes = (length: number): Buffer => randomBytes(length)
