/**
 * How an object is kept, beside what it is: its storage class, its canned ACL, and the encryption that was asked for. Nothing
 * is encrypted here; but the bytes of an object of a customer's key are given to nobody without it. Pure.
 * @module
 */
import { createHash } from 'node:crypto'
import type { Headers } from './digests.js'
import { S3Error } from './errors.js'

/** By the names of the headers, as they are answered. */
export type Settings = Readonly<Record<string, string>>

const STORAGE_CLASS = 'x-amz-storage-class'
const ACL = 'x-amz-acl'
const SSE = 'x-amz-server-side-encryption'
const CUSTOMER = 'server-side-encryption-customer'

const STORAGE_CLASSES = `STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER GLACIER_IR
  DEEP_ARCHIVE`.split(/\s+/)
/** Classes from which an object must be restored before it is read. */
const ARCHIVES = ['GLACIER', 'DEEP_ARCHIVE']
export const ACLS = `private public-read public-read-write authenticated-read aws-exec-read bucket-owner-read
  bucket-owner-full-control`.split(/\s+/)
const ALGORITHMS = ['AES256', 'aws:kms', 'aws:kms:dsse']

export function parseSettings(headers: Headers): Settings {
  const storageClass = headers.get(STORAGE_CLASS)
  if (storageClass !== undefined && !STORAGE_CLASSES.includes(storageClass)) throw new S3Error('InvalidStorageClass')
  const acl = headers.get(ACL)
  if (acl !== undefined && !ACLS.includes(acl)) throw new S3Error('InvalidArgument', `There is no canned ACL ${acl}.`)
  return {
    // S3 does not tell the class that it takes anyway.
    ...(storageClass === undefined || storageClass === 'STANDARD' ? {} : { [STORAGE_CLASS]: storageClass }),
    ...(acl === undefined || acl === 'private' ? {} : { [ACL]: acl }),
    ...parseEncryption(headers),
  }
}

function parseEncryption(headers: Headers): Settings {
  const algorithm = headers.get(SSE)
  const md5 = customerKey(headers, 'x-amz-')
  if (algorithm !== undefined && (md5 !== undefined || !ALGORITHMS.includes(algorithm))) {
    throw new S3Error('InvalidArgument', 'The encryption that was asked for is none, or two.')
  }
  const ofKms = [`${SSE}-aws-kms-key-id`, `${SSE}-bucket-key-enabled`, `${SSE}-context`].filter((name) =>
    headers.has(name),
  )
  if (ofKms.length > 0 && !algorithm?.startsWith('aws:kms')) {
    throw new S3Error('InvalidArgument', `${ofKms[0]} needs ${SSE}: aws:kms.`)
  }
  checkContext(headers.get(`${SSE}-context`))
  if (md5 !== undefined) return { [`x-amz-${CUSTOMER}-algorithm`]: 'AES256', [`x-amz-${CUSTOMER}-key-md5`]: md5 }
  if (algorithm === undefined) return {}
  // The context is not told again.
  const told = ofKms.filter((name) => !name.endsWith('context')).map((name) => [name, headers.get(name)!])
  return { [SSE]: algorithm, ...Object.fromEntries(told) }
}

function checkContext(encoded: string | undefined): void {
  if (encoded === undefined) return
  try {
    const context: unknown = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))
    if (typeof context === 'object' && context !== null && !Array.isArray(context)) return
  } catch {
    // Told below.
  }
  throw new S3Error('InvalidArgument', 'The encryption context is not Base64 of a JSON object.')
}

/** @returns the MD5 of the key that a request brings, if it brings one */
function customerKey(headers: Headers, prefix: string): string | undefined {
  const [algorithm, key, md5] = ['algorithm', 'key', 'key-md5'].map((name) =>
    headers.get(`${prefix}${CUSTOMER}-${name}`),
  )
  if (algorithm === undefined && key === undefined && md5 === undefined) return undefined
  const bytes = Buffer.from(key ?? '', 'base64')
  if (algorithm !== 'AES256' || bytes.length !== 32) {
    throw new S3Error('InvalidArgument', 'The secret key was invalid for the specified algorithm.')
  }
  if (createHash('md5').update(bytes).digest('base64') !== md5) {
    throw new S3Error('InvalidArgument', 'The calculated MD5 hash of the key did not match the hash that was provided.')
  }
  return md5
}

/** Refuses who has not the key under which an object, or the parts of one, are kept. @param prefix of the headers' names */
export function checkKey(settings: Settings | undefined, headers: Headers, prefix = 'x-amz-'): void {
  const kept = settings?.[`x-amz-${CUSTOMER}-key-md5`]
  const given = customerKey(headers, prefix)
  if (kept === given) return
  if (kept === undefined) {
    throw new S3Error('InvalidRequest', 'The encryption parameters are not applicable to this object.')
  }
  if (given !== undefined) throw new S3Error('AccessDenied')
  throw new S3Error(
    'InvalidRequest',
    'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
  )
}

/** Refuses to read what would have to be restored first. */
export function checkTier(settings: Settings | undefined): void {
  if (ARCHIVES.includes(storageClassOf(settings))) throw new S3Error('InvalidObjectState')
}

/** What answers tell: GET and HEAD the class, too. */
export function toldOf(settings: Settings = {}, withClass = false): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).filter(([name]) => name !== ACL && (withClass || name !== STORAGE_CLASS)),
  )
}

export const storageClassOf = (settings: Settings | undefined): string => settings?.[STORAGE_CLASS] ?? 'STANDARD'
export const aclOf = (settings: Settings | undefined): string => settings?.[ACL] ?? 'private'

/** Whether its ETag has nothing to do with its MD5. */
export const hidesDigest = (settings: Settings | undefined): boolean =>
  settings?.[`x-amz-${CUSTOMER}-key-md5`] !== undefined || settings?.[SSE]?.startsWith('aws:kms') === true
