/**
 * Tokens in URLs: what the application's own server grants, signed by a secret that it shares with Holdfast, so that a
 * browser needs nothing else. One creates uploads; the Location that comes back carries one of its own, for that upload.
 *
 * A token is `payload.signature`, both in base64url: JSON, and HMAC-SHA256 over `holdfast-token-1.` and the payload.
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { UploadError } from '../errors.js'
import type { Metadata } from '../store/info.js'
import type { Grant, Limits, Verb } from './hooks.js'

/** What a token grants. */
export interface TokenClaims {
  /** Milliseconds from now after which it counts no more. */
  readonly expiresIn: number
  /** The one upload that it is for. Undefined: it is for creating uploads. */
  readonly id?: string | undefined
  /** What may be done with that upload. Default: everything but to create. */
  readonly verbs?: readonly Verb[] | undefined
  /** Bound to uploads that are created by it. */
  readonly owner?: string | undefined
  /** Bounds for whoever has the token. */
  readonly limits?: Limits | undefined
  /** Replaces these values of the client's metadata. */
  readonly metadata?: Metadata | undefined
  /** Key of the final object. */
  readonly key?: string | undefined
}

/** How signed URLs are made and checked. */
export interface SignedUrlOptions {
  /** At least 32 characters that nobody can guess. Of several, the first one signs and all are believed: so one is replaced. */
  readonly secret: string | readonly string[]
  /** Milliseconds for which the URL that answers a creation is good. Default: 24 hours. */
  readonly expiresIn?: number | undefined
}

/** As a token says it: `exp` in milliseconds since the epoch. */
type Payload = Omit<TokenClaims, 'expiresIn'> & { readonly exp: number }

/** The name of the query parameter. */
export const TOKEN_PARAMETER = 'token'

/** Characters; more is no token of ours. */
const MOST = 8_192

const SHORTEST_SECRET = 32

/**
 * A token for the query parameter `token` of a URL: `https://files.example.com/files/?token=…` creates uploads, and with `id`
 * in its claims `…/files/ID?token=…` is that upload.
 * @param secret as in `signedUrls` of the server
 * @param now milliseconds since the epoch
 * @throws UploadError ERR_INVALID_OPTIONS
 */
export function signToken(secret: string | readonly string[], claims: TokenClaims, now = Date.now()): string {
  const { expiresIn, ...rest } = claims
  if (!(expiresIn > 0)) {
    throw new UploadError('ERR_INVALID_OPTIONS', { message: 'expiresIn: must be a positive number of milliseconds.' })
  }
  const payload: Payload = { ...rest, exp: Math.round(now + expiresIn) }
  const text = Buffer.from(JSON.stringify(payload)).toString('base64url')
  return `${text}.${macOf(secretsOf(secret)[0]!, text).toString('base64url')}`
}

export interface Tokens {
  /** @throws UploadError ERR_INVALID_TOKEN unless it is ours, good now, and for this */
  grantOf(token: string, asked: { verb: Verb; id: string | undefined }): TokenGrant
  /** For the upload that was just created. */
  tokenFor(id: string, owner: string | undefined): string
}

/** What a token grants, beside what `authorize` can. */
export interface TokenGrant extends Grant {
  readonly metadata?: Metadata | undefined
  readonly key?: string | undefined
}

/** @throws UploadError ERR_INVALID_OPTIONS */
export function tokensOf({ secret, expiresIn = 24 * 3_600_000 }: SignedUrlOptions, now: () => number): Tokens {
  const secrets = secretsOf(secret)
  return {
    grantOf(token, asked) {
      const payload = read(token, secrets)
      if (payload === undefined || !(payload.exp > now()) || !isFor(payload, asked)) {
        throw new UploadError('ERR_INVALID_TOKEN')
      }
      const { owner, limits, metadata, key, id } = payload
      // Who was given the URL of an upload may use it, whoever the owner is.
      return { owner, anyOwner: id !== undefined, limits, metadata, key }
    },
    tokenFor: (id, owner) => signToken(secrets, { id, expiresIn, ...(owner === undefined ? {} : { owner }) }, now()),
  }
}

function isFor({ id, verbs }: Payload, asked: { verb: Verb; id: string | undefined }): boolean {
  if (id === undefined) return asked.verb === 'create'
  return asked.verb !== 'create' && asked.id === id && (verbs === undefined || verbs.includes(asked.verb))
}

function secretsOf(secret: string | readonly string[]): readonly string[] {
  const secrets = typeof secret === 'string' ? [secret] : secret
  const isGood = secrets.length > 0 && secrets.every((one) => typeof one === 'string' && one.length >= SHORTEST_SECRET)
  if (isGood) return secrets
  const message = `secret: at least ${SHORTEST_SECRET} characters are needed; \`openssl rand -hex 32\` makes some.`
  throw new UploadError('ERR_INVALID_OPTIONS', { message })
}

const macOf = (secret: string, text: string): Buffer =>
  createHmac('sha256', secret).update(`holdfast-token-1.${text}`).digest()

function read(token: string, secrets: readonly string[]): Payload | undefined {
  const [text = '', signature = '', ...more] = token.length > MOST ? [] : token.split('.')
  const mac = Buffer.from(signature, 'base64url')
  const isOurs = secrets.some((secret) => {
    const expected = macOf(secret, text)
    return expected.length === mac.length && timingSafeEqual(expected, mac)
  })
  if (!isOurs || more.length > 0) return undefined
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Payload
}
