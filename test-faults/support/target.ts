/**
 * The S3 server that faults are tried on, and a look into its bucket past all servers of uploads.
 * @module
 */
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  NoSuchKey,
  S3Client,
} from '@aws-sdk/client-s3'
import type { Capabilities } from '../../src/s3/provider/capabilities.js'
import { BUCKET, KNOWN, openBucket, sha256 } from '../../test/support/bucket.js'

export interface Target {
  readonly name: string
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** What the server does; nobody asks it then. */
  readonly capabilities: Partial<Capabilities>
  /** Bytes of the smallest part. */
  readonly partSize: number
  /** Looks as well as writes. */
  readonly bucketOf: Look
  close(): Promise<void>
}

export interface Look {
  /** @returns undefined if there is no such object */
  sha256(key: string): Promise<string | undefined>
  /** All objects whose key begins so, and all unfinished multipart uploads of exactly this key. */
  leftovers(key: string): Promise<string[]>
}

/** The development bucket, with small parts: many requests, few bytes. */
export async function openDevelopmentBucket(): Promise<Target> {
  const partSize = 64 * 1024
  const bucket = await openBucket({ minPartSize: partSize })
  const { endpoint, region, credentials } = bucket.bucket
  const where = { name: 'the development bucket', endpoint, region, credentials, bucket: BUCKET }
  return {
    ...where,
    capabilities: KNOWN,
    partSize,
    bucketOf: lookInto(bucket.client, BUCKET),
    close: () => bucket.close(),
  }
}

/** @param endpoint the server's own, or that of a proxy before it */
export function clientOf({ region, credentials }: Pick<Target, 'region' | 'credentials'>, endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials: { ...credentials },
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

export function lookInto(client: S3Client, Bucket: string): Look {
  return {
    async sha256(Key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
        return sha256(await Body!.transformToByteArray())
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined
        throw error
      }
    },
    async leftovers(key) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: key }))
      // With the whole key as prefix: MinIO finds nothing otherwise.
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: key }))
      const multiparts = Uploads.filter((upload) => upload.Key === key).map(() => `multipart upload of ${key}`)
      return [...Contents.map(({ Key }) => Key!), ...multiparts].sort()
    },
  }
}
