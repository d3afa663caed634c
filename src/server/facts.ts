/**
 * What requests and options say, in the terms of the server. Pure.
 * @module
 */
import { UploadError } from '../errors.js'
import type { RequestHead } from '../protocol/message.js'
import { effectiveMethod } from '../protocol/tus1/parse.js'
import type { HookRequest } from '../upload/hooks.js'
import { TOKEN_PARAMETER } from '../upload/tokens.js'
import type { ServerOptions } from './options.js'

const HOUR = 3_600_000

/** @returns milliseconds; undefined for no redirects @throws UploadError ERR_INVALID_OPTIONS */
export function redirectTime({ downloadRedirect = false }: ServerOptions): number | undefined {
  if (downloadRedirect === false) return undefined
  const { expiresIn = 300_000 } = downloadRedirect === true ? {} : downloadRedirect
  if (expiresIn >= 1_000 && expiresIn <= 7 * 24 * HOUR) return expiresIn
  const message = `downloadRedirect: expiresIn must be from 1,000 to ${7 * 24 * HOUR} milliseconds, not ${expiresIn}.`
  throw new UploadError('ERR_INVALID_OPTIONS', { message })
}

/** What is advertised is what the store's handles can do, and the adapter. */
export function extensionsOf({ store, disableTermination, disableConcatenation }: ServerOptions): readonly string[] {
  const extensions = ['creation', 'creation-with-upload', 'checksum', 'checksum-trailer', 'expiration']
  if (store.abilities.declareLength) extensions.push('creation-defer-length')
  if (store.abilities.terminate && disableTermination !== true) extensions.push('termination')
  if (store.abilities.concat && disableConcatenation !== true) {
    extensions.push('concatenation', 'concatenation-unfinished')
  }
  return extensions
}

/** The chain of causes in one line, for the log. */
export function describeCause(error: Error): string {
  const lines: string[] = []
  for (let cause: unknown = error.cause ?? error; cause !== undefined && lines.length < 5; ) {
    lines.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause))
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return lines.join(' <- ')
}

export const requestOf = (head: RequestHead, id: string): HookRequest => ({
  id,
  method: effectiveMethod(head),
  target: head.target,
  headers: head.fields,
  remoteAddress: head.remoteAddress,
})

export const tokenOf = (target: string): string | undefined =>
  new URLSearchParams(target.split('?', 2)[1] ?? '').get(TOKEN_PARAMETER) ?? undefined
