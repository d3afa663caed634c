/**
 * Composes the one Call of a store: the data plane for bytes where there is an SDK client, the control plane for the
 * rest, wrapped in what the provider at hand needs, in the limit and in the retries.
 * @module
 */
import type { Call, Operations } from './call/call.js'
import { conditioned } from './call/conditions.js'
import { constantsOf } from './call/constants.js'
import { type DirectPlane, directPlane } from './call/direct.js'
import { guarded } from './call/integrity.js'
import { limited } from './call/limited.js'
import { withMissing } from './call/missing.js'
import { observed } from './call/observed.js'
import { Pace } from './call/pace.js'
import { Places } from './call/places.js'
import { refreshed } from './call/refreshed.js'
import { DEFAULT_RETRY, retried } from './call/retried.js'
import { isSdkClient, sdkCall } from './call/sdk.js'
import type { ResolvedOptions } from './options.js'
import type { Capabilities } from './provider/capabilities.js'

export interface ServiceCall {
  /** What the store uses. */
  call: Call
  /** Without retries and what the provider at hand needs: for finding out what that is. */
  plain: Call
  /** Where the bytes of uploads wait to be sent. */
  places: Places
  /** As of the data plane. Absent where there is none, or where objects can be read only by who has the key. */
  presign?: DirectPlane['presign']
  close(): void
}

/** @param provider read at each call; may be completed later */
export function composeCall(options: ResolvedOptions, provider: Capabilities): ServiceCall {
  const { service, bucket, requestTimeout, disableContentHashes, concurrentPartUploads, maxAttempts, logger } = options
  const constants = constantsOf(options)
  const control = sdkCall(service, bucket, options, constants)
  const direct = isSdkClient(service)
    ? directPlane(service, { bucket, idleTimeout: requestTimeout, disableContentHashes, constants })
    : undefined
  const send: Call = (name, input, signal) => {
    if (direct && (name === 'putObject' || name === 'uploadPart')) {
      return direct.send(name, input as Operations['putObject' | 'uploadPart'][0], signal) as never
    }
    return control(name, input, signal)
  }
  const places = new Places(new Pace(concurrentPartUploads))
  const retry = { ...DEFAULT_RETRY, attempts: maxAttempts }
  const authorized = isSdkClient(service) ? refreshed(send, service.config.credentials) : send
  const suited = conditioned(withMissing(guarded(authorized, provider, logger), provider), provider)
  return {
    call: retried(limited(observed(suited, options), places), retry, provider),
    places,
    plain: authorized,
    ...(direct && !constants.needsKey ? { presign: direct.presign } : {}),
    close: () => direct?.close(),
  }
}
