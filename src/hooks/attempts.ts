/**
 * Tries in a row, and one time limit over all of them.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../errors.js'

/** What may go well if it is tried again. */
export class Retryable extends Error {
  /** Milliseconds that the other side asked to wait; undefined if it did not say. */
  readonly after: number | undefined

  constructor(message: string, { cause, after }: { cause?: unknown; after?: number | undefined } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'Retryable'
    this.after = after
  }
}

export interface AttemptOptions {
  /** Tries in all, the first included. */
  readonly retry: number
  /** Milliseconds between two. */
  readonly backoff: number
  /** Milliseconds for all of them. */
  readonly timeout: number
}

/** Ends `work` by its signal when the time is up, or `signal` fires. @throws Error 'no answer in time' */
export async function within<T>(
  timeout: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // AbortSignal.any would do, but some versions of Node keep what it was given for ever.
  const limit = new AbortController()
  const end = (): void => limit.abort(new Error('no answer in time'))
  const timer = setTimeout(end, timeout)
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    return await work(limit.signal)
  } catch (error) {
    throw limit.signal.aborted ? new Error('no answer in time', { cause: error }) : error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

/** Tries what is Retryable again. */
export function attempts<T>(
  { retry, backoff, timeout }: AttemptOptions,
  signal: AbortSignal,
  once: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return within(timeout, signal, async (limit) => {
    for (let tried = 1; ; tried++) {
      try {
        limit.throwIfAborted()
        return await once(limit)
      } catch (error) {
        if (!(error instanceof Retryable) || tried >= retry || limit.aborted) throw error
        // Whoever is stopped in between is told what went wrong, not that it waited.
        await sleep(error.after ?? backoff, undefined, { signal: limit }).catch(() => {
          throw error
        })
      }
    }
  })
}

/** @throws UploadError ERR_INVALID_OPTIONS naming the option */
export function mustBeBounded(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= 2 ** 31 - 1) return
  const message = `${name}: must be a whole number from ${least}, not ${value}.`
  throw new UploadError('ERR_INVALID_OPTIONS', { message })
}
