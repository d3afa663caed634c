/**
 * Hooks by HTTP: each event is a POST of JSON to one URL, as tusd sends it, signed if there is a secret. docs/hooks.md has
 * what is sent and what may be answered.
 * @module
 */
import http from 'node:http'
import https from 'node:https'
import { UploadError } from '../errors.js'
import { type AttemptOptions, attempts, mustBeBounded, Retryable } from './attempts.js'
import { forwarded } from './forward.js'
import type { HookReply } from './message.js'
import { type Posted, post } from './post.js'
import { type HookCall, type HookEventOptions, hooksOver, type RemoteHooks } from './remote.js'
import { parseReply } from './tusd.js'
import { keyOf, signedFields } from './webhook.js'

export { type VerifyOptions, verifyWebhook } from './webhook.js'

export interface HttpHooksOptions extends HookEventOptions {
  /** `http:` or `https:`. A user and a password in it are sent as basic authentication. */
  readonly url: string
  /** How often it is tried in all: after a network error, 429 or a status from 500. Default: 3. */
  readonly retry?: number | undefined
  /** Milliseconds between two tries, unless Retry-After says otherwise. Default: 1,000. */
  readonly backoff?: number | undefined
  /** Milliseconds for all tries of one event. Default: 15,000. */
  readonly timeout?: number | undefined
  /** Bytes of an answer; a larger one is a failure. Default: 5,120. */
  readonly sizeLimit?: number | undefined
  /** Takes any certificate. Default: false. */
  readonly skipVerify?: boolean | undefined
  /** Fields of the client's request that are sent along as fields of the POST. Default: none. */
  readonly forwardHeaders?: readonly string[] | undefined
  /** Further fields of each POST, such as Authorization. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * Signs each POST as of Standard Webhooks: 'whsec_' and the Base64 of 24 to 64 random bytes. With several, each signs:
   * give the new one beside the old one, change the receivers, and take the old one away.
   */
  readonly secrets?: string | readonly string[] | undefined
  /** For tests: milliseconds since the epoch. */
  readonly now?: (() => number) | undefined
}

/** @throws UploadError ERR_INVALID_OPTIONS */
export function httpHooks(options: HttpHooksOptions): RemoteHooks {
  const { retry = 3, backoff = 1_000, timeout = 15_000, sizeLimit = 5_120, now = Date.now } = options
  const url = readUrl(options.url)
  const keys = options.secrets === undefined ? [] : [options.secrets].flat().map(keyOf)
  const forward = forwarded(options.forwardHeaders ?? [])
  const limits: AttemptOptions = { retry, backoff, timeout }
  for (const [name, value] of Object.entries({ retry, timeout, sizeLimit })) mustBeBounded(name, value, 1)
  mustBeBounded('backoff', backoff, 0)
  const agent =
    url.protocol === 'https:'
      ? new https.Agent({ keepAlive: true, rejectUnauthorized: options.skipVerify !== true })
      : new http.Agent({ keepAlive: true })
  const transport = ({ message, request, wantsReply, signal }: HookCall): Promise<HookReply> => {
    const body = JSON.stringify(message)
    return attempts(limits, signal, async (limit) => {
      const headers = {
        'User-Agent': 'holdfast',
        ...options.headers,
        ...forward(request),
        ...signedFields(message.DeliveryID, body, keys, now()),
      }
      const posted = await post({ url, agent, headers, body, sizeLimit, signal: limit })
      mustBeSuccess(posted, now())
      return wantsReply ? replyOf(posted) : {}
    })
  }
  return {
    ...hooksOver(transport, options),
    ready: async () => undefined,
    close: async () => agent.destroy(),
  }
}

/** No message has the URL in it, since that may hold a password. */
function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && ['http:', 'https:'].includes(url.protocol)) return url
  throw new UploadError('ERR_INVALID_OPTIONS', { message: 'url: hooks need a URL with http:// or https://.' })
}

/** What the endpoint writes of a failure is not told: it may quote what it was sent. */
function mustBeSuccess({ status, headers }: Posted, now: number): void {
  if (status >= 200 && status <= 299) return
  const message = `the endpoint answered ${status}`
  if (status < 500 && status !== 429) throw new Error(message)
  throw new Retryable(message, { after: readRetryAfter(headers['retry-after'], now) })
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function readRetryAfter(field: string | undefined, now: number): number | undefined {
  if (field === undefined) return undefined
  const wait = /^\d+$/.test(field) ? Number(field) * 1_000 : Date.parse(field) - now
  // Longer than the time limit comes to the same.
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(0, wait), 2 ** 31 - 1)
}

function replyOf({ headers, text }: Posted): HookReply {
  if (text === undefined) throw new Error('the answer is larger than the limit')
  if (text === '') return {}
  const type = headers['content-type'] ?? ''
  if (!/^application\/json *(;|$)/i.test(type))
    throw new Error('the Content-Type of the answer must be application/json')
  return parseReply(text)
}
