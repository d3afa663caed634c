/**
 * What tusd's `s3store` (versions 1 and 2) and `@tus/s3-store` (1 and 2) say of an upload in its `.info` object. Pure.
 * @module
 */
import { type FileInfo, type Joined, joinedOf } from '../../store/file-info.js'
import type { Metadata } from '../../store/info.js'

/** An `.info` object as it stands in the bucket. */
export interface StoredInfo {
  text: string
  /** User metadata of the object itself. */
  metadata: Record<string, string>
  /** Milliseconds since the epoch, if S3 said it. */
  modified: number | undefined
}

export interface ForeignInfo {
  /** Which server wrote it. */
  author: 'tusd' | '@tus/s3-store'
  id: string
  /** The multipart upload, which both create together with the upload. */
  uploadId: string
  /** Bytes; undefined while deferred. */
  length: number | undefined
  metadata: Metadata
  joined: Joined | undefined
  /** Key of the final object, as the other server had it; undefined if it does not say. */
  key: string | undefined
  /** Milliseconds since the epoch. */
  createdAt: number
}

/**
 * @param objectId what the names of the upload's objects begin with
 * @returns undefined if neither wrote it
 */
export function recogniseInfo(info: StoredInfo, objectId: string): ForeignInfo | undefined {
  const value = parse(info.text)
  return value && (ofTusd(value, info, objectId) ?? ofTusNode(value, info))
}

type Json = Record<string, unknown>

function parse(text: string): Json | undefined {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** tusd: FileInfo, and the multipart upload in the ID. */
function ofTusd(value: Json, { modified = 0 }: StoredInfo, objectId: string): ForeignInfo | undefined {
  const { ID: id, Size: size, MetaData } = value
  const { Type: type = 's3store', Key: key } = asObject(value.Storage) ?? {}
  if (typeof id !== 'string' || !id.startsWith(`${objectId}+`) || type !== 's3store') return undefined
  const isDeferred = value.SizeIsDeferred === true
  if (!isDeferred && !isSize(size)) return undefined
  return {
    author: 'tusd',
    id,
    uploadId: id.slice(objectId.length + 1),
    length: isDeferred ? undefined : (size as number),
    metadata: metadataOf(MetaData),
    joined: joinedOf(value as unknown as FileInfo<unknown>),
    key: asText(key),
    createdAt: modified,
  }
}

/** @tus/s3-store: its Upload, and the multipart upload in the metadata of the object. */
function ofTusNode(value: Json, { metadata, modified = 0 }: StoredInfo): ForeignInfo | undefined {
  const { id, size, metadata: given, creation_date: created } = value
  const uploadId = metadata['upload-id']
  if (typeof id !== 'string' || !uploadId) return undefined
  const isDeferred = size === undefined || size === null
  if (!isDeferred && !isSize(size)) return undefined
  return {
    author: '@tus/s3-store',
    id,
    uploadId,
    length: isDeferred ? undefined : (size as number),
    metadata: metadataOf(given),
    joined: undefined,
    key: asText(asObject(value.storage)?.path),
    createdAt: (typeof created === 'string' && Date.parse(created)) || modified,
  }
}

/** A key without a value is null in @tus/s3-store. */
function metadataOf(value: unknown): Metadata {
  const entries = Object.entries(asObject(value) ?? {})
  return Object.fromEntries(entries.map(([key, text]) => [key, typeof text === 'string' ? text : '']))
}

const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

const asText = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
