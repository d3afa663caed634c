/**
 * Which protocol a request speaks.
 * @module
 */
import type { Codec } from './codec.js'
import type { RequestHead } from './message.js'
import { tus1 } from './tus1/index.js'

/** The codec for a request. There is one now; the IETF draft announces itself in the head and will be the second. */
export function codecFor(_head: RequestHead): Codec {
  return tus1
}
