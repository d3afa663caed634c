/**
 * Uploads of client bytes to S3 wait for a place (places.ts), and tell the pace what became of them (pace.ts). Records and
 * other small requests do not wait behind them.
 * @module
 */
import type { Call, Operations } from './call.js'
import { S3Fault } from './faults.js'
import type { Places } from './places.js'

export function limited(call: Call, places: Places): Call {
  return async (name, input, signal) => {
    const counts = name === 'uploadPart' || (name === 'putObject' && (input as Operations['putObject'][0]).data)
    if (!counts) return call(name, input, signal)
    const { key, body } = input as Operations['uploadPart' | 'putObject'][0]
    await places.enter(key, signal, () => new S3Fault(name, 0, 'ABORT_ERR', 'given up before it was sent'))
    try {
      const output = await call(name, input, signal)
      places.succeeded(body.length)
      return output
    } catch (error) {
      // Not 429: that is about one key (R2, Google).
      if (error instanceof S3Fault && error.meaning === 'throttled' && error.status === 503) places.slowDown()
      throw error
    } finally {
      places.leave(key)
    }
  }
}
