/**
 * What the primary and its workers say to each other about their lives. (About uploads they talk in lockers/claims.ts.)
 * @module
 */
import type { Counters } from '../../server.js'

/** `ready`: it takes requests. `counted`: since its start, told each second and at its end. */
export type OfWorker = { readonly kind: 'ready' } | { readonly kind: 'counted'; readonly counters: Counters }

/** `stop`: in order. `read-certificate`: again. */
export type OfPrimary = { readonly kind: 'stop' | 'read-certificate' }

/** In whose messages among others of the same channel these are found. */
interface Envelope<Message> {
  readonly holdfastWorker: Message
}

export const wrapped = <Message extends OfWorker | OfPrimary>(message: Message): Envelope<Message> => ({
  holdfastWorker: message,
})

/** @returns undefined if it is a message of somebody else */
export function unwrapped<Message>(message: unknown): Message | undefined {
  if (typeof message !== 'object' || message === null || !('holdfastWorker' in message)) return undefined
  return (message as Envelope<Message>).holdfastWorker
}

/** The place of a worker, 1 for the first, in the environment that its primary gives it. */
export const PLACE_VARIABLE = 'HOLDFAST_WORKER'
