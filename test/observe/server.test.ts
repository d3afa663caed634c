/** What a whole server tells, over real requests and a real bucket: metrics, traces, logs. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTelemetryTracer } from '../../src/observe/opentelemetry.js'
import { prometheusMetrics } from '../../src/observe/prometheus/index.js'
import type { Logger, ServerOptions } from '../../src/server.js'
import type { Hooks } from '../../src/upload/hooks.js'
import { samplesOf } from '../support/metrics.js'
import { memoryOfSpans, type SeenSpan } from '../support/spans.js'
import { head, idOf, openBucket, patch, post, someBytes, startNode, TUS } from '../support/stack.js'

const MiB = 1024 * 1024

type Options = Partial<ServerOptions>

async function start(context: TestContext, server: Options, store: Parameters<typeof startNode>[1] = {}) {
  const bucket = await openBucket()
  const node = await startNode(bucket, store, server)
  context.after(async () => {
    await node.close()
    await bucket.close()
  })
  return { bucket, node }
}

async function create(node: { url: string }, length: number, fields = {}): Promise<string> {
  const created = await post(node, { 'Upload-Length': String(length), ...fields })
  assert.equal(created.status, 201)
  return created.headers.get('Location')!
}

test('a scrape has the numbers of what was done', async (context) => {
  const metrics = prometheusMetrics({ names: 'both' })
  const hooks: Hooks = {
    onFinish: ({ upload }) => {
      if (upload.metadata.name === 'refused') throw Object.assign(new Error('no'), { status: 422 })
    },
    onCreate: ({ upload }) => {
      if (upload.length === 13) throw new Error('unlucky')
    },
  }
  const { bucket, node } = await start(context, { observers: [metrics], hooks }, { observers: [metrics] })
  const sent = { bytes: 0 }
  const append = async (url: string, offset: number, bytes: Buffer, status = 204): Promise<void> => {
    sent.bytes += bytes.length
    assert.equal((await patch(url, offset, bytes)).status, status)
  }
  const [large, small, refused, gone] = [
    await create(node, 10 * MiB),
    await create(node, 1_000),
    await create(node, 10, { 'Upload-Metadata': `name ${Buffer.from('refused').toString('base64')}` }),
    await create(node, 10),
  ]
  assert.equal((await post(node, { 'Upload-Length': '13' })).status, 503)
  await append(large, 0, someBytes(6 * MiB))
  assert.equal((await patch(large, 0, Buffer.alloc(3))).status, 409)
  await append(large, 6 * MiB, someBytes(4 * MiB))
  bucket.bucket.intercept = ({ operation, occurrence }) =>
    operation === 'PutObject' && occurrence === 1 ? { action: 'status', status: 503, code: 'SlowDown' } : undefined
  await append(small, 0, someBytes(1_000))
  bucket.bucket.intercept = undefined
  await append(refused, 0, someBytes(10), 422)
  assert.equal((await fetch(gone, { method: 'DELETE', headers: TUS })).status, 204)
  assert.equal((await head(`${node.url}unknown`)).status, 404)
  assert.equal((await (await fetch(large)).arrayBuffer()).byteLength, 10 * MiB)
  await node.holdfast.sweep()
  const value = samplesOf(await metrics.text())
  const values = (names: Record<string, number>): void => {
    for (const [name, expected] of Object.entries(names)) assert.equal(value(name), expected, name)
  }
  values({
    holdfast_uploads_created_total: 4,
    holdfast_uploads_finished_total: 2,
    holdfast_uploads_failed_total: 1,
    holdfast_uploads_terminated_total: 1,
    holdfast_uploads_active: 0,
    holdfast_requests_active: 0,
    holdfast_bytes_received_total: sent.bytes,
    holdfast_bytes_stored_total: 10 * MiB + 1_000 + 10,
    'holdfast_requests_total{method="POST",status="201"}': 4,
    'holdfast_requests_total{method="POST",status="503"}': 1,
    'holdfast_requests_total{method="PATCH",status="204"}': 3,
    'holdfast_requests_total{method="PATCH",status="409"}': 1,
    'holdfast_requests_total{method="PATCH",status="422"}': 1,
    'holdfast_requests_total{method="DELETE",status="204"}': 1,
    'holdfast_requests_total{method="HEAD",status="404"}': 1,
    'holdfast_requests_total{method="GET",status="200"}': 1,
    'holdfast_request_duration_seconds_count{method="PATCH"}': 5,
    'holdfast_errors_total{code="ERR_MISMATCHED_OFFSET",status="409"}': 1,
    'holdfast_errors_total{code="ERR_UPLOAD_NOT_FOUND",status="404"}': 1,
    'holdfast_errors_total{code="ERR_HOOK_FAILED",status="503"}': 1,
    'holdfast_hook_errors_total{hook="onCreate"}': 1,
    'holdfast_hook_duration_seconds_count{hook="onFinish"}': 3,
    holdfast_upload_size_bytes_sum: 10 * MiB + 1_000,
    'holdfast_s3_request_duration_seconds_count{operation="uploadPart"}': 2,
    'holdfast_s3_request_duration_seconds_count{operation="completeMultipartUpload"}': 1,
    'holdfast_s3_retries_total{operation="putObject"}': 2,
    'holdfast_s3_errors_total{operation="putObject",code="SlowDown"}': 2,
    holdfast_sweeps_total: 1,
    'holdfast_swept_uploads_total{result="listed"}': 3,
    'holdfast_buffer_memory_bytes{state="used"}': 0,
    'holdfast_buffer_memory_bytes{state="limit"}': 128 * MiB,
    tusd_uploads_created: 4,
    tusd_uploads_finished: 2,
    tusd_uploads_terminated: 1,
    tusd_bytes_received: sent.bytes,
    'tusd_requests_total{method="PATCH"}': 5,
    'tusd_errors_total{status="409",code="ERR_MISMATCHED_OFFSET"}': 1,
    'tusd_hook_invocations_total{hooktype="pre-finish"}': 3,
    'tusd_hook_errors_total{hooktype="pre-create"}': 1,
    'tusd_s3_request_duration_ms_count{operation="create_multipart_upload"}': 1,
  })
})

test('while an upload is written it counts as such, and who takes it over is counted', async (context) => {
  const metrics = prometheusMetrics()
  const { node } = await start(context, { observers: [metrics] })
  const url = await create(node, 100)
  const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.alloc(10)) })
  const init = { headers: { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' } }
  const hanging = fetch(url, { method: 'PATCH', ...init, body, duplex: 'half' } as RequestInit)
  let value = samplesOf(await metrics.text())
  for (let tries = 0; value('holdfast_uploads_active') === 0 && tries < 200; tries++) {
    await sleep(20)
    value = samplesOf(await metrics.text())
  }
  assert.equal(value('holdfast_requests_active'), 1)
  await head(url)
  assert.equal((await hanging).status, 409)
  value = samplesOf(await metrics.text())
  assert.equal(value('holdfast_uploads_active'), 0)
  assert.equal(value('holdfast_yields_total'), 1)
  assert.equal(value('holdfast_bytes_stored_total'), 10)
})

test('an upload that a draft client overran, or that S3 dropped, has failed, and is told once', async (context) => {
  const failed: string[] = []
  const { bucket, node } = await start(context, { observers: [{ failed: ({ id }) => void failed.push(id) }] })
  const rufh = { 'Upload-Draft-Interop-Version': '8', 'Content-Type': 'application/partial-upload' }
  const over = await create(node, 10)
  const fields = { ...rufh, 'Upload-Offset': '0', 'Upload-Complete': '?0' }
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.alloc(20))
      controller.close()
    },
  })
  const refused = await fetch(over, { method: 'PATCH', headers: fields, body, duplex: 'half' } as RequestInit)
  assert.ok(refused.status >= 400, String(refused.status))
  assert.deepEqual(failed, [idOf(over)])
  const dropped = await create(node, 12 * MiB)
  await patch(dropped, 0, someBytes(6 * MiB))
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'UploadPart' ? { action: 'status', status: 404, code: 'NoSuchUpload' } : undefined
  assert.equal((await patch(dropped, 6 * MiB, someBytes(6 * MiB))).status, 410)
  assert.deepEqual(failed, [idOf(over), idOf(dropped)])
})

test('an observer that throws costs no request', async (context) => {
  const throwing = new Proxy(
    {},
    {
      get: () => () => {
        throw new Error('no')
      },
    },
  )
  const { node } = await start(context, { observers: [throwing] })
  const url = await create(node, 10)
  assert.equal((await patch(url, 0, Buffer.alloc(10))).status, 204)
})

const childrenOf = (all: readonly SeenSpan[], parent: SeenSpan): string[] =>
  all.filter((span) => span.parent === parent.id).map(({ name }) => name)

test('a request is a span, with what it has done as children, in the trace of its client', async (context) => {
  const spans = memoryOfSpans(context)
  const tracer = openTelemetryTracer({ tracer: spans.tracer })
  const hooks: Hooks = { onFinish: () => undefined }
  const { node } = await start(context, { tracer, hooks }, { tracer })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const url = await create(node, 10 * MiB)
  spans.clear()
  const answer = await patch(`${url}?token=abc&x=1`, 0, someBytes(10 * MiB), { traceparent, 'X-Request-ID': 'mine' })
  assert.equal(answer.status, 204)
  const all = spans.all()
  const server = all.find(({ kind }) => kind === 'server')!
  assert.equal(server.name, 'PATCH /files/:id')
  assert.equal(server.trace, '0af7651916cd43dd8448eb211c80319c')
  assert.equal(server.parent, 'b7ad6b7169203331')
  assert.equal(server.failed, false)
  const { 'user_agent.original': _, 'server.address': host, ...attributes } = server.attributes
  assert.equal(host, `127.0.0.1:${node.port}`)
  assert.deepEqual(attributes, {
    'http.request.method': 'PATCH',
    'http.route': '/files/:id',
    'http.response.status_code': 204,
    'http.request.body.size': 10 * MiB,
    'url.path': `/files/${idOf(url)}`,
    'url.query': 'token=[redacted]&x=1',
    'url.scheme': 'http',
    'client.address': '127.0.0.1',
    'network.peer.address': '127.0.0.1',
    'holdfast.request.id': 'mine',
    'holdfast.upload.id': idOf(url),
  })
  assert.deepEqual(childrenOf(all, server).sort(), [
    'S3/CompleteMultipartUpload',
    'S3/CreateMultipartUpload',
    ...Array(2).fill('S3/PutObject'),
    ...Array(2).fill('S3/UploadPart'),
    'hook onFinish',
  ])
  for (const span of all) assert.equal(span.trace, server.trace)
})

test('a failure of the server is one of its span, and a refusal of the client is none', async (context) => {
  const spans = memoryOfSpans(context)
  const tracer = openTelemetryTracer({ tracer: spans.tracer })
  const { bucket, node } = await start(context, { tracer }, { maxAttempts: 1 })
  await head(`${node.url}unknown`)
  bucket.bucket.intercept = () => ({ action: 'status', status: 500, code: 'InternalError' })
  assert.equal((await post(node, { 'Upload-Length': '10' })).status, 503)
  const [refused, failed] = spans.all()
  assert.equal(refused!.failed, false)
  assert.equal(refused!.attributes['holdfast.error.code'], 'ERR_UPLOAD_NOT_FOUND')
  assert.equal(failed!.failed, true)
  assert.equal(failed!.name, 'POST /files/')
  assert.equal(failed!.attributes['error.type'], 'ERR_STORE_UNAVAILABLE')
  assert.equal(failed!.exceptions.length, 1)
})

test('a sweep and a completion are spans of their own', async (context) => {
  const spans = memoryOfSpans(context)
  const tracer = openTelemetryTracer({ tracer: spans.tracer })
  const { bucket, node } = await start(context, { tracer }, { tracer })
  const url = await create(node, 6 * MiB)
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'CompleteMultipartUpload' ? { action: 'status', status: 400, code: 'InvalidRequest' } : undefined
  await patch(url, 0, someBytes(5 * MiB))
  await patch(url, 5 * MiB, someBytes(1 * MiB))
  bucket.bucket.intercept = undefined
  spans.clear()
  await node.holdfast.sweep()
  const all = spans.all()
  const sweep = all.find(({ name }) => name === 'holdfast.sweep')!
  assert.equal(sweep.attributes['holdfast.sweep.listed'], 1)
  const completion = all.find(({ name }) => name === 'holdfast.complete')!
  assert.equal(completion.parent, sweep.id)
  assert.equal(completion.attributes['holdfast.upload.id'], idOf(url))
})

function remembering(): { logger: Logger; lines: (Record<string, unknown> & { level: string; message: string })[] } {
  const lines: (Record<string, unknown> & { level: string; message: string })[] = []
  const at = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void lines.push({ ...fields, level, message })
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}

test('each request is logged with its ID, which is answered, and without secrets', async (context) => {
  const { logger, lines } = remembering()
  const { node } = await start(context, { logger, trustProxy: true })
  const url = await create(node, 10)
  const secret = { Authorization: 'Bearer very-secret', Cookie: 'session=very-secret' }
  const query = '?signature=very-secret&X-Amz-Signature=very-secret'
  const answer = await patch(`${url}${query}`, 0, Buffer.alloc(10), {
    ...secret,
    'X-Request-ID': 'from-the-proxy',
    'X-Forwarded-For': '203.0.113.7',
  })
  assert.equal(answer.headers.get('X-Request-ID'), 'from-the-proxy')
  const line = lines.find(({ requestId }) => requestId === 'from-the-proxy')!
  assert.ok(typeof line.duration === 'number')
  assert.deepEqual(
    { ...line, duration: 0 },
    {
      level: 'debug',
      message: 'request',
      requestId: 'from-the-proxy',
      method: 'PATCH',
      target: `/files/${idOf(url)}?signature=[redacted]&X-Amz-Signature=[redacted]`,
      upload: idOf(url),
      status: 204,
      code: undefined,
      duration: 0,
      received: 10,
      remote: '203.0.113.7',
    },
  )
  const refused = await patch(`${url}${query}`, 3, Buffer.alloc(10), secret)
  const id = refused.headers.get('X-Request-ID')!
  assert.match(id, /^[0-9a-f-]{36}$/)
  assert.deepEqual(
    lines.filter(({ requestId }) => requestId === id).map(({ level, code }) => [level, code]),
    [
      ['info', 'ERR_MISMATCHED_OFFSET'],
      ['debug', 'ERR_MISMATCHED_OFFSET'],
    ],
  )
  assert.doesNotMatch(JSON.stringify(lines), /very-secret/)
})
