/**
 * Numbers as people read them: sizes, rates, times. Pure.
 * @module
 */

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** 12.3 MB */
export function showBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** 4 s, 3 min, 2 h 5 min */
export function showTime(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** The rate of late: an average over about the last three seconds. */
export class Rate {
  #bytes = 0
  #time = 0
  #perSecond: number | undefined

  /** @param time milliseconds */
  constructor(bytes: number, time: number) {
    this.#bytes = bytes
    this.#time = time
  }

  /** @returns bytes per second, undefined as long as nobody knows */
  update(bytes: number, time: number): number | undefined {
    const elapsed = (time - this.#time) / 1000
    if (elapsed < 0.25) return this.#perSecond
    const now = Math.max(0, bytes - this.#bytes) / elapsed
    const weight = this.#perSecond === undefined ? 1 : 1 - Math.exp(-elapsed / 3)
    this.#perSecond = (this.#perSecond ?? 0) * (1 - weight) + now * weight
    this.#bytes = bytes
    this.#time = time
    return this.#perSecond
  }
}
