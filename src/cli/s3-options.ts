/**
 * The rows of options.ts that are about S3.
 * @module
 */
import { DEFAULTS } from '../s3/options.js'
import type { Rows } from './options.js'
import { s3Encryption } from './s3-object-options.js'
import { showDuration, showSize } from './values.js'

export const s3 = {
  's3-bucket': { type: 'string', help: 'The bucket; it must exist. Without it, uploads go to --upload-dir.' },
  's3-endpoint': {
    type: 'string',
    help: 'URL of an S3-compatible service. Path style and the region us-east-1 are then the defaults.',
  },
  's3-provider': {
    type: 'string',
    sets: 'provider',
    help: "Whose service it is, such as 'r2' or 'minio' (docs/providers.md). Default: recognised by the endpoint.",
  },
  's3-conditional-writes': {
    type: 'string',
    choices: ['quoted', 'unquoted', 'none'],
    help: 'How If-Match works there, as `holdfast doctor` tells it. Default: found out at start.',
  },
  's3-full-object-checksums': {
    type: 'string',
    choices: ['all', 'sent', 'none'],
    help: 'Which multipart uploads S3 verifies as a whole (docs/integrity.md); sent: unless parts are copied. Default: found out.',
  },
  's3-region': { type: 'string', help: 'The region. Default: what the AWS SDK finds, such as AWS_REGION.' },
  's3-path-style': {
    type: 'boolean',
    help: 'Put the bucket into the path, not the host. Default: true with an endpoint.',
  },
  's3-object-prefix': { type: 'string', sets: 'objectPrefix', help: 'Before the key of every object.' },
  's3-metadata-object-prefix': {
    type: 'string',
    sets: 'metadataObjectPrefix',
    help: 'Before the keys of records and tails. Default: the prefix of the objects.',
  },
  's3-part-size': {
    type: 'size',
    default: showSize(DEFAULTS.preferredPartSize),
    sets: 'preferredPartSize',
    help: 'Bytes of a part, unless the upload needs larger ones.',
  },
  's3-min-part-size': {
    type: 'size',
    default: showSize(DEFAULTS.minPartSize),
    sets: 'minPartSize',
    help: 'The smallest part but the last that the provider takes.',
  },
  's3-max-part-size': {
    type: 'size',
    default: showSize(DEFAULTS.maxPartSize),
    sets: 'maxPartSize',
    help: 'The largest part that the provider takes.',
  },
  's3-max-multipart-parts': {
    type: 'integer',
    default: String(DEFAULTS.maxMultipartParts),
    sets: 'maxMultipartParts',
    help: 'How many parts an object may have.',
  },
  's3-max-object-size': {
    type: 'size',
    default: showSize(DEFAULTS.maxObjectSize),
    sets: 'maxObjectSize',
    help: 'The largest object that the provider takes; larger uploads are refused.',
  },
  's3-max-buffered-parts': {
    type: 'integer',
    default: String(DEFAULTS.maxBufferedParts),
    sets: 'maxBufferedParts',
    help: 'How many parts of one upload may be in memory, waiting for S3.',
  },
  's3-concurrent-part-uploads': {
    type: 'integer',
    default: String(DEFAULTS.concurrentPartUploads),
    sets: 'concurrentPartUploads',
    help: 'How many parts are sent to S3 at once, over all uploads and workers, at most; each worker begins with 8.',
  },
  's3-disable-content-hashes': {
    type: 'boolean',
    default: String(DEFAULTS.disableContentHashes),
    sets: 'disableContentHashes',
    help: 'Send no CRC32 with the bytes.',
  },
  's3-request-timeout': {
    type: 'duration',
    default: showDuration(DEFAULTS.requestTimeout),
    sets: 'requestTimeout',
    help: 'Give up one try of a request to S3 after so long without progress.',
  },
  's3-complete-timeout': {
    type: 'duration',
    default: showDuration(DEFAULTS.completeTimeout),
    sets: 'completeTimeout',
    help: 'How long S3 has for one CompleteMultipartUpload, which may take it minutes.',
  },
  's3-max-attempts': {
    type: 'integer',
    default: String(DEFAULTS.maxAttempts),
    min: 1,
    sets: 'maxAttempts',
    help: 'Tries of one request to S3, the first included.',
  },
  's3-commit-interval': {
    type: 'duration',
    default: showDuration(DEFAULTS.commitInterval),
    sets: 'commitInterval',
    help: 'How often a long request commits what it has stored; a crash costs its client what came since.',
  },
  ...s3Encryption,
  's3-log-api-calls': {
    type: 'boolean',
    default: 'false',
    help: 'Log each request to S3, at the level debug (which --log-level must allow).',
  },
  's3-transfer-acceleration': { type: 'boolean', default: 'false', help: "Use AWS's accelerated endpoint." },
} as const satisfies Rows
