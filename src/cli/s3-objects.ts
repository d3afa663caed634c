/**
 * What is stored with objects in S3, and how they are encrypted, from the options of the command.
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Encryption, S3StoreOptions } from '../s3/index.js'
import type { ObjectOptions } from '../store/info.js'
import { UsageError } from './failure.js'
import type { Options } from './read-options.js'

type Encrypting = Pick<
  Options<'serve'>,
  's3Sse' | 's3SseKmsKeyId' | 's3SseKmsContext' | 's3SseBucketKey' | 's3SseCustomerKeyFile'
>

/** @throws UsageError */
export function encryptionOf(options: Encrypting): Encryption | undefined {
  const { s3Sse: type, s3SseKmsKeyId: keyId, s3SseBucketKey: bucketKey, s3SseCustomerKeyFile: file } = options
  const context = options.s3SseKmsContext && pairsOf('--s3-sse-kms-context', options.s3SseKmsContext)
  const isKms = type === 'aws:kms' || type === 'aws:kms:dsse'
  if (!isKms && (keyId ?? bucketKey ?? context) !== undefined) {
    throw new UsageError('--s3-sse-kms-key-id, --s3-sse-kms-context, --s3-sse-bucket-key: only with --s3-sse aws:kms.')
  }
  if ((type === 'customer') !== (file !== undefined)) {
    throw new UsageError('--s3-sse customer needs --s3-sse-customer-key-file, and nothing else does.')
  }
  if (isKms) return { type, keyId, bucketKey, context }
  if (type === 'customer') return { type, key: readKey(file!) }
  return type && { type }
}

/** Bytes as they are, or Base64 with a line break after it. */
function readKey(file: string): Uint8Array | string {
  try {
    const bytes = readFileSync(file)
    return bytes.length === 32 ? bytes : bytes.toString('latin1').trim()
  } catch (error) {
    throw new UsageError(
      `--s3-sse-customer-key-file: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    )
  }
}

type Objects = Pick<
  Options<'serve'>,
  | 's3ContentType'
  | 's3ContentDisposition'
  | 's3ContentLanguage'
  | 's3CacheControl'
  | 's3ObjectMetadata'
  | 's3Tags'
  | 's3StorageClass'
  | 's3Acl'
  | 's3DisableOverwrite'
>

/** @throws UsageError */
export function objectsOf(
  options: Objects,
): Pick<S3StoreOptions, 'objectMetadata' | 'overwrite'> & { object: ObjectOptions } {
  const object = {
    contentType: options.s3ContentType,
    contentDisposition: options.s3ContentDisposition,
    contentLanguage: options.s3ContentLanguage,
    cacheControl: options.s3CacheControl,
    tags: options.s3Tags && pairsOf('--s3-tags', options.s3Tags),
    storageClass: options.s3StorageClass,
    acl: options.s3Acl,
  }
  return { object, objectMetadata: options.s3ObjectMetadata, overwrite: !options.s3DisableOverwrite }
}

/** @throws UsageError */
function pairsOf(flag: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=')
      if (at < 1) throw new UsageError(`${flag}: '${text}' is not name=value.`)
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}
