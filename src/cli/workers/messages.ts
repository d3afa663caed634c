/**
 * What the primary and its workers say to each other about their lives. (About uploads they talk in lockers/claims.ts.)
 * @module
 */
import type { Snapshot } from '../../observe/prometheus/merge.js'
import type { Counters } from '../../server.js'
import type { Snapshot as Status } from '../../status/snapshot.js'

/**
 * `ready`: it takes requests. `counted`: since its start, told each second and at its end. `metrics`: those that were asked for,
 * or, under the number 0, the last ones. `scrape`: somebody asks it for those of all. `look`: somebody looks at its status page,
 * which shows all workers. `status`: its own, for the worker at that place, which wants it.
 */
export type OfWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'counted'; readonly counters: Counters }
  | { readonly kind: 'metrics'; readonly scrape: number; readonly metrics: Snapshot }
  | { readonly kind: 'scrape'; readonly scrape: number }
  | { readonly kind: 'look' }
  | { readonly kind: 'status'; readonly to: number; readonly status: Status }

/**
 * `stop`: in order. `read-certificate`: again. `tell-metrics`: its own. `scraped`: those of all, as text. `tell-status`: its own, for
 * the worker at that place. `status-of`: of the worker at that place.
 */
export type OfPrimary =
  | { readonly kind: 'stop' | 'read-certificate' }
  | { readonly kind: 'tell-metrics'; readonly scrape: number }
  | { readonly kind: 'scraped'; readonly scrape: number; readonly text: string | undefined }
  | { readonly kind: 'tell-status'; readonly to: number }
  | { readonly kind: 'status-of'; readonly place: number; readonly status: Status }

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
