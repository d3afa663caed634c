/**
 * At most so many uploads of client bytes to S3 at once, over all uploads, first come first served. Records and
 * other small requests do not wait behind them.
 * @module
 */
import type { Call, Operations } from './call.js'

export function limited(call: Call, limit: number): Call {
  const waiting: (() => void)[] = []
  let running = 0

  const enter = async (): Promise<void> => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
  }
  // A finished request hands its place to the next in line, so `running` stays as it is.
  const leave = (): void => {
    const next = waiting.shift()
    if (next) next()
    else running--
  }

  return async (name, input, signal) => {
    const counts = name === 'uploadPart' || (name === 'putObject' && (input as Operations['putObject'][0]).data)
    if (!counts) return call(name, input, signal)
    await enter()
    try {
      return await call(name, input, signal)
    } finally {
      leave()
    }
  }
}
