/**
 * Calls of hooks: each has a time limit, and whatever it throws becomes a failure that the client can be told. A hook that
 * fails costs its request, never a byte.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { Answer } from '../store/info.js'
import { inSpan, type Tracer } from '../store/tracer.js'
import type { HookContext, HookName, Hooks } from './hooks.js'
import type { Observer } from './observer.js'

/** As what the refusal of a hook is told to the client, unless it throws an UploadError itself. */
const CODES: Readonly<Record<HookName, FailureCode>> = {
  authorize: 'ERR_ACCESS_DENIED',
  onCreate: 'ERR_UPLOAD_REJECTED',
  onCreated: 'ERR_HOOK_FAILED',
  onProgress: 'ERR_UPLOAD_STOPPED',
  onFinish: 'ERR_UPLOAD_REJECTED',
  onFinished: 'ERR_HOOK_FAILED',
  onTerminate: 'ERR_UPLOAD_TERMINATION_REJECTED',
  onTerminated: 'ERR_HOOK_FAILED',
}

type EventOf<Name extends HookName> = Parameters<NonNullable<Hooks[Name]>>[0]
type ResultOf<Name extends HookName> = Exclude<Awaited<ReturnType<NonNullable<Hooks[Name]>>>, void> | undefined

export interface HookCallsOptions {
  hooks: Hooks
  /** Milliseconds that one call may take. */
  timeout: number
  observer: Pick<Required<Observer>, 'hookEnded'>
  tracer?: Tracer | undefined
}

export class HookCalls {
  readonly #options: HookCallsOptions
  readonly #closing = new AbortController()

  constructor(options: HookCallsOptions) {
    this.#options = options
  }

  has(name: HookName): boolean {
    return this.#options.hooks[name] !== undefined
  }

  /**
   * @returns undefined also where there is no such hook
   * @throws UploadError: the refusal of the hook, or ERR_HOOK_FAILED
   */
  async ask<Name extends HookName>(name: Name, event: EventOf<Name>): Promise<ResultOf<Name>> {
    if (!this.has(name)) return undefined
    const started = performance.now()
    const { observer, tracer } = this.#options
    const told = (failure?: string): void =>
      observer.hookEnded({ hook: name, duration: performance.now() - started, failure })
    try {
      const attributes = { 'holdfast.hook': name }
      const result = await inSpan(tracer, `hook ${name}`, attributes, () => this.#inTime(name, event))
      told()
      return result
    } catch (thrown) {
      const error = asRefusal(thrown, CODES[name])
      told(error.code === 'ERR_HOOK_FAILED' ? String(thrown) : undefined)
      throw error
    }
  }

  /** Hooks that are being asked now are told to give up. */
  close(): void {
    this.#closing.abort()
  }

  async #inTime<Name extends HookName>(name: Name, event: EventOf<Name>): Promise<ResultOf<Name>> {
    const { hooks, timeout } = this.#options
    const over = new AbortController()
    const abandoned = new Promise<never>((_, reject) => {
      over.signal.addEventListener('abort', () => reject(over.signal.reason), { once: true })
    })
    const stop = (): void => over.abort(new Error('the server is shutting down'))
    const timer = setTimeout(() => over.abort(new Error(`${name} took longer than ${timeout} ms`)), timeout)
    this.#closing.signal.addEventListener('abort', stop, { once: true })
    try {
      const hook = hooks[name] as (event: EventOf<Name>, context: HookContext) => Promise<ResultOf<Name>>
      return await Promise.race([hook.call(hooks, event, { signal: over.signal }), abandoned])
    } finally {
      clearTimeout(timer)
      this.#closing.signal.removeEventListener('abort', stop)
      // Nobody waits for it any more.
      abandoned.catch(() => undefined)
    }
  }
}

/** What a hook may throw to be answered so; any error with a `status` will do. */
interface Refusing {
  status?: unknown
  message?: unknown
  headers?: unknown
  body?: unknown
}

export function asRefusal(thrown: unknown, code: FailureCode): UploadError {
  if (thrown instanceof UploadError) return thrown
  const { status, message, headers, body } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Refusing
  const isStatus = Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599
  if (!isStatus) return new UploadError('ERR_HOOK_FAILED', { cause: thrown, retryAfter: 1_000 })
  const answer: Answer = {
    ...(typeof headers === 'object' && headers !== null ? { headers: headers as Record<string, string> } : {}),
    ...(typeof body === 'string' ? { body } : {}),
  }
  const sentence = typeof message === 'string' && message !== '' ? { message } : {}
  return new UploadError(code, { status: status as number, ...sentence, answer, cause: thrown })
}

/** Whether a hook has refused for good: asked again, it would say the same. */
export const isForGood = (error: unknown): error is UploadError =>
  error instanceof UploadError && error.status < 500 && error.code !== 'ERR_HOOK_FAILED'
