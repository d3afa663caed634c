/**
 * Events into a Redis or Valkey stream, for consumers that read it when they like. Needs the package `@redis/client`. An
 * event that the server did not confirm is told again by Holdfast, so none is lost on the way, and some come twice.
 * @module
 */
import { UploadError } from '../errors.js'
import { mustBeBounded, within } from './attempts.js'
import type { HookReply, HookType } from './message.js'
import { type HookCall, hooksOver, type RemoteHooks } from './remote.js'

/** What is used of a client of `@redis/client` (or of `redis`, which is made of it). */
export interface RedisStreamClient {
  /** Whether it was connected and not ended since. */
  readonly isOpen: boolean
  /** Connects, once. */
  connect(): Promise<unknown>
  /** Ends the connection at once. */
  destroy(): void
  /** Adds an entry to a stream. */
  xAdd(
    key: string,
    id: string,
    fields: Record<string, string>,
    options?: { TRIM?: { strategy: 'MAXLEN'; strategyModifier: '~'; threshold: number } },
  ): Promise<unknown>
  /** Hears of failures; without a listener they would end the process. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever an emitter's listeners take
  on(event: 'error', listener: (error: any) => void): unknown
}

/** Which stream events are added to, and which events. */
export interface RedisHooksOptions {
  /** `redis://` or `rediss://` URL. Either this or `client`. */
  readonly url?: string | undefined
  /**
   * A client of the package `@redis/client` or `redis`, version 5 or later, instead of `url`. It is connected if it is not
   * yet, and stays open.
   */
  readonly client?: RedisStreamClient | undefined
  /** The key of the stream. Default: 'holdfast:events'. */
  readonly stream?: string | undefined
  /** About how many entries are kept; older ones are dropped, read or not. 0: all. Default: 100,000. */
  readonly maxLength?: number | undefined
  /** Which events. Default: post-create, post-finish and post-terminate. */
  readonly events?: readonly (`post-${string}` & HookType)[] | undefined
  /** Names of the header fields of the client's request that are part of the event: it is kept. Default: none. */
  readonly payloadHeaders?: readonly string[] | undefined
  /** Milliseconds for one event. Default: 5,000. */
  readonly timeout?: number | undefined
}

/** What happened for good. Progress can be had, too, but a stream would be full of it. */
export const REDIS_EVENTS = ['post-create', 'post-finish', 'post-terminate'] as const satisfies HookType[]

/** @throws UploadError ERR_INVALID_OPTIONS */
export function redisHooks(options: RedisHooksOptions): RemoteHooks {
  const { stream = 'holdfast:events', maxLength = 100_000, timeout = 5_000, payloadHeaders = [] } = options
  const { events = REDIS_EVENTS } = options
  mustBeReadable(options)
  mustBeBounded('maxLength', maxLength, 0)
  mustBeBounded('timeout', timeout, 1)
  const connection = connectionOf(options)
  const trim = { strategy: 'MAXLEN', strategyModifier: '~', threshold: maxLength } as const
  const transport = async ({ message, signal }: HookCall): Promise<HookReply> => {
    const { Type, Event, DeliveryID } = message
    const fields = { type: Type, id: Event.Upload.ID, delivery: DeliveryID, message: JSON.stringify(message) }
    await within(timeout, signal, async (limit) => {
      const client = await abortable(connection.open(), limit)
      const added = client.xAdd(stream, '*', fields, maxLength > 0 ? { TRIM: trim } : {})
      // A connection can be dead without being told so: the next event gets a new one.
      await abortable(added, limit).catch((error) => {
        if (limit.aborted) connection.drop()
        throw error
      })
    })
    return {}
  }
  return {
    ...hooksOver(transport, { events, payloadHeaders }),
    ready: async () => void (await connection.made()),
    close: async () => connection.close(),
  }
}

function mustBeReadable({ client, url, events = [] }: RedisHooksOptions): void {
  // No message has the URL in it, since that may hold a password.
  const must = (holds: boolean, message: string): void => {
    if (!holds) throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  must((client === undefined) !== (url === undefined), 'url: hooks need either a client or a URL of Redis.')
  must(url === undefined || (/^rediss?:\/\/[^/]/.test(url) && URL.canParse(url)), 'url: must begin with redis://.')
  must(
    events.every((event) => event.startsWith('post-')),
    'events: a stream answers nothing, so it takes post- events alone.',
  )
}

/** One client, connected when it is first needed. */
function connectionOf({ client: given, url }: RedisHooksOptions) {
  let client: Promise<RedisStreamClient> | undefined
  let connected: Promise<RedisStreamClient> | undefined
  const made = (): Promise<RedisStreamClient> => {
    client ??= (given ? Promise.resolve(given) : createClient(url!)).then((one) => {
      // Without a listener an error would end the process. Whoever waits for an answer is told by its command.
      one.on('error', () => undefined)
      return one
    })
    return client
  }
  const connect = async (): Promise<RedisStreamClient> => {
    const one = await made()
    if (!one.isOpen) await one.connect()
    return one
  }
  const drop = (): void => {
    const last = client
    connected = undefined
    if (given) return
    client = undefined
    void last?.then(discard, () => undefined)
  }
  return {
    /** Not connected yet, perhaps. @throws UploadError ERR_INVALID_OPTIONS */
    made,
    open(): Promise<RedisStreamClient> {
      connected ??= connect().catch((error) => {
        connected = undefined
        throw error
      })
      return connected
    },
    drop,
    close: drop,
  }
}

function discard(client: RedisStreamClient): void {
  if (client.isOpen) client.destroy()
}

/** @throws UploadError ERR_INVALID_OPTIONS */
async function createClient(url: string): Promise<RedisStreamClient> {
  const redis = await import('@redis/client').catch((cause) => {
    const message = 'hooks: Redis needs the package @redis/client; install it: npm install @redis/client'
    throw new UploadError('ERR_INVALID_OPTIONS', { message, cause })
  })
  return redis.createClient({
    url,
    // An event that waits in memory could be lost; told so, Holdfast keeps it.
    disableOfflineQueue: true,
    socket: { connectTimeout: 2_000, reconnectStrategy: (retries) => Math.min(5_000, 50 * 2 ** retries) },
  })
}

/** Leaves when the signal fires; what is under way goes on, unheard. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(new Error('Redis did not answer in time'))
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
