/**
 * At most so many uploads of client bytes to S3 at once, over all uploads, first come first served. Records and
 * other small requests do not wait behind them.
 * @module
 */
import type { Call, OperationName, Operations } from './call.js'
import { S3Fault } from './faults.js'

interface Waiter {
  grant: () => void
}

export function limited(call: Call, limit: number): Call {
  const waiting: Waiter[] = []
  let running = 0

  const enter = async (name: OperationName, signal: AbortSignal | undefined): Promise<void> => {
    if (running < limit) {
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
  // A finished request hands its place to the next in line, so `running` stays as it is.
  const leave = (): void => {
    const next = waiting.shift()
    if (next) next.grant()
    else running--
  }

  return async (name, input, signal) => {
    const counts = name === 'uploadPart' || (name === 'putObject' && (input as Operations['putObject'][0]).data)
    if (!counts) return call(name, input, signal)
    await enter(name, signal)
    try {
      return await call(name, input, signal)
    } finally {
      leave()
    }
  }
}
