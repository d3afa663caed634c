/**
 * tusd's FileInfo, the JSON in which every backend keeps its record, so that operators and tools recognise it, plus one
 * object of our own. Pure.
 * @module
 */

/** What FileInfo says of an upload by itself. */
export interface CommonRecord {
  id: string
  /** Bytes; undefined while deferred. */
  length: number | undefined
  metadata: Record<string, string>
  /** Committed bytes. */
  offset: number
  /** Undefined for an upload that concatenation has nothing to do with. */
  joined?: Joined | undefined
}

/** tusd's words on concatenation: a partial upload, or the final one of some. */
export interface Joined {
  isPartial: boolean
  isFinal: boolean
  partialUploads: string[] | null
}

/** tusd's names are part of the format: they stay as they are. */
export interface FileInfo<Own> {
  ID: string
  Size: number
  SizeIsDeferred: boolean
  Offset: number
  MetaData: Record<string, string> | null
  IsPartial: boolean
  IsFinal: boolean
  PartialUploads: string[] | null
  Storage: Record<string, string>
  /** Absent where another server wrote the record. */
  Holdfast?: Own & { version: number }
}

/** @param version of our own object, which consists of all fields of the record that FileInfo has no name for */
export function encodeFileInfo<R extends CommonRecord>(
  record: R,
  storage: Record<string, string>,
  version: number,
): string {
  const { id, length, metadata, offset, joined, ...own } = record
  const info: FileInfo<typeof own> = {
    ID: id,
    Size: length ?? 0,
    SizeIsDeferred: length === undefined,
    Offset: offset,
    MetaData: metadata,
    IsPartial: joined?.isPartial ?? false,
    IsFinal: joined?.isFinal ?? false,
    PartialUploads: joined?.partialUploads ?? null,
    Storage: storage,
    Holdfast: { version, ...own },
  }
  return JSON.stringify(info)
}

/** @returns undefined for an upload that concatenation has nothing to do with */
export function joinedOf(
  info: Pick<FileInfo<unknown>, 'IsPartial' | 'IsFinal' | 'PartialUploads'>,
): Joined | undefined {
  if (!info.IsPartial && !info.IsFinal) return undefined
  return { isPartial: info.IsPartial, isFinal: info.IsFinal, partialUploads: info.PartialUploads ?? null }
}
