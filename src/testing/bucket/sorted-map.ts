/**
 * A map that knows its keys in S3's order, that of their UTF-8 bytes.
 * @module
 */

/** UTF-16 order, as `<` has it, is that of UTF-8 except that surrogates belong behind U+E000 to U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let at = 0; at < shorter; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

const rank = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit)

/** @returns the first index from `low` on for which `passed` holds; it must hold for all after that. */
export function firstIndex<T>(items: readonly T[], passed: (item: T) => boolean, low = 0): number {
  let [from, to] = [low, items.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (passed(items[middle]!)) to = middle
    else from = middle + 1
  }
  return from
}

export class SortedMap<T extends { readonly key: string }> {
  readonly #byKey = new Map<string, T>()
  readonly #sorted: T[] = []

  /** In the order of the keys. */
  get items(): readonly T[] {
    return this.#sorted
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key)
  }

  set(item: T): void {
    const at = this.#indexOf(item.key)
    this.#sorted.splice(at, this.#byKey.has(item.key) ? 1 : 0, item)
    this.#byKey.set(item.key, item)
  }

  delete(key: string): void {
    if (this.#byKey.delete(key)) this.#sorted.splice(this.#indexOf(key), 1)
  }

  #indexOf(key: string): number {
    return firstIndex(this.#sorted, (item) => compareKeys(item.key, key) >= 0)
  }
}
