/**
 * What happens, told as it happens: to metrics, to the status page, to whoever wants to know. Nobody waits for it, and what
 * an observer throws is dropped.
 * @module
 */
import type { UploadInfo } from '../store/info.js'
import type { StoreObserver } from '../store/observer.js'
import type { HookName, HookRequest } from './hooks.js'
import type { SweepReport } from './sweep.js'

export interface RequestEnd {
  /** The method in effect. */
  readonly method: string
  readonly status: number
  /** The code of the failure that was answered, if it was one. */
  readonly code: string | undefined
  /** Milliseconds. */
  readonly duration: number
  /** Bytes of its body that were given to the store. */
  readonly received: number
  /** The upload that it was about or has made, if there is one. */
  readonly upload: string | undefined
}

export interface HookEnd {
  readonly hook: HookName
  /** Milliseconds. */
  readonly duration: number
  /** In words; undefined if it succeeded. A refusal is none. */
  readonly failure: string | undefined
}

export interface Observer extends StoreObserver {
  requestBegan?(request: HookRequest): void
  requestEnded?(end: RequestEnd, request: HookRequest): void
  created?(upload: UploadInfo, request: HookRequest | undefined): void
  /** A request begins to write an upload; its body is read from now on. */
  appendBegan?(upload: UploadInfo, request: HookRequest | undefined): void
  /** Bytes were committed. @param bytes since the last time */
  stored?(upload: UploadInfo, bytes: number): void
  /** @param upload as it is committed now */
  appendEnded?(upload: UploadInfo, request: HookRequest | undefined): void
  finished?(upload: UploadInfo): void
  /** By a client, or stopped by a hook. */
  terminated?(upload: UploadInfo): void
  /** It can never be complete; `upload.failure` says why. */
  failed?(upload: UploadInfo): void
  /** A request was asked to yield its upload to a newer one. */
  yielded?(id: string): void
  hookEnded?(end: HookEnd): void
  /** A sweep has ended, by the clock or by hand; not one that only counted. */
  swept?(report: SweepReport): void
}

type Told = { readonly [Name in keyof Observer]-?: NonNullable<Observer[Name]> }

const NAMES = [
  'storeOpened',
  'storeCall',
  'requestBegan',
  'requestEnded',
  'created',
  'appendBegan',
  'stored',
  'appendEnded',
  'finished',
  'terminated',
  'failed',
  'yielded',
  'hookEnded',
  'swept',
] as const satisfies readonly (keyof Observer)[]

/** Tells all of them, and keeps what one of them throws from everybody else. */
export function observeAll(observers: readonly Observer[]): Told {
  const tell =
    (name: (typeof NAMES)[number]) =>
    (...told: unknown[]): void => {
      for (const observer of observers) {
        try {
          ;(observer[name] as ((...told: unknown[]) => void) | undefined)?.(...told)
        } catch {
          // Its own business.
        }
      }
    }
  return Object.fromEntries(NAMES.map((name) => [name, tell(name)])) as unknown as Told
}
