/**
 * The records of a bucket, found by listing it: what nobody asks for any more is found in no other way. A record counts
 * if this store wrote it and its object would be this store's.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { ListedUpload } from '../store/store.js'
import type { Call, ListedObject, Operations } from './call/call.js'
import { asStoreFailure, means } from './call/faults.js'
import type { S3Context } from './context.js'
import { keysOf, nameOfRecord, objectIdsOf } from './keys.js'
import { readInfo } from './record/commit.js'
import { infoOf } from './record/record.js'

/** Of the one permission that nothing else needs. */
const NEEDS_LIST =
  'The uploads cannot be listed: the credentials need s3:ListBucket on the bucket itself, under the prefix of the records.'

/** @throws UploadError ERR_STORE_REFUSED · ERR_STORE_UNAVAILABLE */
export async function* listUploads(context: S3Context): AsyncIterable<ListedUpload> {
  for await (const object of pagesOf(context, context.prefixes.metadataObjectPrefix)) {
    const name = nameOfRecord(object.key, context.prefixes)
    if (name !== undefined) yield entryOf(context, name, object)
  }
}

/** All objects whose keys begin so. @throws UploadError ERR_STORE_REFUSED · ERR_STORE_UNAVAILABLE */
export async function* pagesOf({ call }: S3Context, prefix: string): AsyncIterable<ListedObject> {
  let page: string | undefined
  do {
    const { objects, next } = await pageOf(call, prefix, page)
    yield* objects
    page = next
  } while (page !== undefined)
}

async function pageOf(call: Call, prefix: string, page: string | undefined): Promise<Page> {
  try {
    return await call('listObjectsV2', { prefix, page })
  } catch (error) {
    if (means(error, 'denied')) throw new UploadError('ERR_STORE_REFUSED', { message: NEEDS_LIST, cause: error })
    throw asStoreFailure(error)
  }
}

type Page = Operations['listObjectsV2'][1]

const entryOf = (context: S3Context, name: string, { key, etag, modified }: ListedObject): ListedUpload => ({
  version: `${key} ${etag}`,
  modifiedAt: modified,
  read: () => read(context, name),
})

const NONE_OF_OURS: readonly FailureCode[] = ['ERR_UPLOAD_NOT_FOUND', 'ERR_STORE_CORRUPT']

async function read(context: S3Context, name: string): Promise<UploadInfo | undefined> {
  const keys = keysOf(context.prefixes, name)
  const found = await readInfo(context, keys.record).catch((error) => {
    // Gone meanwhile, or larger than any record.
    if (error instanceof UploadError && NONE_OF_OURS.includes(error.code)) return undefined
    throw error
  })
  const record = found?.record
  if (record === undefined || !objectIdsOf(record.id, context.prefixes).includes(name)) return undefined
  // Deployments may share the prefix of their records, and not that of their objects.
  const here = { bucket: context.bucket, key: keysOf(context.prefixes, name, record.key).object }
  const { bucket, key } = record.moved ?? here
  const { Storage } = JSON.parse(found!.text) as { Storage?: Record<string, string> }
  if (Storage?.Key !== key) return undefined
  return infoOf(record, { Type: 's3store', Bucket: bucket, Key: key }, found?.modified)
}
