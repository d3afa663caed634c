/**
 * The only place where the layers meet: a request's head becomes a command, the command's outcome becomes an answer,
 * and every failure on the way ends in the one catch here.
 * @module
 */
import { asUploadError, UploadError } from './errors.js'
import { type CorsOptions, corsFields, corsOf } from './http/cors.js'
import type { Exchange, Serve } from './http/exchange.js'
import { type InterimResponses, mayInform } from './http/interim.js'
import { type LocationOptions, locationOf } from './http/location.js'
import { redact } from './http/redact.js'
import { clientAddressOf, requestIdOf } from './http/request-id.js'
import { serverSpan } from './http/server-span.js'
import { dressed } from './protocol/answer.js'
import type { Codec, RenderContext } from './protocol/codec.js'
import { reprDigestFields } from './protocol/digests.js'
import { planDownload, redirectTo } from './protocol/download.js'
import type { RequestHead, ResponseHead } from './protocol/message.js'
import { codecFor, type SelectOptions } from './protocol/select.js'
import { effectiveMethod } from './protocol/tus1/parse.js'
import type { UploadInfo } from './store/info.js'
import type { Exported } from './store/inspect.js'
import type { Locker } from './store/locker.js'
import type { Body, Store } from './store/store.js'
import { inSpan, type Span, type Tracer } from './store/tracer.js'
import type { Command, Outcome, Report } from './upload/command.js'
import type { Copied, CopyOptions } from './upload/copy.js'
import { type Counters, noCounts } from './upload/counters.js'
import { HookCalls } from './upload/hook-calls.js'
import type { HookRequest, Hooks, Limits } from './upload/hooks.js'
import { type Observer, observeAll } from './upload/observer.js'
import { type Readiness, ReadinessLooks } from './upload/readiness.js'
import { regularly } from './upload/regularly.js'
import type { Repair, RepairOptions, RepairReport } from './upload/repair.js'
import { Stores } from './upload/stores.js'
import type { SweepOptions, SweepReport } from './upload/sweep.js'
import { type SignedUrlOptions, TOKEN_PARAMETER, type Tokens, tokensOf } from './upload/tokens.js'
import { Uploads } from './upload/uploads.js'

export type {
  Copied,
  CopyOptions,
  Counters,
  HookRequest,
  Observer,
  Readiness,
  Repair,
  RepairOptions,
  RepairReport,
  SweepOptions,
  SweepReport,
}

/** Where Holdfast tells what happens. Fields never hold secrets. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void
  info(fields: Record<string, unknown>, message: string): void
  warn(fields: Record<string, unknown>, message: string): void
  error(fields: Record<string, unknown>, message: string): void
}

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
  logger?: Logger | undefined
  /** Makes spans of requests and of what they have done (docs/metrics.md#traces). Default: none. */
  tracer?: Tracer | undefined
  /** For tests: milliseconds since the epoch. */
  now?: (() => number) | undefined
}

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

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** @throws UploadError ERR_INVALID_OPTIONS */
export function createServer(options: ServerOptions): Holdfast {
  const { store, locker } = options
  const maxSize = Math.min(options.maxSize ?? Number.POSITIVE_INFINITY, store.maxObjectSize ?? Number.POSITIVE_INFINITY)
  if (!(maxSize > 0)) throw new UploadError('ERR_INVALID_OPTIONS', { message: 'maxSize must be a positive number.' })
  mustBeTimes(options)
  const counters = noCounts()
  const { tracer } = options
  const observer = observeAll(options.observers ?? [])
  const calls = new HookCalls({ hooks: options.hooks ?? {}, timeout: options.hookTimeout ?? 30_000, observer, tracer })
  const tokens = options.signedUrls && tokensOf(options.signedUrls, options.now ?? Date.now)
  const shared = {
    calls,
    observer,
    tracer,
    counters,
    locker,
    singleProcess: options.singleProcess === true,
    maxSize,
    yieldTimeout: options.yieldTimeout ?? 5_000,
    completionTimeout: options.completionTimeout ?? 10_000,
    allowTermination: options.disableTermination !== true,
    allowDownload: options.disableDownload !== true,
    allowConcatenation: options.disableConcatenation !== true,
    maxConcatParts: options.maxConcatParts ?? 10_000,
    deletePartials: options.deletePartials === true,
    expiresAfter: options.expiresAfter,
    expiresFrom: options.expiresFrom ?? 'activity',
    keepExpired: options.keepExpired ?? 24 * HOUR,
    abandonedAfter: options.abandonedAfter,
    now: options.now ?? Date.now,
    allowTerminationOfFinished: options.disableTerminationOfFinished !== true,
    allowedMetadata: options.allowedMetadata,
    progressInterval: options.progressInterval ?? 1_000,
    warn: (fields: Record<string, unknown>, message: string) => (options.logger ?? silent).warn(fields, message),
  }
  const stores = new Stores(store, options, (one) => {
    const most = Math.min(maxSize, one.maxObjectSize ?? Number.POSITIVE_INFINITY)
    return new Uploads({ ...shared, store: one, maxSize: most }, { tokens, limits: options.limits ?? {} })
  })
  const server = new Server(options, stores, { maxSize, counters, observer, tokens })
  const sweep = (how: SweepOptions = {}): Promise<SweepReport> =>
    inSpan(tracer, 'holdfast.sweep', {}, async (span) => {
      const report = await stores.sweep(how)
      if (!how.dryRun) observer.swept(report)
      span.set(prefixed('holdfast.sweep.', report))
      return report
    })
  const looks = new ReadinessLooks({ store, locker, ready: () => stores.first.ready() })
  const { onCreated, onFinished, onTerminated } = options.hooks ?? {}
  // What a process that ended did not deliver, a sweep does.
  const hasToSweep = options.expiresAfter !== undefined || (onCreated ?? onFinished ?? onTerminated) !== undefined
  const interval = options.sweepInterval ?? (hasToSweep && store.abilities.list ? HOUR : 0)
  const stopSweeping = interval > 0 ? regularly(interval, () => sweepNow(sweep, options.logger)) : undefined
  return {
    serve: (exchange) => server.serve(exchange),
    get active() {
      return stores.active
    },
    counters,
    async ready() {
      await Promise.all([stores.first.ready(), locker?.ready?.()])
    },
    readiness: () => looks.readiness(),
    drain: () => looks.end(),
    sweep,
    terminate: (id, where = {}) => stores.of(where.store ?? store).terminate(id),
    repair: (id, how) => stores.first.repair(id, how),
    copy: (source, how) => stores.first.copy(source, how),
    async close({ timeout = 10_000 } = {}) {
      looks.end()
      stopSweeping?.()
      await stores.close(timeout)
      await locker?.close?.()
    },
  }
}

const HOUR = 3_600_000

/** By the clock. What goes wrong is told to the log alone. */
async function sweepNow(sweep: () => Promise<SweepReport>, logger = silent): Promise<void> {
  try {
    const { listed, stopped, ...counts } = await sweep()
    const level = Object.values(counts).some((count) => count > 0) ? 'info' : 'debug'
    logger[level]({ listed, ...counts, ...(stopped ? { stopped } : {}) }, 'swept')
  } catch (thrown) {
    const { code, message, cause } = asUploadError(thrown)
    logger.warn({ code, cause: cause && String(cause) }, `could not sweep: ${message}`)
  }
}

const prefixed = (prefix: string, { ...counts }: SweepReport): Record<string, number | boolean> =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${prefix}${name}`, count]))

/** @throws UploadError ERR_INVALID_OPTIONS */
function mustBeTimes(options: ServerOptions): void {
  const { expiresAfter = 1, expiresFrom = 'activity', store } = options
  const must = (holds: boolean, message: string): void => {
    if (!holds) throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  must(expiresAfter > 0, `expiresAfter: must be a positive number of milliseconds, not ${expiresAfter}.`)
  for (const name of ['sweepInterval', 'keepExpired', 'abandonedAfter'] as const) {
    const time = options[name] ?? 0
    must(time >= 0, `${name}: must be a number of milliseconds, not ${time}.`)
  }
  must(!options.sweepInterval || store.abilities.list === true, 'sweepInterval: the store cannot list its uploads.')
  must(
    expiresFrom === 'activity' || expiresFrom === 'creation',
    `expiresFrom: must be activity or creation, not ${expiresFrom}.`,
  )
}

interface Parts {
  maxSize: number
  counters: Counters
  observer: Required<Observer>
  tokens: Tokens | undefined
}

/** @returns milliseconds; undefined for no redirects @throws UploadError ERR_INVALID_OPTIONS */
function redirectTime({ downloadRedirect = false }: ServerOptions): number | undefined {
  if (downloadRedirect === false) return undefined
  const { expiresIn = 300_000 } = downloadRedirect === true ? {} : downloadRedirect
  if (expiresIn >= 1_000 && expiresIn <= 7 * 24 * HOUR) return expiresIn
  const message = `downloadRedirect: expiresIn must be from 1,000 to ${7 * 24 * HOUR} milliseconds, not ${expiresIn}.`
  throw new UploadError('ERR_INVALID_OPTIONS', { message })
}

/** One request, and what it is called in logs and traces. */
interface Served {
  readonly request: HookRequest
  readonly requestId: string
  readonly span?: Span
}

/** What became of it. */
interface Said {
  upload?: string | undefined
  body?: Body
  failure?: UploadError
}

const idOf = (command: Command): string | undefined =>
  command.kind === 'create' || command.kind === 'options' ? undefined : command.id

class Server {
  readonly #stores: Stores
  readonly #maxSize: number
  readonly #counters: Counters
  readonly #observer: Required<Observer>
  readonly #tokens: Tokens | undefined
  readonly #extensions: readonly string[]
  readonly #location: ReturnType<typeof locationOf>
  readonly #cors: ReturnType<typeof corsOf> | undefined
  readonly #logger: Logger
  readonly #tracer: Tracer | undefined
  readonly #trustProxy: boolean
  readonly #base: string
  readonly #idleTimeout: number
  readonly #minBodyRate: number
  readonly #now: () => number
  readonly #lifetime: number | undefined
  readonly #maxMetadataSize: number
  readonly #protocols: SelectOptions
  readonly #interim: (head: RequestHead) => boolean
  readonly #redirectsFor: number | undefined

  constructor(options: ServerOptions, stores: Stores, { maxSize, counters, observer, tokens }: Parts) {
    this.#stores = stores
    this.#maxSize = maxSize
    this.#counters = counters
    this.#observer = observer
    this.#tokens = tokens
    this.#extensions = extensionsOf(options)
    const { basePath = '/files', trustProxy = false, relativeLocation = false } = options
    this.#location = locationOf({ basePath, trustProxy, relativeLocation } satisfies LocationOptions)
    this.#cors = options.cors === false ? undefined : corsOf(options.cors ?? {})
    this.#logger = options.logger ?? silent
    this.#tracer = options.tracer
    this.#trustProxy = trustProxy
    this.#base = new URL(basePath, 'http://localhost/').pathname.replace(/\/+$/, '')
    this.#idleTimeout = options.idleTimeout ?? 60_000
    this.#minBodyRate = options.minBodyRate ?? 64
    if (!(this.#minBodyRate >= 0)) {
      throw new UploadError('ERR_INVALID_OPTIONS', { message: 'minBodyRate must not be negative.' })
    }
    this.#now = options.now ?? Date.now
    this.#lifetime = options.expiresAfter
    this.#maxMetadataSize = options.maxMetadataSize ?? 8 * 1024
    const { rufh = true } = options
    this.#protocols = { rufh: rufh !== false, unversioned: typeof rufh === 'object' && rufh.unversioned === true }
    this.#redirectsFor = redirectTime(options)
    this.#interim = mayInform(options.interimResponses ?? 'auto')
  }

  /** One request, from its head to its answer. */
  async serve(exchange: Exchange): Promise<void> {
    const { head } = exchange
    const requestId = requestIdOf(head)
    const served: Served = { request: requestOf(head, requestId), requestId }
    if (!this.#tracer) return this.#serve(exchange, served)
    const { method } = served.request
    const clientAddress = clientAddressOf(head, this.#trustProxy)
    const { name, options } = serverSpan({ head, method, clientAddress, requestId, base: this.#base })
    return this.#tracer.span(name, options, (span) => this.#serve(exchange, { ...served, span }))
  }

  /** Everything that can go wrong below ends in this catch. */
  async #serve(exchange: Exchange, served: Served): Promise<void> {
    const { head } = exchange
    const { request } = served
    this.#counters.requests++
    this.#observer.requestBegan(request)
    const started = performance.now()
    const codec = codecFor(head, this.#protocols)
    const context = this.#context(exchange)
    let answer: { head: ResponseHead; content?: AsyncIterable<Uint8Array> }
    const said: Said = {}
    try {
      const command = codec.parse(head, {
        id: this.#location.idOf(head.target),
        maxMetadataSize: this.#maxMetadataSize,
        idOfUrl: (url) => this.#location.idOfUrl(url, head),
        trailers: exchange.trailers,
      })
      said.upload = idOf(command)
      const uploads = command.kind === 'options' ? this.#stores.first : await this.#stores.uploadsFor(request)
      const outcome = await uploads.run(command, {
        request,
        token: this.#tokens && tokenOf(head.target),
        takeBody: (limit) => {
          said.body = exchange.body(limit, this.#idleTimeout, this.#minBodyRate)
          return said.body
        },
        report: this.#reporter(exchange, codec, context),
      })
      if (outcome.kind === 'created') said.upload = outcome.info.id
      answer = await this.#answer(codec, context, head, outcome)
    } catch (error) {
      said.failure = asUploadError(error)
      answer = { head: this.#failure(codec, context, head, said.failure, served) }
    }
    if (this.#cors) Object.assign(answer.head.fields, corsFields(this.#cors, head))
    answer.head.fields['X-Request-ID'] = served.requestId
    await exchange.answer(answer.head, answer.content)
    this.#ended(head, served, said, answer.head.status, performance.now() - started)
  }

  /** Tells whoever wants to know. */
  #ended(head: RequestHead, { request, requestId, span }: Served, said: Said, status: number, duration: number): void {
    const { upload, failure } = said
    const { method } = request
    const received = said.body?.received ?? 0
    const code = failure?.code
    this.#observer.requestEnded({ method, status, code, duration, received, upload }, request)
    span?.set({
      'http.response.status_code': status,
      'holdfast.upload.id': upload,
      'holdfast.error.code': code,
      'http.request.body.size': said.body && received,
    })
    if (status >= 500) span?.fail(code ?? String(status), failure?.cause ?? failure)
    const target = redact(head.target)
    const remote = clientAddressOf(head, this.#trustProxy)
    const fields = { requestId, method, target, upload, status, code, duration: Math.round(duration), received, remote }
    this.#logger.debug(fields, 'request')
  }

  /** Tells the client how its request goes on, where the protocol and the connection can. */
  #reporter(exchange: Exchange, codec: Codec, context: RenderContext): ((report: Report) => void) | undefined {
    const { inform } = exchange
    if (!codec.renderReport || !inform || !this.#interim(exchange.head)) return undefined
    return (report) => {
      const head = codec.renderReport?.(report, context)
      if (head) inform(report.kind === 'created' ? this.#signed(head, report.info) : head)
    }
  }

  #context({ head, trailers }: Exchange): RenderContext {
    const maxSize = Number.isFinite(this.#maxSize) ? this.#maxSize : undefined
    const extensions = trailers ? this.#extensions : this.#extensions.filter((name) => name !== 'checksum-trailer')
    const now = this.#now
    return {
      locate: (id) => this.#location.locate(id, head),
      extensions,
      maxSize,
      lifetime: this.#lifetime,
      // "Counted from the generation of the response", which may come long after the request.
      get now() {
        return now()
      },
      wantReprDigest: head.fields['want-repr-digest'],
    }
  }

  async #answer(
    codec: Codec,
    context: RenderContext,
    head: RequestHead,
    outcome: Outcome,
  ): Promise<{ head: ResponseHead; content?: AsyncIterable<Uint8Array> }> {
    if (outcome.kind !== 'content') return { head: this.#dressed(codec.render(outcome, context), outcome) }
    const { info } = outcome
    const plan = planDownload(head, {
      size: info.offset,
      etag: info.etag,
      modifiedAt: info.completedAt,
      metadata: info.metadata,
      described: { ...codec.renderBeside?.(info, context), ...reprDigestFields(info, context.wantReprDigest) },
    })
    if (!plan.sendsContent) return { head: plan.head }
    if (this.#redirectsFor !== undefined && outcome.presign) {
      const { 'Content-Type': contentType = '', 'Content-Disposition': contentDisposition = '' } = plan.head.fields
      const url = await outcome.presign({ expiresIn: this.#redirectsFor, contentType, contentDisposition })
      return { head: redirectTo(url) }
    }
    return { head: plan.head, content: await outcome.read(plan.range) }
  }

  /** With what hooks have to add, and with the token of an upload that was created. */
  #dressed(head: ResponseHead, outcome: Exclude<Outcome, { kind: 'content' }>): ResponseHead {
    if (outcome.kind === 'options' || outcome.kind === 'cancelled') return head
    const { kind, info } = outcome
    const said = info.state === 'complete' ? info.answer : undefined
    if (kind !== 'created') return dressed(head, said, kind === 'offset' ? 'fields' : 'all')
    return dressed(dressed(this.#signed(head, info), outcome.answer), said)
  }

  #signed(head: ResponseHead, { id, owner }: UploadInfo): ResponseHead {
    const { Location } = head.fields
    if (this.#tokens === undefined || Location === undefined) return head
    const token = this.#tokens.tokenFor(id, owner)
    return { ...head, fields: { ...head.fields, Location: `${Location}?${TOKEN_PARAMETER}=${token}` } }
  }

  #failure(
    codec: Codec,
    context: RenderContext,
    head: RequestHead,
    error: UploadError,
    { requestId }: Served,
  ): ResponseHead {
    const { code, status } = error
    const fields = { requestId, method: head.method, target: redact(head.target), code, status }
    if (error.status >= 500) this.#logger.error({ ...fields, cause: describeCause(error) }, error.message)
    else this.#logger.info(fields, error.message)
    const isHead = effectiveMethod(head) === 'HEAD'
    return dressed(codec.renderFailure(error, head, context), error.answer, isHead ? 'fields' : 'all')
  }
}

/** What is advertised is what the store's handles can do, and the adapter. */
function extensionsOf({ store, disableTermination, disableConcatenation }: ServerOptions): readonly string[] {
  const extensions = ['creation', 'creation-with-upload', 'checksum', 'checksum-trailer', 'expiration']
  if (store.abilities.declareLength) extensions.push('creation-defer-length')
  if (store.abilities.terminate && disableTermination !== true) extensions.push('termination')
  if (store.abilities.concat && disableConcatenation !== true) {
    extensions.push('concatenation', 'concatenation-unfinished')
  }
  return extensions
}

/** The chain of causes in one line, for the log. */
function describeCause(error: Error): string {
  const lines: string[] = []
  for (let cause: unknown = error.cause ?? error; cause !== undefined && lines.length < 5; ) {
    lines.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause))
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return lines.join(' <- ')
}

const requestOf = (head: RequestHead, id: string): HookRequest => ({
  id,
  method: effectiveMethod(head),
  target: head.target,
  headers: head.fields,
  remoteAddress: head.remoteAddress,
})

const tokenOf = (target: string): string | undefined =>
  new URLSearchParams(target.split('?', 2)[1] ?? '').get(TOKEN_PARAMETER) ?? undefined
