/**
 * `holdfast serve`: uploads into a bucket, or into a folder.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { asUploadError } from '../errors.js'
import { createServer, type Holdfast, type Logger } from '../server.js'
import type { Locker } from '../store/locker.js'
import type { Store } from '../store/store.js'
import { UsageError } from './failure.js'
import { createHttpServer, listen, originOf, pathOf } from './listen.js'
import { createLog } from './log.js'
import { asUsage, openAll } from './open.js'
import { createPage } from './page.js'
import type { Options } from './read-options.js'
import { stopOnSignals } from './stop.js'
import { tlsOf } from './tls.js'

type ServeOptions = Options<'serve'>

export async function serve(options: ServeOptions): Promise<void> {
  const log = createLog({ verbose: options.verbose, format: options.logFormat })
  if (options.ui && pathOf(options.basePath) === '') {
    throw new UsageError('--ui: the page is at /, so --base-path must be another path.')
  }
  const page = options.ui ? createPage(urlOf(options.basePath, '')) : undefined
  const tls = tlsOf(options)
  const pair = tls?.read()
  const { holdfast, close } = await openHoldfast(options, log)
  const { basePath, maxHeaderSize, maxHeaderCount, h2c } = options
  const { server, http2 } = createHttpServer(
    { holdfast, basePath, page },
    { maxHeaderSize, maxHeaderCount, tls: pair, h2c },
  )
  const port = await listen(server, options.host, options.port)
  stopOnSignals({ server, http2, holdfast, log, timeout: options.shutdownTimeout, after: close })
  tls?.readAgainOnSignal(server, log)
  const origin = originOf(options.host, port, tls ? 'https' : 'http')
  console.log(`You can now upload files to: ${urlOf(options.basePath, origin)}`)
  if (page) console.log(`Or open ${origin}/ and drop a file`)
}

/** The URL under which uploads live, as clients of this machine see it. */
export const urlOf = (basePath: string, origin: string): string =>
  `${/^https?:/i.test(basePath) ? new URL(basePath).origin : origin}${pathOf(basePath)}/`

async function openHoldfast(
  options: ServeOptions,
  log: Logger,
): Promise<{ holdfast: Holdfast; close?: () => Promise<void> }> {
  try {
    const { store, locker, close } = await openAll(options, log)
    const holdfast = createHoldfast(options, store, locker, log)
    await lookAtStart(holdfast, log)
    return { holdfast, ...(close ? { close } : {}) }
  } catch (error) {
    throw asUsage(error, 'serve')
  }
}

/** Milliseconds that a look at the store and the locker may take before requests are served all the same. */
const LOOK = 10_000

/**
 * What can never serve is told now. What cannot be reached yet is looked at again by the first request.
 * @throws UploadError ERR_INVALID_OPTIONS
 */
async function lookAtStart(holdfast: Holdfast, log: Logger): Promise<void> {
  const late = new AbortController()
  const look = holdfast.ready().catch((thrown: unknown) => {
    const { code, message, cause } = asUploadError(thrown)
    if (code === 'ERR_INVALID_OPTIONS') throw thrown
    log.warn({ code, message, cause: String(cause) }, 'not everything can be reached yet')
  })
  const enough = sleep(LOOK, undefined, { signal: late.signal }).catch(() => undefined)
  await Promise.race([look, enough]).finally(() => late.abort())
}

function createHoldfast(options: ServeOptions, store: Store, locker: Locker | undefined, logger: Logger): Holdfast {
  return createServer({
    store,
    locker,
    singleProcess: options.singleProcess,
    logger,
    basePath: options.basePath,
    maxSize: options.maxSize,
    trustProxy: options.behindProxy,
    relativeLocation: options.relativeLocation,
    disableDownload: options.disableDownload,
    disableTermination: options.disableTermination,
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
