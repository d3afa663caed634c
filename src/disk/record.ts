/**
 * The record of an upload on disk, `<id>.info`: the FileInfo JSON of tusd's filestore plus one object of our own, so
 * that operators and tools recognise it and uploads that tusd began can go on here. Pure.
 * @module
 */
import {
  type CommonRecord,
  concatOf,
  encodeFileInfo,
  type FileInfo,
  type Joined,
  joinedOf,
} from '../store/file-info.js'
import type { Digests, UploadInfo, UploadState } from '../store/info.js'
import type { Kept } from '../store/notes.js'
import type { Paths } from './files.js'

const VERSION = 1

export interface DiskRecord extends Kept {
  id: string
  /** Bytes; undefined while deferred. */
  length: number | undefined
  metadata: Record<string, string>
  metadataField: string | undefined
  /** Committed bytes. The data file may be longer after a crash; what is beyond is not part of the upload. */
  offset: number
  /** New at each commit, so that a lost race is noticed; the one of the completing commit makes the entity tag. */
  commit: string
  state: UploadState
  failure: string | undefined
  createdAt: number
  completedAt: number | undefined
  /** When it expires unless it has all its bytes; milliseconds since the epoch. */
  deadline?: number | undefined
  /** A partial upload, or the final one of some. */
  joined?: Joined | undefined
  /** What the client says of the whole content. */
  digests?: Digests | undefined
  /** CRC32 of the committed bytes; undefined if another server stored some of them. */
  crc32?: number | undefined
}

export interface DecodedRecord {
  record: DiskRecord
  /** tusd's filestore wrote it. It has no committed offset: there, the size of the data file is the offset. */
  isForeign: boolean
  /** tusd joined it from other uploads. */
  isJoined: boolean
}

type Own = Omit<DiskRecord, keyof CommonRecord>
type Info = FileInfo<Own>

export const encodeRecord = (record: DiskRecord, storage: Record<string, string>): string =>
  encodeFileInfo(record, storage, VERSION)

/** @throws Error if the text is no record, or one that this version must not rewrite */
export function decodeRecord(text: string): DecodedRecord {
  const info = parse(text)
  const own = info.Holdfast
  if (own === undefined) return { record: foreign(info), isForeign: true, isJoined: info.IsFinal === true }
  if (own.version > VERSION) throw new Error(`the record was written by a later version of Holdfast (${own.version})`)
  if (typeof own.commit !== 'string' || !STATES.includes(own.state)) throw new Error('the record is damaged')
  const { version: _, concat: __, ...rest } = own
  return { record: { ...OPTIONAL, ...rest, ...common(info) }, isForeign: false, isJoined: false }
}

const STATES: readonly UploadState[] = ['open', 'completing', 'complete', 'failed']

/** Fields that JSON drops when they are undefined. */
const OPTIONAL = { metadataField: undefined, failure: undefined, completedAt: undefined }

function common(info: Info) {
  return {
    id: info.ID,
    length: info.SizeIsDeferred ? undefined : info.Size,
    metadata: info.MetaData ?? {},
    offset: info.Offset,
    joined: joinedOf(info),
  }
}

/** What tusd does not know is filled in when the record is first committed here. */
function foreign(info: Info): DiskRecord {
  return { ...OPTIONAL, ...common(info), commit: '', state: 'open', createdAt: 0 }
}

function parse(text: string): Info {
  const value = JSON.parse(text) as Info | null
  const isRecord =
    typeof value === 'object' &&
    value !== null &&
    typeof value.ID === 'string' &&
    isSize(value.Size) &&
    isSize(value.Offset) &&
    (value.SizeIsDeferred === true || value.Offset <= value.Size) &&
    isMetadata(value.MetaData ?? {})
  if (!isRecord) throw new Error('the file is not the record of an upload')
  return value
}

const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const isMetadata = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every((entry) => typeof entry === 'string')

/** Whether the upload has all the bytes that its length asks for. */
export const isWhole = ({ length, offset }: DiskRecord): boolean => length === offset

export const storageOf = ({ data, record }: Pick<Paths, 'data' | 'record'>): Record<string, string> => ({
  Type: 'filestore',
  Path: data,
  InfoPath: record,
})

/** @param modifiedAt milliseconds since the epoch: when it was committed, if that is known */
export function infoOf(record: DiskRecord, storage: Record<string, string>, modifiedAt?: number): UploadInfo {
  const { commit, joined, crc32, ...known } = record
  const concat = concatOf(joined)
  return {
    ...known,
    ...(concat ? { concat } : {}),
    crc32: record.state === 'complete' ? crc32 : undefined,
    deadline: record.deadline,
    expiresAt: record.state === 'open' ? record.deadline : undefined,
    etag: record.state === 'complete' ? `"${commit}"` : undefined,
    modifiedAt,
    storage,
  }
}
