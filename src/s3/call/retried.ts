/**
 * Retries of single S3 requests: exponential, with full jitter, bounded. Payloads can be sent again, so every request
 * can; what a lost answer leaves open is settled by the caller, who knows what it wrote.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Call } from './call.js'
import { isWorthRetrying, S3Fault } from './faults.js'

export interface RetryOptions {
  /** Tries in all, the first included. */
  attempts: number
  /** Longest wait before the second try, in milliseconds; doubles with each further one. */
  baseDelay: number
  /** Upper bound of one wait, in milliseconds. */
  maxDelay: number
  random?: () => number
}

export const DEFAULT_RETRY: RetryOptions = { attempts: 4, baseDelay: 100, maxDelay: 5_000 }

export function retried(call: Call, options: RetryOptions): Call {
  const random = options.random ?? Math.random
  return async (name, input, signal) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call(name, input, signal)
      } catch (error) {
        const worthIt = error instanceof S3Fault && isWorthRetrying(error)
        if (!worthIt || attempt >= options.attempts || signal?.aborted) throw error
        const throttled = error.meaning === 'throttled' ? 5 : 1
        const longest = Math.min(options.maxDelay, options.baseDelay * throttled * 2 ** (attempt - 1))
        await sleep(longest * (0.5 + random() / 2), undefined, signal ? { signal } : {}).catch(() => {
          throw error
        })
      }
    }
  }
}
