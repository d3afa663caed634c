/**
 * Content on its way out, held against the CRC32 that its record has: bytes that have changed since they were stored are not
 * given out as the upload. What is read in part cannot be checked so.
 * @module
 */

import { UploadError } from '../errors.js'
import { crc32 } from '../store/crc32-of.js'
import type { UploadInfo } from '../store/info.js'

/**
 * The last piece is held back until all of it was seen, so that whoever reads gets less than the whole, and a failure.
 * @param tell called when it is not what was stored
 */
export async function* checked(
  content: AsyncIterable<Uint8Array>,
  { crc32: known }: UploadInfo,
  tell: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let sum = 0
  let last: Uint8Array | undefined
  for await (const piece of content) {
    if (last !== undefined) yield last
    sum = crc32(piece, sum)
    last = piece
  }
  if (known !== undefined && sum !== known) {
    tell()
    const cause = new Error(`the CRC32 of what was read is ${sum}, and that of what was stored ${known}`)
    throw new UploadError('ERR_STORE_CORRUPT', { cause })
  }
  if (last !== undefined) yield last
}
