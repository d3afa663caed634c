/**
 * Which web pages may call (Fetch standard, CORS protocol). An origin that may not is answered like any other client
 * but without the fields that let its page read the answer, which is how browsers enforce it.
 * @module
 */
import { UploadError } from '../errors.js'
import type { RequestHead } from '../protocol/message.js'

/** What browsers are told of calls from other origins. */
export interface CorsOptions {
  /**
   * Origins that may call: one exactly (`https://app.example`), a pattern, a list of both, a function, or `'*'` for all.
   * A pattern that is not anchored matches parts: write `/^https:\/\/[a-z]+\.example$/`. Default: '*'.
   */
  allowOrigin?: string | RegExp | readonly (string | RegExp)[] | ((origin: string) => boolean) | undefined
  /** Lets pages send cookies and see the answer. Wants `allowOrigin` to say whose pages. Default: false. */
  allowCredentials?: boolean | undefined
  /** Added to the methods of the protocol. */
  allowMethods?: readonly string[] | undefined
  /** Added to the request fields of the protocol. */
  allowHeaders?: readonly string[] | undefined
  /** Added to the response fields of the protocol. */
  exposeHeaders?: readonly string[] | undefined
  /** Seconds for which a browser may remember a preflight. Default: 86,400. */
  maxAge?: number | undefined
}

/** The options as fields, ready to send. */
export interface Cors {
  /** `*` stands for every origin, so the answer does not depend on it. */
  readonly allows: '*' | ((origin: string) => boolean)
  readonly credentials: boolean
  readonly methods: string
  readonly headers: string
  readonly exposed: string
  readonly maxAge: string
}

const METHODS = ['POST', 'HEAD', 'PATCH', 'OPTIONS', 'GET', 'DELETE']

const ALLOWED = [
  ...['Authorization', 'Origin', 'X-Requested-With', 'X-Request-ID', 'X-HTTP-Method-Override', 'Content-Type'],
  ...['Upload-Length', 'Upload-Offset', 'Tus-Resumable', 'Upload-Metadata', 'Upload-Defer-Length', 'Upload-Concat'],
  ...['Upload-Checksum', 'Upload-Incomplete', 'Upload-Complete', 'Upload-Draft-Interop-Version'],
  ...['Content-Disposition', 'Content-Digest', 'Repr-Digest', 'Want-Repr-Digest'],
  ...['Range', 'If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since', 'If-Range'],
]

const EXPOSED = [
  ...['Upload-Offset', 'Location', 'Upload-Length', 'Tus-Version', 'Tus-Resumable', 'Tus-Max-Size', 'Tus-Extension'],
  ...['Upload-Metadata', 'Upload-Defer-Length', 'Upload-Concat', 'Upload-Expires', 'Upload-Limit', 'Retry-After'],
  ...['Upload-Incomplete', 'Upload-Complete', 'Upload-Draft-Interop-Version', 'Tus-Checksum-Algorithm'],
  ...['Content-Disposition', 'Content-Length', 'Content-Range', 'Accept-Ranges', 'Accept-Patch', 'ETag', 'Repr-Digest'],
  'X-Request-ID',
]

/** @throws UploadError ERR_INVALID_OPTIONS */
export function corsOf(options: CorsOptions): Cors {
  const allows = allowsOf(options.allowOrigin ?? '*')
  const credentials = options.allowCredentials ?? false
  // The Fetch standard refuses `*` with credentials; repeating every origin instead would let any page use the cookies.
  if (allows === '*' && credentials) {
    const message = 'cors.allowCredentials needs cors.allowOrigin to name the origins; * is every page of the web.'
    throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  const join = (defaults: readonly string[], added: readonly string[] = []): string =>
    [...defaults, ...added.filter((name) => !defaults.includes(name))].join(', ')
  return {
    allows,
    credentials,
    methods: join(METHODS, options.allowMethods),
    headers: join(ALLOWED, options.allowHeaders),
    exposed: join(EXPOSED, options.exposeHeaders),
    maxAge: String(options.maxAge ?? 86_400),
  }
}

function allowsOf(allowOrigin: NonNullable<CorsOptions['allowOrigin']>): Cors['allows'] {
  if (allowOrigin === '*' || (Array.isArray(allowOrigin) && allowOrigin.includes('*'))) return '*'
  if (typeof allowOrigin === 'function') return allowOrigin
  const all = typeof allowOrigin === 'string' || allowOrigin instanceof RegExp ? [allowOrigin] : allowOrigin
  const origins = new Set(all)
  const patterns = all.filter((one) => one instanceof RegExp)
  // search() ignores the state that a pattern with the g or y flag keeps between two calls of test().
  return (origin) => origins.has(origin) || patterns.some((pattern) => origin.search(pattern) !== -1)
}

/** The fields to add to an answer; none for a request without Origin, except that caches must know of the difference. */
export function corsFields(cors: Cors, head: RequestHead): Record<string, string> {
  const { origin } = head.fields
  const repeats = cors.allows !== '*'
  const vary: Record<string, string> = repeats ? { Vary: 'Origin' } : {}
  if (origin === undefined || !isAllowed(cors, origin)) return vary
  const fields = { ...vary, 'Access-Control-Allow-Origin': repeats ? origin : '*' }
  const credentials = cors.credentials ? { 'Access-Control-Allow-Credentials': 'true' } : {}
  return { ...fields, ...credentials, ...(isPreflight(head) ? preflightFields(cors) : exposedFields(cors)) }
}

/** Only what can be an origin is ever repeated: printable ASCII without blanks. */
const isAllowed = ({ allows }: Cors, origin: string): boolean =>
  /^[\x21-\x7e]+$/.test(origin) && (allows === '*' || allows(origin))

const isPreflight = ({ method, fields }: RequestHead): boolean =>
  method === 'OPTIONS' && fields['access-control-request-method'] !== undefined

const preflightFields = ({ methods, headers, maxAge }: Cors): Record<string, string> => ({
  'Access-Control-Allow-Methods': methods,
  'Access-Control-Allow-Headers': headers,
  'Access-Control-Max-Age': maxAge,
})

const exposedFields = ({ exposed }: Cors): Record<string, string> => ({ 'Access-Control-Expose-Headers': exposed })
