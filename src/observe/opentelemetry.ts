/**
 * Traces by OpenTelemetry: a `Tracer` over `@opentelemetry/api`, an optional peer. Which SDK gathers them, and where they go, is
 * the application's business; without an SDK this does nothing. The SDK's context manager (AsyncLocalStorage) makes children.
 * @module
 */
import {
  context,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { Attributes, Span, SpanOptions, Tracer } from '../store/tracer.js'

/** Which tracer of OpenTelemetry spans go to. */
export interface OpenTelemetryOptions {
  /** Default: that of the global provider, under the name 'holdfast'. */
  readonly tracer?: OtelTracer | undefined
}

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT } as const

/** A tracer for `createServer` and the stores that hands spans to OpenTelemetry. */
export function openTelemetryTracer({ tracer = trace.getTracer('holdfast') }: OpenTelemetryOptions = {}): Tracer {
  return {
    span(name, options, work) {
      return tracer.startActiveSpan(name, kindAndAttributes(options), parentOf(options), (span) => within(span, work))
    },
  }
}

const kindAndAttributes = ({ kind, attributes = {} }: SpanOptions) => ({
  kind: kind ? KINDS[kind] : SpanKind.INTERNAL,
  // The SDK knows what to do with undefined: it leaves it out.
  attributes: attributes as Record<string, string | number | boolean>,
})

/** The client's span, if it has one (`traceparent`); else whatever is around. */
const parentOf = ({ carrier }: SpanOptions) =>
  carrier ? propagation.extract(context.active(), carrier) : context.active()

async function within<T>(span: OtelSpan, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await work(spanOf(span))
  } catch (error) {
    fail(span, typeOf(error), error)
    throw error
  } finally {
    span.end()
  }
}

function spanOf(span: OtelSpan): Span {
  return {
    set(attributes: Attributes) {
      for (const [name, value] of Object.entries(attributes)) if (value !== undefined) span.setAttribute(name, value)
    },
    fail: (type, error) => fail(span, type, error),
  }
}

/** The first failure that is told is the one: what failed within names it better than what passed it on. */
function fail(span: OtelSpan, type: string, error: unknown): void {
  if (FAILED.has(span)) return
  FAILED.add(span)
  span.setAttribute('error.type', type)
  if (error instanceof Error) span.recordException(error)
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : type })
}

const FAILED = new WeakSet<OtelSpan>()

/** Holdfast's code, if it is one of its failures. */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && code !== '' ? code : error.name
}
