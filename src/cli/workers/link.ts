/**
 * A worker's side of its life: it tells its primary that it serves and what it has done, and ends in order when it is told
 * to, at SIGTERM, or when its primary is gone. A Ctrl-C reaches the whole group of processes, and is the primary's business.
 * @module
 */
import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Snapshot } from '../../observe/prometheus/merge.js'
import type { Counters } from '../../server.js'
import type { Snapshot as Status } from '../../status/snapshot.js'
import { type Stoppable, stop, surviveBugs } from '../stop.js'
import { type OfPrimary, type OfWorker, PLACE_VARIABLE, unwrapped, wrapped } from './messages.js'

/** Milliseconds between two reports of what was done. */
const REPORT = 1_000

/** Milliseconds that the status of the other workers may take; what comes later is shown the next time. */
const MOMENT = 100

/** @returns undefined if this process is no worker of `holdfast serve` */
export function linkToPrimary(environment: Readonly<Record<string, string | undefined>>): Link | undefined {
  const place = environment[PLACE_VARIABLE]
  return cluster.isWorker && place ? new Link(Number(place)) : undefined
}

export class Link {
  /** 1 for the first worker. Another takes the place of one that ended. */
  readonly place: number
  #stoppable: Stoppable | undefined
  #readCertificate: (() => void) | undefined
  #metrics: (() => Promise<Snapshot>) | undefined
  /** Who waits for the metrics of all. */
  readonly #scrapes = new Map<number, (text: string | undefined) => void>()
  #lastScrape = 0
  #status: (() => Status) | undefined
  /** Of the other workers, as last told, by place. */
  readonly #statuses = new Map<number, Status>()
  /** It was told to before it could. */
  #mustReadCertificate = false
  #isStopping = false

  constructor(place: number) {
    this.place = place
    // Without this node ends a worker at once whose primary is gone.
    cluster.worker!.exitedAfterDisconnect = true
    process.on('disconnect', () => this.#stop('the primary is gone'))
    process.on('message', (message) => this.#hear(unwrapped<OfPrimary>(message)))
    process.on('SIGTERM', () => this.#stop('SIGTERM'))
    for (const signal of ['SIGINT', 'SIGUSR2']) process.on(signal, () => undefined)
  }

  /** @param readCertificate reads it again */
  serves(stoppable: Stoppable, readCertificate: (() => void) | undefined): void {
    surviveBugs(stoppable.log)
    this.#stoppable = stoppable
    this.#readCertificate = readCertificate
    if (this.#mustReadCertificate) readCertificate?.()
    // As a Ctrl-C: the primary passes it on.
    if (readCertificate) process.on('SIGHUP', () => undefined)
    this.#say({ kind: 'ready' })
    this.#reportRegularly(stoppable.holdfast.counters)
  }

  /** It cannot serve: nothing here keeps it alive any more. */
  letGo(): void {
    process.channel?.unref()
  }

  /** @param metrics gives its own, whenever the primary asks */
  tells(metrics: () => Promise<Snapshot>): void {
    this.#metrics = metrics
  }

  /** The metrics of all workers, as text. @throws if there is no primary any more that could give them */
  async scrape(): Promise<string> {
    const scrape = ++this.#lastScrape
    const text = await new Promise<string | undefined>((resolve) => {
      this.#scrapes.set(scrape, resolve)
      this.#say({ kind: 'scrape', scrape }, (error) => error && resolve(undefined))
    })
    this.#scrapes.delete(scrape)
    if (text === undefined) throw new Error('the primary does not tell')
    return text
  }

  /** @param status gives its own, whenever another worker shows it */
  shows(status: () => Status): void {
    this.#status = status
  }

  /** What all workers show: its own now, and that of the others as they tell it within a moment. */
  async statuses(): Promise<Status[]> {
    this.#say({ kind: 'look' })
    await sleep(MOMENT)
    return [...(this.#status ? [this.#status()] : []), ...this.#statuses.values()]
  }

  #hear(message: OfPrimary | undefined): void {
    if (message?.kind === 'tell-status' && this.#status) {
      this.#say({ kind: 'status', to: message.to, status: this.#status() })
    }
    if (message?.kind === 'status-of') this.#statuses.set(message.place, message.status)
    if (message?.kind === 'stop') this.#stop('told by the primary')
    if (message?.kind === 'tell-metrics') void this.#tellMetrics(message.scrape)
    if (message?.kind === 'scraped') this.#scrapes.get(message.scrape)?.(message.text)
    if (message?.kind === 'read-certificate') {
      this.#mustReadCertificate = true
      this.#readCertificate?.()
    }
  }

  async #tellMetrics(scrape: number): Promise<void> {
    const metrics = await this.#metrics?.().catch(() => undefined)
    if (metrics) this.#say({ kind: 'metrics', scrape, metrics })
  }

  #stop(reason: string): void {
    if (this.#isStopping) return
    this.#isStopping = true
    // What has not served yet has nothing to store.
    if (this.#stoppable === undefined) process.exit(0)
    const { log, holdfast } = this.#stoppable
    log.info({ reason }, 'stopping')
    const exit = (code: number): void => {
      void this.#tellMetrics(0).then(() => {
        this.#say({ kind: 'counted', counters: holdfast.counters }, () => process.exit(code))
      })
    }
    stop(this.#stoppable).then(
      () => exit(0),
      (error: Error) => {
        log.error({ cause: error.message }, 'could not stop in order')
        exit(1)
      },
    )
  }

  #reportRegularly(counters: Readonly<Counters>): void {
    let told = ''
    const report = (): void => {
      const now = JSON.stringify(counters)
      if (now !== told) this.#say({ kind: 'counted', counters })
      told = now
    }
    setInterval(report, REPORT).unref()
  }

  #say(message: OfWorker, after: (error?: Error | null) => void = () => undefined): void {
    if (!process.connected) return void after(new Error('not connected'))
    process.send!(wrapped(message), undefined, undefined, after)
  }
}
