/**
 * What code in the documentation takes as given, without saying where it comes from. A block that uses one of these names
 * and does not declare it has it from here, checked and run.
 * @module
 */
import { S3Client } from '@aws-sdk/client-s3'
import { createServer, type Holdfast } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { S3Store } from 'holdfast/s3'
import type { Store } from 'holdfast/store'
import type { DevelopmentBucket } from 'holdfast/testing'

const { S3_ENDPOINT = '', S3_BUCKET = 'uploads' } = process.env

export const service = new S3Client({ endpoint: S3_ENDPOINT, forcePathStyle: true })
export const store: Store = new S3Store({ bucket: S3_BUCKET, service })
export const holdfast: Holdfast = createServer({ store })
export const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? '',
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? '',
}
export const bucket = { requests: new Map() } as unknown as DevelopmentBucket
export const error: unknown = new Error('the store is away')

/** In a browser it is what the visitor chose; here the same bytes as tus-js-client takes them on Node. */
export const file = Object.assign(Buffer.alloc(100_000, 'x'), {
  name: 'talk.mp4',
  type: 'video/mp4',
}) as unknown as File

/** The store of somebody who writes one. */
export class MyStore extends DiskStore {
  constructor(options: { directory: string } = { directory: './data' }) {
    super(options)
  }
}
