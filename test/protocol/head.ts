/** Heads of requests for tables, with what a row does not care about filled in. */
import type { RequestHead } from '../../src/protocol/message.js'

export const headOf = (head: Partial<RequestHead> = {}): RequestHead => ({
  method: 'GET',
  target: '/files/x',
  fields: {},
  encrypted: false,
  remoteAddress: undefined,
  ...head,
})
