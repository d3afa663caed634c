/**
 * Lists, in pages: of objects (both versions of the request), of uploads in progress and of their parts.
 * @module
 */
import { type Answer, type Call, type Context, isoTime, parseCount, quote, xmlAnswer } from './call.js'
import { S3Error } from './errors.js'
import { findUpload } from './multipart.js'
import type { ObjectRecord, PartRecord, UploadRecord } from './records.js'
import { checkKey, storageClassOf } from './settings.js'
import { compareKeys, firstIndex } from './sorted-map.js'
import { element, type Xml } from './xml.js'

interface Selection {
  readonly prefix: string
  readonly delimiter: string
  readonly max: number
}

interface Page<T> {
  readonly items: T[]
  /** What the keys share up to the delimiter, instead of the keys themselves. */
  readonly commonPrefixes: string[]
  /** The last item or common prefix, if there is more after it. */
  readonly next: T | string | undefined
}

/**
 * Picks a page out of `sorted`, from the first item on that is `after` the marker. Pure.
 * @param listed a common prefix that an earlier page ended with: its keys come after the marker, and are done
 */
export function pickPage<T extends { readonly key: string }>(
  sorted: readonly T[],
  { prefix, delimiter, max }: Selection,
  after: (item: T) => boolean,
  listed?: string,
): Page<T> {
  const items: T[] = []
  const commonPrefixes: string[] = []
  let last: T | string | undefined
  let at = firstIndex(sorted, (item) => compareKeys(item.key, prefix) >= 0 && after(item))
  while (at < sorted.length && sorted[at]!.key.startsWith(prefix)) {
    const item = sorted[at]!
    const cut = delimiter === '' ? -1 : item.key.indexOf(delimiter, prefix.length)
    const common = cut === -1 ? undefined : item.key.slice(0, cut + delimiter.length)
    if (common === undefined || common !== listed) {
      if (items.length + commonPrefixes.length === max) return { items, commonPrefixes, next: last }
      if (common === undefined) items.push(item)
      else commonPrefixes.push(common)
      last = common ?? item
    }
    at =
      common === undefined
        ? at + 1
        : firstIndex(sorted, ({ key }) => !key.startsWith(common) && compareKeys(key, common) > 0, at)
  }
  return { items, commonPrefixes, next: undefined }
}

/** Parameters that all three lists share. `encode` is how names are to be written. */
function select({ query }: Call, maxName: string, maxListSize: number) {
  const encoding = query.get('encoding-type')
  if (encoding !== undefined && encoding !== 'url')
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request')
  const encode =
    encoding === undefined ? (text: string) => text : (text: string) => encodeURIComponent(text).replaceAll('%2F', '/')
  const max = Math.min(parseCount(maxName, query.get(maxName), maxListSize), maxListSize)
  return { prefix: query.get('prefix') ?? '', delimiter: query.get('delimiter') ?? '', max, encoding, encode }
}

type Selected = ReturnType<typeof select>

const shared = (
  bucket: string,
  { prefix, delimiter, encoding, encode }: Selected,
  truncated: boolean,
  name = 'Name',
): Xml[] => [
  element(name, bucket),
  element('Prefix', encode(prefix)),
  element('Delimiter', delimiter === '' ? undefined : encode(delimiter)),
  element('EncodingType', encoding),
  element('IsTruncated', truncated),
]

const renderPrefixes = (prefixes: readonly string[], encode: (text: string) => string) =>
  prefixes.map((prefix) => element('CommonPrefixes', [element('Prefix', encode(prefix))]))

const OWNER = [element('ID', 'holdfast'), element('DisplayName', 'holdfast')]

const renderObject = (record: ObjectRecord, encode: (text: string) => string, owner: boolean) =>
  element('Contents', [
    element('Key', encode(record.key)),
    element('LastModified', isoTime(record.modified)),
    element('ETag', quote(record.etag)),
    element('ChecksumAlgorithm', record.checksum?.algorithm),
    element('ChecksumType', record.checksum?.type),
    element('Size', record.size),
    element('StorageClass', storageClassOf(record.settings)),
    element('Owner', owner ? OWNER : undefined),
  ])

const nameOf = (entry: { key: string } | string) => (typeof entry === 'string' ? entry : entry.key)

export async function listObjectsV2({ store, maxListSize }: Context, call: Call): Promise<Answer> {
  const { objects } = store.bucket(call.bucket)
  const selected = select(call, 'max-keys', maxListSize)
  const token = call.query.get('continuation-token')
  const startAfter = call.query.get('start-after')
  const marker = token === undefined ? (startAfter ?? '') : readToken(token)
  const page = pickPage(
    objects.items,
    selected,
    ({ key }) => compareKeys(key, marker) > 0,
    token === undefined ? undefined : marker,
  )
  const { items, commonPrefixes, next } = page
  return xmlAnswer('ListBucketResult', [
    ...shared(call.bucket, selected, next !== undefined),
    element('MaxKeys', selected.max),
    element('KeyCount', items.length + commonPrefixes.length),
    element('ContinuationToken', token),
    element('NextContinuationToken', next && Buffer.from(nameOf(next)).toString('base64url')),
    element('StartAfter', startAfter && selected.encode(startAfter)),
    ...items.map((item) => renderObject(item, selected.encode, call.query.get('fetch-owner') === 'true')),
    ...renderPrefixes(commonPrefixes, selected.encode),
  ])
}

function readToken(token: string): string {
  const marker = Buffer.from(token, 'base64url')
  if (token === '' || marker.toString('base64url') !== token)
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect')
  return marker.toString()
}

export async function listObjects({ store, maxListSize }: Context, call: Call): Promise<Answer> {
  const { objects } = store.bucket(call.bucket)
  const selected = select(call, 'max-keys', maxListSize)
  const marker = call.query.get('marker') ?? ''
  const { items, commonPrefixes, next } = pickPage(
    objects.items,
    selected,
    ({ key }) => compareKeys(key, marker) > 0,
    marker,
  )
  return xmlAnswer('ListBucketResult', [
    ...shared(call.bucket, selected, next !== undefined),
    element('MaxKeys', selected.max),
    element('Marker', selected.encode(marker)),
    // Without a delimiter S3 leaves it out, and clients go on from the last key.
    element('NextMarker', next && selected.delimiter !== '' ? selected.encode(nameOf(next)) : undefined),
    ...items.map((item) => renderObject(item, selected.encode, true)),
    ...renderPrefixes(commonPrefixes, selected.encode),
  ])
}

const compareUploads = (a: UploadRecord, b: UploadRecord) => compareKeys(a.key, b.key) || compareKeys(a.id, b.id)

export async function listMultipartUploads({ store, maxListSize }: Context, call: Call): Promise<Answer> {
  const uploads = [...store.bucket(call.bucket).uploads.values()].map(({ record }) => record).sort(compareUploads)
  const selected = select(call, 'max-uploads', maxListSize)
  const keyMarker = call.query.get('key-marker') ?? ''
  const idMarker = keyMarker === '' ? '' : (call.query.get('upload-id-marker') ?? '')
  const after = ({ key, id }: UploadRecord) => {
    const order = compareKeys(key, keyMarker)
    return order > 0 || (order === 0 && idMarker !== '' && id > idMarker)
  }
  const { items, commonPrefixes, next } = pickPage(uploads, selected, after, keyMarker)
  return xmlAnswer('ListMultipartUploadsResult', [
    ...shared(call.bucket, selected, next !== undefined, 'Bucket'),
    element('KeyMarker', selected.encode(keyMarker)),
    element('UploadIdMarker', idMarker),
    element('NextKeyMarker', next && selected.encode(nameOf(next))),
    element('NextUploadIdMarker', typeof next === 'object' ? next.id : undefined),
    element('MaxUploads', selected.max),
    ...items.map((upload) => renderUpload(upload, selected.encode)),
    ...renderPrefixes(commonPrefixes, selected.encode),
  ])
}

const renderUpload = ({ key, id, initiated, checksum, settings }: UploadRecord, encode: (text: string) => string) =>
  element('Upload', [
    element('Key', encode(key)),
    element('UploadId', id),
    element('Initiator', OWNER),
    element('Owner', OWNER),
    element('StorageClass', storageClassOf(settings)),
    element('Initiated', isoTime(initiated)),
    element('ChecksumAlgorithm', checksum?.algorithm),
    element('ChecksumType', checksum?.type),
  ])

export async function listParts({ store, maxListSize }: Context, call: Call): Promise<Answer> {
  const { record, parts } = findUpload(store, call)
  if (record.checksum !== undefined) checkKey(record.settings, call.headers)
  const marker = parseCount('part-number-marker', call.query.get('part-number-marker'), 0)
  const max = Math.min(parseCount('max-parts', call.query.get('max-parts'), maxListSize), maxListSize)
  const rest = [...parts.values()].filter(({ number }) => number > marker).sort((a, b) => a.number - b.number)
  const page = rest.slice(0, max)
  return xmlAnswer('ListPartsResult', [
    element('Bucket', call.bucket),
    element('Key', record.key),
    element('UploadId', record.id),
    element('Initiator', OWNER),
    element('Owner', OWNER),
    element('StorageClass', storageClassOf(record.settings)),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', page.at(-1)?.number ?? marker),
    element('MaxParts', max),
    element('IsTruncated', rest.length > page.length && max > 0),
    element('ChecksumAlgorithm', record.checksum?.algorithm),
    element('ChecksumType', record.checksum?.type),
    ...page.map(renderPart),
  ])
}

const renderPart = ({ number, modified, etag, size, checksums }: PartRecord) =>
  element('Part', [
    element('PartNumber', number),
    element('LastModified', isoTime(modified)),
    element('ETag', quote(etag)),
    element('Size', size),
    ...Object.entries(checksums).map(([algorithm, value]) => element(`Checksum${algorithm}`, value)),
  ])
