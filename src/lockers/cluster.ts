/**
 * Claims between the workers of one server, by the channels of node:cluster: a newer request at one worker asks the
 * writer at another to yield, without a request to the store. `settleClaims` in the primary, a `ClusterLocker` in each
 * worker; what they say to each other is in claims.ts.
 *
 * It is about politeness and latency. Between servers, and after whatever goes wrong here, the store's own conditions
 * keep writers apart.
 * @module
 */
import type { Cluster } from 'node:cluster'
import { UploadError } from '../errors.js'
import type { AcquireOptions, Lease, Locker } from '../store/locker.js'
import { Claims, type FromWorker, type ToWorker, type Wish } from './claims.js'

/** In whose messages among others of the same channel ours are found. */
interface Envelope<Message> {
  readonly holdfastClaim: Message
}

const isOurs = <Message>(message: unknown): message is Envelope<Message> =>
  typeof message === 'object' && message !== null && 'holdfastClaim' in message

/** In the primary, before the first fork: settles which worker writes which upload. */
export function settleClaims(cluster: Pick<Cluster, 'on' | 'workers'>): void {
  const claims = new Claims((worker, message) => {
    // One that cannot be told is about to be gone.
    cluster.workers?.[worker]?.send({ holdfastClaim: message } satisfies Envelope<ToWorker>, () => undefined)
  })
  cluster.on('message', ({ id }, message: unknown) => {
    if (isOurs<FromWorker>(message)) claims.hear(id, message.holdfastClaim)
  })
  // After its exit it may still be heard what it said before; after the end of its channel, nothing.
  cluster.on('exit', ({ id }) => claims.gone(id))
  cluster.on('disconnect', ({ id }) => claims.gone(id))
}

/** What is used of the worker's `process`. */
export interface Channel {
  /** Whether the primary can be told something. */
  readonly connected: boolean
  /** Tells the primary; absent in a process that has none. */
  send?(message: unknown, handle: undefined, options: undefined, callback: (error: Error | null) => void): boolean
  /** Hears the primary. */
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

/** How workers of one machine keep their writers apart. */
export interface ClusterLockerOptions {
  /**
   * Where the bucket has no conditional writes, and `singleProcess` says that there is no other server: a worker that lost
   * its primary writes nothing more then, since another server may begin at any time. Otherwise it stores what it has.
   * Default: false.
   */
  endsWithPrimary?: boolean | undefined
  /** For tests. Default: the process. */
  channel?: Channel | undefined
}

/** Milliseconds that the primary has for an answer where nobody is waited for. */
const ANSWER = 5_000

/** Milliseconds that a look has at least. */
const LOOK = 100

interface Pending {
  readonly onReleaseRequested: () => void
  granted(grant: ToWorker & { kind: 'granted' }): void
  failed(error: UploadError): void
}

/** Keeps the writers of an upload apart in the workers of one `node:cluster` primary, which runs `settleClaims`. */
export class ClusterLocker implements Locker {
  readonly reach = 'server'
  readonly #channel: Channel
  readonly #endsWithPrimary: boolean
  /** What was claimed and not released, by number. */
  readonly #claims = new Map<number, Pending>()
  readonly #leases = new Set<ClusterLease>()
  #last = 0

  /** @throws UploadError ERR_INVALID_OPTIONS if this process is no worker */
  constructor({ endsWithPrimary = false, channel = process }: ClusterLockerOptions = {}) {
    if (channel.send === undefined) {
      throw new UploadError('ERR_INVALID_OPTIONS', { message: 'locker: this process is no worker of node:cluster.' })
    }
    this.#endsWithPrimary = endsWithPrimary
    this.#channel = channel
    channel.on('message', (message) => {
      if (isOurs<ToWorker>(message)) this.#hear(message.holdfastClaim)
    })
    channel.on('disconnect', () => this.#cutOff())
  }

  async acquire(id: string, { timeout, quietly = false, signal, onReleaseRequested }: AcquireOptions): Promise<Lease> {
    const waits = !quietly && timeout > 0
    const [wish, time] = waits ? (['write', timeout] as const) : (['quietly', ANSWER] as const)
    const [claim, granted] = this.#claim(id, wish, time, signal, onReleaseRequested)
    const { fence, handedOver } = await granted
    const lease = new ClusterLease(fence, handedOver, () => {
      this.#leases.delete(lease)
      this.#release(claim)
    })
    this.#leases.add(lease)
    return lease
  }

  async yielded(id: string, timeout: number, signal?: AbortSignal): Promise<void> {
    const [claim, granted] = this.#claim(id, 'look', Math.max(LOOK, timeout), signal)
    await granted
    // Nothing is held, so nothing is given back.
    this.#claims.delete(claim)
  }

  #claim(
    upload: string,
    wish: Wish,
    timeout: number,
    signal: AbortSignal | undefined,
    onReleaseRequested = (): void => undefined,
  ): [claim: number, granted: Promise<ToWorker & { kind: 'granted' }>] {
    const claim = ++this.#last
    const granted = new Promise<ToWorker & { kind: 'granted' }>((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', giveUp)
      }
      const failed = (error: UploadError): void => {
        end()
        this.#claims.delete(claim)
        reject(error)
      }
      // A grant that is on its way is given back by this, too: the primary hears it after it has granted.
      const giveUp = (): void => {
        this.#say({ kind: 'release', claim })
        failed(locked())
      }
      const timer = setTimeout(giveUp, timeout)
      this.#claims.set(claim, {
        onReleaseRequested,
        failed,
        granted(grant) {
          end()
          resolve(grant)
        },
      })
      if (signal?.aborted) return failed(locked())
      if (!this.#channel.connected) return failed(cutOff())
      signal?.addEventListener('abort', giveUp)
      this.#say({ kind: 'claim', claim, upload, wish })
    })
    return [claim, granted]
  }

  #hear(message: ToWorker): void {
    const pending = this.#claims.get(message.claim)
    if (message.kind === 'granted') pending?.granted(message)
    else if (message.kind === 'refused') pending?.failed(locked())
    else pending?.onReleaseRequested()
  }

  #release(claim: number): void {
    this.#claims.delete(claim)
    this.#say({ kind: 'release', claim })
  }

  #say(message: FromWorker): void {
    if (!this.#channel.connected) return
    this.#channel.send!(
      { holdfastClaim: message } satisfies Envelope<FromWorker>,
      undefined,
      undefined,
      () => undefined,
    )
  }

  #cutOff(): void {
    for (const pending of this.#claims.values()) pending.failed(cutOff())
    this.#claims.clear()
    if (this.#endsWithPrimary) for (const lease of this.#leases) lease.lose()
  }
}

class ClusterLease implements Lease {
  readonly fence: number
  readonly handedOver: boolean
  readonly #giveBack: () => void
  readonly #lost = new AbortController()
  #isOver = false

  constructor(fence: number, handedOver: boolean, giveBack: () => void) {
    this.fence = fence
    this.handedOver = handedOver
    this.#giveBack = giveBack
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** It has no end of its own: a worker that hangs keeps what it has until it ends. */
  mayWrite(): boolean {
    return !this.#isOver
  }

  remaining(): number {
    return this.#isOver ? 0 : Number.POSITIVE_INFINITY
  }

  lose(): void {
    this.#isOver = true
    this.#lost.abort()
  }

  async release(): Promise<void> {
    this.#isOver = true
    this.#giveBack()
  }
}

const locked = (): UploadError => new UploadError('ERR_UPLOAD_LOCKED', { retryAfter: 1_000 })
const cutOff = (): UploadError =>
  new UploadError('ERR_LOCKER_UNAVAILABLE', {
    cause: new Error('this worker has lost its primary'),
    retryAfter: 1_000,
  })
