/**
 * The primary's side of its workers' lives: each has a place, another takes the place of one that ended, and all end in order
 * together.
 * @module
 */
import type { Worker } from 'node:cluster'
import type { Counters, Logger } from '../../server.js'
import { type OfPrimary, type OfWorker, unwrapped, wrapped } from './messages.js'
import { Restarts, TRIES } from './restarts.js'

/** Milliseconds that a worker has to end beyond the time that its requests have. */
const SLACK = 5_000

export interface SupervisorOptions {
  readonly workers: number
  readonly log: Logger
  /** Milliseconds that requests may take to end. */
  readonly timeout: number
  /** Starts a worker. @param place 1 for the first */
  readonly fork: (place: number) => Worker
  /**
   * Called once, when nothing is left to supervise.
   * @param sentence what the user is told, if it did not end in order and nobody has told yet
   */
  readonly onEnd: (code: number, sentence?: string) => void
  /** What workers say beyond their lives. */
  readonly onMessage?: ((place: number, message: OfWorker) => void) | undefined
  /** What a worker said last was heard before. */
  readonly onWorkerEnded?: ((place: number) => void) | undefined
}

interface Place {
  readonly number: number
  readonly restarts: Restarts
  worker: Worker | undefined
  /** Whether its worker takes requests. */
  isReady: boolean
  /** When its worker was started. */
  since: number
  /** Of its worker, as last told. */
  counters: Counters | undefined
  next: NodeJS.Timeout | undefined
}

/** How a worker ended, for the log. */
type End = { readonly exitCode: number } | { readonly signal: string }

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #places: readonly Place[]
  /** Of all workers that have ended. */
  #past: Counters = { requests: 0, created: 0, finished: 0, bytesStored: 0 }
  /** Some worker has taken requests, so the options are good. */
  hasServed = false
  #onReady: () => void = () => undefined
  #isStopping = false
  #exitCode = 0
  #sentence: string | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#places = Array.from({ length: options.workers }, (_, index) => ({
      number: index + 1,
      restarts: new Restarts(),
      worker: undefined,
      isReady: false,
      since: 0,
      counters: undefined,
      next: undefined,
    }))
  }

  /** Resolves once all take requests. The first goes ahead: what ends it would end the others, too. */
  async start(): Promise<void> {
    const [first, ...others] = this.#places
    await new Promise<void>((resolve) => {
      this.#onReady = () => {
        if (!this.hasServed) for (const place of others) this.#fork(place)
        this.hasServed = true
        if (this.#places.every(({ isReady }) => isReady)) resolve()
      }
      this.#fork(first!)
    })
  }

  /** What all workers have done. What one that was killed did after its last report is not among it. */
  get counters(): Counters {
    return this.#places.reduce((total, { counters }) => (counters ? sumOf(total, counters) : total), this.#past)
  }

  /** Of the workers that live, by place. */
  get present(): { worker: number; pid: number | undefined; counters: Counters | undefined }[] {
    return this.#places.flatMap(({ number, worker, counters }) =>
      worker ? [{ worker: number, pid: worker.process.pid, counters }] : [],
    )
  }

  /** Those that take requests. */
  get serving(): readonly number[] {
    return this.#places.flatMap(({ number, isReady, worker }) => (worker && isReady ? [number] : []))
  }

  tell(place: number, message: OfPrimary): void {
    const found = this.#places[place - 1]
    if (found) this.#tell(found, message)
  }

  readCertificate(): void {
    this.#tellAll({ kind: 'read-certificate' })
  }

  /** All store and commit what they have, and end. */
  stop(): void {
    this.#isStopping = true
    for (const { next } of this.#places) clearTimeout(next)
    this.#tellAll({ kind: 'stop' })
    const late = (): void => {
      this.#options.log.error({}, 'a worker did not end in time')
      this.#exitCode = 1
      this.kill()
    }
    setTimeout(late, this.#options.timeout + SLACK).unref()
    this.#endIfNobodyIsLeft()
  }

  kill(): void {
    for (const { worker } of this.#places) worker?.process.kill('SIGKILL')
  }

  #tellAll(message: OfPrimary): void {
    for (const place of this.#places) this.#tell(place, message)
  }

  /** One that cannot be told has ended. */
  #tell({ worker }: Place, message: OfPrimary): void {
    worker?.send(wrapped(message), () => undefined)
  }

  #fork(place: Place): void {
    const worker = this.#options.fork(place.number)
    Object.assign(place, { worker, isReady: false, since: performance.now(), counters: undefined, next: undefined })
    worker.on('message', (message: unknown) => this.#hear(place, unwrapped<OfWorker>(message)))
    worker.on('error', () => undefined)
    worker.once('exit', (exitCode, signal) => this.#ended(place, signal ? { signal } : { exitCode }))
  }

  #hear(place: Place, message: OfWorker | undefined): void {
    if (message?.kind === 'counted') place.counters = message.counters
    if (message !== undefined) this.#options.onMessage?.(place.number, message)
    if (message?.kind !== 'ready') return
    place.isReady = true
    // It has missed what was told to all while it was starting.
    if (this.#isStopping) this.#tell(place, { kind: 'stop' })
    else this.#onReady()
  }

  #ended(place: Place, end: End): void {
    const { restarts, since, isReady: served, number } = place
    if (place.counters) this.#past = sumOf(this.#past, place.counters)
    this.#options.onWorkerEnded?.(number)
    Object.assign(place, { worker: undefined, isReady: false, counters: undefined })
    if (this.#isStopping) {
      // One that has not served yet had nothing to store.
      if (served && !('exitCode' in end && end.exitCode === 0)) this.#exitCode = 1
      return void this.#endIfNobodyIsLeft()
    }
    if (!this.hasServed) return void this.#firstFailed(end)
    const pause = restarts.ended({ served, lifetime: performance.now() - since })
    if (pause === undefined) return void this.#giveUp(number, end)
    this.#options.log.error({ worker: number, ...end, pause }, 'a worker has ended; another takes its place')
    place.next = setTimeout(() => this.#fork(place), pause)
  }

  /** As a server without workers would end: it has told why, unless it was killed. */
  #firstFailed(end: End): void {
    if ('exitCode' in end) this.#options.onEnd(end.exitCode)
    else this.#options.onEnd(1, `The first worker was ended by ${end.signal} before it could serve.`)
  }

  #giveUp(number: number, end: End): void {
    const how = 'signal' in end ? end.signal : `exit code ${end.exitCode}`
    this.#sentence = `Worker ${number} ended ${TRIES} times in a row before it could serve (the last time by ${how}), so the server ends.`
    this.#exitCode = 1
    this.stop()
  }

  #endIfNobodyIsLeft(): void {
    if (this.#places.every(({ worker }) => worker === undefined)) this.#options.onEnd(this.#exitCode, this.#sentence)
  }
}

function sumOf(one: Counters, other: Counters): Counters {
  return {
    requests: one.requests + other.requests,
    created: one.created + other.created,
    finished: one.finished + other.finished,
    bytesStored: one.bytesStored + other.bytesStored,
  }
}
