/**
 * What was measured of each server, and is held against it at each run: what it does otherwise than S3, and what
 * `holdfast doctor` must say of it. A server that has learnt something fails the tests as well as one that has forgotten.
 * @module
 */
import type { ServerName } from './catalogue.js'

export interface Known {
  /** Behaviours of S3 (src/testing/probe) that it does not have. */
  readonly differs: readonly string[]
  /** Behaviours that it has at one time and not at another: races, mostly. */
  readonly wavers?: readonly string[]
  readonly doctor: DoctorSays
  /** Permissions that it does not ask for, so that nobody can lack them. */
  readonly unlimited?: readonly string[]
}

export interface DoctorSays {
  /** The profile by which it is recognised, from the `Server` header; 'other' if by nothing. */
  readonly provider: string
  /** The rows with a warning, in their order. */
  readonly warnings: readonly string[]
  /** Rows of races may have a warning besides: one of them surely has, or it may be that none has. */
  readonly races?: 'surely' | 'perhaps'
  /** What it adds to the command. */
  readonly options?: Readonly<Record<string, string>>
}

/** Conditions are no use, and the probe at start would not find that out. */
const LOCKED = { 's3-conditional-writes': 'none' }

export const KNOWN: Readonly<Record<ServerName, Known>> = {
  ceph: {
    differs: [
      'abort',
      'checksum-malformed',
      'checksum-stored',
      'checksum-wrong',
      'chunks-signed',
      'complete',
      'complete-again',
      'complete-if-match',
      'complete-if-none-match',
      'complete-if-none-match-race',
      'complete-order',
      'complete-range',
      'complete-size',
      'complete-some',
      'complete-tagging',
      'copy-source-if-match',
      'delete-if-match',
      'delete-many-digest',
      'etag-multipart',
      'keys-too-long',
      'list-uploads-delimiter',
      'metadata-too-large',
      'multipart-composite',
      'multipart-full-object',
      'part-numbers',
      'part-stream',
      'put-if-match',
      'put-if-match-missing',
      'put-if-match-race',
      'put-if-none-match-etag',
      'put-stream',
      'trailer-signed',
      'trailer-unsigned',
    ],
    wavers: ['list-uploads-pages'],
    doctor: { provider: 'other', warnings: ['CRC32 of the bytes', 'CRC32 of a part'] },
  },
  minio: {
    differs: [
      'complete-order',
      'complete-size',
      'delete-if-match',
      'keys-too-long',
      'lifecycle',
      'list-uploads-delimiter',
      'list-uploads-pages',
      'list-uploads-prefix',
      'list-v1',
      'part-list-limit',
      'put-if-none-match-etag',
      'virtual-host',
    ],
    // Who may read an object is told that a key is missing.
    unlimited: ['s3:ListBucket'],
    doctor: { provider: 'minio', warnings: [] },
  },
  versitygw: {
    differs: [
      'chunks-signed',
      'complete-order',
      'delete-many',
      'delete-many-limit',
      'keys-too-long',
      'lifecycle',
      'list-encoding',
      'list-order',
      'list-uploads-pages',
      'part-aborted',
      'read-if-modified',
      'unknown-access-key',
      'virtual-host',
    ],
    wavers: ['put-whole'],
    doctor: { provider: 'versitygw', warnings: ['Condition and write in one step'], races: 'perhaps' },
  },
  garage: {
    differs: [],
    doctor: { provider: 'other', warnings: ['Conditional create and replace'] },
  },
  rclone: {
    differs: [
      'checksum-wrong',
      'chunks-signed',
      'complete',
      'complete-nothing',
      'complete-size',
      'complete-some',
      'complete-too-small',
      'delete-many-digest',
      'etag-multipart',
      'keys-too-long',
      'length-required',
      'lifecycle',
      'list-order',
      'metadata-too-large',
      'multipart-composite',
      'multipart-full-object',
      'part-again',
      'part-list-pages',
      'part-stream',
      'payload-hash',
      'put-if-none-match-etag',
      'trailer-signed',
      'trailer-unsigned',
      'virtual-host',
    ],
    wavers: ['complete-if-none-match-race', 'put-if-match-race', 'put-if-none-match-race', 'put-whole'],
    doctor: {
      provider: 'other',
      warnings: ['Reading while it is replaced', 'A part sent again with other bytes'],
      options: LOCKED,
    },
  },
  s3proxy: {
    differs: [
      'abort',
      'anonymous',
      'complete-nothing',
      'complete-order',
      'complete-range',
      'complete-size',
      'complete-tagging',
      'keys-too-long',
      'length-required',
      'lifecycle',
      'list-order',
      'list-uploads-delimiter',
      'metadata-too-large',
      'part-list-limit',
      'part-list-pages',
      'put-if-none-match-etag',
      'read-if-modified',
      'tagging',
      'trailer-signed',
      'trailer-unsigned',
      'virtual-host',
    ],
    wavers: [
      'complete-if-none-match-race',
      'list-uploads-pages',
      'put-if-match-race',
      'put-if-none-match-race',
      'put-stream',
      'put-whole',
    ],
    doctor: { provider: 'other', warnings: ['ListParts after an abort'], races: 'surely', options: LOCKED },
  },
  s3mock: {
    differs: [
      'abort-object',
      'anonymous',
      'checksum-wrong',
      'chunks-signed',
      'clock-skew',
      'complete-order',
      'complete-range',
      'complete-size',
      'complete-some',
      'copy',
      'delete-many-digest',
      'delete-many-limit',
      'expect-continue',
      'keys-too-long',
      'length-required',
      'list-order',
      'list-pages',
      'list-v1',
      'metadata-too-large',
      'multipart-composite',
      'multipart-full-object',
      'part-copy-range',
      'payload-hash',
      'presigned',
      'put-if-none-match-etag',
      'request-id',
      'trailer-signed',
      'trailer-unsigned',
      'unknown-access-key',
      'virtual-host',
      'wrong-secret',
    ],
    wavers: [
      'complete-if-none-match-race',
      'list-uploads-pages',
      'put-if-match-race',
      'put-if-none-match-race',
      'put-whole',
    ],
    doctor: { provider: 'other', warnings: [], races: 'surely', options: LOCKED },
  },
  moto: {
    differs: [
      'abort',
      'anonymous',
      'checksum-malformed',
      'checksum-stored',
      'checksum-wrong',
      'chunks-signed',
      'clock-skew',
      'complete-if-match',
      'complete-nothing',
      'complete-order',
      'complete-range',
      'complete-size',
      'copy-source-if-match',
      'delete-many',
      'delete-many-digest',
      'delete-many-limit',
      'expect-continue',
      'keys-too-long',
      'length-required',
      'list-uploads-delimiter',
      'list-v1',
      'metadata-too-large',
      'multipart-composite',
      'multipart-full-object',
      'part-copy-range',
      'part-numbers',
      'payload-hash',
      'presigned',
      'put-if-none-match-etag',
      'request-id',
      'trailer-signed',
      'trailer-unsigned',
      'unknown-access-key',
      'wrong-secret',
    ],
    doctor: { provider: 'other', warnings: ['CRC32 of the bytes', 'CRC32 of a part'] },
  },
}
