/**
 * The values that options may have, and how they are read from the text of a flag or an environment variable. Pure.
 * @module
 */

/** How an option's text is read. */
export interface ValueTypes {
  string: string
  integer: number
  /** 'auto', or an integer: how many of something. */
  count: number | 'auto'
  /** Bytes: '8MiB', '10GB', '1048576'. */
  size: number
  /** Read from '500ms', '10s', '2m', '1h'; kept in milliseconds. */
  duration: number
  boolean: boolean
  /** Comma-separated, and may be given several times. */
  list: readonly string[]
  /** May be given several times, each value whole; in the environment one per line. */
  lines: readonly string[]
}

export type ValueType = keyof ValueTypes

/** What a text may be, where its type alone does not say it. */
export interface Bounds {
  min?: number
  max?: number
  choices?: readonly string[]
}

/** The text is no such value. The message says what would be, as the end of a sentence: "is not …". */
export class BadValue extends Error {}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

const READERS: { readonly [Type in ValueType]: (text: string) => ValueTypes[Type] } = {
  string: (text) => text,
  integer(text) {
    if (!/^-?\d+$/.test(text)) throw new BadValue('is not an integer.')
    return Number(text)
  },
  count(text) {
    if (!/^(auto|\d+)$/.test(text)) throw new BadValue('is neither a number nor auto.')
    return text === 'auto' ? text : Number(text)
  },
  size(text) {
    const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text)
    const bytes = Number(match?.[1]) * (SIZE_UNITS[match?.[2]?.toUpperCase() ?? '-'] ?? Number.NaN)
    if (!Number.isSafeInteger(bytes)) throw new BadValue('is not a size such as 8MiB, 10GB or 1048576.')
    return bytes
  },
  duration(text) {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
    const time = Number(match?.[1]) * (DURATION_UNITS[match?.[2] ?? ''] ?? Number.NaN)
    if (!Number.isSafeInteger(time)) throw new BadValue('is not a duration such as 500ms, 10s or 2m.')
    return time
  },
  boolean(text) {
    if (['true', '1'].includes(text.toLowerCase())) return true
    if (['false', '0'].includes(text.toLowerCase())) return false
    throw new BadValue('is neither true nor false.')
  },
  list: (text) => text.split(',').flatMap((item) => item.trim() || []),
  lines: (text) => text.split('\n').flatMap((line) => line.trim() || []),
}

/**
 * Reads a text as a value of the type, within the bounds.
 * @throws BadValue
 */
export function readValue<Type extends ValueType>(type: Type, text: string, bounds: Bounds = {}): ValueTypes[Type] {
  const value = READERS[type](text.trim())
  if (bounds.choices && !bounds.choices.includes(String(value))) {
    throw new BadValue(`is not one of ${bounds.choices.join(', ')}.`)
  }
  if (typeof value === 'number') {
    if (value < (bounds.min ?? 0)) throw new BadValue(`is less than ${bounds.min ?? 0}.`)
    if (value > (bounds.max ?? Number.POSITIVE_INFINITY)) throw new BadValue(`is more than ${bounds.max}.`)
  }
  return value
}

/** The largest unit that shows the bytes as a whole number: 8 MiB, 1500 B. */
export function showSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  while (value >= 1024 && value % 1024 === 0 && units.length > 1) {
    value /= 1024
    units.shift()
  }
  return `${value}${units[0]}`
}

/** Milliseconds as an option would have them: 10s, 500ms. */
export function showDuration(ms: number): string {
  if (ms >= 60_000 && ms % 60_000 === 0) return `${ms / 60_000}m`
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`
}
