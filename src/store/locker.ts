/**
 * What keeps the writers of one upload apart between nodes, for backends that cannot do it themselves (S3 without
 * conditional writes), and lets a newer request on one node ask the writer on another to yield.
 *
 * Whoever writes a locker promises: of all leases of an ID that are held at one time, by any node, there is one.
 * docs/locking.md says what else matters.
 * @module
 */

/** How a lock is asked for. */
export interface AcquireOptions {
  /** Milliseconds to wait while another holds the lock; it is asked to release meanwhile. 0 or less: one try. */
  timeout: number
  /** The holder is neither asked to release nor waited for: one try. */
  quietly?: boolean | undefined
  /** Ends the wait. */
  signal?: AbortSignal | undefined
  /**
   * Called when somebody waits for this lease: the holder stores what it has and releases. May be called several times,
   * also before `acquire` resolves, and never after `release` was called.
   */
  onReleaseRequested: () => void
}

/** What a store needs to know of a lease. */
export interface WriteLease {
  /**
   * Fencing token: a safe integer, larger than that of every earlier lease of this ID, also across releases, expiries
   * and restarts of whatever keeps the locks.
   */
  readonly fence: number
  /**
   * Whether a write may begin now. Judged at this moment by this node's clock, not by a timer that may be late, and false
   * while there is still time for a write that was begun before.
   */
  mayWrite(): boolean
  /** Milliseconds before another can have the lock, by this node's clock; 0 once it is lost or released. */
  remaining(): number
  /** Fires when no write may begin any more although the lease was not released. It does not come back. */
  readonly lost: AbortSignal
  /**
   * Somebody else had the lock since this process had it last, so what this process remembers of the upload is out of
   * date. Undefined: the locker does not know.
   */
  readonly handedOver?: boolean | undefined
}

export interface Lease extends WriteLease {
  /** Gives the lock back, if it is still this lease's. Called once; bounded in time; never rejects. */
  release(): Promise<void>
}

/** Keeps the writers of an upload apart, one at a time over all nodes. */
export interface Locker {
  /**
   * Takes the lock of an upload. The lease is renewed until it is released.
   * @throws UploadError ERR_UPLOAD_LOCKED (another holds it and did not release in time) · ERR_LOCKER_UNAVAILABLE
   */
  acquire(id: string, options: AcquireOptions): Promise<Lease>
  /**
   * Asks whoever has the lock to release it, and waits until nobody has it, without taking it. HEAD does that where it is
   * cheap; where it is absent, HEAD of an unfinished upload takes the lock for a moment.
   * @param timeout milliseconds
   * @throws UploadError ERR_UPLOAD_LOCKED · ERR_LOCKER_UNAVAILABLE
   */
  yielded?(id: string, timeout: number, signal?: AbortSignal): Promise<void>
  /**
   * `server`: it keeps apart the processes of one server, and nobody else. A store that cannot keep writers apart by itself
   * then needs the promise of `singleProcess` besides. Default: `everywhere`.
   */
  readonly reach?: 'everywhere' | 'server'
  /**
   * Finds out at start whether the locker can serve. Commands do not wait for it.
   * @throws UploadError ERR_INVALID_OPTIONS (it never can) · ERR_LOCKER_UNAVAILABLE (not now)
   */
  ready?(): Promise<void>
  /** Releases connections and timers. All leases were released before, or are given up. */
  close?(): Promise<void>
}
