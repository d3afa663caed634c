/**
 * What happens, told as it happens: to metrics, to the status page, to whoever wants to know. Nobody waits for it, and what
 * an observer throws is dropped.
 * @module
 */
import type { UploadInfo } from '../store/info.js'
import type { StoreObserver } from '../store/observer.js'
import type { HookName, HookRequest } from './hooks.js'
import type { SweepReport } from './sweep-report.js'

/** A request that was answered. */
export interface RequestEnd {
  /** The method in effect. */
  readonly method: string
  /** The HTTP status of the answer. */
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

/** A hook that has ended. */
export interface HookEnd {
  /** Which one. */
  readonly hook: HookName
  /** Milliseconds. */
  readonly duration: number
  /** In words; undefined if it succeeded. A refusal is none. */
  readonly failure: string | undefined
}

/** What is told of what happens. Each function may be absent. */
export interface Observer extends StoreObserver {
  /** A request has come. */
  requestBegan?(request: HookRequest): void
  /** A request was answered, or its client went away. */
  requestEnded?(end: RequestEnd, request: HookRequest): void
  /** An upload was created. */
  created?(upload: UploadInfo, request: HookRequest | undefined): void
  /** A request begins to write an upload; its body is read from now on. */
  appendBegan?(upload: UploadInfo, request: HookRequest | undefined): void
  /** Bytes were committed. @param bytes since the last time */
  stored?(upload: UploadInfo, bytes: number): void
  /** A request no longer writes an upload. @param upload as it is committed now */
  appendEnded?(upload: UploadInfo, request: HookRequest | undefined): void
  /** An upload is complete. */
  finished?(upload: UploadInfo): void
  /** By a client, or stopped by a hook. */
  terminated?(upload: UploadInfo): void
  /** It can never be complete; `upload.failure` says why. */
  failed?(upload: UploadInfo): void
  /** A request was asked to yield its upload to a newer one. */
  yielded?(id: string): void
  /** A hook has ended. */
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
  const nobody = (): void => undefined
  return Object.fromEntries(
    NAMES.map((name) => [name, observers.some((observer) => observer[name]) ? tell(name) : nobody]),
  ) as unknown as Told
}
