/**
 * What a server has done since its start, in few numbers that add up over servers.
 * @module
 */

/** What a server has done since its start. */
export interface Counters {
  /** Requests to the path of uploads, whatever was answered. */
  requests: number
  /** Creations that were answered as such. */
  created: number
  /** Uploads whose object was made: their last byte came here, or a completion was driven to its end here. */
  finished: number
  /** Bytes of uploads that were stored and committed. */
  bytesStored: number
}

export const noCounts = (): Counters => ({ requests: 0, created: 0, finished: 0, bytesStored: 0 })
