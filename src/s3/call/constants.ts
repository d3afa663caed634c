/**
 * What goes along with every request of one store, whatever it asks for: server-side encryption, who pays, and whose
 * bucket it must be. The key of a customer (SSE-C) is in no record and in no message: it lives here alone.
 * @module
 */
import { createHash } from 'node:crypto'
import type { OperationName } from './call.js'

/**
 * How S3 encrypts what it stores. `AES256`: with keys of S3 (SSE-S3). `aws:kms`, `aws:kms:dsse`: with a key of KMS, the
 * account's own unless `keyId` names another. `customer`: with your key (SSE-C), which S3 forgets after each request:
 * who loses it has lost all that was stored with it.
 */
export type Encryption =
  | { readonly type: 'AES256' }
  | {
      readonly type: 'aws:kms' | 'aws:kms:dsse'
      /** ID, ARN or alias of the KMS key. Default: the bucket's, or the account's for S3. */
      readonly keyId?: string | undefined
      /** Asks KMS once for many objects (S3 Bucket Key). Default: as the bucket is set. */
      readonly bucketKey?: boolean | undefined
      /** The encryption context, which KMS logs: no secrets. */
      readonly context?: Readonly<Record<string, string>> | undefined
    }
  | { readonly type: 'customer' /** 32 bytes, or their Base64. */; readonly key: Uint8Array | string }

export interface ConstantOptions {
  encryption?: Encryption | undefined
  requestPayer?: boolean | undefined
  expectedBucketOwner?: string | undefined
}

/** What each operation is told by the SDK's names, and by headers where we send ourselves. */
export interface Constants {
  inputOf(name: OperationName): Readonly<Record<string, unknown>>
  headersOf(name: OperationName): Readonly<Record<string, string>>
  /** Of a URL by which an object is read. */
  queryOf(): Record<string, string>
  /** Whether objects can be read only by who has the key. */
  readonly needsKey: boolean
}

type Field = readonly [header: string, sdkName: string, value: string | boolean]

const CREATES: ReadonlySet<OperationName> = new Set(['putObject', 'copyObject', 'createMultipartUpload'])

/** All that touch the bytes of an object, or tell of its checksums. */
const NEEDS_KEY: ReadonlySet<OperationName> = new Set([
  ...CREATES,
  'uploadPart',
  'uploadPartCopy',
  'completeMultipartUpload',
  'getObject',
  'headObject',
  'listParts',
])

const COPIES: ReadonlySet<OperationName> = new Set(['copyObject', 'uploadPartCopy'])

/** @throws Error without any secret, if the key is none */
export function constantsOf(options: ConstantOptions): Constants {
  const { encryption, requestPayer, expectedBucketOwner } = options
  const everywhere: Field[] = [
    ...(requestPayer ? [['x-amz-request-payer', 'RequestPayer', 'requester'] as const] : []),
    ...(expectedBucketOwner
      ? [['x-amz-expected-bucket-owner', 'ExpectedBucketOwner', expectedBucketOwner] as const]
      : []),
  ]
  const customer = encryption?.type === 'customer' ? customerKey(encryption.key) : undefined
  const managed = encryption === undefined || encryption.type === 'customer' ? [] : managedFields(encryption)
  const fieldsOf = (name: OperationName): Field[] => [
    ...everywhere,
    ...(CREATES.has(name) ? managed : []),
    ...(customer && NEEDS_KEY.has(name) ? customerFields(customer, '', '') : []),
    ...(expectedBucketOwner && COPIES.has(name)
      ? [['x-amz-source-expected-bucket-owner', 'ExpectedSourceBucketOwner', expectedBucketOwner] as const]
      : []),
    ...(customer && COPIES.has(name) ? customerFields(customer, 'copy-source-', 'CopySource') : []),
  ]
  return {
    // Whoever follows it sends no header of ours.
    queryOf: () => (requestPayer ? { 'x-amz-request-payer': 'requester' } : {}),
    needsKey: customer !== undefined,
    inputOf: remembered((name) => Object.fromEntries(fieldsOf(name).map(([, sdkName, value]) => [sdkName, value]))),
    headersOf: remembered((name) =>
      Object.fromEntries(fieldsOf(name).map(([header, , value]) => [header, String(value)])),
    ),
  }
}

export const NO_CONSTANTS = constantsOf({})

function managedFields({ type, ...rest }: Exclude<Encryption, { type: 'customer' }>): Field[] {
  const header = 'x-amz-server-side-encryption'
  const { keyId, bucketKey, context } = rest as Partial<Extract<Encryption, { context?: unknown }>>
  const encoded = context && Buffer.from(JSON.stringify(context)).toString('base64')
  return [
    [header, 'ServerSideEncryption', type],
    ...(keyId ? [[`${header}-aws-kms-key-id`, 'SSEKMSKeyId', keyId] as const] : []),
    ...(bucketKey === undefined ? [] : [[`${header}-bucket-key-enabled`, 'BucketKeyEnabled', bucketKey] as const]),
    ...(encoded ? [[`${header}-context`, 'SSEKMSEncryptionContext', encoded] as const] : []),
  ]
}

interface CustomerKey {
  readonly key: string
  readonly md5: string
}

function customerKey(given: Uint8Array | string): CustomerKey {
  const bytes = typeof given === 'string' ? Buffer.from(given, 'base64') : Buffer.from(given)
  if (bytes.length !== 32) throw new Error('the key of a customer has 32 bytes')
  return { key: bytes.toString('base64'), md5: createHash('md5').update(bytes).digest('base64') }
}

function customerFields({ key, md5 }: CustomerKey, of: string, sdkOf: string): Field[] {
  const header = `x-amz-${of}server-side-encryption-customer`
  return [
    [`${header}-algorithm`, `${sdkOf}SSECustomerAlgorithm`, 'AES256'],
    [`${header}-key`, `${sdkOf}SSECustomerKey`, key],
    [`${header}-key-md5`, `${sdkOf}SSECustomerKeyMD5`, md5],
  ]
}

function remembered<Value>(make: (name: OperationName) => Value): (name: OperationName) => Value {
  const known = new Map<OperationName, Value>()
  return (name) => {
    let value = known.get(name)
    if (value === undefined) {
      value = make(name)
      known.set(name, value)
    }
    return value
  }
}
