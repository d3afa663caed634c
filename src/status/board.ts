/**
 * What an operator wants to see at a glance: uploads in progress, those that ended last, totals, and the last minutes second
 * by second. An observer that keeps a bounded amount of it in memory; what is older is in the metrics.
 * @module
 */
import type { UploadInfo } from '../store/info.js'
import type { StoreCall } from '../store/observer.js'
import type { HookRequest } from '../upload/hooks.js'
import type { Observer, RequestEnd } from '../upload/observer.js'
import type { EndedStatus, Second, Snapshot, Totals, UploadStatus } from './snapshot.js'

/** Unfinished uploads that are remembered. */
const MOST_KNOWN = 10_000

/** And told in one snapshot. */
const MOST_TOLD = 500

const MOST_ENDED = 200

/** Seconds that are remembered. */
const SECONDS = 300

/** Seconds over which a rate is an average, about. */
const SMOOTH = 3

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }
type Known = Writable<UploadStatus> & { since: number; committed: number; requests: number }

export interface BoardOptions {
  /** The address of who sent a request. Default: the peer's. */
  clientOf?: ((request: HookRequest) => string | undefined) | undefined
  /** For tests: milliseconds since the epoch. */
  now?: (() => number) | undefined
}

export class StatusBoard implements Observer {
  readonly #now: () => number
  readonly #clientOf: (request: HookRequest) => string | undefined
  readonly #startedAt: number
  /** Those that changed last come last. */
  readonly #known = new Map<string, Known>()
  readonly #ended: EndedStatus[] = []
  readonly #seconds: Writable<Second>[] = []
  readonly #totals: Writable<Totals> = {
    created: 0,
    finished: 0,
    failed: 0,
    terminated: 0,
    bytes: 0,
    requests: 0,
    errors: 0,
  }

  constructor({ clientOf = ({ remoteAddress }) => remoteAddress, now = Date.now }: BoardOptions = {}) {
    this.#clientOf = clientOf
    this.#now = now
    this.#startedAt = now()
  }

  requestEnded({ status }: RequestEnd): void {
    this.#totals.requests++
    if (status >= 500) this.#totals.errors++
  }

  created(upload: UploadInfo, request: HookRequest | undefined): void {
    this.#totals.created++
    // With its first bytes it may have come to its end already.
    if (upload.state === 'open') this.#touch(upload, request)
  }

  appendBegan(upload: UploadInfo, request: HookRequest | undefined): void {
    const known = this.#touch(upload, request)
    known.requests++
    known.isActive = true
    known.since = this.#now()
    known.committed = upload.offset
  }

  stored(upload: UploadInfo, bytes: number): void {
    this.#totals.bytes += bytes
    this.#second().bytes += bytes
    this.#touch(upload, undefined)
  }

  appendEnded(upload: UploadInfo, request: HookRequest | undefined): void {
    const known = this.#touch(upload, request)
    known.requests = Math.max(0, known.requests - 1)
    known.isActive = known.requests > 0
    if (!known.isActive) known.rate = 0
  }

  finished(upload: UploadInfo): void {
    this.#end(upload, 'finished')
  }

  failed(upload: UploadInfo): void {
    this.#end(upload, 'failed')
  }

  terminated(upload: UploadInfo): void {
    this.#end(upload, 'terminated')
  }

  storeCall({ duration, failure }: StoreCall): void {
    const second = this.#second()
    second.calls++
    if (failure !== undefined) second.failed++
    second.callTime += duration
    second.slowest = Math.max(second.slowest, duration)
  }

  snapshot(): Snapshot {
    const now = this.#now()
    const oldest = Math.floor(now / 1_000) - SECONDS
    const known = [...this.#known.values()].reverse()
    return {
      now,
      startedAt: this.#startedAt,
      totals: { ...this.#totals },
      uploads: known.slice(0, MOST_TOLD).map(({ since: _, committed: __, requests: ___, ...status }) => status),
      more: Math.max(0, known.length - MOST_TOLD),
      ended: [...this.#ended].reverse(),
      seconds: this.#seconds.filter(({ at }) => at > oldest).map((second) => ({ ...second })),
    }
  }

  #touch(upload: UploadInfo, request: HookRequest | undefined): Known {
    const now = this.#now()
    const known = this.#known.get(upload.id) ?? {
      ...statusOf(upload),
      since: now,
      committed: upload.offset,
      requests: 0,
    }
    const client = request && this.#clientOf(request)
    if (client !== undefined) known.client = client
    known.size = upload.length
    known.offset = upload.offset
    known.changedAt = now
    this.#measure(known, now)
    // The one that changed last comes last.
    this.#known.delete(upload.id)
    this.#known.set(upload.id, known)
    const first = this.#known.keys().next().value
    if (this.#known.size > MOST_KNOWN && first !== undefined) this.#known.delete(first)
    return known
  }

  #measure(known: Known, now: number): void {
    const elapsed = (now - known.since) / 1_000
    if (elapsed < 0.2) return
    const rate = Math.max(0, known.offset - known.committed) / elapsed
    const weight = known.rate === 0 ? 1 : 1 - Math.exp(-elapsed / SMOOTH)
    known.rate += (rate - known.rate) * weight
    known.since = now
    known.committed = known.offset
  }

  #end(upload: UploadInfo, end: EndedStatus['end']): void {
    this.#totals[end]++
    const { id, name, size, createdAt, client, owner } = this.#known.get(upload.id) ?? statusOf(upload)
    this.#known.delete(id)
    const reason = end === 'failed' ? upload.failure : undefined
    this.#ended.push({
      id,
      name,
      size: upload.length ?? size,
      createdAt,
      client,
      owner,
      end,
      endedAt: this.#now(),
      reason,
    })
    if (this.#ended.length > MOST_ENDED) this.#ended.shift()
  }

  #second(): Writable<Second> {
    const at = Math.floor(this.#now() / 1_000)
    const last = this.#seconds.at(-1)
    if (last?.at === at) return last
    const second = { at, bytes: 0, calls: 0, failed: 0, callTime: 0, slowest: 0 }
    this.#seconds.push(second)
    if (this.#seconds.length > SECONDS) this.#seconds.shift()
    return second
  }
}

function statusOf({ id, metadata, length, offset, createdAt, owner }: UploadInfo): UploadStatus {
  const name = metadata.filename || metadata.name || undefined
  const status = { id, name, size: length, offset, rate: 0, isActive: false, createdAt, changedAt: createdAt }
  return { ...status, client: undefined, owner }
}

/** What several processes have seen, as one. */
export function merge(snapshots: readonly Snapshot[]): Snapshot {
  const uploads = new Map<string, UploadStatus>()
  const ended = snapshots.flatMap((snapshot) => [...snapshot.ended]).sort((one, other) => other.endedAt - one.endedAt)
  const hasEnded = new Map(ended.map(({ id, endedAt }) => [id, endedAt]))
  for (const upload of snapshots.flatMap((snapshot) => snapshot.uploads)) {
    const before = uploads.get(upload.id)
    // One process had its first bytes, another had its last.
    if ((hasEnded.get(upload.id) ?? 0) >= upload.changedAt) continue
    if (before === undefined || before.changedAt < upload.changedAt) uploads.set(upload.id, upload)
  }
  const latest = [...uploads.values()].sort((one, other) => other.changedAt - one.changedAt)
  return {
    now: Math.max(...snapshots.map(({ now }) => now)),
    startedAt: Math.min(...snapshots.map(({ startedAt }) => startedAt)),
    totals: snapshots.map(({ totals }) => totals).reduce(addUp),
    uploads: latest.slice(0, MOST_TOLD),
    more: snapshots.reduce((sum, { more }) => sum + more, Math.max(0, latest.length - MOST_TOLD)),
    ended: ended.slice(0, MOST_ENDED),
    seconds: mergeSeconds(snapshots.flatMap(({ seconds }) => seconds)),
  }
}

const addUp = (one: Totals, other: Totals): Totals =>
  Object.fromEntries(Object.entries(one).map(([name, count]) => [name, count + other[name as keyof Totals]])) as never

function mergeSeconds(seconds: readonly Second[]): Second[] {
  const merged = new Map<number, Writable<Second>>()
  for (const second of seconds) {
    const sum = merged.get(second.at)
    if (sum === undefined) {
      merged.set(second.at, { ...second })
      continue
    }
    sum.bytes += second.bytes
    sum.calls += second.calls
    sum.failed += second.failed
    sum.callTime += second.callTime
    sum.slowest = Math.max(sum.slowest, second.slowest)
  }
  return [...merged.values()].sort((one, other) => one.at - other.at)
}
