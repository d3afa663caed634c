/**
 * What a server is told, and what it can be asked: the options of `createServer`, and what that returns.
 * @module
 */
import type { CorsOptions } from '../http/cors.js'
import type { Serve } from '../http/exchange.js'
import type { InterimResponses } from '../http/interim.js'
import type { Exported } from '../store/inspect.js'
import type { Locker } from '../store/locker.js'
import type { Store } from '../store/store.js'
import type { Tracer } from '../store/tracer.js'
import type { Copied, CopyOptions } from '../upload/copy.js'
import type { Counters } from '../upload/counters.js'
import type { HookRequest, Hooks, Limits } from '../upload/hooks.js'
import type { Observer } from '../upload/observer.js'
import type { Readiness } from '../upload/readiness.js'
import type { RepairOptions, RepairReport } from '../upload/repair.js'
import type { SweepOptions, SweepReport } from '../upload/sweep-report.js'
import type { SignedUrlOptions } from '../upload/tokens.js'

/** Where Holdfast tells what happens. Fields never hold secrets. */
export interface Logger {
  /** What happens in the ordinary course: each request. */
  debug(fields: Record<string, unknown>, message: string): void
  /** What an operator would like to know, and need not act on. */
  info(fields: Record<string, unknown>, message: string): void
  /** What went wrong and was dealt with, or will be tried again. */
  warn(fields: Record<string, unknown>, message: string): void
  /** What an operator should look at. */
  error(fields: Record<string, unknown>, message: string): void
}

/** How `createServer` serves: the store, and what differs from the defaults. */
export interface ServerOptions {
  /** Where uploads go. */
  store: Store
  /**
   * Where the uploads of a request go, for several buckets or tenants: by its host, a header, its path. Must say the same for
   * every request of one upload. Each store that it returns is kept, so that there must not be more and more of them. What it
   * throws with a `status` is answered so. Default: `store` for all.
   */
  storeFor?: ((request: HookRequest) => Store | undefined | Promise<Store | undefined>) | undefined
  /** What the application has to say about uploads (docs/hooks.md). Default: nothing. */
  hooks?: Hooks | undefined
  /** Milliseconds that one call of a hook may take; then it has failed. Default: 30,000. */
  hookTimeout?: number | undefined
  /** Milliseconds between two calls of `onProgress` for one upload. Default: 1,000. */
  progressInterval?: number | undefined
  /**
   * Takes requests whose URL carries a token that the application's own server has signed (`signToken`), without asking
   * `authorize`; and answers creations with such a URL. Without an `authorize`, nothing else is taken. Default: none.
   */
  signedUrls?: SignedUrlOptions | undefined
  /** Bounds of whoever has none by `authorize` or a token. Default: none but `maxSize`. */
  limits?: Limits | undefined
  /** Keys of metadata that are kept; others are dropped at creation. Default: all. */
  allowedMetadata?: readonly string[] | undefined
  /** Told what happens: metrics, traces, a page (docs/metrics.md). Default: none. */
  observers?: readonly Observer[] | undefined
  /**
   * Keeps the writers of an upload apart on all nodes, and lets a newer request ask a writer on another node to yield.
   * Needed by an S3 store whose provider has no conditional writes (docs/locking.md). Default: none.
   */
  locker?: Locker | undefined
  /**
   * Promises that no other process writes these uploads, ever at the same time. Then a provider without conditional
   * writes needs no locker. It is not checked, and a promise that is broken loses bytes. Default: false.
   */
  singleProcess?: boolean | undefined
  /** Path (or absolute URL) under which uploads live. Default: '/files'. */
  basePath?: string | undefined
  /** Bytes; larger uploads are refused with 413. Default: what the store takes. */
  maxSize?: number | undefined
  /** Who may call from a browser; `false` sends no CORS headers. Default: every origin, without credentials. */
  cors?: CorsOptions | false | undefined
  /** Believes X-Forwarded-* and Forwarded. Only behind a proxy that sets them. Default: false. */
  trustProxy?: boolean | undefined
  /** Answers a creation with a Location without scheme and host. Default: false. */
  relativeLocation?: boolean | undefined
  /** Refuses GET of finished uploads. Default: false. */
  disableDownload?: boolean | undefined
  /**
   * Answers GET of a finished upload with a redirect (307) to a URL of the store, by which anybody can read the content until it
   * runs out, so that no byte of it goes through this server (docs/objects.md). Where the store has none, the content is
   * sent. `expiresIn`: milliseconds, 1 second to 7 days; default 5 minutes. Default: false.
   */
  downloadRedirect?: boolean | { expiresIn?: number | undefined } | undefined
  /** Refuses DELETE, and does not advertise it. Default: false. */
  disableTermination?: boolean | undefined
  /** Refuses DELETE of uploads that are complete, with 403. Default: false. */
  disableTerminationOfFinished?: boolean | undefined
  /** Refuses Upload-Concat, and does not advertise concatenation. Default: false. */
  disableConcatenation?: boolean | undefined
  /** How many partial uploads one final upload may name; more is 400. Default: 10,000. */
  maxConcatParts?: number | undefined
  /**
   * Removes partial uploads once they are joined. Another final upload that names one of them and is not complete yet
   * then fails. Default: false.
   */
  deletePartials?: boolean | undefined
  /**
   * Milliseconds after which an unfinished upload expires: clients are told by Upload-Expires, and 410 from then on. A
   * final upload expires with its partial uploads. Applies to what is created, or stores bytes, from now on. Default:
   * never.
   */
  expiresAfter?: number | undefined
  /**
   * What `expiresAfter` is counted from: the last bytes that were stored, or the creation, however the upload goes on.
   * Default: 'activity'.
   */
  expiresFrom?: 'activity' | 'creation' | undefined
  /**
   * Milliseconds between two sweeps, which remove what has expired and finish what a crash left unfinished; 0: none. The
   * first one comes within that time. Default: an hour if `expiresAfter` is set, or hooks
   * are told of events, which a sweep delivers if a process ended before it could; else none.
   */
  sweepInterval?: number | undefined
  /**
   * Milliseconds for which the record of an upload that expired, or ended otherwise before it was complete, is kept, so
   * that clients are told 410 and the reason; a sweep then removes it. Default: 24 hours.
   */
  keepExpired?: number | undefined
  /**
   * Milliseconds: a sweep also ends unfinished uploads that have no deadline if nothing was stored of them for so long, such
   * as those from before `expiresAfter` was set. Default: never.
   */
  abandonedAfter?: number | undefined
  /** Milliseconds that a request has to yield its upload to a newer one, which then gets 423. Default: 5,000. */
  yieldTimeout?: number | undefined
  /** Milliseconds that HEAD waits while the store completes an upload, before it answers 503. Default: 10,000. */
  completionTimeout?: number | undefined
  /** Milliseconds without a byte after which a body counts as ended. Default: 60,000. */
  idleTimeout?: number | undefined
  /**
   * Bytes a second that a body must bring at least, on the average of `idleTimeout`; a slower one counts as ended, and what
   * came of it is stored. Only the time counts in which the server waited for bytes. 0: however slow. Default: 64.
   */
  minBodyRate?: number | undefined
  /** Bytes of Upload-Metadata. Default: 8 KiB. */
  maxMetadataSize?: number | undefined
  /**
   * Speaks the IETF draft "Resumable Uploads for HTTP" beside tus, in its interop versions 3 to 9 (docs/rufh.md).
   * `unversioned`: also in full with clients that name no version, as those of the future standard will not. Default: true.
   */
  rufh?: boolean | { unversioned?: boolean | undefined } | undefined
  /**
   * Whether clients of the draft are told by 104 (Upload Resumption Supported) where their upload is, before it ends: some
   * of them resume nothing without it, and some proxies take it for the final answer. `auto`: unless a field of the request
   * shows a proxy. Default: 'auto'.
   */
  interimResponses?: InterimResponses | undefined
  /** Told what happens; `console` will do. Default: nobody is told. */
  logger?: Logger | undefined
  /** Makes spans of requests and of what they have done (docs/metrics.md#traces). Default: none. */
  tracer?: Tracer | undefined
  /** For tests: milliseconds since the epoch. */
  now?: (() => number) | undefined
}

/** A server without a socket of its own: an adapter gives it requests. */
export interface Holdfast {
  /** Serves one request; adapters call it. Never rejects. */
  readonly serve: Serve
  /** How many uploads are being written now. */
  readonly active: number
  /** What was done since the start. The object stays the same; its numbers grow. */
  readonly counters: Readonly<Counters>
  /**
   * Looks whether the store and the locker can serve. Requests look by themselves; who wants to know at start awaits this.
   * @throws UploadError ERR_INVALID_OPTIONS: not with these options · others: not now
   */
  ready(): Promise<void>
  /**
   * Whether it can serve now, for probes: the store and the locker answer, and it is not shutting down. Asks them once a second
   * at most, whoever asks, and answers within three. Never rejects.
   */
  readiness(): Promise<Readiness>
  /** From now on `readiness` says no; all is served as before, until `close`. */
  drain(): void
  /**
   * Looks at all uploads once: removes those that have expired, and finishes those that a crash left with all their bytes.
   * Safe beside requests and other nodes. One sweep of a server follows another.
   * @throws UploadError ERR_STORE_REFUSED, naming the permission that is missing · ERR_NOT_IMPLEMENTED if the store cannot
   *   list its uploads · others: not now. What goes wrong with single uploads is counted.
   */
  sweep(options?: SweepOptions): Promise<SweepReport>
  /**
   * Ends an upload, finished or not, and removes all that was stored of it: the application's own wish, so no hook is asked;
   * `onTerminated` is told. Whoever writes it is asked to yield first.
   * @param options.store the one that it is in, where there are several
   * @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_UPLOAD_LOCKED · ERR_STORE_UNAVAILABLE
   */
  terminate(id: string, options?: { store?: Store }): Promise<void>
  /**
   * Mends one upload where that is safe, as `holdfast repair` does (docs/tools.md): a completion that a crash left is driven
   * to its end, what no record names is removed, and what can never go on is marked so. Safe beside requests and other nodes.
   * @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_NOT_IMPLEMENTED if the store cannot be inspected · others: not now
   */
  repair(id: string, options?: RepairOptions): Promise<RepairReport>
  /**
   * Copies an upload of another store, finished or not, under its ID, as `holdfast import` does (docs/tools.md). What a crash
   * leaves is gone on with by the next call.
   * @throws UploadError, of either store
   */
  copy(source: Exported, options?: CopyOptions): Promise<Copied>
  /**
   * Stops all bodies, stores and commits what arrived, answers 503, and closes the store and the locker.
   * @param options.timeout milliseconds; default 10,000
   */
  close(options?: { timeout?: number }): Promise<void>
}
