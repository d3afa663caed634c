/**
 * From method, target and Host to an operation of S3, its bucket and key. Pure, and a table.
 * @module
 */
import { S3Error } from './errors.js'

/** Method, where it is sent, the query parameters (or `copy`, the header) that make the difference, the operation. */
const ROWS = [
  ['GET', 'service', [], 'ListBuckets'],
  ['HEAD', 'bucket', [], 'HeadBucket'],
  ['GET', 'bucket', ['location'], 'GetBucketLocation'],
  ['GET', 'bucket', ['versioning'], 'GetBucketVersioning'],
  ['GET', 'bucket', ['lifecycle'], 'GetBucketLifecycleConfiguration'],
  ['PUT', 'bucket', ['lifecycle'], 'PutBucketLifecycleConfiguration'],
  ['DELETE', 'bucket', ['lifecycle'], 'DeleteBucketLifecycle'],
  ['GET', 'bucket', ['uploads'], 'ListMultipartUploads'],
  ['GET', 'bucket', ['list-type'], 'ListObjectsV2'],
  ['GET', 'bucket', [], 'ListObjects'],
  ['POST', 'bucket', ['delete'], 'DeleteObjects'],
  ['PUT', 'bucket', [], 'CreateBucket'],
  ['DELETE', 'bucket', [], 'DeleteBucket'],
  ['GET', 'object', ['uploadId'], 'ListParts'],
  ['GET', 'object', ['acl'], 'GetObjectAcl'],
  ['GET', 'object', ['tagging'], 'GetObjectTagging'],
  ['PUT', 'object', ['tagging'], 'PutObjectTagging'],
  ['DELETE', 'object', ['tagging'], 'DeleteObjectTagging'],
  ['PUT', 'object', ['uploadId', 'partNumber', 'copy'], 'UploadPartCopy'],
  ['PUT', 'object', ['uploadId', 'partNumber'], 'UploadPart'],
  ['POST', 'object', ['uploads'], 'CreateMultipartUpload'],
  ['POST', 'object', ['uploadId'], 'CompleteMultipartUpload'],
  ['DELETE', 'object', ['uploadId'], 'AbortMultipartUpload'],
  ['PUT', 'object', ['copy'], 'CopyObject'],
  ['PUT', 'object', [], 'PutObject'],
  ['GET', 'object', [], 'GetObject'],
  ['HEAD', 'object', [], 'HeadObject'],
  ['DELETE', 'object', [], 'DeleteObject'],
] as const

/** The operations of S3 that the development bucket has. */
export type OperationName = (typeof ROWS)[number][3]
export const OPERATIONS: readonly OperationName[] = ROWS.map(([, , , operation]) => operation)

/** Sub-resources of S3 that this server has not. Without this list `GET ?acl` would be taken for a listing. */
const ABSENT = new Set(
  `accelerate acl analytics annotation attributes cors encryption intelligent-tiering inventory legal-hold logging metrics
  notification object-lock ownershipControls policy policyStatus publicAccessBlock renameObject replication
  requestPayment restore retention select torrent versions website versionId`.split(/\s+/),
)

const MAX_KEY_BYTES = 1024

export interface Target {
  /** As sent, still percent-encoded. */
  readonly path: string
  /** Decoded, in order. */
  readonly query: readonly (readonly [name: string, value: string])[]
}

export interface Route {
  readonly operation: OperationName
  readonly bucket: string
  readonly key: string
  readonly query: ReadonlyMap<string, string>
}

export function parseTarget(url: string): Target {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  if (!path.startsWith('/')) throw new S3Error('InvalidURI')
  const pieces = mark === -1 ? [] : url.slice(mark + 1).split('&')
  return {
    path,
    query: pieces
      .filter((piece) => piece !== '')
      .map((piece) => {
        const equals = piece.indexOf('=')
        const [name, value] = equals === -1 ? [piece, ''] : [piece.slice(0, equals), piece.slice(equals + 1)]
        return [decode(name.replaceAll('+', ' ')), decode(value.replaceAll('+', ' '))] as const
      }),
  }
}

export function parseRoute(method: string, target: Target, headers: ReadonlyMap<string, string>): Route {
  const { bucket, key } = locate(target.path, headers.get('host') ?? '')
  const query = new Map(target.query)
  const scope = key !== '' ? 'object' : bucket !== '' ? 'bucket' : 'service'
  const isAcl = method === 'GET' && scope === 'object'
  for (const name of query.keys()) {
    if (name === 'acl' && isAcl) continue
    if (ABSENT.has(name)) throw new S3Error('NotImplemented', `This server does not have the sub-resource ${name}.`)
  }
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError')
  const has = (mark: string) => (mark === 'copy' ? headers.has('x-amz-copy-source') : query.has(mark))
  const row = ROWS.find((row) => row[0] === method && row[1] === scope && row[2].every(has))
  if (row === undefined) throw new S3Error('MethodNotAllowed')
  return { operation: row[3], bucket, key, query }
}

/** `bucket.localhost` and `bucket.127.0.0.1` name the bucket in the host; otherwise the path does. */
function locate(path: string, host: string): { bucket: string; key: string } {
  const [, virtual] = /^(.+)\.(?:localhost|127\.0\.0\.1)(?::\d+)?$/i.exec(host) ?? []
  if (virtual !== undefined) return { bucket: virtual.toLowerCase(), key: decode(path.slice(1)) }
  const slash = path.indexOf('/', 1)
  if (slash === -1) return { bucket: decode(path.slice(1)), key: '' }
  return { bucket: decode(path.slice(1, slash)), key: decode(path.slice(slash + 1)) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new S3Error('InvalidURI')
  }
}

/** `bucket/key` or `/bucket/key`, percent-encoded, from x-amz-copy-source. */
export function parseCopySource(value: string): { bucket: string; key: string } {
  const [path, query] = value.replace(/^\//, '').split('?', 2) as [string, string?]
  if (query !== undefined && query !== 'versionId=null')
    throw new S3Error('NotImplemented', 'There are no versions here.')
  const decoded = decode(path)
  const slash = decoded.indexOf('/')
  if (slash < 1 || slash === decoded.length - 1) {
    throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey')
  }
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1) }
}
