/**
 * What the application is told while bytes come: now and then, one call at a time, and without anybody waiting for it. It may
 * stop the upload.
 * @module
 */
import type { UploadError } from '../errors.js'
import type { UploadHandle } from '../store/store.js'
import type { Workshop } from './ground.js'
import { isForGood } from './hook-calls.js'
import type { HookRequest } from './hooks.js'

/** Uploads of which is remembered when they were last told. */
const MOST_REMEMBERED = 10_000

/** When each upload was last told of, by ID, over requests; the oldest first. */
export type LastTold = Map<string, number>

export class Progress {
  /** With what the application has stopped the upload. */
  stopped: UploadError | undefined
  readonly #shop: Workshop
  readonly #handle: UploadHandle
  readonly #request: HookRequest | undefined
  readonly #lastTold: LastTold
  readonly #stop: () => void
  #isAsking = false

  constructor(
    shop: Workshop,
    lastTold: LastTold,
    handle: UploadHandle,
    request: HookRequest | undefined,
    stop: () => void,
  ) {
    this.#shop = shop
    this.#lastTold = lastTold
    this.#handle = handle
    this.#request = request
    this.#stop = stop
  }

  /** Bytes were committed. */
  tell(): void {
    const { calls, progressInterval, warn } = this.#shop.options
    if (this.#isAsking || this.stopped || !calls.has('onProgress')) return
    const upload = this.#handle.info
    if (!isDue(this.#lastTold, upload.id, progressInterval)) return
    this.#isAsking = true
    calls
      .ask('onProgress', { upload, request: this.#request })
      .catch((error: unknown) => {
        if (!isForGood(error)) return warn({ upload: upload.id, error: String(error) }, 'onProgress failed')
        this.stopped = error
        this.#stop()
      })
      .finally(() => {
        this.#isAsking = false
      })
  }
}

function isDue(lastTold: LastTold, id: string, interval: number): boolean {
  const now = performance.now()
  if (now - (lastTold.get(id) ?? -Infinity) < interval) return false
  lastTold.delete(id)
  lastTold.set(id, now)
  const oldest = lastTold.keys().next().value
  if (lastTold.size > MOST_REMEMBERED && oldest !== undefined) lastTold.delete(oldest)
  return true
}
