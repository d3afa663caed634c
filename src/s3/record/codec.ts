/**
 * The record as JSON: tusd's FileInfo, so that operators and tools recognise it, plus one object of our own. Pure.
 * @module
 */
import { type CommonRecord, encodeFileInfo, type FileInfo, joinedOf } from '../../store/file-info.js'
import type { UploadRecord } from './record.js'

const VERSION = 1

type Own = Omit<UploadRecord, keyof CommonRecord>
type Info = FileInfo<Own>

export const encodeRecord = (record: UploadRecord, storage: Record<string, string>): string =>
  encodeFileInfo(record, storage, VERSION)

/**
 * @returns undefined if the text is no record of ours
 * @throws Error if it is one of a later version of Holdfast, which must not be rewritten by this one
 */
export function decodeRecord(text: string): UploadRecord | undefined {
  const info = parse(text)
  const own = info?.Holdfast
  if (!info || !own || typeof own.commit !== 'string' || typeof info.Offset !== 'number') return undefined
  if (own.version > VERSION) throw new Error(`the record was written by a later version of Holdfast (${own.version})`)
  const { version: _, concat: __, ...rest } = own
  return {
    ...optional,
    ...rest,
    id: info.ID,
    length: info.SizeIsDeferred ? undefined : info.Size,
    metadata: info.MetaData ?? {},
    offset: info.Offset,
    joined: joinedOf(info),
  }
}

/** Fields that JSON drops when they are undefined. */
const optional = {
  metadataField: undefined,
  failure: undefined,
  uploadId: undefined,
  token: undefined,
  base: undefined,
  crc32: undefined,
  etag: undefined,
  replaces: undefined,
  completedAt: undefined,
  expiresAt: undefined,
  leftovers: undefined,
}

function parse(text: string): Info | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Info) : undefined
  } catch {
    return undefined
  }
}
