/** `holdfast serve` as those see it who run it: metrics, health, logs, traces. */
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { needed } from '../../src/cli/observation.js'
import { samplesOf, shapeOf } from '../support/metrics.js'
import { s3Args, s3Environment } from '../support/mortal-server.js'
import { openBucket, patch, someBytes } from '../support/stack.js'
import { append, ask, create, startWorkers, until } from '../support/workers.js'
import { afterwards, type Command, runCommand, startServer, temporaryFolder } from './command.js'

const FOLDER = ['serve', '--port', '0']

async function startInFolder(context: TestContext, args: readonly string[], environment = {}) {
  const folder = temporaryFolder(context)
  return startServer(context, [...FOLDER, '--upload-dir', folder, ...args], environment)
}

/** Where the log says that metrics are. */
async function metricsOf(server: Command): Promise<string> {
  const pattern = /metrics (?:url=)?(http:\S+)|"url":"(http:[^"]+)"/
  await until(() => pattern.test(server.stderr), 'the log says where')
  const [, text, json] = pattern.exec(server.stderr)!
  return text ?? json!
}

const textAt = async (url: string): Promise<string> => (await fetch(url)).text()

test('metrics are not told unless somebody wants them', async (context) => {
  const server = await startInFolder(context, [])
  assert.equal((await fetch(new URL('/metrics', server.url))).status, 404)
})

test('--expose-metrics: beside the uploads, read only, under the names of choice', async (context) => {
  const server = await startInFolder(context, ['--expose-metrics', '--metrics-path', '/m', '--metrics-names', 'both'])
  const url = await create(server.url, 10)
  await patch(url, 0, someBytes(10))
  const answer = await fetch(new URL('/m', server.url))
  assert.match(answer.headers.get('Content-Type')!, /^text\/plain; version=0\.0\.4/)
  assert.equal(answer.headers.get('Cache-Control'), 'no-store')
  const text = await answer.text()
  const value = samplesOf(text)
  assert.equal(value('holdfast_uploads_created_total'), 1)
  assert.equal(value('tusd_uploads_finished'), 1)
  assert.ok(value('holdfast_connections_open') >= 1)
  assert.ok(shapeOf(text).some((line) => line.startsWith('process_cpu_seconds_total')))
  assert.equal((await fetch(new URL('/m', server.url), { method: 'POST' })).status, 405)
  assert.equal((await fetch(new URL('/metrics', server.url))).status, 404)
})

test('--metrics-port: on a port of their own, and nothing else there, nor they beside the uploads', async (context) => {
  const server = await startInFolder(context, ['--metrics-port', '0'])
  const url = await metricsOf(server)
  assert.equal(samplesOf(await textAt(url))('holdfast_uploads_created_total'), 0)
  for (const path of ['/', '/files/', '/healthz']) assert.equal((await fetch(new URL(path, url))).status, 404, path)
  assert.equal((await fetch(new URL('/metrics', server.url))).status, 404)
})

for (const [what, args, expected] of [
  ['a path that uploads have', ['--expose-metrics', '--metrics-path', '/files/m'], /--metrics-path: something else/],
  ['a path that health has', ['--expose-metrics', '--metrics-path', '/readyz'], /--metrics-path: something else/],
  ['a path without a slash', ['--metrics-path', 'm'], /--metrics-path: 'm' does not begin with a slash/],
  ['S3 calls that no level logs', ['--s3-log-api-calls'], /--s3-log-api-calls: .*--log-level debug/],
] as const) {
  test(`refused at once: ${what}`, async () => {
    const { code, stderr } = await runCommand([...FOLDER, ...args])
    assert.equal(code, 2)
    assert.match(stderr, expected)
  })
}

test('a port of metrics that is taken is named as such, with workers too', async (context) => {
  const taken = http.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  afterwards(context, () => taken.close())
  const { port } = taken.address() as AddressInfo
  for (const workers of ['1', '2']) {
    const args = ['--metrics-port', String(port), '--workers', workers, '--upload-dir', temporaryFolder(context)]
    const { code, stderr } = await runCommand([...FOLDER, ...args])
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`Another process listens on 127.0.0.1:${port}; choose another --metrics-port`))
  }
})

test('a package that is missing is named, and any other failure is not taken for that', async () => {
  const name = 'no-such-package'
  await assert.rejects(
    needed('--otel', name, () => import(name)),
    /^UsageError: --otel: this needs the package no-such-package; .*npm install no-such-package/,
  )
  await assert.rejects(
    needed('--otel', 'another', () => import(name)),
    /Cannot find package/,
  )
})

for (const [where, args] of [
  ['on a port of their own', ['--metrics-port', '0']],
  ['beside the uploads', ['--expose-metrics']],
] as const) {
  test(`--workers: one scrape adds up all workers, ${where}`, async (context) => {
    const bucket = await openBucket()
    afterwards(context, () => bucket.close())
    const server = await startWorkers(context, [...s3Args(bucket.bucket), ...args], s3Environment(bucket.bucket))
    const url = args[0] === '--metrics-port' ? await metricsOf(server) : new URL('/metrics', server.url).href
    const bytes = someBytes(1_000)
    for (let count = 0; count < 6; count++) {
      const upload = await create(server.url, bytes.length)
      assert.equal((await append(upload, 0, bytes)).status, 204)
    }
    assert.deepEqual(server.servedBy(), [1, 2])
    const scrape = async () => samplesOf((await ask(url, 'GET')).text)
    const before = await scrape()
    assert.equal(before('holdfast_uploads_created_total'), 6)
    assert.equal(before('holdfast_uploads_finished_total'), 6)
    assert.equal(before('holdfast_bytes_stored_total'), 6_000)
    assert.equal(before('holdfast_requests_total{method="PATCH",status="204"}'), 6)
    assert.equal(before('holdfast_buffer_memory_bytes{state="limit"}'), 128 * 1024 * 1024)
    // What a worker that dies had counted stays.
    const { pids } = await server.counters()
    process.kill(pids.get(1)!, 'SIGKILL')
    await server.logged('a worker has ended; another takes its place')
    await until(async () => (await server.counters()).pids.size === 2)
    await sleep(300)
    assert.equal((await scrape())('holdfast_uploads_created_total'), 6)
    const upload = await create(server.url, 10)
    assert.equal((await append(upload, 0, someBytes(10))).status, 204)
    const after = await scrape()
    assert.equal(after('holdfast_uploads_created_total'), 7)
    assert.equal(after('holdfast_bytes_stored_total'), 6_010)
  })
}

test('/healthz and /readyz say yes; while S3 does not answer, only /readyz says no, by a code alone', async (context) => {
  const bucket = await openBucket()
  afterwards(context, () => bucket.close())
  const args = ['serve', '--port', '0', ...s3Args(bucket.bucket)]
  const server = await startServer(context, args, s3Environment(bucket.bucket))
  const at = async (path: string): Promise<[number, string]> => {
    const answer = await fetch(new URL(path, server.url))
    return [answer.status, await answer.text()]
  }
  assert.deepEqual(await at('/healthz'), [200, 'ok\n'])
  assert.deepEqual(await at('/readyz'), [200, 'ready\n'])
  bucket.bucket.intercept = () => ({ action: 'status', status: 403, code: 'AccessDenied' })
  await sleep(1_100)
  assert.deepEqual(await at('/readyz'), [503, 'ERR_STORE_UNAVAILABLE\n'])
  assert.deepEqual(await at('/healthz'), [200, 'ok\n'])
  bucket.bucket.intercept = undefined
  await sleep(1_100)
  assert.deepEqual(await at('/readyz'), [200, 'ready\n'])
})

test('--drain-delay: after SIGTERM /readyz says no at once, and all is served as before for so long', async (context) => {
  const server = await startInFolder(context, ['--drain-delay', '1500ms'])
  const started = performance.now()
  server.child.kill('SIGTERM')
  const ready = async (): Promise<[number, string]> => {
    const answer = await fetch(new URL('/readyz', server.url))
    return [answer.status, await answer.text()]
  }
  await until(async () => (await ready())[0] === 503)
  assert.ok(performance.now() - started < 1_000)
  assert.deepEqual(await ready(), [503, 'ERR_SERVER_SHUTDOWN\n'])
  const url = await create(server.url, 10)
  assert.equal((await patch(url, 0, someBytes(10))).status, 204)
  assert.equal(await server.ended, 0)
  assert.ok(performance.now() - started > 1_400)
})

test('--log-level: debug logs what --verbose does, and warn less than info', async (context) => {
  const debug = await startInFolder(context, ['--log-level', 'debug', '--log-format', 'json'])
  await create(debug.url, 10)
  await until(() => debug.stderr.includes('"message":"request"'))
  const line = JSON.parse(debug.stderr.split('\n').find((text) => text.includes('"request"'))!) as Record<
    string,
    unknown
  >
  assert.deepEqual(
    [line.level, line.method, line.status, line.remote, line.received],
    ['debug', 'POST', 201, '127.0.0.1', 0],
  )
  const quiet = await startInFolder(context, ['--log-level', 'warn', '--metrics-port', '0'])
  assert.equal((await fetch(`${quiet.url}unknown`, { method: 'HEAD' })).status, 404)
  quiet.child.kill('SIGTERM')
  await quiet.ended
  assert.equal(quiet.stderr, '')
})

test('--s3-log-api-calls: each request to S3 is a line', async (context) => {
  const bucket = await openBucket()
  afterwards(context, () => bucket.close())
  const args = ['serve', '--port', '0', '--verbose', '--s3-log-api-calls', ...s3Args(bucket.bucket)]
  const server = await startServer(context, args, s3Environment(bucket.bucket))
  await create(server.url, 10)
  await until(() => /DEBUG request to S3 operation=putObject subject=record duration=\d+ attempt=1/.test(server.stderr))
})

test('--otel: spans go where the SDK that was started before sends them', async (context) => {
  const spans: { name: string; parent?: string }[] = []
  const collector = http.createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    spans.push(JSON.parse(body))
    response.end()
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  afterwards(context, () => collector.close())
  const { port } = collector.address() as AddressInfo
  const environment = {
    NODE_OPTIONS: `--import ${join(import.meta.dirname, '..', 'support', 'otel.mjs')}`,
    COLLECTOR: `http://127.0.0.1:${port}/`,
  }
  const server = await startInFolder(context, ['--otel'], environment)
  await create(server.url, 10)
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 0)
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['POST /files/'],
  )
})

test('--otel: without an SDK it says what to install', async (context) => {
  const { code, stderr } = await runCommand([...FOLDER, '--otel', '--upload-dir', temporaryFolder(context)])
  assert.equal(code, 2)
  assert.match(
    stderr,
    /--otel: this needs the package @opentelemetry\/sdk-node; .*npm install @opentelemetry\/sdk-node/,
  )
})
