/**
 * The rows of options.ts that are about objects in S3: what is stored with them, and how they are encrypted.
 * @module
 */
import type { Rows } from './options.js'

export const s3Objects = {
  's3-content-type': {
    type: 'string',
    help: 'Content-Type of all objects (docs/objects.md). Default: what the client named.',
  },
  's3-content-disposition': { type: 'string', help: 'Content-Disposition of all objects.' },
  's3-content-language': { type: 'string', help: 'Content-Language of all objects.' },
  's3-cache-control': { type: 'string', help: "Cache-Control of all objects, such as 'private, max-age=3600'." },
  's3-object-metadata': {
    type: 'list',
    sets: 'objectMetadata',
    help: "Which of the client's metadata becomes metadata of the object. Default: all.",
  },
  's3-tags': { type: 'list', sets: 'tags', help: 'Tags of all objects: name=value, at most 10.' },
  's3-storage-class': {
    type: 'string',
    sets: 'storageClass',
    help: 'Storage class of objects, such as STANDARD_IA. Records and tails have the one of the bucket.',
  },
  's3-acl': { type: 'string', sets: 'acl', help: 'Canned ACL of objects, such as bucket-owner-full-control.' },
  's3-disable-overwrite': {
    type: 'boolean',
    default: 'false',
    help: 'Do not replace an object that is there already: the upload is refused, or fails in the end.',
  },
} as const satisfies Rows

/** Who reads a record needs these, too. */
export const s3Encryption = {
  's3-sse': {
    type: 'string',
    choices: ['AES256', 'aws:kms', 'aws:kms:dsse', 'customer'],
    sets: 'encryption',
    help: 'Server-side encryption of objects, records and tails. Default: as the bucket is set.',
  },
  's3-sse-kms-key-id': { type: 'string', help: 'ID, ARN or alias of the KMS key. Default: that of the bucket.' },
  's3-sse-kms-context': { type: 'list', help: 'The encryption context for KMS: name=value.' },
  's3-sse-bucket-key': { type: 'boolean', help: 'Ask KMS once for many objects (S3 Bucket Key).' },
  's3-sse-customer-key-file': {
    type: 'string',
    help: 'A file with the key for --s3-sse customer: 32 bytes, or their Base64. Without this key nothing can be read any more.',
  },
  's3-request-payer': {
    type: 'boolean',
    default: 'false',
    sets: 'requestPayer',
    help: 'Pay for the requests to a bucket whose owner wants that.',
  },
  's3-expected-bucket-owner': {
    type: 'string',
    sets: 'expectedBucketOwner',
    help: 'ID of the account that must own the bucket. Default: any.',
  },
} as const satisfies Rows
