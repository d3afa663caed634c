/**
 * Metrics for Prometheus: an observer that keeps them, by prom-client (an optional peer: `npm install prom-client`).
 * @module
 */
import { readFileSync } from 'node:fs'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { StoreStats } from '../../store/observer.js'
import type { Observer } from '../../upload/observer.js'
import { ours } from './ours.js'
import { underTusdNames } from './tusd.js'

/** Which metrics are kept, where, and under which names. */
export interface PrometheusOptions {
  /** Where the metrics are kept, such as prom-client's `register`, if there are others of yours. Default: one of their own. */
  readonly registry?: Registry | undefined
  /** Under whose names: Holdfast's, tusd's for dashboards that there are already, or both. Default: 'holdfast'. */
  readonly names?: 'holdfast' | 'tusd' | 'both' | undefined
  /** Adds those of the process that prom-client knows: `process_*` and `nodejs_*`. Default: true without `registry`. */
  readonly processMetrics?: boolean | undefined
  /** Tells how many connections clients have open. Default: there is no such metric. */
  readonly connections?: (() => number | Promise<number>) | undefined
}

/** Goes into `observers` of the server, and of its stores. */
export interface PrometheusMetrics extends Observer {
  /** Where the metrics are kept. */
  readonly registry: Registry
  /** Of what `text` gives. */
  readonly contentType: string
  /** All metrics, as Prometheus reads them. */
  text(): Promise<string>
}

/** An observer for `createServer` and the stores that counts for Prometheus. */
export function prometheusMetrics(options: PrometheusOptions = {}): PrometheusMetrics {
  const { registry = new Registry(), names = 'holdfast', connections } = options
  const stores: (() => StoreStats)[] = []
  const sources = { stores, connections, version: versionOfHoldfast() }
  if (options.processMetrics ?? options.registry === undefined) collectDefaultMetrics({ register: registry })
  const kept: Observer[] = [
    ...(names === 'tusd' ? [] : [ours(registry, sources)]),
    ...(names === 'holdfast' ? [] : [underTusdNames(registry, sources)]),
  ]
  return {
    ...inOrder(kept),
    storeOpened: (stats) => void stores.push(stats),
    registry,
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}

/** Each event to all of them. */
function inOrder(observers: readonly Observer[]): Observer {
  const names = new Set(observers.flatMap((observer) => Object.keys(observer) as (keyof Observer)[]))
  const tell = (name: keyof Observer): [string, (...told: unknown[]) => void] => {
    const listeners = observers.flatMap((observer) => observer[name] ?? []) as ((...told: unknown[]) => void)[]
    const all = (...told: unknown[]): void => {
      for (const listener of listeners) listener(...told)
    }
    return [name, all]
  }
  return Object.fromEntries([...names].map(tell))
}

function versionOfHoldfast(): string {
  const path = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
