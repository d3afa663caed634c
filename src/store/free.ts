/**
 * Gives the memory of a chunk back at once, instead of when the garbage collector comes to it. A socket hands out 16,000 chunks
 * for each GiB. Left to the collector they are what makes it run, and each run marks the whole heap; freed at once, the
 * next chunk takes the same memory, still warm (docs/performance.md has what that saves).
 * @module
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads'

/** Chunks that are smaller are left to the collector. Bytes; above the pool that `Buffer.allocUnsafe` cuts its buffers from. */
const SMALLEST = 16 * 1024

type Transferable = ArrayBuffer & { transfer?(length: number): ArrayBuffer }

/** What is posted to a closed port is dropped, and what was transferred with it is freed. */
const nowhere = ((): MessagePort => {
  const { port1 } = new MessageChannel()
  port1.close()
  return port1
})()

/**
 * @param chunk which nobody uses any more, and whose memory nobody else has: it is empty afterwards. A chunk that shares its
 *   memory with others is left alone.
 */
export function freeNow(chunk: Uint8Array): void {
  const buffer: Transferable | SharedArrayBuffer = chunk.buffer
  if (chunk.byteLength < SMALLEST || chunk.byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  // Node 22 and newer.
  if (buffer.transfer) buffer.transfer(0)
  else nowhere.postMessage(undefined, [buffer])
}
