/**
 * Repairing: what the store's inspector finds is mended where that is safe, one upload at a time and as its only writer here,
 * by the same steps that requests and sweeps take. Beside running servers each step is a commit like any other: who is
 * overtaken stops, and nothing that a record names is removed.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { Notes, UploadInfo } from '../store/info.js'
import type { Finding, Inspection, Inspector, Remedy } from '../store/inspect.js'
import type { Measure, Store, StoreRemedy } from '../store/store.js'
import { EXPIRED, hasExpired, wantsCompletion } from './rules.js'
import type { Writers } from './writers.js'

/** How an upload is repaired. */
export interface RepairOptions {
  /** Only says what would be done. Default: false. */
  dryRun?: boolean | undefined
  /** Only these. Default: all. */
  only?: readonly Remedy[] | undefined
  /** For `adopt`: what reading the content has found. */
  measured?: Measure | undefined
}

/** What came of one remedy. */
export interface Repair {
  /** What was to be done. */
  remedy: Remedy
  /**
   * `done`; `due`, in a dry run; `nothing`, since there was no need any more; `busy`, since somebody writes the upload or has
   * changed it meanwhile; `waiting`, of a final upload without all its partial ones; `failed`.
   */
  outcome: 'done' | 'due' | 'nothing' | 'busy' | 'waiting' | 'failed'
  /** What went wrong, of `failed`. */
  reason?: string
}

/** What was done about one upload. */
export interface RepairReport {
  /** The ID of the upload. */
  id: string
  /** What was done, in order. */
  repairs: Repair[]
  /** What is still wrong, or due, in the end. */
  left: readonly Finding[]
}

export interface RepairGround {
  store: Store
  writers: Writers
  /** Takes an upload as far as it can go now. */
  complete(id: string): Promise<UploadInfo>
  /** What is committed with the end of an upload that has expired, and who is told of it. */
  ending?: { notes(info: UploadInfo): Notes; ended(info: UploadInfo): void } | undefined
  /** Milliseconds since the epoch. */
  now: () => number
}

/** In this order: what was adopted may be completed, and what was ended may be tidied. */
const ORDER: readonly Remedy[] = ['adopt', 'settle', 'complete', 'expire', 'strays', 'tidy']

const BUSY: readonly FailureCode[] = ['ERR_UPLOAD_LOCKED', 'ERR_CONFLICT', 'ERR_COMPLETION_PENDING']

/** It can never be complete, and its record says so by now. */
const ENDED: readonly FailureCode[] = ['ERR_UPLOAD_GONE', 'ERR_DIGEST_MISMATCH']

/** Whether somebody should look: all but notes. */
const matters = ({ level }: Finding): boolean => level !== 'note'

/** @throws UploadError ERR_NOT_IMPLEMENTED · ERR_UPLOAD_NOT_FOUND · whatever a look throws */
export async function repair(ground: RepairGround, id: string, options: RepairOptions = {}): Promise<RepairReport> {
  const inspector = inspectorOf(ground.store)
  let seen = await inspector.inspect(id)
  const repairs: Repair[] = []
  for (const remedy of ORDER) {
    const isWanted = calls(seen, remedy) || (remedy === 'adopt' && options.measured !== undefined)
    if (options.only?.includes(remedy) === false || !isWanted) continue
    const found: Repair = options.dryRun ? { remedy, outcome: 'due' } : await tried(ground, seen, remedy, options)
    // One remedy may call for another, or make it needless; and to open an upload may be all that there is to do.
    if (found.outcome === 'done' || found.outcome === 'nothing') seen = await inspector.inspect(id)
    if (found.outcome === 'nothing' && !calls(seen, remedy)) found.outcome = 'done'
    repairs.push(found)
  }
  return { id: seen.id, repairs, left: seen.findings.filter(matters) }
}

function inspectorOf(store: Store): Inspector {
  const inspector = store.inspector?.()
  if (inspector !== undefined) return inspector
  throw new UploadError('ERR_NOT_IMPLEMENTED', { message: 'This store cannot be looked at by tools.' })
}

const calls = ({ findings }: Inspection, remedy: Remedy): boolean => findings.some((one) => one.remedy === remedy)

async function tried(ground: RepairGround, seen: Inspection, remedy: Remedy, options: RepairOptions): Promise<Repair> {
  try {
    return { remedy, outcome: await applied(ground, seen.id, remedy, options.measured) }
  } catch (error) {
    if (error instanceof UploadError && BUSY.includes(error.code)) return { remedy, outcome: 'busy' }
    // That was what was to be found out.
    if (error instanceof UploadError && ENDED.includes(error.code)) return { remedy, outcome: 'done' }
    const { message, cause } = error as Error
    return { remedy, outcome: 'failed', reason: cause ? `${message} (${cause})` : message }
  }
}

async function applied(
  { store, writers, complete, ending, now }: RepairGround,
  id: string,
  remedy: Remedy,
  measured: Measure | undefined,
): Promise<Repair['outcome']> {
  if (remedy === 'complete') {
    if (writers.has(id)) return 'busy'
    const info = await complete(id)
    return wantsCompletion(info) ? 'waiting' : 'done'
  }
  return writers.exclusively(
    id,
    0,
    async ({ lease }) => {
      const handle = await store.open(id, { lease })
      if (remedy === 'expire') {
        if (!hasExpired(handle.info, now())) return 'nothing'
        const notes = ending?.notes(handle.info)
        await handle.fail(EXPIRED, { quietly: true, ...(notes ? { notes } : {}) })
        ending?.ended(handle.info)
        return 'done'
      }
      return (await handle.mend?.(remedy satisfies StoreRemedy, measured)) ? 'done' : 'nothing'
    },
    { quietly: true },
  )
}
