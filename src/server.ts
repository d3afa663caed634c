/**
 * The only place where the layers meet: a store, a locker, hooks and observers become a server.
 * @module
 */
import { asUploadError, UploadError } from './errors.js'
import type { Holdfast, Logger, ServerOptions } from './server/options.js'
import { Server, silent } from './server/requests.js'
import { inSpan } from './store/tracer.js'
import type { Copied, CopyOptions } from './upload/copy.js'
import { type Counters, noCounts } from './upload/counters.js'
import { HookCalls } from './upload/hook-calls.js'
import type { HookRequest } from './upload/hooks.js'
import { type Observer, observeAll } from './upload/observer.js'
import { type Readiness, ReadinessLooks } from './upload/readiness.js'
import { regularly } from './upload/regularly.js'
import type { Repair, RepairOptions, RepairReport } from './upload/repair.js'
import { Stores } from './upload/stores.js'
import type { SweepOptions, SweepReport } from './upload/sweep-report.js'
import { tokensOf } from './upload/tokens.js'
import { Uploads } from './upload/uploads.js'

export type {
  Copied,
  CopyOptions,
  Counters,
  Holdfast,
  HookRequest,
  Logger,
  Observer,
  Readiness,
  Repair,
  RepairOptions,
  RepairReport,
  ServerOptions,
  SweepOptions,
  SweepReport,
}

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
  for (const name of ['sweepInterval', 'keepExpired', 'abandonedAfter', 'hookTimeout', 'progressInterval'] as const) {
    const time = options[name] ?? 0
    must(time >= 0, `${name}: must be a number of milliseconds, not ${time}.`)
  }
  must(!options.sweepInterval || store.abilities.list === true, 'sweepInterval: the store cannot list its uploads.')
  must(
    expiresFrom === 'activity' || expiresFrom === 'creation',
    `expiresFrom: must be activity or creation, not ${expiresFrom}.`,
  )
}
