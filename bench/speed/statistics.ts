/**
 * What is said of several numbers. Pure.
 * @module
 */

/** A value for each round; null for one in which nothing was done. */
export type Series = readonly (number | null)[]

/** @returns the value below which `share` (0 to 1) of the values are, as the nearest of them; undefined of none */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** @returns the middle value, or the mean of the two in the middle; undefined of none */
export function median(series: Series): number | undefined {
  const sorted = known(series).sort((one, other) => one - other)
  const half = sorted.length >> 1
  if (sorted.length % 2 === 1 || sorted.length === 0) return sorted[half]
  return (sorted[half - 1]! + sorted[half]!) / 2
}

/**
 * One series as multiples of another that was measured beside it, round by round. The median of these is steadier than the
 * ratio of two medians where a machine is slow for a while, since what was slow is then slow for both.
 *
 * @returns the median, the least and the greatest of the ratios; undefined where no round has both
 */
export function ratioOf(values: Series, base: Series): Spread | undefined {
  return spreadOf(
    values.map((value, round) => {
      const below = base[round]
      return value === null || !below ? null : value / below
    }),
  )
}

export interface Spread {
  median: number
  least: number
  greatest: number
}

export function spreadOf(series: Series): Spread | undefined {
  const values = known(series)
  const middle = median(values)
  if (middle === undefined) return undefined
  return { median: middle, least: Math.min(...values), greatest: Math.max(...values) }
}

const known = (series: Series): number[] => series.filter((value) => value !== null)
