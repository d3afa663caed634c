/** Spans as the SDK of OpenTelemetry gets them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../../src/errors.js'
import { openTelemetryTracer } from '../../src/observe/opentelemetry.js'
import { inSpan } from '../../src/store/tracer.js'
import { memoryOfSpans } from '../support/spans.js'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('work within work is a child, also after a wait, and beside others', async (context) => {
  const spans = memoryOfSpans(context)
  const tracer = openTelemetryTracer({ tracer: spans.tracer })
  const outer = (name: string) =>
    tracer.span(name, {}, async () => {
      await sleep(5)
      await inSpan(tracer, `${name}'s child`, { a: 1, none: undefined }, async (span) =>
        span.set({ b: 'x', no: undefined }),
      )
    })
  await Promise.all([outer('one'), outer('two')])
  const all = spans.all()
  for (const name of ['one', 'two']) {
    const parent = all.find((span) => span.name === name)!
    const child = all.find((span) => span.name === `${name}'s child`)!
    assert.equal(parent.parent, undefined)
    assert.equal(child.parent, parent.id)
    assert.equal(child.trace, parent.trace)
    assert.deepEqual(child.attributes, { a: 1, b: 'x' })
    assert.equal(child.failed, false)
  }
})

test("the client's trace is gone on with, and one that is malformed is not", async (context) => {
  const spans = memoryOfSpans(context)
  const tracer = openTelemetryTracer({ tracer: spans.tracer })
  const serve = (traceparent: string) =>
    tracer.span('GET', { kind: 'server', carrier: { traceparent } }, async () => undefined)
  await serve(TRACEPARENT)
  await serve('00-zz-zz-01')
  const [known, unknown] = spans.all()
  assert.equal(known!.kind, 'server')
  assert.equal(known!.trace, '0af7651916cd43dd8448eb211c80319c')
  assert.equal(known!.parent, 'b7ad6b7169203331')
  assert.equal(unknown!.parent, undefined)
})

test('what is thrown is passed on and recorded, under the code of the failure', async (context) => {
  const spans = memoryOfSpans(context)
  const tracer = openTelemetryTracer({ tracer: spans.tracer })
  const error = new UploadError('ERR_STORE_UNAVAILABLE')
  await assert.rejects(
    tracer.span('work', {}, async () => {
      throw error
    }),
    (thrown) => thrown === error,
  )
  const [span] = spans.all()
  assert.equal(span!.failed, true)
  assert.equal(span!.attributes['error.type'], 'ERR_STORE_UNAVAILABLE')
  assert.deepEqual(span!.exceptions, [error.message])
})

test('a failure that is told first is the one that is recorded', async (context) => {
  const spans = memoryOfSpans(context)
  const tracer = openTelemetryTracer({ tracer: spans.tracer })
  const work = tracer.span('work', {}, async (span) => {
    span.fail('SlowDown', new Error('first'))
    throw new Error('second')
  })
  await assert.rejects(work, /second/)
  assert.deepEqual(spans.all()[0]!.exceptions, ['first'])
  assert.equal(spans.all()[0]!.attributes['error.type'], 'SlowDown')
})

test('without an SDK, and without a tracer, work is done all the same', async () => {
  assert.equal(await openTelemetryTracer().span('work', {}, async (span) => span.set({ a: 1 })), undefined)
  assert.equal(await inSpan(undefined, 'work', {}, async () => 3), 3)
})
