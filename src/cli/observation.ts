/**
 * What of a running server is told to whom: metrics to Prometheus, traces to OpenTelemetry, requests to S3 to the log. What was
 * not asked for is not loaded.
 * @module
 */
import type { Server } from 'node:http'
import type { PrometheusMetrics } from '../observe/prometheus/index.js'
import type { Logger, Observer } from '../server.js'
import type { StoreCall } from '../store/observer.js'
import type { Tracer } from '../store/tracer.js'
import { UsageError } from './failure.js'
import { pathOf } from './listen.js'
import type { Options } from './read-options.js'

type ServeOptions = Options<'serve'>

export interface Observation {
  readonly observers: readonly Observer[]
  readonly tracer: Tracer | undefined
  readonly metrics: PrometheusMetrics | undefined
  /** Whose connections are counted, from now on. */
  counts(server: Server): void
  /** Sends what is not sent yet. */
  close(): Promise<void>
}

export const wantsMetrics = ({ exposeMetrics, metricsPort }: ServeOptions): boolean =>
  exposeMetrics || metricsPort !== undefined

/** @throws UsageError where options of observation contradict each other, or those of the uploads */
export function mustObserve(options: ServeOptions): void {
  const { s3LogApiCalls, verbose, logLevel, metricsPath, metricsPort, basePath } = options
  if (s3LogApiCalls && !verbose && logLevel !== 'debug') {
    throw new UsageError('--s3-log-api-calls: they are logged at the level debug, so --log-level debug is needed, too.')
  }
  if (!metricsPath.startsWith('/'))
    throw new UsageError(`--metrics-path: '${metricsPath}' does not begin with a slash.`)
  const base = pathOf(basePath)
  const isTaken = [base, '/healthz', '/readyz'].includes(metricsPath) || metricsPath.startsWith(`${base}/`)
  if (wantsMetrics(options) && metricsPort === undefined && isTaken) {
    throw new UsageError(`--metrics-path: something else is at ${metricsPath} already.`)
  }
}

/**
 * @param board who is told, too
 * @throws UsageError if a package is missing
 */
export async function observe(options: ServeOptions, log: Logger, board?: Observer): Promise<Observation> {
  let server: Server | undefined
  const connections = (): Promise<number> =>
    new Promise((resolve) => {
      if (server) server.getConnections((_, count) => resolve(count ?? 0))
      else resolve(0)
    })
  const metrics = wantsMetrics(options) ? await startMetrics(options, connections) : undefined
  const traces = options.otel ? await startTraces() : undefined
  return {
    observers: [
      ...(board ? [board] : []),
      ...(metrics ? [metrics] : []),
      ...(options.s3LogApiCalls ? [logCalls(log)] : []),
    ],
    tracer: traces?.tracer,
    metrics,
    counts(counted) {
      server = counted
    },
    close: async () => traces?.close(),
  }
}

async function startMetrics(
  { metricsNames: names }: ServeOptions,
  connections: () => Promise<number>,
): Promise<PrometheusMetrics> {
  const { prometheusMetrics } = await needed(
    '--expose-metrics',
    'prom-client',
    () => import('../observe/prometheus/index.js'),
  )
  return prometheusMetrics({ names, connections })
}

async function startTraces(): Promise<{ tracer: Tracer; close: () => Promise<void> }> {
  const { openTelemetryTracer } = await needed(
    '--otel',
    '@opentelemetry/api',
    () => import('../observe/opentelemetry.js'),
  )
  const { startSdk } = await import('./otel.js')
  const close = await startSdk()
  return { tracer: openTelemetryTracer(), close }
}

/** @throws UsageError saying what is to be installed */
export async function needed<T>(flag: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing || !String((error as Error).message).includes(`'${name}'`)) throw error
    throw new UsageError(`${flag}: this needs the package ${name}; install it beside holdfast (npm install ${name}).`)
  }
}

const logCalls = (log: Logger): Observer => ({
  storeCall({ operation, subject, duration, attempt, failure }: StoreCall) {
    log.debug({ operation, subject, duration: Math.round(duration), attempt, failure }, 'request to S3')
  },
})
