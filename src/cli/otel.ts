/**
 * Starts the SDK of OpenTelemetry, which reads the OTEL_* variables by itself; unless somebody has started one before, as with
 * `node --import`.
 * @module
 */
import { ProxyTracerProvider, trace } from '@opentelemetry/api'
import { needed } from './observation.js'

/** What is used of it. It is no dependency, so its types are not there. */
interface Sdk {
  readonly NodeSDK: new (options: { serviceName?: string }) => { start(): void; shutdown(): Promise<void> }
}

const PACKAGE = '@opentelemetry/sdk-node'

/** @returns ends it, once everything was sent. @throws UsageError if it is not installed */
export async function startSdk(): Promise<() => Promise<void>> {
  if (isStarted()) return async () => flush()
  const { NodeSDK } = await needed('--otel', PACKAGE, () => import(PACKAGE) as Promise<Sdk>)
  const sdk = new NodeSDK(process.env.OTEL_SERVICE_NAME ? {} : { serviceName: 'holdfast' })
  sdk.start()
  return () => sdk.shutdown()
}

/** The global provider stands for another one, once that is registered. */
function isStarted(): boolean {
  const provider = trace.getTracerProvider()
  if (!(provider instanceof ProxyTracerProvider)) return true
  return provider.getDelegate().constructor.name !== 'NoopTracerProvider'
}

async function flush(): Promise<void> {
  const provider = trace.getTracerProvider()
  const real = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider
  await (real as { forceFlush?: () => Promise<void> }).forceFlush?.()
}
