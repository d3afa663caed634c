/**
 * Bytes that change after they were confirmed, as on a failing disk or in failing memory: what is stored is other than what
 * came, as long, and under the ETag of what came. A checksum that is computed of what is stored tells; nothing else does.
 * @module
 */
import { writeDigested } from './body.js'
import type { Context } from './call.js'
import { type ChecksumAlgorithm, Digests } from './digests.js'
import type { Route } from './route.js'

/** Changes the last byte of what this request stored, if it stored any. */
export async function corrupt({ store }: Context, { operation, bucket, key, query }: Route): Promise<void> {
  await store.withKey(bucket, key, async () => {
    const { objects, uploads } = store.bucket(bucket)
    if (operation === 'UploadPart' || operation === 'UploadPartCopy') {
      const upload = uploads.get(query.get('uploadId') ?? '')
      const part = upload?.parts.get(Number(query.get('partNumber')))
      if (!upload || !part) return
      const names = Object.keys(part.checksums) as ChecksumAlgorithm[]
      const { blob, digests } = await changed(store.blobs, part, names)
      const checksums = names.map((name) => [name, digests.get(name)!.toString('base64')])
      await store.putPart(bucket, upload, { ...part, blob, checksums: Object.fromEntries(checksums) })
    }
    const object = objects.get(key)
    if ((operation !== 'PutObject' && operation !== 'CopyObject') || !object) return
    const { checksum } = object
    const of = { blob: object.segments[0]!.blob, size: object.size }
    const { blob, size, digests } = await changed(store.blobs, of, checksum ? [checksum.algorithm] : [])
    // That of a copy is computed of what was copied; that of an upload was told by whoever sent it.
    const value = operation === 'CopyObject' && checksum && digests.get(checksum.algorithm)!.toString('base64')
    const told = value ? { checksum: { ...checksum, value } } : {}
    await store.putObject(bucket, { ...object, ...told, segments: [{ blob, size }] })
  })
}

async function changed(
  blobs: Context['store']['blobs'],
  { blob, size }: { blob: string; size: number },
  names: readonly ChecksumAlgorithm[],
) {
  const content = blobs.read([{ blob, size }], 0, size)
  try {
    return await writeDigested(blobs, lastByteChanged(content.bytes, size), new Digests(names))
  } finally {
    content.close()
  }
}

async function* lastByteChanged(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let offset = 0
  for await (const bytes of source) {
    offset += bytes.length
    if (offset === size) bytes[bytes.length - 1]! ^= 1
    yield bytes
  }
}
