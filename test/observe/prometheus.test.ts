/** The names, types and labels of the metrics are promises: dashboards and alerts are made of them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Counter, Registry } from 'prom-client'
import { prometheusMetrics } from '../../src/observe/prometheus/index.js'
import type { StoreStats } from '../../src/store/observer.js'
import { everyEvent, samplesOf, shapeOf } from '../support/metrics.js'

const read = (name: string): string[] =>
  readFileSync(join(import.meta.dirname, '..', 'support', name), 'utf8')
    .trim()
    .split('\n')

for (const names of ['holdfast', 'tusd'] as const) {
  test(`${names}: names, types and labels are those of test/support/metrics-${names}.txt`, async () => {
    const metrics = prometheusMetrics({ names, processMetrics: false, connections: () => 3 })
    everyEvent(metrics)
    assert.deepEqual(shapeOf(await metrics.text()), read(`metrics-${names}.txt`))
  })
}

test('both: all of them', async () => {
  const metrics = prometheusMetrics({ names: 'both', processMetrics: false, connections: () => 3 })
  everyEvent(metrics)
  assert.deepEqual(shapeOf(await metrics.text()), [...read('metrics-holdfast.txt'), ...read('metrics-tusd.txt')].sort())
})

test('each event counts once, in its unit', async () => {
  const metrics = prometheusMetrics({ names: 'both', processMetrics: false })
  everyEvent(metrics)
  const value = samplesOf(await metrics.text())
  assert.equal(value('holdfast_requests_total{method="PATCH",status="409"}'), 1)
  assert.equal(value('holdfast_request_duration_seconds_sum{method="PATCH"}'), 1.5)
  assert.equal(value('holdfast_requests_active'), 0)
  assert.equal(value('holdfast_errors_total{code="ERR_CONFLICT",status="409"}'), 1)
  assert.equal(value('holdfast_bytes_received_total'), 1_000)
  assert.equal(value('holdfast_bytes_stored_total'), 700)
  assert.equal(value('holdfast_commits_total'), 1)
  assert.equal(value('holdfast_uploads_active'), 0)
  assert.equal(value('holdfast_upload_duration_seconds_sum'), 4)
  assert.equal(value('holdfast_upload_size_bytes_sum'), 5_000)
  assert.equal(value('holdfast_s3_request_duration_seconds_sum{operation="uploadPart"}'), 0.25)
  assert.equal(value('holdfast_s3_retries_total{operation="uploadPart"}'), 1)
  assert.equal(value('holdfast_s3_errors_total{operation="uploadPart",code="SlowDown"}'), 1)
  assert.equal(value('holdfast_hook_errors_total{hook="onFinish"}'), 1)
  assert.equal(value('holdfast_swept_uploads_total{result="expired"}'), 2)
  assert.equal(value('tusd_requests_total{method="PATCH"}'), 1)
  assert.equal(value('tusd_bytes_received'), 1_000)
  assert.equal(value('tusd_s3_request_duration_ms_sum{operation="upload_part"}'), 250)
  assert.equal(value('tusd_hook_invocations_total{hooktype="pre-finish"}'), 1)
})

test('no label has a value that a client or S3 can choose', async () => {
  const metrics = prometheusMetrics({ names: 'both', processMetrics: false })
  for (let count = 0; count < 50; count++) {
    everyEvent(metrics, { method: `M${count}`, failure: `x y ${count}`.repeat(10) })
  }
  const text = await metrics.text()
  assert.doesNotMatch(text, /M\d|x y/)
  const value = samplesOf(text)
  assert.equal(value('holdfast_requests_total{method="other",status="409"}'), 50)
  assert.equal(value('holdfast_s3_errors_total{operation="uploadPart",code="other"}'), 50)
})

test('what several stores have in hand is added up', async () => {
  const metrics = prometheusMetrics({ names: 'both', processMetrics: false })
  const stats = (used: number): StoreStats => ({
    memory: { limit: 100, used, waiting: 1 },
    sending: { limit: 8, running: 2, waiting: 3 },
  })
  metrics.storeOpened!(() => stats(10))
  metrics.storeOpened!(() => stats(30))
  const value = samplesOf(await metrics.text())
  assert.equal(value('holdfast_buffer_memory_bytes{state="used"}'), 40)
  assert.equal(value('holdfast_buffer_memory_bytes{state="limit"}'), 200)
  assert.equal(value('holdfast_buffer_memory_waiting'), 2)
  assert.equal(value('holdfast_part_uploads_in_flight'), 4)
  assert.equal(value('holdfast_part_uploads_limit'), 16)
  assert.equal(value('tusd_s3_upload_semaphore_demand'), 10)
  assert.equal(value('tusd_s3_upload_semaphore_limit'), 16)
})

test('they can be kept beside others, in a registry of the application', async () => {
  const registry = new Registry()
  new Counter({ name: 'mine_total', help: 'Mine.', registers: [registry] }).inc()
  const metrics = prometheusMetrics({ registry })
  assert.equal(metrics.registry, registry)
  const text = await metrics.text()
  assert.match(text, /^mine_total 1$/m)
  assert.match(text, /^holdfast_uploads_created_total 0$/m)
  assert.doesNotMatch(text, /process_cpu/)
  assert.match(await prometheusMetrics().text(), /process_cpu/)
})

test('docs/metrics.md names each metric with its type and labels, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'metrics.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(holdfast_\w+)` +\| (\w+) +\| ([^|]*)\|/gm)].map(([, name, type, labels]) => {
    const written = [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!)
    return [name, type, [...written, ...(type === 'histogram' ? ['le'] : [])].sort().join(',')].join(' ').trim()
  })
  assert.deepEqual(rows.sort(), read('metrics-holdfast.txt'))
  for (const line of read('metrics-tusd.txt')) {
    const [name, type] = line.split(' ')
    const short = name!.replace(/^tusd_(uploads|s3_upload_semaphore)(_\w+)$/, '$2')
    assert.match(page, new RegExp(`\\| \`.*${short}\`.*\\| ${type}`), name)
  }
})
