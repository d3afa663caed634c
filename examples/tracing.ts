// Traces by OpenTelemetry. The SDK is the application's: here it prints spans; an exporter would send them. Needs
// @opentelemetry/api, sdk-trace-base and context-async-hooks.
import http from 'node:http'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'
import { openTelemetryTracer } from 'holdfast/tracing/opentelemetry'

const { UPLOADS = './uploads', PORT = '8080' } = process.env

const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] })
trace.setGlobalTracerProvider(provider)
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
propagation.setGlobalPropagator(new W3CTraceContextPropagator())

// An S3Store takes the same `tracer`, and makes a span of each of its requests.
const holdfast = createServer({
  store: new DiskStore({ directory: UPLOADS }),
  tracer: openTelemetryTracer(),
  hooks: {
    // A span of your own within this would be a child of the hook's.
    onFinish: ({ upload }) => console.log(`${upload.id} is there`),
  },
})

const server = http.createServer(nodeHandler(holdfast))
server.requestTimeout = 0
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}/files/`)
})

process.once('SIGTERM', async () => {
  await holdfast.close()
  server.close()
  server.closeAllConnections()
  await provider.shutdown()
})
