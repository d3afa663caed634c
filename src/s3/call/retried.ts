/**
 * Retries of single S3 requests: exponential, with jitter, bounded. Payloads can be sent again, so every request can;
 * what a lost answer leaves open is settled by the caller, who knows what it wrote.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Capabilities } from '../provider/capabilities.js'
import type { Call, OperationName } from './call.js'
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

/** Where fewer tries are enough: a Complete may take minutes, and whoever asks next drives it on. */
const MOST_ATTEMPTS: Partial<Record<OperationName, number>> = { completeMultipartUpload: 2 }

/** Milliseconds: longer than this nobody waits because S3 asks for it; clients come again. */
const MAX_RETRY_AFTER = 20_000

export function retried(call: Call, options: RetryOptions, provider?: Pick<Capabilities, 'writeInterval'>): Call {
  const random = options.random ?? Math.random
  /** Half of the wait is certain, the other half is chance, so that those who failed together do not come together. */
  const delay = (fault: S3Fault, attempt: number): number => {
    const throttled = fault.meaning === 'throttled' ? 5 : 1
    const longest = Math.min(options.maxDelay, options.baseDelay * throttled * 2 ** (attempt - 1))
    const asked = Math.min(MAX_RETRY_AFTER, fault.retryAfter ?? 0)
    const interval = fault.status === 429 ? (provider?.writeInterval ?? 0) : 0
    return Math.max(asked, interval) + longest * (0.5 + random() / 2)
  }
  return async (name, input, signal) => {
    const attempts = Math.min(options.attempts, MOST_ATTEMPTS[name] ?? Number.POSITIVE_INFINITY)
    for (let attempt = 1; ; attempt++) {
      try {
        const output = await call(name, input, signal)
        return name === 'createMultipartUpload' && attempt > 1 ? { ...output, mayHaveTwin: true } : output
      } catch (error) {
        const worthIt = error instanceof S3Fault && isWorthRetrying(error)
        if (!worthIt || attempt >= attempts || signal?.aborted) throw error
        await sleep(delay(error, attempt), undefined, signal ? { signal } : {}).catch(() => {
          throw error
        })
      }
    }
  }
}
