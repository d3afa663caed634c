/**
 * What the commands have in common: the options, and those who keep writers apart, complete uploads, ask hooks and deliver
 * events.
 * @module
 */
import type { UploadInfo } from '../store/info.js'
import type { Locker } from '../store/locker.js'
import type { UploadHandle } from '../store/store.js'
import type { Completions, CompletionsOptions } from './completions.js'
import type { Counters } from './counters.js'
import type { Finishing } from './finishing.js'
import type { HookCalls } from './hook-calls.js'
import type { HookRequest } from './hooks.js'
import type { Observer } from './observer.js'
import type { Outbox } from './outbox.js'
import { present } from './present.js'
import type { WholeDigests } from './whole-digests.js'
import type { Writers } from './writers.js'

export interface UploadsOptions extends CompletionsOptions {
  locker: Locker | undefined
  /** Whoever runs this says that no other process writes. */
  singleProcess: boolean
  allowTermination: boolean
  /** Also of uploads that are complete. */
  allowTerminationOfFinished: boolean
  allowDownload: boolean
  allowConcatenation: boolean
  /** How many partial uploads a final one may name. */
  maxConcatParts: number
  /** Milliseconds after which an unfinished upload expires; undefined: never. */
  expiresAfter: number | undefined
  /** What they are counted from: the last bytes that were stored, or the creation. */
  expiresFrom: 'activity' | 'creation'
  /** Milliseconds for which a sweep keeps the record of what has expired. */
  keepExpired: number
  /** Milliseconds without a commit after which a sweep ends an upload without a deadline; undefined: never. */
  abandonedAfter: number | undefined
  /** Keys of metadata that are kept; undefined: all. */
  allowedMetadata: readonly string[] | undefined
  /** Milliseconds between two calls of `onProgress` for one upload. */
  progressInterval: number
  calls: HookCalls
  observer: Required<Observer>
  counters: Counters
}

export interface Workshop {
  readonly options: UploadsOptions
  readonly writers: Writers
  readonly digests: WholeDigests
  readonly finishing: Finishing
  readonly completions: Completions
  readonly outbox: Outbox
  /** An upload has become complete here, or has failed. */
  readonly ended: (info: UploadInfo, request?: HookRequest) => void
}

/** Ends an upload, and has it told. */
export async function terminate(
  { outbox, options }: Workshop,
  handle: UploadHandle,
  request: HookRequest | undefined,
): Promise<void> {
  const { info } = handle
  const isNews = info.state !== 'failed'
  const notes = isNews && outbox.wants('terminated') && handle.note ? outbox.notes(info, 'terminated') : undefined
  await handle.terminate?.(present({ notes }))
  if (notes) outbox.deliver(handle.info, request)
  if (isNews) options.observer.terminated(info)
}
