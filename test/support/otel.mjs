// Starts the SDK of OpenTelemetry before the command does, as users do with `node --import`. Each span goes to COLLECTOR.

import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

const exporter = {
  async export(spans, done) {
    for (const { name, parentSpanContext } of spans) {
      const body = JSON.stringify({ name, parent: parentSpanContext?.spanId })
      await fetch(process.env.COLLECTOR, { method: 'POST', body })
    }
    done({ code: 0 })
  },
  async shutdown() {},
}
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
