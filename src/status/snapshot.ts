/**
 * What the status page is told. Sizes are bytes; times are milliseconds since the epoch, unless they say otherwise.
 * @module
 */

/** One upload, as a page shows it. Sizes are bytes, times milliseconds since the epoch. */
export interface UploadStatus {
  readonly id: string
  /** What the client calls it; undefined if it says nothing. */
  readonly name: string | undefined
  /** Undefined while the client defers it. */
  readonly size: number | undefined
  readonly offset: number
  /** Bytes a second of late; 0 while nobody sends. */
  readonly rate: number
  /** A request sends bytes now. */
  readonly isActive: boolean
  readonly createdAt: number
  /** When bytes were committed, or a request began or ended. */
  readonly changedAt: number
  /** The address of who sends it. */
  readonly client: string | undefined
  readonly owner: string | undefined
}

export interface EndedStatus extends Pick<UploadStatus, 'id' | 'name' | 'size' | 'createdAt' | 'client' | 'owner'> {
  readonly end: 'finished' | 'failed' | 'terminated'
  readonly endedAt: number
  /** Of one that failed. */
  readonly reason: string | undefined
}

/** One second. */
export interface Second {
  /** Seconds since the epoch. */
  readonly at: number
  /** Bytes that were committed. */
  readonly bytes: number
  /** Requests to the store that ended, and those of them that failed. */
  readonly calls: number
  readonly failed: number
  /** Milliseconds that they took, in all and at most. */
  readonly callTime: number
  readonly slowest: number
}

export interface Totals {
  readonly created: number
  readonly finished: number
  readonly failed: number
  readonly terminated: number
  readonly bytes: number
  readonly requests: number
  /** Requests that were answered 500 and above. */
  readonly errors: number
}

export interface Snapshot {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly startedAt: number
  readonly totals: Totals
  /** Those that changed last first. */
  readonly uploads: readonly UploadStatus[]
  /** How many more there are. */
  readonly more: number
  /** Last ones first. */
  readonly ended: readonly EndedStatus[]
  /** The last five minutes, oldest first; seconds in which nothing happened are left out. */
  readonly seconds: readonly Second[]
}
