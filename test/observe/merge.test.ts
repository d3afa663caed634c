/** Several processes as one: sums that are right, and that never fall. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gathering } from '../../src/cli/workers/gathering.js'
import { prometheusMetrics } from '../../src/observe/prometheus/index.js'
import { keepEnded, type Snapshot, textOf } from '../../src/observe/prometheus/merge.js'
import { everyEvent, samplesOf, shapeOf } from '../support/metrics.js'

/** Of a process in which everything happened so many times; as it arrives from there. */
async function snapshot(times: number): Promise<Snapshot> {
  const metrics = prometheusMetrics({ names: 'both', connections: () => times })
  for (let count = 0; count < times; count++) everyEvent(metrics)
  return JSON.parse(JSON.stringify(await metrics.registry.getMetricsAsJSON())) as Snapshot
}

test('counters, histograms and gauges of processes are added up', async () => {
  const value = samplesOf(await textOf([], [await snapshot(2), await snapshot(3)]))
  assert.equal(value('holdfast_uploads_created_total'), 5)
  assert.equal(value('holdfast_request_duration_seconds_count{method="PATCH"}'), 5)
  assert.equal(value('holdfast_request_duration_seconds_sum{method="PATCH"}'), 7.5)
  assert.equal(value('holdfast_request_duration_seconds_bucket{le="2.5",method="PATCH"}'), 5)
  assert.equal(value('holdfast_request_duration_seconds_bucket{le="1",method="PATCH"}'), 0)
  assert.equal(value('holdfast_connections_open'), 5)
})

test('what is of one kind in all processes is not added up: versions, times', async () => {
  const text = await textOf([], [await snapshot(1), await snapshot(1)])
  assert.match(text, /^holdfast_build_info\{version="[^"]+",node="[^"]+"\} 1$/m)
  const value = samplesOf(text)
  assert.ok(Math.abs(value('holdfast_last_sweep_timestamp_seconds') - Date.now() / 1_000) < 60)
})

test('of quantiles the largest is taken, and of their sums the sum', async () => {
  const value = samplesOf(await textOf([], [await snapshot(1), await snapshot(2)]))
  assert.equal(value('tusd_s3_request_duration_ms{quantile="0.99",operation="upload_part"}'), 250)
  assert.equal(value('tusd_s3_request_duration_ms_sum{operation="upload_part"}'), 750)
  assert.equal(value('tusd_s3_request_duration_ms_count{operation="upload_part"}'), 3)
})

test('the sum has the shape of one', async () => {
  const one = await textOf([], [await snapshot(1)])
  // Of a sum over processes, there is no start of the process.
  const alone = shapeOf(await (await whole()).text()).filter((line) => !line.startsWith('process_start_time'))
  assert.deepEqual(shapeOf(one), alone)
})

async function whole() {
  const metrics = prometheusMetrics({ names: 'both', connections: () => 1 })
  everyEvent(metrics)
  return metrics
}

test('what an ended process had counted stays, and what it had in hand goes', async () => {
  const past = keepEnded(keepEnded([], await snapshot(2)), await snapshot(3))
  const value = samplesOf(await textOf(past, [await snapshot(4)]))
  assert.equal(value('holdfast_uploads_created_total'), 9)
  assert.equal(value('holdfast_request_duration_seconds_count{method="PATCH"}'), 9)
  assert.equal(value('holdfast_request_duration_seconds_bucket{le="+Inf",method="PATCH"}'), 9)
  assert.equal(value('holdfast_connections_open'), 4)
  assert.equal(value('tusd_s3_request_duration_ms_count{operation="upload_part"}'), 9)
})

test('a primary asks all workers once, however many scrape, and keeps what ended ones had counted', async () => {
  const asked: number[] = []
  const serving = [1, 2]
  const gathering: Gathering = new Gathering({
    ask(scrape) {
      asked.push(scrape)
      return serving
    },
  })
  const both = Promise.all([gathering.text(), gathering.text()])
  gathering.told(1, 1, await snapshot(1))
  gathering.told(2, 1, await snapshot(2))
  const [one, other] = await both
  assert.equal(one, other)
  assert.equal(samplesOf(one)('holdfast_uploads_created_total'), 3)
  assert.deepEqual(asked, [1])
  // It tells its last at its end; another takes its place, and has done nothing yet.
  gathering.told(2, 0, await snapshot(5))
  gathering.ended(2)
  const next = gathering.text()
  gathering.told(1, 2, await snapshot(1))
  gathering.told(2, 2, await snapshot(0))
  assert.equal(samplesOf(await next)('holdfast_uploads_created_total'), 6)
})

test('a worker that does not answer counts as it last was, and holds up nobody', async () => {
  const gathering: Gathering = new Gathering({ ask: () => [1, 2] }, 50)
  const first = gathering.text()
  gathering.told(1, 1, await snapshot(1))
  gathering.told(2, 1, await snapshot(2))
  await first
  const next = gathering.text()
  gathering.told(1, 2, await snapshot(4))
  assert.equal(samplesOf(await next)('holdfast_uploads_created_total'), 6)
})

test('a worker that ends while it is asked holds up nobody', async () => {
  const gathering: Gathering = new Gathering({ ask: () => [1, 2] }, 60_000)
  const text = gathering.text()
  gathering.told(1, 1, await snapshot(1))
  gathering.ended(2)
  assert.equal(samplesOf(await text)('holdfast_uploads_created_total'), 1)
})
