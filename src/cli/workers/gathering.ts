/**
 * One scrape for all workers: the primary asks each for its metrics and adds them up. A worker that does not answer in time
 * counts as it was when it last did, and what one that has ended had counted stays in the sum: a counter that falls looks like
 * a restart.
 * @module
 */
import { keepEnded, type Snapshot, textOf } from '../../observe/prometheus/merge.js'

/** Milliseconds that workers have; Prometheus waits ten seconds. */
const PATIENCE = 2_000

export interface Asked {
  /** Asks the workers that serve. @returns their places */
  ask(scrape: number): readonly number[]
}

export class Gathering {
  readonly #workers: Asked
  readonly #patience: number
  #past: Snapshot = []
  /** As last told, by place. */
  readonly #present = new Map<number, Snapshot>()
  #scrape = 0
  /** Those who have not answered the present scrape. */
  readonly #missing = new Set<number>()
  #onAll: () => void = () => undefined
  #running: Promise<string> | undefined

  constructor(workers: Asked, patience = PATIENCE) {
    this.#workers = workers
    this.#patience = patience
  }

  /** As Prometheus reads it. Who asks meanwhile is told the same. */
  text(): Promise<string> {
    this.#running ??= this.#gather().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #gather(): Promise<string> {
    this.#scrape++
    this.#missing.clear()
    const all = new Promise<void>((resolve) => {
      this.#onAll = resolve
    })
    for (const place of this.#workers.ask(this.#scrape)) this.#missing.add(place)
    if (this.#missing.size > 0) await orAfter(all, this.#patience)
    return textOf(this.#past, [...this.#present.values()])
  }

  /** @param scrape the one that is answered; 0 for what a worker tells at its end */
  told(place: number, scrape: number, metrics: Snapshot): void {
    this.#present.set(place, metrics)
    if (scrape === this.#scrape) this.#answered(place)
  }

  ended(place: number): void {
    const last = this.#present.get(place)
    if (last) this.#past = keepEnded(this.#past, last)
    this.#present.delete(place)
    this.#answered(place)
  }

  #answered(place: number): void {
    this.#missing.delete(place)
    if (this.#missing.size === 0) this.#onAll()
  }
}

function orAfter(promise: Promise<void>, time: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, time)
    promise.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
