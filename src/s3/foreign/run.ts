/**
 * Which parts of another server's multipart upload count. Pure.
 * @module
 */
import type { ListedPart } from '../call/call.js'

/**
 * The parts from number 1 to the first hole. A part also ends the run before it if S3 would refuse to complete with
 * it (too small, and not the last), or if it passes the length: its bytes are then sent again under the same number.
 *
 * @param listed all parts, in order
 * @param length bytes of the upload; undefined while deferred
 * @param minPartSize bytes
 */
export function contiguousParts(
  listed: readonly ListedPart[],
  length: number | undefined,
  minPartSize: number,
): ListedPart[] {
  const run: ListedPart[] = []
  let end = 0
  for (const part of listed) {
    end += part.size
    const isNext = part.partNumber === run.length + 1
    const isTooSmall = part.size < minPartSize && end !== length
    if (!isNext || isTooSmall || end > (length ?? Number.POSITIVE_INFINITY)) break
    run.push(part)
  }
  return run
}
