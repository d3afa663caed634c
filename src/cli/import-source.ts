/**
 * Where `holdfast import` copies from, by the options of the command.
 * @module
 */
import { exporterOf } from '../disk/directory.js'
import { prefixes } from '../s3/keys.js'
import type { Logger } from '../server.js'
import type { Exporter } from '../store/inspect.js'
import { UsageError } from './failure.js'
import type { Options } from './read-options.js'

export interface Source {
  exporter: Exporter
  close(): Promise<void>
}

type ImportOptions = Options<'import'>

/** @returns undefined to import in place @throws UsageError · UploadError ERR_INVALID_OPTIONS */
export async function sourceOf(options: ImportOptions, logger: Logger): Promise<Source | undefined> {
  const { fromDir, fromBucket } = options
  if (fromDir !== undefined && fromBucket !== undefined) {
    throw new UsageError('--from-dir: copy from a folder or from a bucket, not from both.')
  }
  if (fromDir !== undefined) return { exporter: await exporterOf(fromDir), close: async () => undefined }
  if (fromBucket !== undefined) return bucketOf(options, fromBucket, logger)
  if (options.fromObjectPrefix !== undefined || options.fromMetadataObjectPrefix !== undefined) {
    throw new UsageError('--from-bucket: which bucket has that prefix?')
  }
  return undefined
}

async function bucketOf(options: ImportOptions, fromBucket: string, logger: Logger): Promise<Source> {
  const { fromObjectPrefix, fromMetadataObjectPrefix, fromEndpoint = options.s3Endpoint } = options
  const from = prefixes(fromObjectPrefix, fromMetadataObjectPrefix)
  const to = prefixes(options.s3ObjectPrefix, options.s3MetadataObjectPrefix)
  const isSamePlace = fromBucket === options.s3Bucket && fromEndpoint === options.s3Endpoint
  if (isSamePlace && (from.objectPrefix === to.objectPrefix || from.metadataObjectPrefix === to.metadataObjectPrefix)) {
    throw new UsageError(
      '--from-bucket: that is where uploads are to go; without it they are taken over where they are.',
    )
  }
  const { openS3 } = await import('./s3.js')
  const { store, close } = openS3(
    {
      ...options,
      s3Bucket: fromBucket,
      s3Endpoint: fromEndpoint,
      s3ObjectPrefix: fromObjectPrefix,
      s3MetadataObjectPrefix: fromMetadataObjectPrefix,
      s3MinPartSize: options.fromMinPartSize ?? options.s3MinPartSize,
    },
    logger,
  )
  return {
    exporter: store.inspector!(),
    async close() {
      await store.close()
      await close()
    },
  }
}
