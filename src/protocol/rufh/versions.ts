/**
 * The versions of the IETF draft "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload), by the number that
 * clients send in Upload-Draft-Interop-Version. What differs between them is in these rows and nowhere else.
 * @module
 */

export interface Version {
  /** Undefined for a client that sends no number, as clients of the future standard will not. */
  readonly interop: number | undefined
  /** Revisions of the draft that it stands for. */
  readonly drafts: string
  /** The field that says whether the body ends the upload. In version 3 it says the opposite. */
  readonly completeness: 'Upload-Complete' | 'Upload-Incomplete'
  /** What an append without that field means: all of the body, whatever brings the last byte, or nothing (400). */
  readonly withoutCompleteness: 'yes' | 'at-length' | 'refused'
  /**
   * What `Upload-Complete: ?0` means. Clients of these versions that declare a length (tus-js-client) take the upload for
   * done when all bytes are there, and never say so; so did tusd's server.
   */
  readonly incomplete: 'at-length' | 'no'
  /** Whether an append must be of type application/partial-upload. */
  readonly typed: boolean
  /** Whether the length of a request that is complete in itself can be declared and contradicted. */
  readonly lengths: boolean
  /** Upload-Limit's name for the seconds that are left. */
  readonly lifetime: 'expires' | 'max-age' | undefined
  /** Of an append after which the upload is not complete yet. */
  readonly appendedStatus: 201 | 204
  /** Whether 104 tells progress, too. */
  readonly progress: boolean
  readonly whenComplete: 'repeat' | 'refuse'
  readonly whenTooLong: 'keep' | 'fail'
}

const first = {
  interop: 3,
  drafts: '-01',
  completeness: 'Upload-Incomplete',
  withoutCompleteness: 'yes',
  incomplete: 'at-length',
  typed: false,
  lengths: false,
  lifetime: undefined,
  appendedStatus: 201,
  progress: false,
  whenComplete: 'repeat',
  whenTooLong: 'keep',
} as const satisfies Version

const renamed: Version = {
  ...first,
  interop: 4,
  drafts: '-02',
  completeness: 'Upload-Complete',
  withoutCompleteness: 'at-length',
}
const informing: Version = { ...renamed, interop: 5, drafts: '-03', lengths: true, progress: true }
const typed: Version = {
  ...informing,
  interop: 6,
  drafts: '-04, -05',
  typed: true,
  lifetime: 'expires',
  whenComplete: 'refuse',
}
const explicit: Version = {
  ...typed,
  interop: 7,
  drafts: '-06 to -08',
  withoutCompleteness: 'refused',
  incomplete: 'no',
  lifetime: 'max-age',
  appendedStatus: 204,
}
const limiting: Version = { ...explicit, interop: 8, drafts: '-09 to -11', whenTooLong: 'fail' }

/** The newest row; also for who sends no number, or one that is not known yet. */
export const NEWEST: Version = { ...limiting, interop: 9, drafts: '-12', whenComplete: 'repeat' }

export const VERSIONS: readonly Version[] = [first, renamed, informing, typed, explicit, limiting, NEWEST]
