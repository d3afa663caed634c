/**
 * Requests, each from its head to its answer: it becomes a command, the command's outcome becomes an answer, and every failure on the
 * way ends in the one catch here.
 * @module
 */
import { asUploadError, UploadError } from '../errors.js'
import { corsFields, corsOf } from '../http/cors.js'
import type { Exchange } from '../http/exchange.js'
import { mayInform } from '../http/interim.js'
import { type LocationOptions, locationOf } from '../http/location.js'
import { redact } from '../http/redact.js'
import { clientAddressOf, requestIdOf } from '../http/request-id.js'
import { serverSpan } from '../http/server-span.js'
import { dressed } from '../protocol/answer.js'
import type { Codec, RenderContext } from '../protocol/codec.js'
import { reprDigestFields } from '../protocol/digests.js'
import { planDownload, redirectTo } from '../protocol/download.js'
import type { RequestHead, ResponseHead } from '../protocol/message.js'
import { codecFor, type SelectOptions } from '../protocol/select.js'
import { effectiveMethod } from '../protocol/tus1/parse.js'
import type { UploadInfo } from '../store/info.js'
import type { Body } from '../store/store.js'
import type { Span, Tracer } from '../store/tracer.js'
import type { Command, Outcome, Report } from '../upload/command.js'
import type { Counters } from '../upload/counters.js'
import type { HookRequest } from '../upload/hooks.js'
import type { Observer } from '../upload/observer.js'
import type { Stores } from '../upload/stores.js'
import { TOKEN_PARAMETER, type Tokens } from '../upload/tokens.js'
import { describeCause, extensionsOf, redirectTime, requestOf, tokenOf } from './facts.js'
import type { Logger, ServerOptions } from './options.js'

/** Of a logger that nobody gave. */
export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

export interface Parts {
  maxSize: number
  counters: Counters
  observer: Required<Observer>
  tokens: Tokens | undefined
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

export class Server {
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
