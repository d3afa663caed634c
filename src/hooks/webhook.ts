/**
 * Signatures of messages as of the Standard Webhooks specification: HMAC-SHA256 over the ID, the time and the body, so that
 * a receiver knows who sent it, and that nobody sends it again later.
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { UploadError } from '../errors.js'
import type { HookMessage } from './message.js'

/** Bytes of a key, as the specification has it. */
const KEY_BYTES = { least: 24, most: 64 }

/** Milliseconds that a message may be old, or ahead of our clock. */
const TOLERANCE = 5 * 60_000

/** @param secret Base64, after 'whsec_' or without it @throws UploadError ERR_INVALID_OPTIONS, without the secret */
export function keyOf(secret: string): Buffer {
  const text = secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret
  const key = Buffer.from(text, 'base64')
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text)
  if (isBase64 && key.length >= KEY_BYTES.least && key.length <= KEY_BYTES.most) return key
  throw new UploadError('ERR_INVALID_OPTIONS', {
    message: `secret: must be 'whsec_' and the Base64 of ${KEY_BYTES.least} to ${KEY_BYTES.most} random bytes.`,
  })
}

const signatureOf = (key: Buffer, signed: string): string =>
  `v1,${createHmac('sha256', key).update(signed).digest('base64')}`

/** The fields of one try. Each key has its signature, so that receivers may change theirs one by one. */
export function signedFields(id: string, body: string, keys: readonly Buffer[], now: number): Record<string, string> {
  const timestamp = String(Math.floor(now / 1_000))
  const signatures = keys.map((key) => signatureOf(key, `${id}.${timestamp}.${body}`))
  return {
    'Webhook-Id': id,
    'Webhook-Timestamp': timestamp,
    ...(signatures.length > 0 ? { 'Webhook-Signature': signatures.join(' ') } : {}),
  }
}

/** A message that has come, and the secrets that it may be signed with. */
export interface VerifyOptions {
  /** The body as it came, before it is parsed. */
  readonly body: string | Uint8Array
  /** A `Headers`, or fields by lower-case name as `node:http` has them. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
  /** One is enough that fits. Each is 'whsec_' and Base64. */
  readonly secrets: string | readonly string[]
  /** Milliseconds that the message may be old, or ahead of the clock. Default: 300,000. */
  readonly tolerance?: number | undefined
  /** For tests: milliseconds since the epoch. */
  readonly now?: (() => number) | undefined
}

/**
 * For receivers: whether a message is from a Holdfast that knows the secret, and new.
 * @returns the message; the ID in `Webhook-Id` is its DeliveryID
 * @throws Error if it is not to be believed: answer 401
 */
export function verifyWebhook({ body, headers, secrets, tolerance = TOLERANCE, now = Date.now }: VerifyOptions) {
  const fieldOf = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name]
    if (typeof value === 'string' && value !== '') return value
    throw new Error(`the message has no ${name}`)
  }
  const [id, timestamp, given] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(fieldOf)
  if (!/^\d{1,12}$/.test(timestamp!)) throw new Error('webhook-timestamp is no time')
  if (Math.abs(now() - Number(timestamp) * 1_000) > tolerance) throw new Error('the message is too old, or from later')
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8')
  const expected = [secrets].flat().map((secret) => signatureOf(keyOf(secret), `${id}.${timestamp}.${text}`))
  const isSigned = given!.split(' ').some((one) => expected.some((other) => isSame(one, other)))
  if (!isSigned) throw new Error('the signature of the message is not right')
  return JSON.parse(text) as HookMessage
}

/** In a time that tells nothing of how much of it is right. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
