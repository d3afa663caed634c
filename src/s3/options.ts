/**
 * The options of the S3 store: tusd's names and defaults, where the design does not say otherwise. Impossible
 * combinations are refused at once, by name.
 * @module
 */
import { UploadError } from '../errors.js'
import type { Metadata, NewUpload, ObjectOptions } from '../store/info.js'
import type { StoreObserver } from '../store/observer.js'
import type { Tracer } from '../store/tracer.js'
import { type ConstantOptions, constantsOf, type Encryption } from './call/constants.js'
import type { Service } from './call/sdk.js'
import type { StoreLogger } from './context.js'
import { checkObject } from './object-options.js'
import type { Capabilities } from './provider/capabilities.js'
import { PROVIDERS } from './provider/profiles.js'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const TiB = 1024 * GiB

/** Which bucket, and what differs from the defaults and from what is known of the provider. */
export interface S3StoreOptions {
  /** The bucket; it must exist. */
  bucket: string
  /**
   * An AWS SDK v3 client (`S3Client` or `S3`), or anything with the same few methods. With an SDK client, the bytes of
   * uploads are signed with its credentials and sent directly, at a fraction of the SDK's cost.
   */
  service: Service
  /** Before the key of every final object; a missing trailing slash is added. Default: ''. */
  objectPrefix?: string | undefined
  /** Before the keys of records and tails (`.info`, `.part`…). Default: `objectPrefix`. */
  metadataObjectPrefix?: string | undefined
  /**
   * What is stored with the object of each upload, where the upload itself (`onCreate`) says nothing: headers, tags, storage class,
   * ACL (docs/objects.md). A function is asked once, at the creation. Partial uploads get none of it. Default: the
   * Content-Type that the client named.
   */
  object?: ObjectOptions | ((upload: Readonly<NewUpload>) => ObjectOptions) | undefined
  /**
   * Which of the client's metadata becomes metadata of the object: these keys, or what the function makes of it. The record
   * keeps all. Default: all.
   */
  objectMetadata?:
    | readonly string[]
    | ((metadata: Metadata, id: string) => Readonly<Record<string, string>>)
    | undefined
  /**
   * Whether an upload whose chosen key is taken replaces what is there when it is complete. Otherwise it fails then, and is
   * refused at its creation if the object is there already (ERR_OBJECT_EXISTS). Default: true.
   */
  overwrite?: boolean | undefined
  /** Server-side encryption of objects, records and tails. Default: as the bucket is set. */
  encryption?: Encryption | undefined
  /** Pays for the requests to a bucket whose owner wants that. Default: false. */
  requestPayer?: boolean | undefined
  /** ID of the account that must own the bucket; S3 refuses all requests otherwise. Default: any. */
  expectedBucketOwner?: string | undefined
  /** Bytes; the largest part that the provider takes. Default: 5 GiB. */
  maxPartSize?: number | undefined
  /** Bytes; the smallest part but the last that the provider takes. Default: 5 MiB. */
  minPartSize?: number | undefined
  /**
   * Bytes of a part, unless the upload needs larger ones to stay within `maxMultipartParts`, or the client sends chunks:
   * their ends are then ends of parts (docs/objects-in-the-bucket.md). An upload that fits into one part is one PutObject.
   * Default: 8 MiB (tusd: 50).
   */
  preferredPartSize?: number | undefined
  /** How many parts a multipart upload may have. Default: 10,000. */
  maxMultipartParts?: number | undefined
  /** Bytes; larger uploads are refused at creation. Default: 5 TiB. */
  maxObjectSize?: number | undefined
  /** How many parts of one upload may be in memory, waiting for S3. Default: 20. */
  maxBufferedParts?: number | undefined
  /**
   * How many parts are sent to S3 at once, over all uploads, at most. It begins with 8, and more are used where they bring
   * more bytes a second; after a SlowDown fewer (docs/performance.md). Default: 32 (tusd: 10).
   */
  concurrentPartUploads?: number | undefined
  /**
   * Bytes of uploads in memory at once, over all uploads. At the bound, parts wait in `temporaryDirectory` if one is
   * set, and else sockets are paused. A single part that is larger is taken alone. Default: 128 MiB.
   */
  bufferMemory?: number | undefined
  /** A folder for parts that find no room in `bufferMemory`; its files have no names and never stay. Default: none. */
  temporaryDirectory?: string | undefined
  /** Sends no CRC32 with the bytes. S3 then verifies only their number. Default: false. */
  disableContentHashes?: boolean | undefined
  /**
   * Whose service it is: a name of docs/providers.md, such as 'aws', 'r2' or 'minio', or 'other'. Its limits and
   * capabilities are taken where no option says otherwise. Default: recognised by the endpoint.
   */
  provider?: string | undefined
  /**
   * What is known of the provider, as `holdfast doctor` prints it; it is neither looked up nor probed then. Default:
   * what its profile says, and a probe at start for the rest (docs/providers.md).
   */
  capabilities?: Partial<Capabilities> | undefined
  /** Milliseconds without progress after which one try of a request to S3 is given up. Default: 30,000. */
  requestTimeout?: number | undefined
  /**
   * Milliseconds that S3 has for one CompleteMultipartUpload, or one UploadPartCopy, which may take it minutes. Afterwards
   * S3 is asked whether it was done, and else it is tried again. Default: 300,000.
   */
  completeTimeout?: number | undefined
  /** Tries of one request to S3, the first included. Default: 4. */
  maxAttempts?: number | undefined
  /** Milliseconds between two commits of one long append. Default: 1,000. */
  commitInterval?: number | undefined
  /** Told what went wrong and was dealt with. Default: nobody is told. */
  logger?: StoreLogger | undefined
  /** Told of each try of a request to S3 (docs/metrics.md). What they throw is dropped. Default: none. */
  observers?: readonly StoreObserver[] | undefined
  /** Makes a span of each try of a request to S3 (docs/metrics.md#traces). Default: none. */
  tracer?: Tracer | undefined
  /** For tests: milliseconds since the epoch. */
  now?: (() => number) | undefined
}

export const DEFAULTS = {
  objectPrefix: '',
  overwrite: true,
  maxPartSize: 5 * GiB,
  minPartSize: 5 * MiB,
  preferredPartSize: 8 * MiB,
  maxMultipartParts: 10_000,
  maxObjectSize: 5 * TiB,
  maxBufferedParts: 20,
  concurrentPartUploads: 32,
  bufferMemory: 128 * MiB,
  disableContentHashes: false,
  requestTimeout: 30_000,
  completeTimeout: 300_000,
  maxAttempts: 4,
  commitInterval: 1_000,
  logger: { warn: () => undefined } as StoreLogger,
  observers: [] as readonly StoreObserver[],
  now: Date.now,
}

type Defaulted = typeof DEFAULTS
export type ResolvedOptions = Omit<S3StoreOptions, keyof Defaulted | 'tracer'> &
  Defaulted & { tracer: Tracer | undefined }

/** @throws UploadError ERR_INVALID_OPTIONS, naming the option */
export function resolveOptions(options: S3StoreOptions): ResolvedOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const all = { ...DEFAULTS, ...given } as ResolvedOptions
  const must = (holds: boolean, message: string): void => {
    if (!holds) throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  must(typeof all.bucket === 'string' && all.bucket !== '', 'bucket: the name of a bucket is needed.')
  must(
    all.provider === undefined || PROVIDERS.includes(all.provider),
    `provider: '${all.provider}' is none of ${PROVIDERS.join(', ')}.`,
  )
  must(typeof all.service === 'object' && all.service !== null, 'service: an S3 client is needed.')
  for (const name of COUNTS) {
    must(Number.isSafeInteger(all[name]) && all[name] > 0, `${name}: must be a positive integer, not ${all[name]}.`)
  }
  must(
    all.minPartSize <= all.preferredPartSize,
    `preferredPartSize (${all.preferredPartSize}) must not be smaller than minPartSize (${all.minPartSize}).`,
  )
  must(
    all.preferredPartSize <= all.maxPartSize,
    `preferredPartSize (${all.preferredPartSize}) must not be larger than maxPartSize (${all.maxPartSize}).`,
  )
  must(all.maxMultipartParts <= 10_000, `maxMultipartParts (${all.maxMultipartParts}): S3 takes at most 10,000.`)
  must(
    all.bufferMemory >= all.preferredPartSize,
    `bufferMemory (${all.bufferMemory}) must hold at least one part of preferredPartSize (${all.preferredPartSize}).`,
  )
  must(
    all.maxObjectSize <= all.maxPartSize * all.maxMultipartParts,
    `maxObjectSize (${all.maxObjectSize}) is more than maxMultipartParts (${all.maxMultipartParts}) parts of ` +
      `maxPartSize (${all.maxPartSize}) can hold.`,
  )
  must(isKey(all), 'encryption: the key of a customer must have 32 bytes, as a Uint8Array or in Base64.')
  if (typeof all.object === 'object') checkObject(all.object)
  return all
}

function isKey(options: ConstantOptions): boolean {
  try {
    constantsOf(options)
    return true
  } catch {
    return false
  }
}

const COUNTS = [
  'maxPartSize',
  'minPartSize',
  'preferredPartSize',
  'maxMultipartParts',
  'maxObjectSize',
  'maxBufferedParts',
  'concurrentPartUploads',
  'bufferMemory',
  'requestTimeout',
  'completeTimeout',
  'maxAttempts',
] as const
