/**
 * Credentials that expire or are rotated in the middle of an upload: they are fetched anew, once for all requests that
 * found out together, and the request is sent again.
 * @module
 */
import type { Call } from './call.js'
import { S3Fault } from './faults.js'

/** What S3 says to keys that were good yesterday. */
const STALE: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
])

interface Keys {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
}

/** @param credentials as `client.config.credentials` of an AWS SDK client: given `forceRefresh`, it asks its source */
export function refreshed(call: Call, credentials: (options?: { forceRefresh: boolean }) => Promise<Keys>): Call {
  let refreshing: Promise<boolean> | undefined

  /** @returns whether there are other keys now */
  const refresh = async (stale: Keys | undefined): Promise<boolean> => {
    const now = await credentials()
    // Another request may have fetched them meanwhile.
    if (stale && !isSame(now, stale)) return true
    const fresh = await credentials({ forceRefresh: true })
    return !isSame(now, fresh)
  }

  return async (name, input, signal) => {
    const used = credentials().catch(() => undefined)
    try {
      return await call(name, input, signal)
    } catch (error) {
      if (!(error instanceof S3Fault) || !STALE.has(error.code)) throw error
      const stale = await used
      refreshing ??= refresh(stale)
        .catch(() => false)
        .finally(() => {
          refreshing = undefined
        })
      if (!(await refreshing)) throw error
      return call(name, input, signal)
    }
  }
}

const isSame = (a: Keys, b: Keys): boolean =>
  a.accessKeyId === b.accessKeyId && a.secretAccessKey === b.secretAccessKey && a.sessionToken === b.sessionToken
