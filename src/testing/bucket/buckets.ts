/**
 * Operations on buckets themselves.
 * @module
 */
import { type Answer, type Call, type Context, isoTime, xmlAnswer } from './call.js'
import { S3Error } from './errors.js'
import type { Store } from './store.js'
import { element } from './xml.js'

/** S3's rules for names; they also keep a name from being a path. */
export function checkBucketName(name: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || name.includes('..')) throw new S3Error('InvalidBucketName')
}

export async function createBucket({ store, region, now }: Context, { bucket }: Call): Promise<Answer> {
  checkBucketName(bucket)
  await ensureBucket(store, bucket, now(), () => {
    // In us-east-1, for the sake of old clients, creating one's own bucket again succeeds.
    if (region !== 'us-east-1') throw new S3Error('BucketAlreadyOwnedByYou')
  })
  return { status: 200, headers: { location: `/${bucket}` } }
}

/** Creates a bucket unless it is there. */
export async function ensureBucket(
  store: Store,
  name: string,
  now: number,
  exists: () => void = () => {},
): Promise<void> {
  await store.withKey(name, '', async () => {
    if (store.buckets.has(name)) exists()
    else await store.createBucket(name, now)
  })
}

export async function deleteBucket({ store }: Context, { bucket }: Call): Promise<Answer> {
  await store.withKey(bucket, '', async () => {
    if (store.bucket(bucket).objects.items.length > 0) throw new S3Error('BucketNotEmpty')
    await store.deleteBucket(bucket)
  })
  return { status: 204 }
}

export async function headBucket({ store, region }: Context, { bucket }: Call): Promise<Answer> {
  store.bucket(bucket)
  return { status: 200, headers: { 'x-amz-bucket-region': region } }
}

export async function listBuckets({ store }: Context): Promise<Answer> {
  const records = [...store.buckets.values()].map(({ record }) => record).sort((a, b) => (a.name < b.name ? -1 : 1))
  return xmlAnswer('ListAllMyBucketsResult', [
    element('Owner', [element('ID', 'holdfast'), element('DisplayName', 'holdfast')]),
    element(
      'Buckets',
      records.map(({ name, created }) =>
        element('Bucket', [element('Name', name), element('CreationDate', isoTime(created))]),
      ),
    ),
  ])
}

export async function getBucketLocation({ store, region }: Context, { bucket }: Call): Promise<Answer> {
  store.bucket(bucket)
  const location = region === 'us-east-1' ? '' : region
  return xmlAnswer('LocationConstraint', [{ xml: location }])
}

export async function getBucketVersioning({ store }: Context, { bucket }: Call): Promise<Answer> {
  store.bucket(bucket)
  return xmlAnswer('VersioningConfiguration', [])
}
