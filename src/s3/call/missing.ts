/**
 * Reads of keys that do not exist, by credentials that may not list the bucket: S3 answers them 403, not 404, so that
 * nobody learns what is there.
 * @module
 */
import type { Capabilities } from '../provider/capabilities.js'
import type { Call } from './call.js'
import { S3Fault } from './faults.js'

/** @param provider read at each call: it is complete only once the store is ready */
export function withMissing(call: Call, provider: Capabilities): Call {
  return async (name, input, signal) => {
    try {
      return await call(name, input, signal)
    } catch (error) {
      const isRead = name === 'getObject' || name === 'headObject'
      if (!isRead || provider.missingKey !== 'denied' || !(error instanceof S3Fault)) throw error
      if (error.meaning !== 'denied') throw error
      // An answer to HEAD has no code. Keys that were revoked must not make an upload look as if it were not there.
      const code = name === 'getObject' ? error.code : await codeOf(call, (input as { key: string }).key, signal)
      if (code !== 'AccessDenied') throw error
      throw new S3Fault(name, 404, 'NoSuchKey', 'denied, which here means missing', error)
    }
  }
}

async function codeOf(call: Call, key: string, signal?: AbortSignal): Promise<string> {
  try {
    const { body } = await call('getObject', { key, range: 'bytes=0-0' }, signal)
    for await (const _ of body) break
    return ''
  } catch (error) {
    return error instanceof S3Fault ? error.code : ''
  }
}
