/**
 * tusd's FileInfo, the JSON in which every backend keeps its record, so that operators and tools recognise it, plus one
 * object of our own. Pure.
 * @module
 */
import type { Concat } from './info.js'

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

/** A partial upload, or the final one of some; and how the parts of the final one are cut, once that is decided. */
export type Joined = Concat & { layout?: Layout | undefined }

/** The bytes of each part but the last: from `least` to `most`, cut where partial uploads end; or all one size. */
export interface Layout {
  least: number
  most: number
}

/** What FileInfo has no name for. */
interface OwnOfJoined {
  field?: string | undefined
  layout?: Layout | undefined
}

/** A deadline is only ever put off: clients were told of the one before. */
export const laterOf = (deadline: number | undefined, other: number | undefined): number | undefined =>
  deadline === undefined || other === undefined ? (deadline ?? other) : Math.max(deadline, other)

/** The earlier of the limits that there are. */
export const earlierOf = (limit: number | undefined, other: number | undefined): number | undefined =>
  limit === undefined || other === undefined ? (limit ?? other) : Math.min(limit, other)

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
  Holdfast?: Own & { version: number; concat?: OwnOfJoined }
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
    IsPartial: joined?.kind === 'partial',
    IsFinal: joined?.kind === 'final',
    PartialUploads: joined?.kind === 'final' ? [...joined.partials] : null,
    Storage: storage,
    Holdfast: { version, ...own, ...(joined?.kind === 'final' ? { concat: ownOf(joined) } : {}) },
  }
  return JSON.stringify(info)
}

const ownOf = ({ field, layout }: Joined & { kind: 'final' }): OwnOfJoined => ({ field, layout })

/** @returns undefined for an upload that concatenation has nothing to do with */
export function joinedOf(
  info: Pick<FileInfo<unknown>, 'IsPartial' | 'IsFinal' | 'PartialUploads'> & { Holdfast?: { concat?: OwnOfJoined } },
): Joined | undefined {
  if (info.IsPartial) return { kind: 'partial' }
  if (!info.IsFinal) return undefined
  const { field, layout } = info.Holdfast?.concat ?? {}
  const partials = info.PartialUploads ?? []
  return { kind: 'final', partials, field, ...(layout ? { layout } : {}) }
}

/** What the store tells of it. */
export function concatOf(joined: Joined | undefined): Concat | undefined {
  if (joined?.kind !== 'final') return joined && { kind: 'partial' }
  const { kind, partials, field } = joined
  return { kind, partials, field }
}
