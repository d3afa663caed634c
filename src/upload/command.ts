/**
 * What can be asked of Holdfast and what is answered, in the field's terms and without a header name. Both protocols
 * are codecs between HTTP and this vocabulary.
 * @module
 */
import type { Answer, Concat, Digests, Metadata, UploadInfo } from '../store/info.js'
import type { Body, ByteRange, Completion, PresignOptions } from '../store/store.js'
import type { HookRequest } from './hooks.js'

/** What a digest of a request's body can be made by. */
export type ChecksumAlgorithm = 'sha1' | 'sha256' | 'sha512' | 'md5' | 'crc32'

/** What the client says of the body of one request. */
export interface Checksum {
  algorithm: ChecksumAlgorithm
  digest: Uint8Array
}

/** What a request wants, in any protocol. */
export type Command = Options | Create | Append | Offset | Cancel | Read

export interface Options {
  kind: 'options'
}

export interface Create {
  kind: 'create'
  /** Bytes of the whole upload; undefined if the client defers it. */
  length: number | undefined
  metadata: Metadata
  metadataField: string | undefined
  /** The request carries the first bytes of the upload (creation-with-upload). */
  withBody: boolean
  /** The body's own length, if the request says so and carries one. */
  bodyLength: number | undefined
  /** Nothing of the body counts unless it has this checksum. */
  checksum: Checksum | undefined
  /**
   * Gives a checksum that follows the body; asked when that came whole. It counts as the other does.
   * @throws UploadError if it is missing or malformed
   */
  laterChecksum?: (() => Checksum | undefined) | undefined
  completes: Completion
  whenTooLong: 'keep' | 'fail'
  /** A partial upload, or the final one of some; its length is then theirs, and it takes no body. */
  concat?: Concat | undefined
  /** Digests that the whole upload must have in the end. */
  digests?: Digests | undefined
}

export interface Append {
  kind: 'append'
  id: string
  offset: number
  /** A length declared with this append, for an upload that deferred it. */
  length: number | undefined
  bodyLength: number | undefined
  /** Nothing of the body counts unless it has this checksum. */
  checksum: Checksum | undefined
  /** As for Create. */
  laterChecksum?: (() => Checksum | undefined) | undefined
  completes: Completion
  /** What an append of nothing, at its end, to an upload that is complete already is answered. */
  whenComplete: 'repeat' | 'refuse'
  /** What becomes of an upload if more bytes come than its length allows: it stays as it is, or it has failed. */
  whenTooLong: 'keep' | 'fail'
}

export interface Offset {
  kind: 'offset'
  id: string
  /** `at-length`: an upload that has all its bytes is completed before its offset is told. */
  completes: 'at-length' | 'no'
}

export interface Cancel {
  kind: 'cancel'
  id: string
}

/** The content of a finished upload. Ranges and conditions are the answer's business (protocol/download.ts). */
export interface Read {
  kind: 'read'
  id: string
}

/** What is told while a command goes on. */
export type Report =
  /** The upload exists, and will be found by whoever asks; its body comes now. */
  | { kind: 'created'; info: UploadInfo }
  /** So many bytes are committed. */
  | { kind: 'stored'; offset: number }

/** What a request brings besides its command. */
export interface Ground {
  /** Makes the request's body, of at most so many bytes. Called at most once, when the bytes are wanted. */
  takeBody(limit: number): Body
  /** What hooks are told of the request; absent if there is none behind the command. */
  request?: HookRequest | undefined
  /** A token that came with it. */
  token?: string | undefined
  /** Told while the command goes on; absent if nobody listens. */
  report?: ((report: Report) => void) | undefined
}

/** What came of a command, in any protocol. */
export type Outcome =
  | { kind: 'options' }
  /** `appended`: the creation took a body, so its offset is told. `answer`: what a hook adds. */
  | { kind: 'created'; info: UploadInfo; appended: boolean; answer?: Answer | undefined }
  | { kind: 'appended'; info: UploadInfo }
  | { kind: 'offset'; info: UploadInfo }
  | { kind: 'cancelled' }
  | {
      kind: 'content'
      info: UploadInfo
      read: (range?: ByteRange) => Promise<AsyncIterable<Uint8Array>>
      /** Present where the store can give the content by a URL of its own. */
      presign?: (options: PresignOptions) => Promise<string>
    }
