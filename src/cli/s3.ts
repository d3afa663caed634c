/**
 * The S3 store from the options of the command.
 * @module
 */
import { isIP } from 'node:net'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../s3/index.js'
import type { Logger } from '../server.js'
import type { Store } from '../store/store.js'
import { UsageError } from './failure.js'
import type { StoreFlags } from './open.js'
import type { Options } from './read-options.js'
import { encryptionOf, objectsOf } from './s3-objects.js'

const CONNECTIONS = { keepAlive: true, maxSockets: 2_000 }

/** The client as Holdfast wants it: it retries by itself, and sends its own checksums. */
export function createClient(config: S3ClientConfig): S3Client {
  return new S3Client({
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    // The SDK's 50 connections would all be taken by 50 slow downloads, and no record could be read any more.
    requestHandler: { connectionTimeout: 5_000, httpAgent: CONNECTIONS, httpsAgent: CONNECTIONS },
    ...config,
  })
}

type Address = Pick<Options<'serve'>, 's3Endpoint' | 's3Region' | 's3PathStyle' | 's3TransferAcceleration'>

/** How the bucket is named in requests, and whether the other way is possible at all: no host begins with an address. */
export function styleOf({ s3Endpoint, s3PathStyle }: Address): { pathStyle: boolean; hasBoth: boolean } {
  const host = s3Endpoint && URL.canParse(s3Endpoint) ? new URL(s3Endpoint).hostname : ''
  return { pathStyle: s3PathStyle ?? s3Endpoint !== undefined, hasBoth: !isIP(host.replace(/^\[|\]$/g, '')) }
}

/** @throws UsageError */
export function clientOf(options: Address, pathStyle: boolean): S3Client {
  const { s3Endpoint: endpoint, s3TransferAcceleration: isAccelerated } = options
  if (isAccelerated && endpoint !== undefined) {
    throw new UsageError('--s3-transfer-acceleration: only AWS has it, so it cannot be used with --s3-endpoint.')
  }
  if (endpoint !== undefined && !/^https?:\/\/[^/]/i.test(endpoint)) {
    throw new UsageError(`--s3-endpoint: '${endpoint}' is not a URL that begins with http:// or https://.`)
  }
  const region = options.s3Region ?? (endpoint === undefined ? undefined : 'us-east-1')
  return createClient({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    forcePathStyle: pathStyle,
    useAccelerateEndpoint: isAccelerated,
  })
}

/** @throws UploadError ERR_INVALID_OPTIONS · UsageError */
export function openS3(
  options: Options<'serve'> | Options<'sweep'> | StoreFlags,
  logger: Logger,
  watching: Pick<S3StoreOptions, 'observers' | 'tracer'> = {},
): { store: Store; close: () => Promise<void> } {
  const service = clientOf(options, styleOf(options).pathStyle)
  const store = new S3Store({
    service,
    logger,
    ...watching,
    bucket: options.s3Bucket ?? '',
    provider: options.s3Provider,
    capabilities: {
      ...(options.s3ConditionalWrites ? { conditionalWrites: options.s3ConditionalWrites } : {}),
      ...(options.s3FullObjectChecksums ? { fullObjectChecksums: options.s3FullObjectChecksums } : {}),
    },
    objectPrefix: options.s3ObjectPrefix,
    metadataObjectPrefix: options.s3MetadataObjectPrefix,
    preferredPartSize: options.s3PartSize,
    minPartSize: options.s3MinPartSize,
    maxPartSize: options.s3MaxPartSize,
    maxMultipartParts: options.s3MaxMultipartParts,
    maxObjectSize: options.s3MaxObjectSize,
    maxBufferedParts: options.s3MaxBufferedParts,
    concurrentPartUploads: options.s3ConcurrentPartUploads,
    disableContentHashes: options.s3DisableContentHashes,
    requestTimeout: options.s3RequestTimeout,
    completeTimeout: options.s3CompleteTimeout,
    maxAttempts: options.s3MaxAttempts,
    commitInterval: options.s3CommitInterval,
    encryption: encryptionOf(options),
    requestPayer: options.s3RequestPayer,
    expectedBucketOwner: options.s3ExpectedBucketOwner,
    ...('s3Tags' in options ? objectsOf(options) : {}),
    bufferMemory: options.bufferMemory,
    temporaryDirectory: options.temporaryDirectory,
  })
  return { store, close: async () => service.destroy() }
}
