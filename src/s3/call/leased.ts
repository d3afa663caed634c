/**
 * Writes under a lease: objects that others may see are put only while this node has the lock of the upload. Parts may
 * be sent without: their numbers say where their bytes belong, and what no record names counts for nothing.
 * @module
 */
import type { WriteLease } from '../../store/locker.js'
import type { Call, Operations } from './call.js'
import { S3Fault } from './faults.js'

/**
 * Hands the lease down with each PutObject, so that it is looked at right before each sending (`mustHold`), and gives a
 * PutObject up that is still on its way when another node may get the lock.
 * @param lease undefined where there is no locker
 */
export function leased(call: Call, lease: () => WriteLease | undefined): Call {
  return async (name, input, signal) => {
    const held = name === 'putObject' ? lease() : undefined
    if (held === undefined) return call(name, input, signal)
    const end = endOf(held)
    try {
      const all = signal ? AbortSignal.any([signal, end.signal]) : end.signal
      return (await call('putObject', { ...(input as Operations['putObject'][0]), lease: held }, all)) as never
    } finally {
      end.forget()
    }
  }
}

/** Fires when the time of a lost lease is up. While it is renewed it has no end. */
function endOf(lease: WriteLease): { signal: AbortSignal; forget: () => void } {
  const abort = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onLost = (): void => {
    timer = setTimeout(() => abort.abort(), lease.remaining())
  }
  if (lease.lost.aborted) onLost()
  else lease.lost.addEventListener('abort', onLost, { once: true })
  const forget = (): void => {
    clearTimeout(timer)
    lease.lost.removeEventListener('abort', onLost)
  }
  return { signal: abort.signal, forget }
}

/** @throws S3Fault if no write may begin under the lease. */
export function mustHold(lease: WriteLease | undefined): void {
  if (lease?.mayWrite() === false) throw new S3Fault('putObject', 0, 'LeaseLost', 'the lock of the upload is not held')
}
