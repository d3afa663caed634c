/**
 * A locker in Redis or Valkey: a lease with a fencing token for each upload that is being written, and a message to the
 * holder when somebody waits. docs/locking.md says what it guarantees, and what no locker can.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../errors.js'
import type { AcquireOptions, Lease, Locker } from '../store/locker.js'
import { Connection, type RedisClient } from './connection.js'
import { type Instant, now, RedisLease, type Renewal } from './lease.js'
import { ACQUIRE, FENCE_TTL, type Keys, keysOf, RELEASE, RENEW } from './scripts.js'

export type { RedisClient } from './connection.js'

/** Which Redis or Valkey, and how long its locks last. */
export interface RedisLockerOptions {
  /**
   * A client of the package `@redis/client` or `redis`, version 5 or later. It is connected if it is not yet, stays open
   * when the locker closes, and is duplicated for messages. Either this or `url`.
   */
  client?: RedisClient | undefined
  /** `redis://` or `rediss://` URL; the package `@redis/client` must be installed. Either this or `client`. */
  url?: string | undefined
  /** Before all keys and the channel. All nodes need the same. Default: 'holdfast:'. */
  prefix?: string | undefined
  /**
   * Milliseconds after which the lock of a node that died is free. It is renewed at a third of that, and the last quarter
   * is kept for writes under way. All nodes need the same. Default: 10,000; at least 500.
   */
  ttl?: number | undefined
}

const DEFAULT_TTL = 10_000
const MIN_TTL = 500

/** Milliseconds between two looks at a lock that somebody holds: the first, and the longest. */
const FIRST_LOOK = 20
const LONGEST_LOOK = 200

/** Milliseconds after a command without an answer, before it is sent once more. */
const PAUSE = 100

interface Attempt {
  keys: Keys
  /** Names this lease and no other; the same in every try, so that a lost answer is found again. */
  owner: string
  /** Whatever is answered from now on is undone. */
  /** Whoever holds the lock is not asked to release it. */
  quietly: boolean
  isGivenUp: boolean
}

type Answer = { kind: 'taken'; fence: number; sentAt: Instant } | { kind: 'held' | 'young'; left: number }

/** Keeps the writers of an upload apart on all nodes, by leases with fencing tokens in Redis or Valkey. */
export class RedisLocker implements Locker {
  readonly #prefix: string
  readonly #ttl: number
  readonly #channel: string
  readonly #connection: Connection
  /** What is held here, by owner token. */
  readonly #leases = new Map<string, RedisLease>()
  #isClosed = false

  /** @throws UploadError ERR_INVALID_OPTIONS */
  constructor({ client, url, prefix = 'holdfast:', ttl = DEFAULT_TTL }: RedisLockerOptions) {
    // No message has the URL in it, since that may hold a password.
    if ((client === undefined) === (url === undefined)) throw invalid('either a client or a URL is needed.')
    if (url !== undefined && !/^rediss?:\/\/[^/]/.test(url))
      throw invalid('the URL must begin with redis:// or rediss://.')
    if (url !== undefined && !URL.canParse(url)) throw invalid('the URL of Redis cannot be read.')
    if (!(Number.isSafeInteger(ttl) && ttl >= MIN_TTL)) throw invalid(`ttl must be at least ${MIN_TTL} ms, not ${ttl}.`)
    this.#prefix = prefix
    this.#ttl = ttl
    this.#channel = `${prefix}release`
    this.#connection = new Connection({
      client,
      url,
      timeout: Math.min(2_000, ttl / 4),
      channel: this.#channel,
      onMessage: (owner) => this.#leases.get(owner)?.requestRelease(),
    })
  }

  async ready(): Promise<void> {
    await this.#connection.open()
    const { lock } = keysOf(this.#prefix, '')
    await this.#connection.run(RELEASE, [lock, lock], ['nobody']).catch((cause) => {
      throw unavailable(cause)
    })
  }

  async acquire(id: string, { timeout, quietly = false, signal, onReleaseRequested }: AcquireOptions): Promise<Lease> {
    const attempt: Attempt = { keys: keysOf(this.#prefix, id), owner: randomUUID(), quietly, isGivenUp: false }
    const deadline = performance.now() + (quietly ? 0 : timeout)
    for (let pause = FIRST_LOOK; ; pause = Math.min(LONGEST_LOOK, pause * 1.5)) {
      const answer = await this.#try(attempt)
      const isTaken = answer.kind === 'taken'
      if (isTaken && !signal?.aborted) return this.#lease(attempt, answer, onReleaseRequested)
      const wait = isTaken ? 0 : Math.min(pause, answer.left + 1)
      if (signal?.aborted || performance.now() + wait > deadline) {
        await this.#giveUp(attempt)
        throw answer.kind === 'young' ? young(answer.left) : locked()
      }
      await sleep(wait, undefined, signal ? { signal } : {}).catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#leases.values()].map((lease) => lease.release()))
    this.#connection.close()
  }

  /** One look, sent twice if the first had no answer. @throws UploadError ERR_LOCKER_UNAVAILABLE */
  async #try(attempt: Attempt): Promise<Answer> {
    try {
      return await this.#take(attempt)
    } catch (error) {
      if (error instanceof UploadError) throw error
      await sleep(PAUSE)
    }
    try {
      return await this.#take(attempt)
    } catch (cause) {
      void this.#giveUp(attempt)
      throw unavailable(cause)
    }
  }

  /** What was asked may have been done unheard, or may yet be. */
  #giveUp(attempt: Attempt): Promise<void> {
    attempt.isGivenUp = true
    return this.#giveBack(attempt)
  }

  async #take(attempt: Attempt): Promise<Answer> {
    const { lock, fence, wanted } = attempt.keys
    const sentAt = now()
    const asks = attempt.quietly ? 'quietly' : 'asking'
    const values = [attempt.owner, String(this.#ttl), String(FENCE_TTL), this.#channel, asks]
    const onLate = (): void => {
      if (attempt.isGivenUp) void this.#giveBack(attempt)
    }
    const answer = (await this.#connection.run(ACQUIRE, [lock, fence, wanted], values, onLate)) as [unknown, unknown]
    const [kind, number] = [String(answer[0]), Number(answer[1])]
    return kind === 'taken'
      ? { kind, fence: number, sentAt }
      : { kind: kind === 'young' ? kind : 'held', left: Math.max(0, number) }
  }

  #lease(attempt: Attempt, taken: { fence: number; sentAt: Instant }, onReleaseRequested: () => void): Lease {
    const { keys, owner } = attempt
    const { lock, fence, wanted } = keys
    const values = [owner, String(this.#ttl), String(FENCE_TTL), String(taken.fence)]
    const lease = new RedisLease({
      ...taken,
      ttl: this.#ttl,
      renew: async () => String(await this.#connection.run(RENEW, [lock, fence, wanted], values)) as Renewal,
      giveBack: () => this.#giveBack(attempt),
      onReleaseRequested,
    })
    this.#leases.set(owner, lease)
    return lease
  }

  /** If it cannot be told by then, it is free when its time is up. */
  async #giveBack({ keys, owner }: Attempt): Promise<void> {
    this.#leases.delete(owner)
    const end = performance.now() + this.#ttl
    const tell = (): Promise<unknown> => this.#connection.run(RELEASE, [keys.lock, keys.wanted], [owner])
    const tellLater = async (): Promise<void> => {
      while (!this.#isClosed && performance.now() < end) {
        await sleep(this.#ttl / 20)
        const isTold = await tell().then(
          () => true,
          () => false,
        )
        if (isTold) return
      }
    }
    // Nobody waits for more than one try.
    await tell().catch(() => void tellLater())
  }
}

const invalid = (message: string): UploadError =>
  new UploadError('ERR_INVALID_OPTIONS', { message: `locker: ${message}` })
const locked = (): UploadError => new UploadError('ERR_UPLOAD_LOCKED', { retryAfter: 1_000 })
const unavailable = (cause: unknown): UploadError =>
  new UploadError('ERR_LOCKER_UNAVAILABLE', { cause, retryAfter: 1_000 })
const young = (left: number): UploadError =>
  new UploadError('ERR_LOCKER_UNAVAILABLE', {
    cause: new Error('Redis was started a moment ago, and may have forgotten who holds which lock'),
    retryAfter: left,
  })
