/**
 * Uploads in a bucket, and what is done to them by hand.
 * @module
 */
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../../../src/s3/index.js'
import type { UploadHandle } from '../../../src/store/store.js'
import { bodyOf } from '../../support/body.js'
import { BUCKET, clientOf, KNOWN, openBucket, someBytes } from '../../support/bucket.js'

export const PART = 64 * 1024
const limits = { minPartSize: PART, preferredPartSize: PART, commitInterval: 1, maxAttempts: 2, capabilities: KNOWN }
export const DAY = 86_400_000

/** A bucket, a store over it whose clock can be put forward, and what is done to uploads behind its back. */
export async function openBench() {
  const bucket = await openBucket({ minPartSize: PART })
  const stores: S3Store[] = []
  const clock = { now: Date.now() }

  function openStore(options: Partial<S3StoreOptions> = {}): S3Store {
    const opened = new S3Store({
      bucket: BUCKET,
      service: clientOf(bucket.bucket),
      ...limits,
      now: () => clock.now,
      ...options,
    })
    stores.push(opened)
    return opened
  }

  const store = openStore()

  let last = 0
  const newId = (): string => `upload${++last}`

  async function begin(length: number | undefined, sent: number, more = {}): Promise<UploadHandle & { id: string }> {
    const id = newId()
    const handle = await store.create({ id, length, metadata: {}, metadataField: undefined, ...more })
    // Whole parts first: a chunk of another size would have parts of its own size.
    const whole = length !== sent && sent > PART ? sent - (sent % PART) : sent
    for (const count of [whole, sent - whole].filter((one) => one > 0)) {
      await handle.append(handle.info.offset, bodyOf([someBytes(count)], { length: count, end: 'end' }))
    }
    return Object.assign(handle, { id })
  }

  /** Two parts and 100 bytes of tail, of 10 parts. */
  const unfinished = (more = {}) => begin(10 * PART, 2 * PART + 100, more)
  const small = () => begin(1000, 1000)
  const large = () => begin(2 * PART + 7, 2 * PART + 7)

  const put = (Key: string, Body: Uint8Array | string) =>
    bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))
  const remove = (Key: string) => bucket.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }))
  const multipartIdOf = async (id: string): Promise<string> => (await recordOf(id)).Holdfast.uploadId as string
  const putPart = async (id: string, PartNumber: number, Body: Uint8Array, UploadId?: string) =>
    bucket.client.send(
      new UploadPartCommand({
        Bucket: BUCKET,
        Key: id,
        PartNumber,
        Body,
        UploadId: UploadId ?? (await multipartIdOf(id)),
      }),
    )

  // biome-ignore lint/suspicious/noExplicitAny: JSON
  async function recordOf(id: string): Promise<any> {
    const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: `${id}.info` }))
    return JSON.parse(await Body!.transformToString())
  }

  /** The record as another one, with the same state of S3. */
  async function rewrite(id: string, changes: Record<string, unknown>): Promise<void> {
    const record = await recordOf(id)
    await put(`${id}.info`, JSON.stringify({ ...record, Holdfast: { ...record.Holdfast, ...changes } }))
  }

  /** All that a crash in the midst of a completion leaves. */
  async function complete(id: string): Promise<string> {
    const record = await recordOf(id)
    const committed = { ...record, Size: record.Offset, Holdfast: { ...record.Holdfast, state: 'completing' } }
    await put(`${id}.info`, JSON.stringify(committed))
    return id
  }

  async function ofTusd(parts: (number | undefined)[]): Promise<string> {
    const name = newId()
    const { UploadId } = await bucket.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: name }))
    for (const [index, size] of parts.entries()) {
      if (size !== undefined) await putPart(name, index + 1, someBytes(size), UploadId!)
    }
    const id = `${name}+${UploadId}`
    const storage = { Type: 's3store', Bucket: BUCKET, Key: name }
    const info = { ID: id, Size: 10 * PART, SizeIsDeferred: false, Offset: 0, MetaData: {}, IsPartial: false }
    await put(`${name}.info`, JSON.stringify({ ...info, IsFinal: false, PartialUploads: null, Storage: storage }))
    return id
  }

  async function close(): Promise<void> {
    for (const one of stores) await one.close()
    await bucket.close()
  }

  return {
    bucket,
    store,
    clock,
    openStore,
    begin,
    unfinished,
    small,
    large,
    put,
    remove,
    putPart,
    recordOf,
    rewrite,
    complete,
    ofTusd,
    newId,
    close,
  }
}

export type Bench = Awaited<ReturnType<typeof openBench>>
