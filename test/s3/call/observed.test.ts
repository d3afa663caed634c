/** What observers and tracers are told of the requests of a real store to a real server. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openTelemetryTracer } from '../../../src/observe/opentelemetry.js'
import type { StoreCall, StoreStats } from '../../../src/store/observer.js'
import { memoryOfSpans } from '../../support/spans.js'
import { openBucket, patch, post, someBytes, startNode } from '../../support/stack.js'

const MiB = 1024 * 1024

async function start(context: TestContext, options: Parameters<typeof startNode>[1] = {}) {
  const bucket = await openBucket()
  const calls: StoreCall[] = []
  let stats: (() => StoreStats) | undefined
  const observer = {
    storeOpened(of: () => StoreStats) {
      stats = of
    },
    storeCall: (call: StoreCall) => void calls.push(call),
  }
  const node = await startNode(bucket, { observers: [observer], ...options })
  context.after(async () => {
    await node.close()
    await bucket.close()
  })
  return { bucket, node, calls, stats: () => stats!() }
}

const told = (calls: readonly StoreCall[]): string[] =>
  calls.map(({ operation, subject, attempt, failure }) => [operation, subject, attempt, failure].join(' ').trim())

async function create(node: { url: string }, length: number): Promise<string> {
  const created = await post(node, { 'Upload-Length': String(length) })
  assert.equal(created.status, 201)
  return created.headers.get('Location')!
}

test('each request is told once, with what it was about, and nothing else is', async (context) => {
  const { bucket, node, calls } = await start(context)
  let sent = 0
  bucket.bucket.intercept = () => {
    sent++
    return undefined
  }
  const url = await create(node, 10 * MiB)
  await patch(url, 0, someBytes(6 * MiB).subarray(0, 1 * MiB))
  await patch(url, 1 * MiB, someBytes(9 * MiB))
  assert.equal(calls.length, sent)
  assert.deepEqual([...new Set(told(calls))].sort(), [
    'completeMultipartUpload object 1',
    'createMultipartUpload object 1',
    'deleteObjects tail 1',
    'putObject record 1',
    'putObject tail 1',
    'uploadPart object 1',
  ])
  for (const { duration } of calls) assert.ok(duration > 0 && duration < 60_000, String(duration))
})

test('each try of a request that is repeated is told, with its number and the code of what went wrong', async (context) => {
  const { bucket, node, calls } = await start(context)
  bucket.bucket.intercept = ({ operation, occurrence }) => {
    if (operation !== 'PutObject' || occurrence > 2) return undefined
    return occurrence === 1 ? { action: 'status', status: 500, code: 'InternalError' } : { action: 'reset-before' }
  }
  await create(node, 10)
  assert.deepEqual(told(calls), [
    'putObject record 1 InternalError',
    'putObject record 2 ECONNRESET',
    'putObject record 3',
  ])
})

test('what an observer throws costs nobody anything', async (context) => {
  const throwing = {
    storeCall() {
      throw new Error('no')
    },
  }
  const { node } = await start(context, { observers: [throwing] })
  await create(node, 10)
})

test('the time in which a part waits for its place is not that of its request', async (context) => {
  const { bucket, node, calls } = await start(context, { concurrentPartUploads: 1, minPartSize: 5 * MiB })
  bucket.bucket.intercept = ({ operation }) => (operation === 'UploadPart' ? { action: 'delay', ms: 150 } : undefined)
  const url = await create(node, 30 * MiB)
  await patch(url, 0, someBytes(30 * MiB))
  const parts = calls.filter(({ operation }) => operation === 'uploadPart')
  assert.equal(parts.length, 4)
  const total = parts.reduce((sum, { duration }) => sum + duration, 0)
  // One after the other: with their waits they would take 1 + 2 + 3 + 4 times as long.
  for (const { duration } of parts) assert.ok(duration >= 140, String(duration))
  assert.ok(Math.max(...parts.map(({ duration }) => duration)) < total * 0.6)
})

test('the store tells what it has in hand while it works, and nothing once it is done', async (context) => {
  const { bucket, node, stats } = await start(context, { concurrentPartUploads: 2, bufferMemory: 64 * MiB })
  const seen: StoreStats[] = []
  bucket.bucket.intercept = ({ operation }) => {
    if (operation === 'UploadPart') seen.push(stats())
    return operation === 'UploadPart' ? { action: 'delay', ms: 100 } : undefined
  }
  const send = async (): Promise<unknown> => patch(await create(node, 24 * MiB), 0, someBytes(24 * MiB))
  await Promise.all([send(), send(), send()])
  assert.ok(seen.some(({ sending }) => sending.running === 2))
  assert.ok(seen.some(({ sending }) => sending.waiting > 0))
  for (const { memory, sending } of seen) {
    assert.equal(memory.limit, 64 * MiB)
    assert.ok(memory.used >= 8 * MiB && memory.used <= memory.limit, String(memory.used))
    assert.ok(sending.limit <= 2 && sending.running <= sending.limit)
  }
  assert.deepEqual(stats(), {
    memory: { limit: 64 * MiB, used: 0, waiting: 0 },
    sending: { limit: 2, running: 0, waiting: 0 },
  })
})

test('each try is a span that tells the operation, the key and what went wrong', async (context) => {
  const spans = memoryOfSpans(context)
  const { bucket, node } = await start(context, { tracer: openTelemetryTracer({ tracer: spans.tracer }) })
  bucket.bucket.intercept = ({ operation, occurrence }) =>
    operation === 'PutObject' && occurrence === 1 ? { action: 'status', status: 503, code: 'SlowDown' } : undefined
  const url = await create(node, 10)
  const key = `${url.split('/').at(-1)}.info`
  assert.deepEqual(
    spans.all().map(({ name, kind, attributes, failed }) => ({ name, kind, failed, ...attributes })),
    [
      { failed: true, 'holdfast.attempt': 1, 'error.type': 'SlowDown', 'http.response.status_code': 503 },
      { failed: false, 'holdfast.attempt': 2 },
    ].map((differs) => ({
      name: 'S3/PutObject',
      kind: 'client',
      'rpc.system': 'aws-api',
      'rpc.service': 'S3',
      'rpc.method': 'PutObject',
      'aws.s3.bucket': 'uploads',
      'aws.s3.key': key,
      'http.request.body.size': spans.all()[0]!.attributes['http.request.body.size'],
      ...differs,
    })),
  )
})
