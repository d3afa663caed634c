/**
 * `holdfast serve`: uploads into a bucket, or into a folder.
 * @module
 */
import type { Server } from 'node:http'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { asUploadError } from '../errors.js'
import { clientAddressOf } from '../http/request-id.js'
import { ClusterLocker } from '../lockers/cluster.js'
import { createServer, type Holdfast, type HookRequest, type Logger, type ServerOptions } from '../server.js'
import { merge, StatusBoard } from '../status/board.js'
import { announce, urlOf } from './announce.js'
import { UsageError } from './failure.js'
import { openHooks } from './hooks.js'
import { createHttpServer, listen, type Page, pathOf } from './listen.js'
import { createLog } from './log.js'
import { metricsPage, serveMetricsApart } from './metrics-page.js'
import { mustObserve, type Observation, observe } from './observation.js'
import { asUsage, openAll } from './open.js'
import { createPage } from './page.js'
import type { Options } from './read-options.js'
import { createStatusPage } from './status-page.js'
import { stopOnSignals } from './stop.js'
import { tlsOf } from './tls.js'
import { listenAtSocket, removeStale } from './unix-socket.js'
import { type Link, linkToPrimary } from './workers/link.js'
import { shareOf, workersOf } from './workers/plan.js'

type ServeOptions = Options<'serve'>

export async function serve(options: ServeOptions): Promise<void> {
  mustFit(options)
  const primary = linkToPrimary(process.env)
  const workers = workersOf(options, availableParallelism())
  if (workers > 1 && !primary) {
    const { superviseWorkers } = await import('./workers/primary.js')
    return superviseWorkers(options, workers)
  }
  await serveHere(options, workers, primary).catch((error) => {
    primary?.letGo()
    throw error
  })
}

/** @throws UsageError */
function mustFit(options: ServeOptions): void {
  if (options.ui && pathOf(options.basePath) === '') {
    throw new UsageError('--ui: the page is at /, so --base-path must be another path.')
  }
  if (options.uiAuth !== undefined && !/^[^:]+:.{8,}$/.test(options.uiAuth)) {
    throw new UsageError('--ui-auth: a user, a colon, and a password of at least 8 characters are needed.')
  }
  mustObserve(options)
}

/**
 * All that can be said of options without serving.
 * @throws UsageError · PlainError
 */
export async function tryOptions(options: ServeOptions): Promise<void> {
  mustFit(options)
  workersOf(options, availableParallelism())
  tlsOf(options)?.read()
  const log = createLog({ verbose: false, format: options.logFormat })
  const observed = await observe(options, log)
  const { holdfast, close } = await openHoldfast({ ...options, sweepInterval: 0 }, log, undefined, observed)
  await holdfast.close()
  await close?.()
  await observed.close()
}

/** @param primary that of this worker, if it is one */
async function serveHere(all: ServeOptions, workers: number, primary: Link | undefined): Promise<void> {
  const options = primary ? shareOf(all, workers, primary.place) : all
  const { verbose, logFormat: format, basePath, maxHeaderSize, maxHeaderCount, h2c } = options
  const log = createLog({ verbose, level: options.logLevel, format, always: primary && { worker: primary.place } })
  const board = options.ui ? new StatusBoard({ clientOf: clientOf(options) }) : undefined
  const observed = await observe(options, log, board)
  const tls = tlsOf(options)
  const pair = tls?.read()
  const { holdfast, close } = await openHoldfast(options, log, primary, observed)
  await lookAtStart(holdfast, log)
  const page = board && pagesOf(options, board, holdfast, primary)
  const { headerTimeout: headersTimeout, keepAliveTimeout } = options
  const { server, http2 } = createHttpServer(
    { holdfast, basePath, page, metrics: metricsHere(options, observed, primary), greets: options.showGreeting },
    { maxHeaderSize, maxHeaderCount, headersTimeout, keepAliveTimeout, tls: pair, h2c },
  )
  observed.counts(server)
  // First, since a server that listens would keep the process where this fails.
  if (observed.metrics && !primary) await serveMetricsApart(options, observed.metrics.text, log)
  const port = await listenWhere(server, options, primary)
  const after = async (): Promise<void> => {
    await close?.()
    await observed.close()
  }
  const { shutdownTimeout: timeout, drainDelay } = options
  const stoppable = { server, http2, holdfast, log, timeout, drainDelay, after }
  const readCertificate = tls && (() => tls.readAgain(server, log))
  if (primary) return primary.serves(stoppable, readCertificate)
  stopOnSignals(stoppable)
  if (readCertificate) process.on('SIGHUP', readCertificate)
  announce(options, port)
}

/** @returns the port; undefined for a Unix socket */
async function listenWhere(
  server: Server,
  { unixSock: path, unixSockPerms: perms, host, port }: ServeOptions,
  primary: Link | undefined,
): Promise<number | undefined> {
  if (path === undefined) return listen(server, host, port)
  // The primary has made way before there were workers.
  if (!primary) await removeStale(path)
  await listenAtSocket(server, { path, perms })
  return undefined
}

/** The page that uploads, and that of the operator. */
function pagesOf(options: ServeOptions, board: StatusBoard, holdfast: Holdfast, primary: Link | undefined): Page {
  primary?.shows(() => board.snapshot())
  const upload = createPage(urlOf(options.basePath, ''))
  const status = createStatusPage({
    auth: options.uiAuth,
    snapshot: async () => (primary ? merge(await primary.statuses()) : board.snapshot()),
    terminate: (id) => holdfast.terminate(id),
  })
  return (request, response) => status(request, response) || upload(request, response)
}

/** Behind a proxy that is believed, the address that it tells. */
const clientOf =
  ({ behindProxy }: ServeOptions) =>
  ({ headers, remoteAddress }: HookRequest): string | undefined =>
    clientAddressOf({ fields: headers, remoteAddress }, behindProxy)

/** Those of all workers, whichever is asked. With a port of their own they are not here. */
function metricsHere(
  { metricsPort, metricsPath }: ServeOptions,
  { metrics }: Observation,
  primary: Link | undefined,
): Page | undefined {
  if (metrics === undefined) return undefined
  primary?.tells(() => metrics.registry.getMetricsAsJSON())
  return metricsPort === undefined
    ? metricsPage(metricsPath, () => (primary ? primary.scrape() : metrics.text()))
    : undefined
}

async function openHoldfast(
  options: ServeOptions,
  log: Logger,
  primary: Link | undefined,
  { observers, tracer }: Observation,
): Promise<{ holdfast: Holdfast; close: () => Promise<void> }> {
  try {
    const { store, locker: given, close } = await openAll(options, log, { observers, tracer })
    // A locker for all nodes keeps apart the workers of each, too.
    const locker = given ?? (primary && new ClusterLocker({ endsWithPrimary: options.singleProcess }))
    // One sweep does for all: whoever takes the first place sweeps.
    const sweepInterval = primary && primary.place > 1 ? 0 : options.sweepInterval
    const { hooks, close: closeHooks } = await openHooks(options, log)
    const parts = { store, locker, hooks, logger: log, observers, tracer }
    const holdfast = createHoldfast({ ...options, sweepInterval }, parts)
    const closeAll = async (): Promise<void> => {
      await closeHooks()
      await close?.()
    }
    return { holdfast, close: closeAll }
  } catch (error) {
    throw asUsage(error, 'serve')
  }
}

/** Milliseconds that a look at the store and the locker may take before requests are served all the same. */
const LOOK = 10_000

/**
 * What can never serve is told now. What cannot be reached yet is looked at again by the first request.
 * @throws UsageError
 */
async function lookAtStart(holdfast: Holdfast, log: Logger): Promise<void> {
  const late = new AbortController()
  const look = holdfast.ready().catch((thrown: unknown) => {
    const { code, message, cause } = asUploadError(thrown)
    if (code === 'ERR_INVALID_OPTIONS') throw asUsage(thrown, 'serve')
    log.warn({ code, reason: message, cause: String(cause) }, 'not everything can be reached yet')
  })
  const enough = sleep(LOOK, undefined, { signal: late.signal }).catch(() => undefined)
  await Promise.race([look, enough]).finally(() => late.abort())
}

function createHoldfast(
  options: ServeOptions,
  given: Pick<ServerOptions, 'store' | 'locker' | 'hooks' | 'logger' | 'observers' | 'tracer'>,
): Holdfast {
  return createServer({
    ...given,
    singleProcess: options.singleProcess,
    hookTimeout: options.hookTimeout,
    progressInterval: options.progressHooksInterval,
    basePath: options.basePath,
    maxSize: options.maxSize,
    maxMetadataSize: options.maxMetadataSize,
    trustProxy: options.behindProxy,
    relativeLocation: options.relativeLocation,
    disableDownload: options.disableDownload,
    downloadRedirect: options.downloadRedirect && { expiresIn: options.downloadRedirectExpires },
    disableTermination: options.disableTermination,
    disableTerminationOfFinished: options.disableTerminationOfFinished,
    signedUrls: options.urlSecret && { secret: options.urlSecret, expiresIn: options.urlExpiresAfter },
    allowedMetadata: options.allowedMetadata,
    limits: { types: options.allowedTypes, maxRate: options.maxBodyRate, maxActive: options.maxActiveUploads },
    disableConcatenation: options.disableConcatenation,
    maxConcatParts: options.maxConcatParts,
    deletePartials: options.deletePartials,
    rufh: !options.disableRufh && { unversioned: options.rufhUnversioned },
    interimResponses: options.interimResponses,
    expiresAfter: options.expiresAfter,
    expiresFrom: options.expiresFrom,
    sweepInterval: options.sweepInterval,
    keepExpired: options.keepExpired,
    abandonedAfter: options.abandonedAfter,
    yieldTimeout: options.yieldTimeout,
    completionTimeout: options.completionTimeout,
    idleTimeout: options.idleTimeout,
    minBodyRate: options.minBodyRate,
    cors: !options.disableCors && {
      allowOrigin: options.corsAllowOrigin,
      allowCredentials: options.corsAllowCredentials,
      allowMethods: options.corsAllowMethods,
      allowHeaders: options.corsAllowHeaders,
      exposeHeaders: options.corsExposeHeaders,
      maxAge: Math.round(options.corsMaxAge / 1_000),
    },
  })
}
