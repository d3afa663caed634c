import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3 } from '@aws-sdk/client-s3'
import { type BucketOptions, type DevelopmentBucket, startBucket } from '../../../src/testing/bucket/index.js'

/** A directory that is gone after the last test of the file. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bucket-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export const NAME = 'test-bucket'

export async function start(directory: string, options: Partial<BucketOptions> = {}) {
  const bucket = await startBucket({ directory, buckets: [NAME], minPartSize: 5, ...options })
  return { bucket, s3: connect(bucket) }
}

export const connect = ({
  endpoint,
  region,
  credentials,
}: Pick<DevelopmentBucket, 'endpoint' | 'region' | 'credentials'>) =>
  new S3({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 })

export async function text(s3: S3, key: string): Promise<string> {
  const { Body } = await s3.getObject({ Bucket: NAME, Key: key })
  return Body!.transformToString()
}

export const upload = async (s3: S3, key: string) => {
  const { UploadId } = await s3.createMultipartUpload({
    Bucket: NAME,
    Key: key,
    ContentType: 'x/y',
    Metadata: { a: 'b' },
  })
  return { Bucket: NAME, Key: key, UploadId: UploadId! }
}
