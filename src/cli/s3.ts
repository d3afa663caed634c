/**
 * The S3 store from the options of the command.
 * @module
 */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { S3Store } from '../s3/index.js'
import type { Logger } from '../server.js'
import type { Store } from '../store/store.js'
import type { Options } from './read-options.js'

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

/** @throws UploadError ERR_INVALID_OPTIONS */
export function openS3(options: Options<'serve'>, logger: Logger): { store: Store; close: () => Promise<void> } {
  const hasEndpoint = options.s3Endpoint !== undefined
  const region = options.s3Region ?? (hasEndpoint ? 'us-east-1' : undefined)
  const service = createClient({
    ...(hasEndpoint ? { endpoint: options.s3Endpoint } : {}),
    ...(region === undefined ? {} : { region }),
    forcePathStyle: options.s3PathStyle ?? hasEndpoint,
    useAccelerateEndpoint: options.s3TransferAcceleration,
  })
  const store = new S3Store({
    service,
    logger,
    bucket: options.s3Bucket ?? '',
    provider: options.s3Provider,
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
    bufferMemory: options.bufferMemory,
    temporaryDirectory: options.temporaryDirectory,
  })
  return { store, close: async () => service.destroy() }
}
