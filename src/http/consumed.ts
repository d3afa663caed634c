/**
 * Bodies that somebody read before us: a body parser that was mounted first, or a platform that reads them all. Nothing is
 * lost where they kept the bytes as they came; else the request fails, and says why.
 * @module
 */
import { UploadError } from '../errors.js'
import type { NodeRequest } from './node-message.js'

/** Where they keep it: `rawBody` on Google's functions, `body` by parsers that leave bytes (`express.raw`). */
interface Parsed {
  rawBody?: unknown
  body?: unknown
}

/**
 * @param length bytes that the request announces
 * @returns the whole body, if somebody has read and kept it; undefined if it is still to come
 * @throws UploadError ERR_BODY_CONSUMED if something of it was read and not kept
 */
export function keptOf(request: NodeRequest, length: number | undefined): Uint8Array | undefined {
  if (!request.readableDidRead || length === 0) return undefined
  const { rawBody, body } = request as Parsed
  const kept = [rawBody, body].find((value) => value instanceof Uint8Array)
  // A parser may have unpacked what it read.
  const isWhole = kept && request.headers['content-encoding'] === undefined && kept.length === (length ?? kept.length)
  if (isWhole && request.readableEnded) return kept
  throw new UploadError('ERR_BODY_CONSUMED')
}
