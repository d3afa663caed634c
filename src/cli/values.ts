/**
 * The values that options may have, and how they are read from the text of a flag, an environment variable or a file. Pure.
 * @module
 */
import { readOrigin } from './origins.js'

/** How an option's text is read. */
export interface ValueTypes {
  string: string
  integer: number
  /** 'auto', or an integer: how many of something. */
  count: number | 'auto'
  /** Bytes: '8MiB', '10GB', '1048576'. */
  size: number
  /** Read from '500ms', '10s', '1h30m', '7d'; kept in milliseconds. */
  duration: number
  boolean: boolean
  /** Of a file or folder, as chmod takes them: '664'. */
  permissions: number
  /** Comma-separated, and may be given several times. */
  list: readonly string[]
  /** As `list`, each a web origin or a pattern of some. */
  origins: readonly (string | RegExp)[]
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

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

type Several = 'list' | 'origins' | 'lines'
type Single = Exclude<ValueType, Several>

const READERS: { readonly [Type in Single]: (text: string) => ValueTypes[Type] } = {
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
    const isOne = /^(0|(\d+(\.\d+)?(ms|s|m|h|d))+)$/.test(text)
    const pieces = isOne ? [...text.matchAll(/([\d.]+)([a-z]+)/g)] : []
    const time = pieces.reduce((sum, [, count, unit]) => sum + Number(count) * DURATION_UNITS[unit!]!, 0)
    if (!isOne || !Number.isSafeInteger(time)) throw new BadValue('is not a duration such as 500ms, 10s, 1h30m or 7d.')
    return time
  },
  boolean(text) {
    if (['true', '1'].includes(text.toLowerCase())) return true
    if (['false', '0'].includes(text.toLowerCase())) return false
    throw new BadValue('is neither true nor false.')
  },
  permissions(text) {
    const digits = /^0?o?([0-7]{3})$/.exec(text)?.[1]
    if (digits === undefined) throw new BadValue('is not permissions in octal, such as 664.')
    return Number.parseInt(digits, 8)
  },
}

/** What holds several values: how a text is divided into them, and each is read. */
const SEVERAL: { readonly [Type in Several]: { separator: string; read: (item: string) => ValueTypes[Type][number] } } =
  {
    list: { separator: ',', read: (item) => item },
    origins: { separator: ',', read: asBadValue(readOrigin) },
    lines: { separator: '\n', read: (item) => item },
  }

function asBadValue<Value>(read: (item: string) => Value | undefined): (item: string) => Value {
  return (item) => {
    const value = read(item)
    if (value === undefined) {
      throw new BadValue(
        'is no origin such as https://app.example or https://*.app.example, nor a regular expression between slashes.',
      )
    }
    return value
  }
}

export const isSeveral = (type: ValueType): type is Several => Object.hasOwn(SEVERAL, type)

/**
 * Reads a text as a value of the type, within the bounds.
 * @throws BadValue
 */
export function readValue<Type extends ValueType>(type: Type, text: string, bounds: Bounds = {}): ValueTypes[Type] {
  return (
    isSeveral(type) ? readItems(type, text.split(SEVERAL[type].separator)) : readSingle(type, text, bounds)
  ) as never
}

/**
 * Items that are divided already.
 * @throws BadValue
 */
export function readItems<Type extends Several>(type: Type, items: readonly string[]): ValueTypes[Type] {
  const { read } = SEVERAL[type]
  return items.flatMap((item) => (item.trim() === '' ? [] : [read(item.trim())])) as never
}

function readSingle(type: Single, text: string, bounds: Bounds): ValueTypes[Single] {
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

/** Milliseconds as an option would have them, in the largest unit that shows them as a whole number: 10s, 500ms, 7d. */
export function showDuration(ms: number): string {
  const units = Object.entries(DURATION_UNITS).reverse()
  const [unit, size] = units.find(([, size]) => ms >= size && ms % size === 0) ?? ['ms', 1]
  return `${ms / size}${unit}`
}

/** A value as an option would have it. */
export function showValue(type: ValueType, value: unknown): string {
  if (type === 'size') return showSize(value as number)
  if (type === 'duration') return showDuration(value as number)
  if (type === 'permissions') return (value as number).toString(8).padStart(3, '0')
  return Array.isArray(value) ? value.map(String).join(type === 'lines' ? '\n' : ', ') : String(value)
}
