/**
 * The connection to Redis or Valkey: a client of the user's, or one of our own from a URL; a second one for messages;
 * and a bound on the time of each command, so that a server that went away costs its requests and nothing more.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../errors.js'

/** What is used of a client of `@redis/client` (or of `redis`, which is made of it). */
export interface RedisClient {
  /** Whether it was connected and not ended since. */
  readonly isOpen: boolean
  /** Connects, once. */
  connect(): Promise<unknown>
  /** Ends the connection at once. */
  destroy(): void
  /** A client with the same options, which is not connected. */
  duplicate(): RedisClient
  /** Runs a Lua script. */
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  /** Hears a channel. */
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  /** Hears of failures; without a listener they would end the process. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever an emitter's listeners take
  on(event: 'error', listener: (error: any) => void): unknown
}

/** Longest wait before it connects again, in milliseconds. */
const MAX_RECONNECT = 5_000

/** Commands in a row without an answer after which the connection counts as dead. */
const SILENT = 3

export interface ConnectionOptions {
  client: RedisClient | undefined
  url: string | undefined
  /** Milliseconds for one command. */
  timeout: number
  channel: string
  /** Told what others say in the channel. */
  onMessage: (message: string) => void
}

export class Connection {
  readonly #options: ConnectionOptions
  #client: Promise<RedisClient> | undefined
  #subscriber: RedisClient | undefined
  #isClosed = false
  /** Commands in a row, over all uploads, that had no answer in time. */
  #silent = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** @throws UploadError ERR_INVALID_OPTIONS if the package is missing */
  open(): Promise<RedisClient> {
    this.#client ??= this.#open().catch((error) => {
      this.#client = undefined
      throw error
    })
    return this.#client
  }

  /**
   * Runs a script. The answer may come after the time is up: `onLate` is then told, so that what it did can be undone.
   * @throws Error if it is not known to have been done
   */
  async run(script: string, keys: string[], values: string[], onLate?: () => void): Promise<unknown> {
    const client = await this.open()
    const answer = client.eval(script, { keys, arguments: values })
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#missed(client)
        if (onLate) answer.then(onLate, onLate)
        reject(new Error('Redis did not answer in time'))
      }, this.#options.timeout)
    })
    // Whichever comes second has nobody to listen to it.
    answer.catch(() => undefined)
    const given = await Promise.race([answer, limit]).finally(() => clearTimeout(timer))
    this.#silent = 0
    return given
  }

  close(): void {
    this.#isClosed = true
    discard(this.#subscriber)
    // The user's own stays open.
    if (!this.#options.client) void this.#client?.then(discard, () => undefined)
  }

  async #open(): Promise<RedisClient> {
    const { client: given, url } = this.#options
    if (this.#isClosed) throw new Error('the locker was closed')
    const client = given ?? (await createClient(url!))
    const isOpen = client.isOpen
    // Without a listener an error would end the process. Whoever waits for an answer is told by its command.
    const failed = new Promise<void>((resolve) => client.on('error', () => resolve()))
    const connected = isOpen ? undefined : client.connect().catch(() => undefined)
    this.#listen(client)
    // The first command waits until it is connected, or known not to be; later ones are told at once.
    const patience = new AbortController()
    const enough = sleep(this.#options.timeout, undefined, { signal: patience.signal }).catch(() => undefined)
    await Promise.race([connected, failed, enough]).finally(() => patience.abort())
    return client
  }

  /** Messages only make it quicker: without them the holder finds out at its next renewal. */
  #listen(client: RedisClient): void {
    const { channel, onMessage } = this.#options
    discard(this.#subscriber)
    const subscriber = client.duplicate()
    this.#subscriber = subscriber
    subscriber.on('error', () => undefined)
    subscriber
      .connect()
      .then(() => subscriber.subscribe(channel, onMessage))
      .catch(() => undefined)
  }

  /** A connection can be dead without either side being told: after some silence our own is made anew. */
  #missed(client: RedisClient): void {
    this.#silent++
    if (this.#options.client || this.#silent < SILENT || this.#isClosed) return
    this.#silent = 0
    this.#client = undefined
    discard(client)
  }
}

function discard(client: RedisClient | undefined): void {
  try {
    if (client?.isOpen) client.destroy()
  } catch {
    // It was closed in between.
  }
}

/** @throws UploadError ERR_INVALID_OPTIONS */
async function createClient(url: string): Promise<RedisClient> {
  const redis = await import('@redis/client').catch((cause) => {
    const message = 'locker: it needs the package @redis/client; install it: npm install @redis/client'
    throw new UploadError('ERR_INVALID_OPTIONS', { message, cause })
  })
  return redis.createClient({
    url,
    // Whoever asks while there is no connection is told at once, and comes again.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: 2_000,
      reconnectStrategy: (retries) => Math.min(MAX_RECONNECT, 50 * 2 ** retries) * (0.5 + Math.random() / 2),
    },
  })
}
