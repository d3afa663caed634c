/**
 * The connection that a worker was just given when it died.
 *
 * node's primary takes each connection, hands it to a worker, and keeps it open until the worker has said that it has it. If
 * the worker dies in between, nobody closes it (seen with Node 20): its client would wait for an answer for ever.
 * @module
 */
import type { Worker } from 'node:cluster'

/** Closes that connection when the worker ends, as the system closes those that the worker had. */
export function breakOffWithIt(worker: Worker): Worker {
  const child = worker.process
  const send = child.send.bind(child) as (...all: unknown[]) => boolean
  // node hands over one at a time. To close one that the worker has taken, and that is closed here by then, does nothing.
  let last: { close?(): void } | undefined
  child.send = (...all: unknown[]): boolean => {
    if (typeof all[1] === 'object' && all[1] !== null) last = all[1]
    return send(...all)
  }
  child.once('exit', () => last?.close?.())
  return worker
}
