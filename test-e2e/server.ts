/**
 * The bucket behind a server, read past it.
 * @module
 */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { startBucket } from '../src/testing/bucket/index.js'
import { afterwards } from '../test/cli/command.js'
import { BUCKET } from '../test/support/bucket.js'
import { digestOf } from './data.js'

export interface BucketAccess {
  endpoint: string
  credentials: { accessKeyId: string; secretAccessKey: string }
}

/** A development bucket in this process. */
export async function openBucket(context: TestContext, folder: string): Promise<BucketAccess> {
  const bucket = await startBucket({ directory: join(folder, 'bucket'), buckets: [BUCKET] })
  afterwards(context, () => bucket.close())
  return bucket
}

/** SHA-256 and size of an object, read past Holdfast. */
export async function objectDigest(
  { endpoint, credentials }: BucketAccess,
  key: string,
): Promise<{ digest: string; size: number }> {
  const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))
    return await digestOf(Body as unknown as AsyncIterable<Uint8Array>)
  } finally {
    client.destroy()
  }
}

/** How far the record of an upload has come, read past Holdfast, which a HEAD would disturb. */
export async function committedOffset({ endpoint, credentials }: BucketAccess, id: string): Promise<number> {
  const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: `${id}.info` }))
    return (JSON.parse(await Body!.transformToString()) as { Offset: number }).Offset
  } finally {
    client.destroy()
  }
}

/** The ID is the last part of an upload's URL, and the key of its object. */
export const idOf = (url: string): string => new URL(url).pathname.split('/').at(-1)!
