/**
 * How an upload is known again in the sink: its content begins with a marker that has its number.
 * @module
 */

const MAGIC = Buffer.from('holdfast bench ')
const DIGITS = 8

/** Bytes of a marker. */
export const MARKER = MAGIC.length + DIGITS + 1

/** How far into a body a marker may begin: what stands before it is the framing of aws-chunked. */
const REACH = 256

export function markerOf(serial: number): Buffer {
  return Buffer.concat([MAGIC, Buffer.from(`${String(serial).padStart(DIGITS, '0')}\n`)])
}

/** @returns the number of the upload whose content begins in these first bytes of a body; undefined where none does */
export function serialIn(bytes: Buffer): number | undefined {
  const at = bytes.subarray(0, REACH).indexOf(MAGIC)
  if (at < 0 || at + MARKER > bytes.length) return undefined
  const serial = Number(bytes.toString('latin1', at + MAGIC.length, at + MAGIC.length + DIGITS))
  return Number.isInteger(serial) ? serial : undefined
}

/** Milliseconds on a clock that is the same in all processes of this machine (CLOCK_MONOTONIC). */
export const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000
