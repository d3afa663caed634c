/**
 * What has to hold before an upload is complete, and what is committed with that: its digests, then the application's word.
 * Nobody is told of a complete upload before both are settled (docs/invariants.md, 8).
 * @module
 */
import { UploadError } from '../errors.js'
import type { Answer, Refusal, UploadInfo } from '../store/info.js'
import type { FinishOptions, UploadHandle } from '../store/store.js'
import { type HookCalls, isForGood } from './hook-calls.js'
import type { HookRequest } from './hooks.js'
import type { Observer } from './observer.js'
import type { Outbox } from './outbox.js'
import { present } from './present.js'
import type { WholeDigests } from './whole-digests.js'

type BeforeComplete = FinishOptions['beforeComplete']
type Read = Parameters<NonNullable<BeforeComplete>>[0]

/** Bytes of JSON: the record has it, and is written with each commit. */
const MOST_ANSWER = 32 * 1024

/** Statuses below 500 with which a hook asks for another try. */
const LATER = [408, 423, 425, 429]

export interface FinishingOptions {
  calls: HookCalls
  outbox: Outbox
  digests: WholeDigests
  observer: Required<Observer>
}

export class Finishing {
  readonly #options: FinishingOptions

  constructor(options: FinishingOptions) {
    this.#options = options
  }

  /** @param digests how the digests of the whole are verified. Default: by reading it */
  of(
    handle: Pick<UploadHandle, 'info'>,
    request?: HookRequest,
    digests: BeforeComplete = this.#options.digests.gate(handle.info).beforeComplete,
  ): FinishOptions {
    const { calls, outbox } = this.#options
    const said: { answer?: Answer | undefined } = {}
    const beforeComplete = calls.has('onFinish')
      ? async (read: Read, size: number): Promise<void> => {
          await digests?.(read, size)
          // Its last bytes may be committed only with its end.
          const upload = { ...handle.info, offset: size, length: size }
          said.answer = await this.#ask(upload, request, read)
        }
      : digests
    const notes = (completes: boolean) => ({
      ...outbox.notes(handle.info, completes ? 'finished' : undefined),
      ...(completes && said.answer ? { answer: said.answer } : {}),
    })
    return { ...present({ beforeComplete }), notes }
  }

  async #ask(upload: UploadInfo, request: HookRequest | undefined, read: Read): Promise<Answer | undefined> {
    try {
      const answer = await this.#options.calls.ask('onFinish', { upload, request, read })
      return answer && bounded(answer)
    } catch (error) {
      if (!isForGood(error) || LATER.includes(error.status)) throw error
      const { code, status, message, answer } = error
      throw new UploadError(code, { status, message, answer, cause: error, isFinal: true })
    }
  }

  /** Content that is not what the client said, or that the application refuses, never becomes an upload that is complete. */
  async orGiveUp<T>(handle: UploadHandle, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isWrong(error)) throw error
      await handle.fail(error.message, error.isFinal ? { notes: { refusal: refusalOf(error) } } : {})
      this.#options.observer.failed(handle.info)
      throw error
    }
  }
}

/** The content is not what the client said it would be, or the application does not want it. */
export const isWrong = (error: unknown): error is UploadError =>
  error instanceof UploadError && (error.code === 'ERR_DIGEST_MISMATCH' || error.isFinal)

function bounded({ status, headers, body }: Answer): Answer {
  const answer = present({ status, headers, body })
  const size = JSON.stringify(answer).length
  if (size <= MOST_ANSWER) return answer
  const cause = new Error(`onFinish returned ${size} bytes to add to the answer; at most ${MOST_ANSWER} are kept`)
  throw new UploadError('ERR_HOOK_FAILED', { cause })
}

const refusalOf = ({ status, message, answer }: UploadError): Refusal => ({ status, message, ...answer })
