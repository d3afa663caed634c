/**
 * Random bits for names and nonces, fetched for many at once: asking the system for sixteen bytes costs more than signing with them.
 * @module
 */
import { randomFillSync } from 'node:crypto'

const pool = Buffer.allocUnsafeSlow(4 * 1024)
let used = pool.length

/** @param bytes at most some hundred @returns as many random bytes from the system's generator, in hex; given out once */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const text = pool.toString('hex', used, used + bytes)
  // A copy of what was given out stays nowhere.
  pool.fill(0, used, used + bytes)
  used += bytes
  return text
}
