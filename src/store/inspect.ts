/**
 * What the operator's tools ask of a store: what its records say, what it really holds, and where the two contradict each
 * other. Nothing here changes anything; `mend` of an upload's handle does (store.ts).
 * @module
 */
import type { UploadInfo } from './info.js'

/** Who wrote a record; `unknown` for what is no record of any server that is known. */
export type Author = 'holdfast' | 'tusd' | '@tus/s3-store' | '@tus/file-store' | 'unknown'

/**
 * What can be done about a finding. `adopt`: the record of another server is written anew as one of ours. `complete`: the
 * upload is driven to its end. `settle`: it is marked as failed, since the store dropped what was committed. `expire`: it is
 * ended, as a sweep does. `strays`: multipart uploads that its record does not name are aborted. `tidy`: what is left of an
 * upload that has ended is removed.
 */
export type Remedy = 'adopt' | 'complete' | 'settle' | 'expire' | 'strays' | 'tidy'

/** `wrong`: record and store contradict each other. `due`: something is to be done. `note`: good to know. */
export type Level = 'wrong' | 'due' | 'note'

/** Something about an upload that an operator would like to know. */
export interface Finding {
  /** Stays the same from version to version: docs/tools.md lists them. */
  readonly code: string
  /** How much it matters. */
  readonly level: Level
  /** In one sentence. */
  readonly text: string
  /** What a repair does about it; absent if there is nothing to be done. */
  readonly remedy?: Remedy
}

/** One upload, as its record tells it. */
export interface Summary {
  /** The ID of the upload. */
  readonly id: string
  /** Which server wrote the record. */
  readonly author: Author
  /** Undefined if the record cannot be read as one. */
  readonly info: UploadInfo | undefined
}

export interface Inspection extends Summary {
  /** The record as it stands there, but for what must not be shown. Undefined if it cannot be read. */
  readonly record: Readonly<Record<string, unknown>> | undefined
  /** What the store holds of the upload, in its own terms. */
  readonly stored: Readonly<Record<string, unknown>>
  /** What was found by comparing the two. */
  readonly findings: readonly Finding[]
}

/** What may be a record, not read yet. */
export interface RecordEntry {
  /** The upload's ID, or what its objects are named by. */
  readonly name: string
  /** Milliseconds since the epoch: when it was last committed. */
  readonly modifiedAt: number
  /** @returns undefined if it is gone, or of another deployment @throws UploadError ERR_STORE_UNAVAILABLE */
  read(): Promise<Summary | undefined>
}

/** How the bytes of an upload are verified. */
export interface VerifyOptions {
  /** Asks the store's own sizes and checksums alone, and reads nothing. Default: false. */
  quick?: boolean | undefined
  /** Told of bytes as they are read. */
  onBytes?: ((bytes: number) => void) | undefined
}

export interface Verification extends Summary {
  /**
   * `good`: all that was compared is equal. `wrong`: something is not. `unfinished`: as good, of an upload that is not
   * complete. `unknown`: there was nothing to compare the bytes with.
   */
  readonly result: 'good' | 'wrong' | 'unfinished' | 'unknown'
  /** Bytes that were read. */
  readonly read: number
  /** CRC32 of the whole content, if all of it was read. */
  readonly crc32: number | undefined
  /** What was found. */
  readonly findings: readonly Finding[]
}

/** Committed bytes of an upload on their way to another store. */
export interface Exported extends Summary {
  readonly info: UploadInfo
  /** How many bytes can be read, from the first one on. */
  readonly readable: number
  /** Why these are not all that are committed. */
  readonly obstacle: string | undefined
  /** The bytes from this offset to the last that can be read. */
  read(first: number): AsyncIterable<Uint8Array>
}

/** How an upload is read for another store. */
export interface ExportOptions {
  /**
   * Unfinished uploads are ended here so that their bytes can be read, where that is the only way (S3 gives no part of an
   * unfinished multipart upload). They can go on in the other store alone. Default: false.
   */
  endUnfinished?: boolean | undefined
}

/** What uploads can be copied from. */
export interface Exporter {
  /** The records, those of other servers too. @param prefix only IDs that begin so */
  records(prefix?: string): AsyncIterable<RecordEntry>
  /** @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_STORE_CORRUPT · ERR_STORE_UNAVAILABLE */
  export(id: string, options?: ExportOptions): Promise<Exported>
}

/** Bytes that are of no upload any more. */
export interface Orphan {
  /** Key, or path. */
  readonly place: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number
  /** @returns false if it was none any more @throws UploadError ERR_STORE_UNAVAILABLE */
  remove(): Promise<boolean>
}

export interface Inspector extends Exporter {
  /**
   * What the store once wrote, and no record names; absent where that cannot be told.
   * @param prefix only of uploads whose IDs begin so
   */
  orphans?(prefix?: string): AsyncIterable<Orphan>

  /** @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_STORE_UNAVAILABLE · ERR_STORE_REFUSED */
  inspect(id: string): Promise<Inspection>
  /** @throws UploadError as `inspect` */
  verify(id: string, options?: VerifyOptions): Promise<Verification>
}

/** Milliseconds that a completion may take before it is worth a word. */
export const COMPLETES_WITHIN = 5 * 60_000

/** Milliseconds for which a writer may be at something that no record names yet. */
export const WRITER_MAY_LIVE = 60 * 60_000

/** Milliseconds after which events that nobody has delivered are of a process that ended. */
const DELIVERED_WITHIN = 5 * 60_000

/** Events that were not delivered yet. @param since milliseconds since the last commit, if that is known */
export function ofEvents(outbox: UploadInfo['outbox'], since: number | undefined): Finding[] {
  if (!outbox?.length) return []
  const isDue = since !== undefined && since > DELIVERED_WITHIN
  const text = `Events wait to be delivered: ${outbox.join(', ')}. A sweep of a server that has hooks for them does it.`
  return [{ code: 'events-waiting', level: isDue ? 'due' : 'note', text }]
}
