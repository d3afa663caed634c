/**
 * What a protocol is to Holdfast: a way to read a request's head as a command, and to write its outcome as an answer.
 * Pure, so that every rule of a protocol is a row in a table of tests.
 * @module
 */
import type { UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { Command, Outcome, Report } from '../upload/command.js'
import type { Fields, RequestHead, ResponseHead } from './message.js'

/** What a codec must know to read a head. */
export interface ParseOptions {
  /** The ID in the request's target; undefined for the collection, where uploads are created. */
  id: string | undefined
  /** Bytes of the field that carries the metadata. */
  maxMetadataSize: number
  /**
   * The upload that a URL in a field means, as the client wrote it, absolute or relative; undefined if it is none of this
   * server's. Without it, no URL is.
   */
  idOfUrl?: ((url: string) => string | undefined) | undefined
  /** Gives the fields that follow the body, once it came; absent where they cannot be seen. */
  trailers?: (() => Fields) | undefined
}

/** What a codec must know to write a head. */
export interface RenderContext {
  /** The URL of an upload, as a Location field. */
  locate(id: string): string
  /** What is advertised, in tus's names. */
  extensions: readonly string[]
  /** Bytes; undefined for no limit. */
  maxSize: number | undefined
  /** Milliseconds since the epoch. */
  now: number
  /** Milliseconds that an upload has which is created now; undefined if it never expires. */
  lifetime?: number | undefined
  /** Want-Repr-Digest of the request: which digests of the whole content it would like to be told. */
  wantReprDigest?: string | undefined
}

/** Content is answered by protocol/download.ts, in every protocol alike. */
export type Rendered = Exclude<Outcome, { kind: 'content' }>

/** One protocol: how its requests are read, and its answers written. */
export interface Codec {
  /** @throws UploadError for whatever the protocol refuses */
  parse(head: RequestHead, options: ParseOptions): Command
  /** The head of the answer to a command that was done. */
  render(outcome: Rendered, context: RenderContext): ResponseHead
  /** An interim answer; undefined for what the protocol does not tell. Absent where it has none. */
  renderReport?(report: Report, context: RenderContext): ResponseHead | undefined
  /** What it tells beside the content of a finished upload. Absent where that is nothing. */
  renderBeside?(info: UploadInfo, context: RenderContext): Record<string, string>
  /** The head of the answer to a request that was refused or failed. */
  renderFailure(error: UploadError, head: RequestHead, context: RenderContext): ResponseHead
}
