/**
 * Tail slots whose upload has no record: of a creation that crashed before its first commit, or of a termination that did not
 * come to its end. They are known by their mark; anything else under such a name is somebody else's.
 * @module
 */
import type { Orphan } from '../../store/inspect.js'
import type { ListedObject } from '../call/call.js'
import { asStoreFailure } from '../call/faults.js'
import type { S3Context } from '../context.js'
import { keysOf } from '../keys.js'
import { pagesOf } from '../list.js'
import { headObject } from '../look.js'
import { TOKEN_MARK } from '../object-head.js'

/** Milliseconds after which no creation is on its way any more: a slot may be there before its record. */
const CREATED_WITHIN = 24 * 60 * 60_000

const SLOT = /\.part\d{0,3}$/

/** @throws UploadError ERR_STORE_REFUSED · ERR_STORE_UNAVAILABLE */
export async function* orphansOf(context: S3Context, prefix: string): AsyncIterable<Orphan> {
  const { prefixes, now } = context
  const start = prefixes.metadataObjectPrefix
  // In a listing, which is in order, a record comes before its slots.
  let named: string | undefined
  for await (const object of pagesOf(context, start + prefix)) {
    const name = object.key.slice(start.length)
    if (name.endsWith('.info')) named = name.slice(0, -'.info'.length)
    const id = name.replace(SLOT, '')
    const isYoung = now() - object.modified < CREATED_WITHIN
    if (id === name || id === named || isYoung || !(await isOrphan(context, id, object))) continue
    yield orphanOf(context, id, object)
  }
}

async function isOrphan({ call, prefixes }: S3Context, id: string, { key }: ListedObject): Promise<boolean> {
  const hasRecord = (await headObject(call, keysOf(prefixes, id).record)) !== undefined
  return !hasRecord && (await headObject(call, key))?.metadata[TOKEN_MARK] !== undefined
}

const orphanOf = (context: S3Context, id: string, object: ListedObject): Orphan => ({
  place: object.key,
  size: object.size,
  modifiedAt: object.modified,
  async remove() {
    // Looked at once more: somebody may have created an upload with this ID meanwhile.
    if (!(await isOrphan(context, id, object))) return false
    await context.call('deleteObjects', { keys: [object.key] }).catch((error) => {
      throw asStoreFailure(error)
    })
    return true
  },
})
