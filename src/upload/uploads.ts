/**
 * The commands, each from its rules to the store. Knows no header and no S3.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { Exported } from '../store/inspect.js'
import type { ByteRange, PresignOptions, UploadHandle } from '../store/store.js'
import { Gate } from './access.js'
import { Appends } from './appends.js'
import { checked } from './checked.js'
import type { Command, Ground, Offset, Outcome } from './command.js'
import { Completions, isPending } from './completions.js'
import { isFinal } from './concatenate.js'
import { type Copied, type CopyOptions, copy } from './copy.js'
import { Creations } from './creations.js'
import { Finishing } from './finishing.js'
import { terminate, type UploadsOptions, type Workshop } from './ground.js'
import type { HookRequest, Limits } from './hooks.js'
import { Outbox } from './outbox.js'
import { type RepairOptions, type RepairReport, repair } from './repair.js'
import { mustBeAlive, wantsCompletion } from './rules.js'
import { Sweeper, type SweepGround } from './sweep.js'
import type { SweepOptions, SweepReport } from './sweep-report.js'
import type { Tokens } from './tokens.js'
import { WholeDigests } from './whole-digests.js'
import { settlesWithin, Writers } from './writers.js'

/** With these a newcomer learns that it cannot have the upload to itself now. */
const LOCKED: readonly FailureCode[] = ['ERR_UPLOAD_LOCKED', 'ERR_LOCKER_UNAVAILABLE']

export class Uploads {
  readonly #options: UploadsOptions
  readonly #shop: Workshop
  readonly #gate: Gate
  readonly #appends: Appends
  readonly #creations: Creations
  readonly #sweeper: Sweeper
  /** What goes with the end of an upload that has expired. */
  readonly #ending: NonNullable<SweepGround['ending']>
  /** Deliveries of sweeps and repairs that go on. */
  readonly #swept: Promise<void>[] = []
  /** The store's look at its backend, once it succeeded or while it goes on. */
  #readiness: Promise<void> | undefined

  /** @param access who is let in: by which tokens, and within which limits */
  constructor(
    options: UploadsOptions,
    access: { tokens: Tokens | undefined; limits: Limits } = { tokens: undefined, limits: {} },
  ) {
    const { store, calls, observer, now, warn } = options
    const writers = new Writers(options.locker, observer.yielded)
    const outbox = new Outbox({ store, writers, calls, now, warn })
    const digests = new WholeDigests()
    const finishing = new Finishing({ calls, outbox, digests, observer })
    const ended = (info: UploadInfo, request?: HookRequest): void => {
      if (info.state === 'failed') {
        observer.failed(info)
        return
      }
      options.counters.finished++
      observer.finished(info)
      if (info.outbox) outbox.deliver(info, request)
    }
    const completions = new Completions(options, writers, finishing, ended)
    this.#options = options
    this.#shop = { options, writers, digests, finishing, completions, outbox, ended }
    this.#gate = new Gate({ store, calls, ...access })
    this.#appends = new Appends(this.#shop)
    this.#creations = new Creations(this.#shop, this.#appends)
    const isListening = outbox.wants('created') || outbox.wants('finished') || outbox.wants('terminated')
    this.#ending = {
      notes: (info) => outbox.notes(info, 'terminated'),
      ended: (info) => {
        observer.failed(info)
        if (info.outbox) this.#swept.push(outbox.deliver(info))
      },
    }
    this.#sweeper = new Sweeper({
      ...options,
      writers,
      complete: (id) => completions.complete(id),
      ...(isListening ? { deliver: (info: UploadInfo) => void this.#swept.push(outbox.deliver(info)) } : {}),
      ending: this.#ending,
    })
  }

  /** The store can serve: awaited before each command, looked up until it succeeded once. @throws UploadError */
  ready(): Promise<void> {
    const { store, locker, singleProcess } = this.#options
    const exclusive = singleProcess || (locker !== undefined && locker.reach !== 'server')
    this.#readiness ??= Promise.resolve(store.ready?.({ exclusive })).catch((error: unknown) => {
      this.#readiness = undefined
      throw error
    })
    return this.#readiness
  }

  /** How many uploads are being written now. */
  get active(): number {
    return this.#shop.writers.size
  }

  /** @throws UploadError, or whatever a store throws beyond its contract */
  async run(command: Command, ground: Ground): Promise<Outcome> {
    if (command.kind === 'options') return { kind: 'options' }
    await this.ready()
    const access = await this.#gate.admit(command, ground)
    switch (command.kind) {
      case 'create':
        return this.#creations.create(command, ground, access)
      case 'append':
        return this.#appends.append(command, ground, access)
      case 'offset':
        return { kind: 'offset', info: await this.#offset(command) }
      case 'cancel':
        return this.#cancel(command.id, ground)
      case 'read':
        return this.#read(command.id)
    }
  }

  /** As the application wishes: nobody is asked. @throws UploadError */
  async terminate(id: string): Promise<void> {
    const { store, yieldTimeout } = this.#options
    await this.ready()
    await this.#shop.writers.exclusively(id, yieldTimeout, async ({ lease }) => {
      const handle = await store.open(id, { lease })
      if (!handle.terminate) throw new UploadError('ERR_NOT_IMPLEMENTED')
      await terminate(this.#shop, handle, undefined)
    })
  }

  /** @throws UploadError if the store cannot list its uploads, or not now */
  async sweep(options?: SweepOptions): Promise<SweepReport> {
    await this.ready()
    const report = await this.#sweeper.sweep(options)
    // Whoever ends the process after a sweep would deliver the same again with the next one.
    const delivered = Promise.all(this.#swept.splice(0))
    if (!report.stopped) await delivered
    return report
  }

  /** @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_NOT_IMPLEMENTED if the store has no inspector · others: not now */
  async repair(id: string, how?: RepairOptions): Promise<RepairReport> {
    if (!how?.dryRun) await this.ready()
    const { store, now } = this.#options
    const { writers, completions } = this.#shop
    const complete = (of: string): Promise<UploadInfo> => completions.complete(of)
    const report = await repair({ store, writers, complete, ending: this.#ending, now }, id, how)
    await Promise.all(this.#swept.splice(0))
    return report
  }

  /** @throws UploadError, of either store */
  async copy(source: Exported, how?: CopyOptions): Promise<Copied> {
    if (!how?.dryRun) await this.ready()
    return copy(this.#options.store, this.#shop.writers, source, how)
  }

  /**
   * Stops all bodies; what arrived is stored and committed.
   * @param timeout milliseconds
   * @returns whether all writers ended in time
   */
  async close(timeout: number): Promise<boolean> {
    const { writers, completions, outbox } = this.#shop
    const started = performance.now()
    const left = (): number => timeout - (performance.now() - started)
    const [ended, swept] = await Promise.all([writers.close(timeout), this.#sweeper.close(timeout)])
    const completed = await settlesWithin(completions.settled(), left())
    const delivered = await outbox.close(left())
    this.#options.calls.close()
    return ended && swept && completed && delivered
  }

  async #offset({ id, completes }: Offset): Promise<UploadInfo> {
    const info = await this.#freed(id).catch((error: unknown) => this.#held(id, error))
    mustBeAlive(info, this.#options.now())
    if (!wantsCompletion(info, completes === 'at-length')) return info
    const settled = await this.#shop.completions.inTime(id).catch((error: unknown) => {
      // That of a final upload may take as long as it takes: no offset is told then.
      if (isFinal(info) && isPending(error)) return info
      throw error
    })
    mustBeAlive(settled, this.#options.now())
    return settled
  }

  /** As it is once nobody writes it: here, and wherever the locker reaches, if there is one. */
  async #freed(id: string): Promise<UploadInfo> {
    const { store, yieldTimeout } = this.#options
    const deadline = performance.now() + yieldTimeout
    const isCompleting = this.#shop.completions.has(id)
    if (!isCompleting) await this.#shop.writers.yielded(id, yieldTimeout)
    const { info } = await store.open(id)
    const hasEnded = info.state === 'complete' || info.state === 'failed'
    if (isCompleting || hasEnded || !this.#shop.writers.isKnownByTaking) return info
    // Whoever has the lock elsewhere is asked to release it, and has committed what it had when it did.
    const left = deadline - performance.now()
    return (await this.#shop.writers.exclusively(id, left, ({ lease }) => store.open(id, { lease }))).info
  }

  /** Somebody writes it and does not yield. */
  async #held(id: string, error: unknown): Promise<UploadInfo> {
    if (!(error instanceof UploadError) || !LOCKED.includes(error.code)) throw error
    const { info } = await this.#options.store.open(id)
    if (info.state === 'complete' || info.state === 'failed') return info
    // The writer has all bytes and waits for the store to make the object of them, which may take minutes.
    throw wantsCompletion(info) ? new UploadError('ERR_COMPLETION_PENDING', { retryAfter: 1_000 }) : error
  }

  async #cancel(id: string, { request }: Ground): Promise<Outcome> {
    const { store, yieldTimeout, allowTermination, allowTerminationOfFinished, calls } = this.#options
    if (!allowTermination) throw new UploadError('ERR_NOT_IMPLEMENTED')
    return this.#shop.writers.exclusively(id, yieldTimeout, async ({ lease }) => {
      const handle = await store.open(id, { lease })
      const { info } = handle
      if (!handle.terminate) throw new UploadError('ERR_NOT_IMPLEMENTED')
      if (info.state === 'complete' && !allowTerminationOfFinished) {
        const message = 'This server does not terminate uploads that are complete.'
        throw new UploadError('ERR_UPLOAD_TERMINATION_REJECTED', { status: 403, message })
      }
      if (info.state !== 'failed') await calls.ask('onTerminate', { upload: info, request })
      await terminate(this.#shop, handle, request)
      return { kind: 'cancelled' }
    })
  }

  async #read(id: string): Promise<Outcome> {
    if (!this.#options.allowDownload) throw new UploadError('ERR_NOT_IMPLEMENTED')
    const asked = await this.#options.store.open(id)
    mustBeAlive(asked.info, this.#options.now())
    const isToBeJoined = isFinal(asked.info) && wantsCompletion(asked.info)
    if (isToBeJoined) mustBeAlive(await this.#shop.completions.inTime(id), this.#options.now())
    const handle = isToBeJoined ? await this.#options.store.open(id) : asked
    if (handle.info.state !== 'complete') throw new UploadError('ERR_INCOMPLETE_UPLOAD')
    const { info } = handle
    const presign = handle.presign && ((options: PresignOptions) => handle.presign!(options))
    return { kind: 'content', info, read: (range) => this.#content(handle, range), ...(presign ? { presign } : {}) }
  }

  async #content(handle: UploadHandle, range: ByteRange | undefined): Promise<AsyncIterable<Uint8Array>> {
    const content = await handle.read(range)
    const { info } = handle
    if (range !== undefined || info.crc32 === undefined) return content
    return checked(content, info, () => {
      this.#options.warn({ upload: info.id }, 'the content is not what was stored; its download was broken off')
    })
  }
}
