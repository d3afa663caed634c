/**
 * Objects deleted, one or many at once.
 * @module
 */
import { readText } from './body.js'
import { type Answer, type Call, type Context, readRoot, xmlAnswer } from './call.js'
import { unquote } from './conditions.js'
import { ALGORITHMS, checksumHeader, type Headers } from './digests.js'
import { asS3Error, S3Error } from './errors.js'
import type { Store } from './store.js'
import { childrenOf, element, textOf, type Xml, type XmlNode } from './xml.js'

const MAX_DELETES = 1000

export async function deleteObject({ store }: Context, { bucket, key, headers }: Call): Promise<Answer> {
  await remove(store, bucket, key, headers.get('if-match'))
  return { status: 204 }
}

/** Removing what is not there succeeds, with a condition or without. */
async function remove(store: Store, bucket: string, key: string, ifMatch: string | undefined): Promise<void> {
  await store.withKey(bucket, key, async () => {
    const current = store.bucket(bucket).objects.get(key)
    if (current === undefined) return
    if (ifMatch !== undefined && ifMatch !== '*' && unquote(ifMatch) !== current.etag)
      throw new S3Error('PreconditionFailed')
    await store.deleteObject(bucket, key)
  })
}

/** S3 takes some requests only with a digest of their body, of whatever kind. */
export function requireDigest(headers: Headers): void {
  const has = headers.has('content-md5') || ALGORITHMS.some((algorithm) => headers.has(checksumHeader(algorithm)))
  if (!has && !headers.has('x-amz-trailer'))
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5')
}

export async function deleteObjects({ store }: Context, call: Call): Promise<Answer> {
  store.bucket(call.bucket)
  requireDigest(call.headers)
  const root = readRoot(await readText(call), 'Delete')
  const objects = childrenOf(root, 'Object')
  if (objects.length === 0 || objects.length > MAX_DELETES) throw new S3Error('MalformedXML')
  const quiet = textOf(root, 'Quiet') === 'true'
  const results: Xml[] = []
  for (const object of objects) {
    const { failed, xml } = await deleteOne(store, call.bucket, object)
    if (failed || !quiet) results.push(xml)
  }
  return xmlAnswer('DeleteResult', results)
}

async function deleteOne(store: Store, bucket: string, object: XmlNode): Promise<{ failed: boolean; xml: Xml }> {
  const key = textOf(object, 'Key')
  if (!key) throw new S3Error('MalformedXML')
  try {
    if ((textOf(object, 'VersionId') ?? 'null') !== 'null')
      throw new S3Error('NotImplemented', 'There are no versions here.')
    await remove(store, bucket, key, textOf(object, 'ETag'))
    return { failed: false, xml: element('Deleted', [element('Key', key)]) }
  } catch (error) {
    const { code, message } = asS3Error(error)
    return {
      failed: true,
      xml: element('Error', [element('Key', key), element('Code', code), element('Message', message)]),
    }
  }
}
