/**
 * Signature Version 4, verified: from the head of a request, as it came over the wire, to whether its signer knew the
 * secret. Header and presigned form. Pure: the clock is given.
 *
 * The path is signed as it was sent; S3, unlike other services, does not encode it a second time.
 * @module
 */
import { isUtf8 } from 'node:buffer'
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { S3Error } from './errors.js'

const MAX_SKEW = 15 * 60_000
const MAX_EXPIRES = 7 * 24 * 3600
const ALGORITHM = 'AWS4-HMAC-SHA256'

export interface SignedHead {
  readonly method: string
  /** As sent, still percent-encoded, without the query. */
  readonly path: string
  /** Decoded, in order. */
  readonly query: readonly (readonly [name: string, value: string])[]
  /** By lower-case name; several values of one name joined by a comma. */
  readonly headers: ReadonlyMap<string, string>
}

export interface Account {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

/** How the body is protected, and what is needed to verify signatures inside it. */
export interface Signed {
  /** The value of x-amz-content-sha256: a hash in hex, or one of S3's words. */
  readonly payload: string
  readonly signature: string
  readonly key: Buffer
  /** YYYYMMDDTHHMMSSZ */
  readonly date: string
  readonly scope: string
  readonly presigned: boolean
}

interface Claim {
  credential: string
  signedHeaders: string
  signature: string
  date: string
  /** Seconds; only when presigned. */
  expires?: number
}

/** @throws S3Error if the request is not signed by `account`, for now. */
export function verifySignature(head: SignedHead, account: Account, now: number): Signed {
  const claim = readClaim(head)
  const [accessKeyId, day, region, service, end, ...rest] = claim.credential.split('/')
  const malformed = claim.expires === undefined ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError'
  if (end !== 'aws4_request' || service !== 's3' || rest.length > 0 || !claim.date.startsWith(day!)) {
    throw new S3Error(malformed, 'The credential must be <key>/<date>/<region>/s3/aws4_request.')
  }
  if (accessKeyId !== account.accessKeyId) throw new S3Error('InvalidAccessKeyId')
  if (region !== account.region)
    throw new S3Error(malformed, `the region '${region}' is wrong; expecting '${account.region}'`)
  checkTime(claim, now)
  const signedNames = checkSignedHeaders(head, claim)
  const presigned = claim.expires !== undefined
  const payload = payloadOf(head, presigned)
  const scope = `${day}/${region}/s3/aws4_request`
  const key = signingKey(account.secretAccessKey, day!, account.region)
  const canonical = canonicalRequest(head, signedNames, payload)
  const signature = sign(key, [ALGORITHM, claim.date, scope, sha256(canonical)].join('\n'))
  if (!equal(signature, claim.signature)) throw new S3Error('SignatureDoesNotMatch')
  return { payload, signature, key, date: claim.date, scope, presigned }
}

function readClaim(head: SignedHead): Claim {
  const authorization = head.headers.get('authorization')
  const query = new Map(head.query)
  if (authorization !== undefined) return readAuthorization(authorization, head.headers)
  if (!query.has('X-Amz-Signature') && !query.has('X-Amz-Algorithm')) throw new S3Error('AccessDenied')
  const field = (name: string) => query.get(`X-Amz-${name}`) ?? ''
  const expires = Number(field('Expires') || Number.NaN)
  if (field('Algorithm') !== ALGORITHM || !(expires >= 1 && expires <= MAX_EXPIRES)) {
    throw new S3Error('AuthorizationQueryParametersError')
  }
  const [credential, date, signedHeaders, signature] = ['Credential', 'Date', 'SignedHeaders', 'Signature'].map(field)
  return { credential: credential!, date: date!, signedHeaders: signedHeaders!, signature: signature!, expires }
}

function readAuthorization(authorization: string, headers: SignedHead['headers']): Claim {
  const fields = new Map(
    authorization
      .slice(ALGORITHM.length)
      .split(',')
      .map((field) => field.trim().split('=', 2) as [string, string]),
  )
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((name) =>
    fields.get(name),
  )
  if (!authorization.startsWith(`${ALGORITHM} `) || !credential || !signedHeaders || !signature) {
    throw new S3Error('AuthorizationHeaderMalformed')
  }
  const date = headers.get('x-amz-date')
  if (date === undefined) throw new S3Error('AccessDenied', 'AWS authentication requires a valid x-amz-date header')
  return { credential, signedHeaders, signature, date }
}

function checkTime({ date, expires }: Claim, now: number): void {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  const signed = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  if (Number.isNaN(signed)) throw new S3Error('AccessDenied', 'X-Amz-Date must be in the ISO 8601 basic format.')
  if (expires === undefined) {
    if (Math.abs(now - signed) > MAX_SKEW) throw new S3Error('RequestTimeTooSkewed')
  } else {
    if (signed - now > MAX_SKEW) throw new S3Error('AccessDenied', 'Request is not valid yet')
    if (now > signed + expires * 1000) throw new S3Error('AccessDenied', 'Request has expired')
  }
}

/** A signature that leaves out the host or one of S3's own headers would let others change them. */
function checkSignedHeaders(head: SignedHead, claim: Claim): string[] {
  const names = claim.signedHeaders.split(';')
  const needed = [...head.headers.keys()].filter((name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256')
  const missing = ['host', ...needed].filter((name) => !names.includes(name))
  if (missing.length > 0) {
    throw new S3Error(
      'AccessDenied',
      `There were headers present in the request which were not signed: ${missing.join(', ')}`,
    )
  }
  return names
}

function payloadOf(head: SignedHead, presigned: boolean): string {
  const payload = head.headers.get('x-amz-content-sha256') ?? new Map(head.query).get('X-Amz-Content-Sha256')
  if (payload !== undefined) return payload
  if (presigned) return 'UNSIGNED-PAYLOAD'
  throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
}

/** The text whose hash is signed. Exported for the vectors in AWS's documentation. */
export function canonicalRequest(head: SignedHead, signedNames: readonly string[], payload: string): Buffer {
  const query = head.query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&')
  const headers = signedNames.map((name) => `${name}:${(head.headers.get(name) ?? '').trim().replace(/ +/g, ' ')}\n`)
  return Buffer.concat([
    Buffer.from(`${head.method}\n${head.path}\n${query}\n`),
    ...headers.map(wireBytes),
    Buffer.from(`\n${signedNames.join(';')}\n${payload}`),
  ])
}

/** Node gives header bytes as Latin-1. A client that sent UTF-8 signed those bytes; one that sent Latin-1, its text. */
function wireBytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return isUtf8(bytes) ? bytes : Buffer.from(text)
}

const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

export function signingKey(secret: string, day: string, region: string): Buffer {
  return [day, region, 's3', 'aws4_request'].reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`))
}

export const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
export const sign = (key: Buffer, text: string) => hmac(key, text).toString('hex')
const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()

/** Compares without telling by its time where the two differ. */
export function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
