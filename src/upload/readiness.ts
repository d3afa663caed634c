/**
 * Whether this server can serve now: the store answers a read, and the locker answers. Asked often, by probes of whoever
 * balances the load, and by anybody who finds the path; so the backend is looked at at most once in a while, by one look at a
 * time, and no answer waits for long.
 * @module
 */
import { asUploadError, type FailureCode, UploadError } from '../errors.js'
import type { Locker } from '../store/locker.js'
import type { Store } from '../store/store.js'

/** Whether requests can be served now. */
export interface Readiness {
  /** Whether they can. */
  readonly ready: boolean
  /** Why not. */
  readonly code: FailureCode | undefined
}

export interface ReadinessGround {
  readonly store: Pick<Store, 'open'>
  readonly locker: Locker | undefined
  /** The look that comes before the first request. */
  readonly ready: () => Promise<void>
}

/** Milliseconds for which an answer is given again, and that one look has. */
const MAX_AGE = 1_000
const TIMEOUT = 3_000

/** Nobody's: to look for it costs a backend the least that tells that it answers. */
const NOBODYS = '00000000000000000000000000000000'

const READY: Readiness = { ready: true, code: undefined }
const not = (code: FailureCode): Readiness => ({ ready: false, code })

export class ReadinessLooks {
  readonly #ground: ReadinessGround
  readonly #times: { readonly maxAge: number; readonly timeout: number }
  #last: { readonly answer: Readiness; readonly at: number } | undefined
  #look: Promise<Readiness> | undefined
  #isEnding = false

  constructor(ground: ReadinessGround, times = { maxAge: MAX_AGE, timeout: TIMEOUT }) {
    this.#ground = ground
    this.#times = times
  }

  /** Nothing but no from now on. */
  end(): void {
    this.#isEnding = true
  }

  async readiness(): Promise<Readiness> {
    const { maxAge, timeout } = this.#times
    if (this.#isEnding) return not('ERR_SERVER_SHUTDOWN')
    if (this.#last && performance.now() - this.#last.at < maxAge) return this.#last.answer
    this.#look ??= this.#lookNow().finally(() => {
      this.#look = undefined
    })
    const answer = await orAfter(this.#look, timeout, not('ERR_STORE_UNAVAILABLE'))
    return this.#isEnding ? not('ERR_SERVER_SHUTDOWN') : answer
  }

  async #lookNow(): Promise<Readiness> {
    const { store, locker, ready } = this.#ground
    const answer = await ready()
      .then(() => Promise.all([mustAnswer(store), locker?.ready?.()]))
      .then(
        () => READY,
        (error: unknown) => not(asUploadError(error).code),
      )
    this.#last = { answer, at: performance.now() }
    return answer
  }
}

async function mustAnswer(store: Pick<Store, 'open'>): Promise<void> {
  await store.open(NOBODYS).catch((error: unknown) => {
    if (!(error instanceof UploadError && error.code === 'ERR_UPLOAD_NOT_FOUND')) throw error
  })
}

/** @param time milliseconds */
function orAfter<T>(promise: Promise<T>, time: number, otherwise: T): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(otherwise), time)
    promise.then((value) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}
