/**
 * Sweeping: all records are looked at, and what nobody asks for any more comes to its end. Several nodes may sweep at
 * once, beside writers: each step is a commit of the record like any other, by whoever has the upload to itself. A sweep
 * that ends in the middle is gone on with by the next one, since the records tell all that is to be done.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { Notes, UploadInfo } from '../store/info.js'
import type { ListedUpload, Store, UploadHandle } from '../store/store.js'
import { type Due, dueOf, type Limits } from './due.js'
import { EXPIRED } from './rules.js'
import { Seen } from './seen.js'
import type { SweepOptions, SweepReport } from './sweep-report.js'
import { settlesWithin, type Writers } from './writers.js'

export interface SweepGround {
  store: Store
  writers: Writers
  /** Takes an upload as far as it can go now. */
  complete(id: string): Promise<UploadInfo>
  /** Milliseconds since the epoch. */
  now: () => number
  keepExpired: number
  abandonedAfter: number | undefined
  warn: (fields: Record<string, unknown>, message: string) => void
  /** Delivers the events of an upload; absent if nobody is to be told of any. */
  deliver?: ((info: UploadInfo) => void) | undefined
  /** What is committed with the end of an upload that has expired, and who is told of it. */
  ending?: { notes(info: UploadInfo): Notes; ended(info: UploadInfo): void } | undefined
}

/** Uploads that are looked at, or brought to their end, at once. */
const AT_ONCE = 16

/** Milliseconds without a commit after which undelivered events are taken over from the process that should have delivered them. */
const DELIVER_AFTER = 300_000

/** Problems that one sweep tells one by one. */
const MOST_TOLD = 20

/** Somebody else is at it, and nothing is wrong. */
const BUSY: readonly FailureCode[] = [
  'ERR_UPLOAD_LOCKED',
  'ERR_CONFLICT',
  'ERR_COMPLETION_PENDING',
  'ERR_SERVER_SHUTDOWN',
]

/** It can never be complete, and its record says so by now. */
const ENDED: readonly FailureCode[] = ['ERR_UPLOAD_GONE', 'ERR_DIGEST_MISMATCH']

type Count = keyof Omit<SweepReport, 'stopped'>

export class Sweeper {
  readonly #ground: SweepGround
  /** Records that need not be read again as long as they are as they are. */
  readonly #seen = new Seen()
  readonly #closing = new AbortController()
  /** One sweep follows another. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(ground: SweepGround) {
    this.#ground = ground
  }

  /** @throws UploadError ERR_NOT_IMPLEMENTED if the store has no list · whatever the list throws */
  sweep(options: SweepOptions = {}): Promise<SweepReport> {
    const swept = this.#last.then(() => new Sweep(this.#ground, this.#seen, options, this.#closing.signal).run())
    this.#last = swept.catch(() => undefined)
    return swept
  }

  /** Ends the sweep that goes on, between two uploads, and waits for it. @param timeout milliseconds */
  async close(timeout: number): Promise<boolean> {
    this.#closing.abort()
    return settlesWithin(this.#last, timeout)
  }
}

class Sweep {
  readonly #ground: SweepGround
  readonly #seen: Seen
  readonly #dryRun: boolean
  readonly #signals: readonly AbortSignal[]
  readonly #limits: Omit<Limits, 'now'>
  readonly #report: SweepReport = {
    listed: 0,
    expired: 0,
    completed: 0,
    failed: 0,
    waiting: 0,
    tidied: 0,
    delivered: 0,
    removed: 0,
    busy: 0,
    problems: 0,
    stopped: false,
  }

  constructor(ground: SweepGround, seen: Seen, options: SweepOptions, closing: AbortSignal) {
    const { keepExpired = ground.keepExpired, abandonedAfter = ground.abandonedAfter, dryRun, signal } = options
    this.#ground = ground
    this.#seen = seen
    this.#dryRun = dryRun === true
    this.#signals = [closing, ...(signal ? [signal] : [])]
    this.#limits = { keepExpired, abandonedAfter }
  }

  async run(): Promise<SweepReport> {
    const list = this.#ground.store.list?.()[Symbol.asyncIterator]()
    if (list === undefined) {
      throw new UploadError('ERR_NOT_IMPLEMENTED', { message: 'This store cannot list its uploads.' })
    }
    const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, () => this.#work(list)))
    if (this.#isStopped) await list.return?.()
    this.#report.stopped = this.#isStopped
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return this.#report
  }

  get #isStopped(): boolean {
    return this.#signals.some(({ aborted }) => aborted)
  }

  async #work(list: AsyncIterator<ListedUpload>): Promise<void> {
    while (!this.#isStopped) {
      const { done, value } = await list.next()
      if (done) return
      this.#report.listed++
      await this.#visit(value)
    }
  }

  async #visit(entry: ListedUpload): Promise<void> {
    if (this.#isAtItsEnd(entry)) return
    let id: string | undefined
    try {
      const info = await entry.read()
      id = info?.id
      // What another server wrote is its business, until it writes it anew.
      if (info === undefined) return this.#seen.add(entry.version)
      const due = this.#dueOf({ ...info, modifiedAt: info.modifiedAt ?? entry.modifiedAt })
      const counts = this.#dryRun ? COUNTED[due] : await this.#act(due, info)
      if (counts) this.#report[counts]++
      else if (!this.#dryRun) this.#remember(entry, due, info)
    } catch (error) {
      this.#failed(id ?? entry.version, error)
    }
  }

  #isAtItsEnd({ version, modifiedAt }: ListedUpload): boolean {
    const isYoung = this.#ground.now() - modifiedAt < this.#limits.keepExpired
    return this.#seen.has(version) || (isYoung && this.#seen.has(failed(version)))
  }

  #remember({ version }: ListedUpload, due: Due, { state, outbox }: UploadInfo): void {
    if (due === 'nothing' && state === 'complete' && !outbox) this.#seen.add(version)
    if (due === 'clear' && !outbox) this.#seen.add(failed(version))
  }

  #dueOf(info: UploadInfo): Due {
    const deliverAfter = this.#ground.deliver && DELIVER_AFTER
    return dueOf(info, { ...this.#limits, now: this.#ground.now(), deliverAfter })
  }

  /** @returns what it counts as */
  async #act(due: Due, info: UploadInfo): Promise<Count | undefined> {
    const { id } = info
    switch (due) {
      case 'nothing':
        return undefined
      case 'deliver':
        this.#ground.deliver?.(info)
        return 'delivered'
      case 'complete':
      case 'drive':
        return this.#complete(id)
      case 'expire':
        return this.#alone(id, due, async (handle) => {
          await this.#end(handle)
          this.#ground.ending?.ended(handle.info)
          return 'expired' as const
        })
      case 'clear':
        return this.#alone(id, due, (handle) => this.#end(handle).then(() => undefined))
      case 'remove':
        return this.#alone(id, due, (handle) => handle.terminate?.().then(() => 'removed'))
      case 'settle':
      case 'tidy':
        // To open it is all that there is to do.
        return this.#alone(id, undefined, async ({ info }) => settledAs(due, info))
    }
  }

  /** @param due what must be due still, now that nobody else is at it; undefined if that does not matter */
  #alone(
    id: string,
    due: Due | undefined,
    work: (handle: UploadHandle) => Promise<Count | undefined> | undefined,
  ): Promise<Count | undefined> {
    const { store, writers } = this.#ground
    return writers.exclusively(
      id,
      0,
      async ({ lease }) => {
        const handle = await store.open(id, { lease })
        if (due !== undefined && this.#dueOf(handle.info) !== due) return 'busy'
        return work(handle)
      },
      { quietly: true },
    )
  }

  async #end(handle: UploadHandle): Promise<void> {
    const notes = handle.info.state === 'failed' ? undefined : this.#ground.ending?.notes(handle.info)
    await handle.fail(EXPIRED, { quietly: true, ...(notes ? { notes } : {}) })
    if (!handle.info.leftovers) return
    // Another node may have removed the rest meanwhile; else this is one more try.
    const { info } = await this.#ground.store.open(handle.info.id)
    if (!info.leftovers) return
    throw new UploadError('ERR_STORE_UNAVAILABLE', { message: 'Not all of its bytes could be removed.' })
  }

  async #complete(id: string): Promise<Count> {
    if (this.#ground.writers.has(id)) return 'busy'
    const { state } = await this.#ground.complete(id)
    if (state === 'complete') return 'completed'
    return state === 'failed' ? 'failed' : 'waiting'
  }

  #failed(upload: string, error: unknown): void {
    if (error instanceof UploadError) {
      // It was terminated meanwhile, or swept elsewhere.
      if (error.status === 404) return
      if (BUSY.includes(error.code)) return void this.#report.busy++
      if (ENDED.includes(error.code)) return void this.#report.failed++
    }
    if (this.#report.problems++ >= MOST_TOLD) return
    const { cause } = error as Error
    this.#ground.warn({ upload, error: String(error), cause: cause && String(cause) }, 'could not be swept')
  }
}

/** A failed upload is remembered apart: some day its record goes. */
const failed = (version: string): string => `failed ${version}`

function settledAs(due: 'settle' | 'tidy', { state, leftovers }: UploadInfo): Count | undefined {
  if (due === 'settle') return state === 'failed' ? 'failed' : undefined
  return leftovers ? undefined : 'tidied'
}

/** Without doing it. */
const COUNTED: Readonly<Partial<Record<Due, Count>>> = {
  expire: 'expired',
  complete: 'completed',
  drive: 'waiting',
  remove: 'removed',
  tidy: 'tidied',
  deliver: 'delivered',
}
