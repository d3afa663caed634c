/**
 * What a sweep is told, and what it tells.
 * @module
 */

/** What one sweep does otherwise than the options of the server say. */
export interface SweepOptions {
  /**
   * Milliseconds for which the record of an upload that expired or ended otherwise is kept, so that its client is told
   * 410 and not 404. Default: that of the server, 24 hours.
   */
  keepExpired?: number | undefined
  /**
   * Milliseconds: an unfinished upload without a deadline, of which nothing was stored for so long, counts as expired.
   * Default: that of the server, never.
   */
  abandonedAfter?: number | undefined
  /** Only counts what would be done. Default: false. */
  dryRun?: boolean | undefined
  /** Ends the sweep early, between two uploads. */
  signal?: AbortSignal | undefined
}

/** How many uploads. */
export interface SweepReport {
  /** Records that the store listed, also those that an earlier sweep has seen to be at their end. */
  listed: number
  /** Unfinished ones that were ended, since they had expired or were abandoned; their bytes are removed. */
  expired: number
  /** Those that had all their bytes and got their object. */
  completed: number
  /** Those that can never be complete: the store dropped them, or a partial upload of a final one has ended. */
  failed: number
  /** Final uploads that still wait for their partial ones. */
  waiting: number
  /** Complete ones beside whose object something was left, and is no more. */
  tidied: number
  /** Those of which events, left by a process that ended, are delivered now. */
  delivered: number
  /** Ended ones of which the record is gone now, too. */
  removed: number
  /** Left alone, since somebody writes them or has changed them meanwhile. */
  busy: number
  /** Those with which something went wrong; the log says what. The next sweep tries again. */
  problems: number
  /** Whether it was ended early. */
  stopped: boolean
}
