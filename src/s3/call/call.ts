/**
 * The one waist between Holdfast and S3: every request is a `Call(name, input, signal)`. Retry, limits, traces and
 * injected faults are small wrappers around it, composed in s3/service.ts. The bucket is bound below this line.
 * @module
 */

import type { WriteLease } from '../../store/locker.js'
import type { Description } from './description.js'

/** Bytes of known length that can be sent again: kept until S3 confirms them. */
export interface Payload {
  /** Bytes. */
  readonly length: number
  /** CRC32 of all the bytes, if it is known; sent along so that S3 verifies it. */
  readonly crc32: number | undefined
  /** Content-MD5 is to guard the bytes; for providers that do not take the CRC32. */
  readonly md5?: boolean
  /** The bytes from the start, as often as asked. */
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /**
   * Told, once for each `chunks`, when nothing reads any more what that gave: the memory may then be used again. Whoever does
   * not know that does not call it.
   */
  returned?(): void
}

export interface PutObject extends Description {
  key: string
  body: Payload
  /** Bytes of a client, as opposed to a record: counts against the limit of concurrent uploads. */
  data: boolean
  /** ETag that the object must have, as S3 gave it. */
  ifMatch?: string | undefined
  /** The key must be free. */
  ifAbsent?: boolean
  /** It is sent only while this holds; looked at right before each try. */
  lease?: WriteLease | undefined
}

/** What S3 says of what it stored. */
export interface Stored {
  etag: string
  /** CRC32 of all bytes of the object or the part, if S3 tells it. */
  crc32?: number | undefined
}

/** A part as CompleteMultipartUpload names it. */
export interface NamedPart extends Stored {
  partNumber: number
}

export interface ListedPart extends NamedPart {
  size: number
}

export interface ListedObject {
  key: string
  etag: string
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch. */
  modified: number
}

/** Name → input and output. */
export interface Operations {
  putObject: [PutObject, Stored]
  getObject: [
    { key: string; range?: string | undefined; ifMatch?: string | undefined },
    {
      etag: string
      length: number
      metadata: Record<string, string>
      /** Milliseconds since the epoch, if S3 says it. */
      modified: number | undefined
      body: AsyncIterable<Uint8Array>
    },
  ]
  headObject: [
    { key: string /** Its checksum is to be told, too. */; checksum?: boolean },
    Stored &
      Description & {
        length: number
        metadata: Record<string, string>
        /** Milliseconds since the epoch, if S3 says it. */
        modified?: number | undefined
        /** All that S3 told, if it was asked for: `CRC64NVME` and the like, as S3 writes them. */
        checksums?: Record<string, string> | undefined
      },
  ]
  /** Under a condition where the provider has one for it; a missing key is no failure. */
  deleteObject: [
    { key: string /** ETag that the object must have, as S3 gave it. */; ifMatch?: string | undefined },
    undefined,
  ]
  getObjectTagging: [{ key: string }, { tags: Record<string, string> }]
  /** At most 5 GiB. */
  copyObject: [
    {
      key: string
      source: string
      /** Default: this one. */
      sourceBucket?: string | undefined
      /** ETag that the source must have, as S3 gave it. */
      sourceEtag: string | undefined
      /** All of it: nothing but tags is taken from the source. */
      description: Description
      /** Whether the copy has the tags of the source or of the description; undefined where there are no tags. */
      tagging: 'COPY' | 'REPLACE' | undefined
      /** S3 is to compute the CRC32 of the copy. */
      checksum: boolean
    },
    Stored,
  ]
  /** At most 1,000 keys; missing ones are no failure. */
  deleteObjects: [{ keys: string[] }, undefined]
  createMultipartUpload: [
    Description & {
      key: string
      /** Its completion is to verify the CRC32 of the whole, if the provider can do that. */
      fullObject?: boolean
    },
    {
      uploadId: string
      /** It will. */
      fullObject?: boolean
      /** Milliseconds since the epoch: when the provider's rules drop it. */
      expiresAt?: number
      /** An earlier try may have made another one unheard. */
      mayHaveTwin?: boolean
    },
  ]
  uploadPart: [{ key: string; uploadId: string; partNumber: number; body: Payload }, Stored]
  /** Of an object, in the same bucket unless another one is named; the whole of it without a range. */
  uploadPartCopy: [
    {
      key: string
      uploadId: string
      partNumber: number
      source: string
      sourceBucket?: string | undefined
      range: string | undefined
      /** ETag that the source must have, as S3 gave it. */
      sourceEtag: string | undefined
    },
    { etag: string },
  ]
  completeMultipartUpload: [
    {
      key: string
      uploadId: string
      parts: NamedPart[]
      /** What the object must have, for a multipart upload that was created so. */
      whole?: { crc32: number /** Bytes. */; size: number } | undefined
      /** ETag that the object under the key must have, as S3 gave it; or none may be there. */
      ifMatch?: string | undefined
      ifAbsent?: boolean
    },
    Stored,
  ]
  abortMultipartUpload: [{ key: string; uploadId: string }, undefined]
  /** Unfinished multipart uploads of exactly this key; at most the first thousand. */
  listMultipartUploads: [{ key: string }, { uploadIds: string[] }]
  /** Objects whose keys begin so, in pages. */
  listObjectsV2: [
    { prefix: string /** Where the page starts; undefined at the beginning. */; page: string | undefined },
    {
      objects: ListedObject[]
      /** Where the next page starts; undefined at the end. */
      next: string | undefined
    },
  ]
  listParts: [
    { key: string; uploadId: string; after: number },
    { parts: ListedPart[] /** Where the next page starts; undefined at the end. */; next: number | undefined },
  ]
}

export type OperationName = keyof Operations

/** @throws S3Fault, and nothing else */
export type Call = <Name extends OperationName>(
  name: Name,
  input: Operations[Name][0],
  signal?: AbortSignal,
) => Promise<Operations[Name][1]>

/** A Payload of bytes that are in memory. */
export function payloadOf(chunks: readonly Uint8Array[], length: number, crc32?: number): Payload {
  return { length, crc32, chunks: () => chunks }
}
