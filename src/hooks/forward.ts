/**
 * Fields of the client's request that are sent along.
 * @module
 */
import { UploadError } from '../errors.js'
import type { HookRequest } from '../upload/hooks.js'

/** They belong to one connection and one message. */
const OF_THE_CONNECTION = [
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** @returns the fields that the request has, spelt as in `names` @throws UploadError ERR_INVALID_OPTIONS */
export function forwarded(names: readonly string[]): (request: HookRequest | undefined) => Record<string, string> {
  for (const name of names) {
    if (!OF_THE_CONNECTION.includes(name.toLowerCase()) && /^[!#$%&'*+.^_`|~\w-]+$/.test(name)) continue
    throw new UploadError('ERR_INVALID_OPTIONS', { message: `forwardHeaders: ${name} cannot be sent along.` })
  }
  return (request) => {
    const found = names.map((name) => [name, request?.headers[name.toLowerCase()]] as const)
    return Object.fromEntries(found.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
  }
}
