/**
 * Composes the one Call of a store: the data plane for bytes where there is an SDK client, the control plane for the
 * rest, wrapped in the limit and the retries.
 * @module
 */
import type { Call, Operations } from './call/call.js'
import { directPlane } from './call/direct.js'
import { limited } from './call/limited.js'
import { DEFAULT_RETRY, retried } from './call/retried.js'
import { isSdkClient, sdkCall } from './call/sdk.js'
import type { ResolvedOptions } from './options.js'

export interface ServiceCall {
  call: Call
  close(): void
}

export function composeCall(options: ResolvedOptions): ServiceCall {
  const { service, bucket, requestTimeout, disableContentHashes, concurrentPartUploads, maxAttempts } = options
  const control = sdkCall(service, bucket, requestTimeout)
  const direct = isSdkClient(service)
    ? directPlane(service, { bucket, idleTimeout: requestTimeout, disableContentHashes })
    : undefined
  const send: Call = (name, input, signal) => {
    if (direct && (name === 'putObject' || name === 'uploadPart')) {
      return direct.send(name, input as Operations['putObject' | 'uploadPart'][0], signal) as never
    }
    return control(name, input, signal)
  }
  return {
    call: retried(limited(send, concurrentPartUploads), { ...DEFAULT_RETRY, attempts: maxAttempts }),
    close: () => direct?.close(),
  }
}
