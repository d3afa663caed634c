/**
 * Where traces are hung in. Nothing here knows a library for traces, and without a tracer nothing is made or measured.
 * @module
 */

/** What is absent is not told. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** A piece of work in a trace, while it goes on. */
export interface Span {
  /** Adds what became known meanwhile. */
  set(attributes: Attributes): void
  /** The work has failed, though its promise is kept. @param type a code of few kinds  @param error for its message */
  fail(type: string, error?: unknown): void
}

/** What is known of a span when it begins. */
export interface SpanOptions {
  /** Whether it answers a request, makes one, or neither. Default: neither. */
  readonly kind?: 'server' | 'client' | undefined
  /** What it has from the beginning. */
  readonly attributes?: Attributes | undefined
  /** The fields of the request that is answered: its trace is gone on with. */
  readonly carrier?: Readonly<Record<string, string | undefined>> | undefined
}

/** Where spans of work go. */
export interface Tracer {
  /**
   * Does the work within a span, which is the child of the one around it. If the promise is broken, the span has failed.
   * Work, and whatever it throws, is passed on unchanged.
   */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>
}

const UNSEEN: Span = { set: () => undefined, fail: () => undefined }

/** Within a span, if anybody traces. */
export function inSpan<T>(
  tracer: Tracer | undefined,
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer ? tracer.span(name, { attributes }, work) : work(UNSEEN)
}
