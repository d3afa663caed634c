/**
 * The SDK of OpenTelemetry with spans that stay in memory.
 * @module
 */
import type { TestContext } from 'node:test'
import { type Attributes, context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

export interface SeenSpan {
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal'
  readonly attributes: Attributes
  readonly failed: boolean
  readonly exceptions: readonly string[]
  readonly id: string
  readonly parent: string | undefined
  readonly trace: string
}

const KINDS = { [SpanKind.SERVER]: 'server', [SpanKind.CLIENT]: 'client' } as const

export function memoryOfSpans(test: Pick<TestContext, 'after'>) {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  test.after(async () => {
    await provider.shutdown()
    context.disable()
    propagation.disable()
    trace.disable()
  })
  return {
    tracer: provider.getTracer('test'),
    /** In the order in which they began. */
    all: (): SeenSpan[] =>
      exporter
        .getFinishedSpans()
        .toSorted((one, other) => Number(nanoseconds(one.startTime) - nanoseconds(other.startTime)))
        .map((span) => ({
          name: span.name,
          kind: KINDS[span.kind as keyof typeof KINDS] ?? 'internal',
          attributes: span.attributes,
          failed: span.status.code === SpanStatusCode.ERROR,
          exceptions: span.events.map(({ attributes }) => String(attributes?.['exception.message'])),
          id: span.spanContext().spanId,
          parent: span.parentSpanContext?.spanId,
          trace: span.spanContext().traceId,
        })),
    clear: () => exporter.reset(),
  }
}

const nanoseconds = ([seconds, rest]: [number, number]): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(rest)
