/**
 * Whether interim (1xx) answers may be sent. Proxies that do not know them take 104 for the final answer, and the upload
 * breaks, whether or not its client would have resumed.
 * @module
 */
import type { RequestHead } from '../protocol/message.js'

/** `auto`: not to requests that came through a proxy which says so. A proxy that says nothing is not seen. */
export type InterimResponses = 'auto' | 'on' | 'off' | ((head: RequestHead) => boolean)

/** Fields that proxies add. */
const OF_PROXIES = ['via', 'forwarded', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']

export function mayInform(setting: InterimResponses): (head: RequestHead) => boolean {
  if (typeof setting === 'function') return setting
  if (setting === 'auto') return ({ fields }) => OF_PROXIES.every((name) => fields[name] === undefined)
  return () => setting === 'on'
}
