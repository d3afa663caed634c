/**
 * The name that somebody may have meant. Pure.
 * @module
 */

/** @returns undefined if none is like it */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const most = name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3))
  let best: { name: string; distance: number } | undefined
  for (const other of known) {
    const distance = distanceOf(name, other)
    if (distance <= most && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name: other, distance }
  }
  return best?.name
}

/** Levenshtein's: how many characters must be put in, taken out or replaced. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 0; i < one.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < other.length; j++) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (one[i] === other[j] ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1)!
}
