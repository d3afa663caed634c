/**
 * From all bytes to the object: by whoever meets an upload that has them, and without the request that met it. The last
 * byte of a partial upload also moves the final ones that wait for it.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { Store, UploadHandle } from '../store/store.js'
import { inSpan, type Tracer } from '../store/tracer.js'
import { type Driver, drive, isFinal } from './concatenate.js'
import { type Finishing, isWrong } from './finishing.js'
import type { HookRequest } from './hooks.js'
import { settlesWithin, type Writers } from './writers.js'

export interface CompletionsOptions {
  store: Store
  /** Bytes; Infinity for no limit. */
  maxSize: number
  /** Milliseconds that a writer has to yield. */
  yieldTimeout: number
  /** Milliseconds that a request waits for a completion before it says "ask again". */
  completionTimeout: number
  /** Removes partial uploads once they are joined. */
  deletePartials: boolean
  tracer?: Tracer | undefined
  /** Milliseconds since the epoch. */
  now: () => number
  /** Told of failures that cost nobody's upload. */
  warn: (fields: Record<string, unknown>, message: string) => void
}

/** With these a completion is not done yet, and nothing is wrong. */
const PENDING: readonly FailureCode[] = ['ERR_COMPLETION_PENDING', 'ERR_UPLOAD_LOCKED', 'ERR_CONFLICT']

export const isPending = (error: unknown): boolean => error instanceof UploadError && PENDING.includes(error.code)

export class Completions {
  readonly #options: CompletionsOptions
  readonly #writers: Writers
  readonly #finishing: Finishing
  /** Told of each upload that has become complete here, or has failed. */
  readonly #onEnded: (info: UploadInfo, request?: HookRequest) => void
  readonly #running = new Map<string, Promise<UploadInfo>>()
  /** Final uploads that are looked for after the last byte of a partial one. */
  readonly #following = new Set<Promise<void>>()

  constructor(
    options: CompletionsOptions,
    writers: Writers,
    finishing: Finishing,
    onEnded: (info: UploadInfo, request?: HookRequest) => void,
  ) {
    this.#options = options
    this.#writers = writers
    this.#finishing = finishing
    this.#onEnded = onEnded
  }

  /** Whether the object of the upload is being made now. */
  has(id: string): boolean {
    return this.#running.has(id)
  }

  /** All that goes on now has ended. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#running.values(), ...this.#following])
  }

  /** As `complete`, for a bounded time: a full offset is told only with the object. @throws UploadError */
  async inTime(id: string): Promise<UploadInfo> {
    const running = this.complete(id)
    const failure: { error?: unknown } = {}
    const settled = running.catch((error: unknown) => {
      failure.error = error
    })
    if (!(await settlesWithin(settled, this.#options.completionTimeout))) {
      throw new UploadError('ERR_COMPLETION_PENDING', { retryAfter: 1_000 })
    }
    // Whoever only asks has not sent anything wrong: it is an upload that has ended.
    const { error } = failure
    if (isWrong(error) && !error.isFinal)
      throw new UploadError('ERR_UPLOAD_GONE', { message: error.message, cause: error })
    if (error !== undefined) throw error
    return running
  }

  /**
   * Takes the upload as far as it can go now.
   * @param request with which it was created just now
   * @throws UploadError
   */
  complete(id: string, request?: HookRequest): Promise<UploadInfo> {
    return this.#running.get(id) ?? this.#begin(id, request)
  }

  #begin(id: string, request: HookRequest | undefined): Promise<UploadInfo> {
    const { store, yieldTimeout, tracer } = this.#options
    const complete = async (): Promise<UploadInfo> =>
      this.#writers.exclusively(id, yieldTimeout, async ({ lease }) => {
        const handle = await store.open(id, { lease })
        const before = handle.info.state
        const info = await this.#driven(handle, request)
        const hasEnded = info.state === 'complete' || info.state === 'failed'
        if (hasEnded && info.state !== before) this.#onEnded(info, request)
        return info
      })
    const completion = inSpan(tracer, 'holdfast.complete', { 'holdfast.upload.id': id }, complete).finally(() =>
      this.#running.delete(id),
    )
    this.#running.set(id, completion)
    return completion
  }

  async #driven(handle: UploadHandle, request: HookRequest | undefined): Promise<UploadInfo> {
    const finishing = this.#finishing
    if (isFinal(handle.info)) return finishing.orGiveUp(handle, () => drive(handle, this.#driver(request)))
    await finishing.orGiveUp(handle, () => handle.finish(finishing.of(handle, request)))
    return handle.info
  }

  #driver(request: HookRequest | undefined): Driver {
    const { store, maxSize, deletePartials, now } = this.#options
    return {
      store,
      maxSize,
      now,
      gate: (info) => this.#finishing.of({ info }, request),
      complete: (id) => this.complete(id),
      remove: deletePartials ? (ids) => this.#remove(ids) : undefined,
    }
  }

  /** What cannot be removed stays: the final upload is complete without that. */
  async #remove(ids: readonly string[]): Promise<void> {
    const { store, yieldTimeout, warn } = this.#options
    for (const id of ids) {
      const removing = this.#writers.exclusively(id, yieldTimeout, async ({ lease }) =>
        (await store.open(id, { lease })).terminate?.(),
      )
      await removing.catch((error) => {
        if (error instanceof UploadError && error.status === 404) return
        warn({ upload: id, error: String(error) }, 'a partial upload that was joined could not be removed')
      })
    }
  }

  /** The last byte of a partial upload may be what a final one waits for; no answer waits for that. */
  follow({ id, concat, state }: UploadInfo): void {
    if (concat?.kind !== 'partial' || state !== 'complete') return
    const following = this.#follow(id).catch((error) => {
      this.#options.warn({ upload: id, error: String(error) }, 'a final upload waits until somebody asks for it')
    })
    this.#following.add(following)
    following.finally(() => this.#following.delete(following))
  }

  async #follow(id: string): Promise<void> {
    const handle = await this.#options.store.open(id)
    for (const final of (await handle.finals?.()) ?? []) {
      await this.complete(final).catch((error) => {
        // It was terminated meanwhile.
        if (!(error instanceof UploadError && error.status === 404)) throw error
      })
    }
  }
}
