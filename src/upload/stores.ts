/**
 * The uploads of each store that a server has: one by default, and one more for each that `storeFor` gives.
 * @module
 */
import { UploadError } from '../errors.js'
import type { Store } from '../store/store.js'
import { asRefusal } from './hook-calls.js'
import type { HookRequest } from './hooks.js'
import type { SweepOptions, SweepReport } from './sweep-report.js'
import type { Uploads } from './uploads.js'

/** More are a mistake: a new store for each request. */
const MOST = 10_000

type StoreFor = (request: HookRequest) => Store | undefined | Promise<Store | undefined>

export class Stores {
  /** Of the store that requests go to if nothing is said. */
  readonly first: Uploads
  readonly #all = new Map<Store, Uploads>()
  readonly #storeFor: StoreFor | undefined
  readonly #open: (store: Store) => Uploads

  constructor(store: Store, { storeFor }: { storeFor?: StoreFor | undefined }, open: (store: Store) => Uploads) {
    this.#storeFor = storeFor
    this.#open = open
    this.first = open(store)
    this.#all.set(store, this.first)
  }

  /** How many uploads are being written now. */
  get active(): number {
    return [...this.#all.values()].reduce((sum, { active }) => sum + active, 0)
  }

  /** @throws UploadError as `storeFor` says, or ERR_HOOK_FAILED */
  async uploadsFor(request: HookRequest): Promise<Uploads> {
    if (!this.#storeFor) return this.first
    const store = await this.#chosen(this.#storeFor, request)
    return store === undefined ? this.first : this.of(store)
  }

  /** @throws UploadError if there are too many */
  of(store: Store): Uploads {
    const known = this.#all.get(store)
    if (known) return known
    if (this.#all.size >= MOST) {
      const cause = new Error(
        `storeFor has given ${MOST} different stores; keep those that it gives, one for each bucket`,
      )
      throw new UploadError('ERR_INTERNAL_SERVER_ERROR', { cause })
    }
    const opened = this.#open(store)
    this.#all.set(store, opened)
    return opened
  }

  async #chosen(storeFor: StoreFor, request: HookRequest): Promise<Store | undefined> {
    try {
      return await storeFor(request)
    } catch (error) {
      throw asRefusal(error, 'ERR_ACCESS_DENIED')
    }
  }

  /** One after the other; the counts are sums. @throws UploadError as that of each */
  async sweep(options?: SweepOptions): Promise<SweepReport> {
    const [first, ...others] = this.#all.values()
    const report = await first!.sweep(options)
    for (const uploads of others) add(report, await uploads.sweep(options))
    return report
  }

  /** @param timeout milliseconds */
  async close(timeout: number): Promise<void> {
    await Promise.all([...this.#all.values()].map((uploads) => uploads.close(timeout)))
    await Promise.all([...this.#all.keys()].map((store) => store.close()))
  }
}

function add(sum: SweepReport, more: SweepReport): void {
  const { stopped, ...counts } = more
  for (const [name, count] of Object.entries(counts)) sum[name as keyof typeof counts] += count
  sum.stopped ||= stopped
}
