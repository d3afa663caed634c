/**
 * The metrics under Holdfast's own names (docs/metrics.md). No label has a value that a client can choose: what is not of a
 * short list is `other`.
 * @module
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { StoreStats } from '../../store/observer.js'
import type { Observer } from '../../upload/observer.js'

/** Seconds: from a record in memory to a PATCH that lasts for half an hour. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800]
const S3_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const HOOK_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const UPLOAD_SECONDS = [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400, 604_800]
const UPLOAD_BYTES = [1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12]

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export interface Sources {
  /** What the stores have in hand that were opened until now. */
  readonly stores: readonly (() => StoreStats)[]
  readonly connections: (() => number | Promise<number>) | undefined
  readonly version: string
}

export const methodOf = (method: string): string => (METHODS.has(method) ? method : 'other')

/** A code of S3 comes from outside. */
export const codeOf = (code: string): string => (/^[A-Za-z0-9_.]{1,48}$/.test(code) ? code : 'other')

export function ours(registry: Registry, sources: Sources): Observer {
  const on = { registers: [registry] }
  const counter = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name: `holdfast_${name}_total`, help, labelNames, ...on })
  const times = <Label extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: Label[]
  ): Histogram<Label> => new Histogram({ name: `holdfast_${name}`, help, buckets, labelNames, ...on })
  const requests = counter('requests', 'Requests that were answered.', 'method', 'status')
  const requestTime = times('request_duration_seconds', 'From the head to the answer.', REQUEST_SECONDS, 'method')
  const running = new Gauge({ name: 'holdfast_requests_active', help: 'Requests that are not answered yet.', ...on })
  const errors = counter('errors', 'Requests that were answered with a failure.', 'code', 'status')
  const created = counter('uploads_created', 'Uploads that were created.')
  const finished = counter('uploads_finished', 'Uploads whose object was made here.')
  const terminated = counter('uploads_terminated', 'Uploads that were terminated by a client, or stopped by a hook.')
  const failed = counter('uploads_failed', 'Uploads that can never be complete.')
  const active = new Gauge({ name: 'holdfast_uploads_active', help: 'Uploads that are being written.', ...on })
  const uploadTime = times('upload_duration_seconds', 'From the creation of an upload to its object.', UPLOAD_SECONDS)
  const uploadSize = times('upload_size_bytes', 'Bytes of the uploads that were finished here.', UPLOAD_BYTES)
  const received = counter('bytes_received', 'Bytes of request bodies that were taken.')
  const stored = counter('bytes_stored', 'Bytes that were committed.')
  const commits = counter('commits', 'Commits of bytes.')
  const yields = counter('yields', 'Requests that were asked to yield their upload to a newer one.')
  const s3Time = times('s3_request_duration_seconds', 'One try of a request to S3.', S3_SECONDS, 'operation')
  const s3Errors = counter('s3_errors', 'Tries of requests to S3 that failed.', 'operation', 'code')
  const s3Retries = counter('s3_retries', 'Tries of requests to S3 after the first.', 'operation')
  const hookTime = times('hook_duration_seconds', 'How long hooks took.', HOOK_SECONDS, 'hook')
  const hookErrors = counter('hook_errors', 'Hooks that failed; a refusal is no failure.', 'hook')
  const sweeps = counter('sweeps', 'Sweeps that came to their end.')
  const swept = counter('swept_uploads', 'What sweeps have found or done.', 'result')
  const lastSweep = new Gauge({
    name: 'holdfast_last_sweep_timestamp_seconds',
    help: 'When the last sweep came to its end; 0: not since the start.',
    aggregator: 'max',
    ...on,
  })
  gauges(registry, sources)
  return {
    requestBegan: () => running.inc(),
    requestEnded({ method, status, code, duration, received: bytes }) {
      running.dec()
      requests.inc({ method: methodOf(method), status })
      requestTime.observe({ method: methodOf(method) }, duration / 1_000)
      received.inc(bytes)
      if (code !== undefined) errors.inc({ code, status })
    },
    created: () => created.inc(),
    appendBegan: () => active.inc(),
    stored(_, bytes) {
      stored.inc(bytes)
      commits.inc()
    },
    appendEnded: () => active.dec(),
    finished({ offset, createdAt, completedAt }) {
      finished.inc()
      uploadSize.observe(offset)
      if (completedAt !== undefined) uploadTime.observe(Math.max(0, completedAt - createdAt) / 1_000)
    },
    terminated: () => terminated.inc(),
    failed: () => failed.inc(),
    yielded: () => yields.inc(),
    storeCall({ operation, duration, attempt, failure }) {
      s3Time.observe({ operation }, duration / 1_000)
      if (failure !== undefined) s3Errors.inc({ operation, code: codeOf(failure) })
      if (attempt > 1) s3Retries.inc({ operation })
    },
    hookEnded({ hook, duration, failure }) {
      hookTime.observe({ hook }, duration / 1_000)
      if (failure !== undefined) hookErrors.inc({ hook })
    },
    swept({ stopped, ...results }) {
      if (!stopped) sweeps.inc()
      for (const [result, count] of Object.entries(results)) swept.inc({ result }, count)
      if (!stopped) lastSweep.set(Date.now() / 1_000)
    },
  }
}

/** What is looked at when somebody asks. */
function gauges(registry: Registry, { stores, connections, version }: Sources): void {
  const sum = (of: (stats: StoreStats) => number): number => stores.reduce((total, stats) => total + of(stats()), 0)
  const gauge = (name: string, help: string, of: (stats: StoreStats) => number): void => {
    const made: Gauge = new Gauge({
      name: `holdfast_${name}`,
      help,
      registers: [registry],
      collect: () => made.set(sum(of)),
    })
  }
  const memory = new Gauge({
    name: 'holdfast_buffer_memory_bytes',
    help: 'Bytes of uploads in memory: how many there are, and how many there may be.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      memory.set(
        { state: 'used' },
        sum((stats) => stats.memory.used),
      )
      memory.set(
        { state: 'limit' },
        sum((stats) => stats.memory.limit),
      )
    },
  })
  gauge('buffer_memory_waiting', 'Requests that wait for room in memory.', ({ memory: { waiting } }) => waiting)
  gauge('part_uploads_in_flight', 'Requests that send bytes to S3.', ({ sending }) => sending.running)
  gauge('part_uploads_limit', 'How many of those there may be now.', ({ sending }) => sending.limit)
  gauge('part_uploads_waiting', 'How many of those wait for a place.', ({ sending }) => sending.waiting)
  if (connections) {
    const open: Gauge = new Gauge({
      name: 'holdfast_connections_open',
      help: 'Connections of clients.',
      registers: [registry],
      collect: async () => open.set(await connections()),
    })
  }
  new Gauge({
    name: 'holdfast_build_info',
    help: 'Always 1.',
    labelNames: ['version', 'node'],
    aggregator: 'max',
    registers: [registry],
  }).set({ version, node: process.version }, 1)
}
