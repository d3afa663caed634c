/**
 * What a sweep has to do with an upload, by its record alone. Pure.
 * @module
 */
import type { UploadInfo } from '../store/info.js'
import { hasExpired, wantsCompletion } from './rules.js'

/**
 * `expire`: it ends now, and its bytes are removed. `complete`: its object is to be made. `drive`: a final upload is taken
 * as far as it can go. `settle`: the backend may have dropped it. `clear`: it has ended, and bytes of it may be left.
 * `remove`: it ended so long ago that nobody need be told any more. `tidy`: it is complete, and something is left beside
 * its object. `deliver`: events of it were left undelivered.
 */
export type Due = 'expire' | 'complete' | 'drive' | 'settle' | 'clear' | 'remove' | 'tidy' | 'deliver' | 'nothing'

export interface Limits {
  /** Milliseconds since the epoch. */
  now: number
  /** Milliseconds for which the record of an upload that has ended otherwise is kept, to tell clients. */
  keepExpired: number
  /** Milliseconds without a commit after which events that are not delivered are those of a process that ended. Default: never. */
  deliverAfter?: number | undefined
  /** Milliseconds without a commit after which an unfinished upload without a deadline counts as expired; undefined: never. */
  abandonedAfter: number | undefined
}

export function dueOf(info: UploadInfo, limits: Limits): Due {
  const due = dueByState(info, limits)
  const { now, deliverAfter = Infinity } = limits
  const isLeft = (info.outbox ?? []).length > 0 && now - (info.modifiedAt ?? now) >= deliverAfter
  // What has ended may still have bytes that are to be cleared, which does no harm a second time.
  return isLeft && (due === 'nothing' || due === 'clear') ? 'deliver' : due
}

function dueByState(info: UploadInfo, limits: Limits): Due {
  const { now, keepExpired } = limits
  switch (info.state) {
    case 'complete':
      return info.leftovers ? 'tidy' : 'nothing'
    case 'failed':
      return info.modifiedAt !== undefined && now - info.modifiedAt >= keepExpired ? 'remove' : 'clear'
    case 'completing':
      return 'complete'
    case 'open':
      return dueOfOpen(info, limits)
  }
}

function dueOfOpen(info: UploadInfo, { now, abandonedAfter }: Limits): Due {
  if (hasExpired(info, now)) return 'expire'
  // It ends with its partial uploads.
  if (info.concat?.kind === 'final') return 'drive'
  const isAbandoned =
    info.deadline === undefined &&
    info.modifiedAt !== undefined &&
    abandonedAfter !== undefined &&
    now - info.modifiedAt >= abandonedAfter
  // Nobody said yet that these are all its bytes, and nobody comes any more who could.
  if (wantsCompletion(info)) return isAbandoned || now >= (info.deadline ?? Infinity) ? 'complete' : 'nothing'
  if (isAbandoned) return 'expire'
  return now >= (info.expiresAt ?? Infinity) ? 'settle' : 'nothing'
}
