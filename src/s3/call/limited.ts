/**
 * At most so many uploads of client bytes to S3 at once, over all uploads, first come first served. Records and
 * other small requests do not wait behind them.
 *
 * The number is S3's to choose, below the limit: each 503 SlowDown halves it, each success gives a fraction of a place
 * back, so that it grows by about one in a round of all places (additive increase, multiplicative decrease).
 * @module
 */
import type { Call, OperationName, Operations } from './call.js'
import { S3Fault } from './faults.js'

interface Waiter {
  grant: () => void
}

/** Milliseconds in which many SlowDowns count as one: they answer what was sent before the first of them came. */
const ONE_ROUND = 1_000

export function limited(call: Call, limit: number, now: () => number = performance.now.bind(performance)): Call {
  const waiting: Waiter[] = []
  let running = 0
  let places = limit
  let slowedAt = Number.NEGATIVE_INFINITY

  const enter = async (name: OperationName, signal: AbortSignal | undefined): Promise<void> => {
    if (running < Math.floor(places)) {
      running++
      return
    }
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        grant() {
          signal?.removeEventListener('abort', giveUp)
          resolve()
        },
      }
      const giveUp = (): void => {
        const place = waiting.indexOf(waiter)
        if (place === -1) return
        waiting.splice(place, 1)
        reject(new S3Fault(name, 0, 'ABORT_ERR', 'given up before it was sent'))
      }
      waiting.push(waiter)
      signal?.addEventListener('abort', giveUp)
      if (signal?.aborted) giveUp()
    })
  }
  const leave = (): void => {
    running--
    while (running < Math.floor(places)) {
      const next = waiting.shift()
      if (next === undefined) return
      running++
      next.grant()
    }
  }
  const slowDown = (): void => {
    if (now() - slowedAt < ONE_ROUND) return
    slowedAt = now()
    places = Math.max(1, places / 2)
  }

  return async (name, input, signal) => {
    const counts = name === 'uploadPart' || (name === 'putObject' && (input as Operations['putObject'][0]).data)
    if (!counts) return call(name, input, signal)
    await enter(name, signal)
    try {
      const output = await call(name, input, signal)
      places = Math.min(limit, places + 1 / places)
      return output
    } catch (error) {
      // Not 429: that is about one key (R2, Google).
      if (error instanceof S3Fault && error.meaning === 'throttled' && error.status === 503) slowDown()
      throw error
    } finally {
      leave()
    }
  }
}
