/**
 * A body that is given no faster than so many bytes a second: the socket is left unread meanwhile, so the client slows down.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Body } from '../store/store.js'

/** Milliseconds that bytes may come ahead of their time. */
const BURST = 250

/** @param rate bytes a second; undefined for as fast as they come */
export function paced(body: Body, rate: number | undefined): Body {
  if (rate === undefined || !(rate > 0)) return body
  const stopping = new AbortController()
  return {
    length: body.length,
    isOurs: body.isOurs,
    get unread() {
      return body.unread
    },
    get ended() {
      return body.ended
    },
    stop() {
      stopping.abort()
      body.stop()
    },
    async *[Symbol.asyncIterator]() {
      let due = performance.now()
      for await (const chunk of body) {
        // The time of silence does not count: who was slow may not be fast for that.
        due = Math.max(due, performance.now() - BURST) + (chunk.byteLength / rate) * 1_000
        yield chunk
        const early = due - performance.now()
        if (early > BURST) await sleep(early - BURST, undefined, { signal: stopping.signal }).catch(() => undefined)
      }
    },
  }
}
