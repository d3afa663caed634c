/**
 * What names a request in logs, here and at who made it; and where that is. Pure but for the chance.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import type { RequestHead } from '../protocol/message.js'

/** X-Request-ID as the client or a proxy chose it, if it can stand in any log; else one of our own. */
export function requestIdOf({ fields }: Pick<RequestHead, 'fields'>): string {
  const given = fields['x-request-id']
  return given !== undefined && /^[\w.:@=+/-]{1,36}$/.test(given) ? given : randomUUID()
}

/**
 * The client's address: the first that `Forwarded` or `X-Forwarded-For` names, if they are believed and it is one; else the
 * peer's.
 */
export function clientAddressOf(
  { fields, remoteAddress }: Pick<RequestHead, 'fields' | 'remoteAddress'>,
  trustProxy: boolean,
): string | undefined {
  if (!trustProxy) return remoteAddress
  const first = fields.forwarded?.split(',', 1)[0] ?? ''
  const forwarded = /(?:^|;)\s*for="?([^\s";,]{1,64})/i.exec(first)?.[1]
  return addressIn(forwarded) ?? addressIn(fields['x-forwarded-for']?.split(',', 1)[0]) ?? remoteAddress
}

/** Without brackets and port. */
function addressIn(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? ''
  const bare = /^\[([^\]]*)\]/.exec(trimmed)?.[1] ?? (isIP(trimmed) ? trimmed : trimmed.replace(/:\d{1,5}$/, ''))
  return isIP(bare) ? bare : undefined
}
