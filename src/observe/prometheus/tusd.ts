/**
 * The metrics under the names, types and labels of tusd 2, so that its dashboards and alerts go on.
 * @module
 */
import { Counter, Gauge, type Registry, Summary } from 'prom-client'
import type { StoreCall } from '../../store/observer.js'
import type { HookName } from '../../upload/hooks.js'
import type { Observer } from '../../upload/observer.js'
import type { Sources } from './ours.js'

/** tusd counts these, and has them from its start. */
const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS']

const HOOKS: Readonly<Partial<Record<HookName, string>>> = {
  onCreate: 'pre-create',
  onCreated: 'post-create',
  onProgress: 'post-receive',
  onFinish: 'pre-finish',
  onFinished: 'post-finish',
  onTerminate: 'pre-terminate',
  onTerminated: 'post-terminate',
}

/** Operation and what it is about. What is not here, tusd does not measure. An object in one PUT is what tusd makes of one part. */
const OPERATIONS: Readonly<Record<string, string>> = {
  'getObject record': 'get_info_object',
  'putObject record': 'put_info_object',
  'createMultipartUpload object': 'create_multipart_upload',
  'completeMultipartUpload object': 'complete_multipart_upload',
  'uploadPart object': 'upload_part',
  'putObject object': 'upload_part',
  'listParts object': 'list_parts',
  'headObject tail': 'head_part_object',
  'getObject tail': 'get_part_object',
  'putObject tail': 'put_part_object',
  'deleteObjects tail': 'delete_part_object',
}

const QUANTILES = { percentiles: [0.5, 0.9, 0.99], maxAgeSeconds: 600, ageBuckets: 5 }

export function underTusdNames(registry: Registry, { stores, connections }: Sources): Observer {
  const on = { registers: [registry] }
  const counter = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name: `tusd_${name}`, help, labelNames, ...on })
  const requests = counter('requests_total', 'Total number of requests served by tusd per method.', 'method')
  const errors = counter('errors_total', 'Total number of errors per status.', 'status', 'code')
  const received = counter('bytes_received', 'Number of bytes received for uploads.')
  const created = counter('uploads_created', 'Number of created uploads.')
  const finished = counter('uploads_finished', 'Number of finished uploads.')
  const terminated = counter('uploads_terminated', 'Number of terminated uploads.')
  const invocations = counter('hook_invocations_total', 'Total number of hook invocations per hook type.', 'hooktype')
  const hookErrors = counter('hook_errors_total', 'Total number of execution errors per hook type.', 'hooktype')
  const s3Time = new Summary({
    name: 'tusd_s3_request_duration_ms',
    help: 'Duration of requests sent to S3 in milliseconds per operation',
    labelNames: ['operation'],
    ...QUANTILES,
    ...on,
  })
  new Summary({
    name: 'tusd_s3_disk_write_duration_ms',
    help: 'Duration of chunk writes to disk in milliseconds',
    ...QUANTILES,
    ...on,
  })
  const sum = (of: 'limit' | 'running' | 'waiting'): number =>
    stores.reduce((total, stats) => total + stats().sending[of], 0)
  const demand: Gauge = new Gauge({
    name: 'tusd_s3_upload_semaphore_demand',
    help: 'Number of goroutines wanting to acquire the semaphore',
    collect: () => demand.set(sum('running') + sum('waiting')),
    ...on,
  })
  const limit: Gauge = new Gauge({
    name: 'tusd_s3_upload_semaphore_limit',
    help: 'Limit of concurrent acquisitions of the semaphore',
    collect: () => limit.set(sum('limit')),
    ...on,
  })
  if (connections) {
    const open: Gauge = new Gauge({
      name: 'tusd_connections_open',
      help: 'Current number of open connections.',
      collect: async () => open.set(await connections()),
      ...on,
    })
  }
  for (const method of METHODS) requests.inc({ method }, 0)
  for (const hooktype of Object.values(HOOKS)) {
    invocations.inc({ hooktype }, 0)
    hookErrors.inc({ hooktype }, 0)
  }
  return {
    requestBegan({ method }) {
      if (METHODS.includes(method)) requests.inc({ method })
    },
    requestEnded({ status, code, received: bytes }) {
      received.inc(bytes)
      if (code !== undefined) errors.inc({ status, code })
    },
    created: () => created.inc(),
    finished: () => finished.inc(),
    terminated: () => terminated.inc(),
    storeCall(call) {
      const operation = operationOf(call)
      if (operation !== undefined) s3Time.observe({ operation }, call.duration)
    },
    hookEnded({ hook, failure }) {
      const hooktype = HOOKS[hook]
      if (hooktype === undefined) return
      invocations.inc({ hooktype })
      if (failure !== undefined) hookErrors.inc({ hooktype })
    },
  }
}

const operationOf = ({ operation, subject }: StoreCall): string | undefined => OPERATIONS[`${operation} ${subject}`]
