/**
 * One request and its answer, whichever adapter carries them: node:http or fetch.
 * @module
 */
import type { Fields, RequestHead, ResponseHead } from '../protocol/message.js'
import type { Body } from '../store/store.js'

/** Content that follows a head: given in order, ended early if the client goes away. */
export type Content = AsyncIterable<Uint8Array>

/**
 * Gives up content that nobody has begun to read. A generator that was never started does not run to its `finally` when it is
 * told to return, and the connection behind it would stay: so it is started first.
 */
export function giveUp(content: Content): void {
  const iterator = content[Symbol.asyncIterator]()
  iterator.next().catch(() => undefined)
  iterator.return?.().catch(() => undefined)
}

export interface Exchange {
  readonly head: RequestHead
  /**
   * The request's body, with at most `limit` bytes given (then it ends as 'too-long').
   * @param limit bytes; Infinity for none
   * @param idleTimeout ends the body as 'timeout' after so many milliseconds without a byte while one was asked for
   * @param minRate ends it so, too, if fewer bytes a second came, on the average of so many milliseconds; default 0
   */
  body(limit: number, idleTimeout: number, minRate?: number): Body
  /** The fields that followed the body, once it has ended as 'end'. Absent where they cannot be seen. */
  readonly trailers?: () => Fields
  /**
   * Sends an interim (1xx) response, if the client is still there. Absent where none can be sent: by HTTP/1.0, and before a
   * `Response`.
   */
  readonly inform?: (head: ResponseHead) => void
  /**
   * Sends the one answer. Resolves when it was handed to the connection or the client is gone; never rejects. If
   * `content` fails midway the connection is destroyed, so that the client sees a cut body and not a short one.
   */
  answer(head: ResponseHead, content?: Content): Promise<void>
}

/** What an adapter calls for each request. Never rejects. */
export type Serve = (exchange: Exchange) => Promise<void>
