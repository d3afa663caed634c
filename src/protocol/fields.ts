/**
 * Values of header fields, strictly: what is not exactly in the grammar is undefined, and its codec says what that
 * means. Nothing here guesses.
 * @module
 */
import { UploadError } from '../errors.js'
import type { Fields } from './message.js'

/**
 * A non-negative integer in ASCII digits, at most Number.MAX_SAFE_INTEGER. A field that was sent twice (`1, 1`), a
 * sign, an exponent or a blank makes it undefined.
 */
export function parseInteger(field: string | undefined): number | undefined {
  if (field === undefined || !/^[0-9]+$/.test(field)) return undefined
  const value = Number(field)
  return Number.isSafeInteger(value) ? value : undefined
}

/** Transfer-Encoding overrides Content-Length (RFC 9112, 6.3). @throws UploadError ERR_INVALID_REQUEST */
export function parseBodyLength(fields: Fields): number | undefined {
  const field = fields['content-length']
  if (field === undefined || fields['transfer-encoding'] !== undefined) return undefined
  const length = parseInteger(field)
  if (length === undefined) {
    throw new UploadError('ERR_INVALID_REQUEST', { message: 'Content-Length must be one non-negative integer.' })
  }
  return length
}

/** Without blanks and tabs at both ends. A pattern would look at each run of blanks to its end, from each blank of it. */
export function trimBlanks(text: string): string {
  const isBlank = (at: number): boolean => text[at] === ' ' || text[at] === '\t'
  let [start, end] = [0, text.length]
  while (start < end && isBlank(start)) start++
  while (end > start && isBlank(end - 1)) end--
  return text.slice(start, end)
}

/** The bytes of canonical Base64 with its padding (RFC 4648, 4); undefined for anything else. */
export function parseBase64(text: string): Uint8Array | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  // Bits that padding leaves over must be zero, or two texts would mean the same bytes.
  return bytes.toString('base64') === text ? bytes : undefined
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const LONG_DAY = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)'
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hour>[0-9]{2}):(?<minute>[0-9]{2}):(?<second>[0-9]{2})'

/** The three forms that a recipient must take (RFC 9110, 5.6.7). */
const DATE_FORMS = [
  `^${DAY}, (?<day>[0-9]{2}) ${MONTH} (?<year>[0-9]{4}) ${TIME} GMT$`,
  `^${LONG_DAY}, (?<day>[0-9]{2})-${MONTH}-(?<year>[0-9]{2}) ${TIME} GMT$`,
  `^${DAY} ${MONTH} (?<day>[ 0-9][0-9]) ${TIME} (?<year>[0-9]{4})$`,
].map((pattern) => new RegExp(pattern))

/** Milliseconds since the epoch of an HTTP date; undefined for anything else. */
export function parseDate(field: string | undefined): number | undefined {
  if (field === undefined) return undefined
  for (const form of DATE_FORMS) {
    const groups = form.exec(field)?.groups
    if (groups) return instant(groups)
  }
  return undefined
}

function instant(groups: Record<string, string>): number | undefined {
  const part = (name: string): number => Number(groups[name])
  const [day, hour, minute, second] = [part('day'), part('hour'), part('minute'), part('second')]
  const month = MONTHS.indexOf(groups.month!)
  const year = groups.year!.length === 4 ? part('year') : fullYear(part('year'))
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  if (date.getUTCDate() !== day || date.getUTCMonth() !== month) return undefined
  return date.setUTCHours(hour, minute, second)
}

/** RFC 9110 decides by the current year; without a clock, the epoch does: nothing here was modified before 1970. */
const fullYear = (twoDigits: number): number => (twoDigits < 70 ? 2000 : 1900) + twoDigits

/** An HTTP date (IMF-fixdate), in whole seconds. */
export const formatDate = (milliseconds: number): string => new Date(milliseconds).toUTCString()

const TOKEN = "[!#$%&'*+.^_`|~A-Za-z0-9-]+"
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\t \\x21-\\x7e])*"'
/** Blanks belong to what follows them, so that no text can be read in two ways (and the pattern stays linear). */
const PARAMETERS = `(?:[ \\t]*;(?:[ \\t]*${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*[ \\t]*`
const MEDIA_TYPE = new RegExp(`^(?<essence>${TOKEN}/${TOKEN})${PARAMETERS}$`)

/**
 * The type and subtype of a media type (RFC 9110, 8.3.1), in lower case and without its parameters; undefined if the
 * field is no media type, or has a character that no field may have.
 */
export function parseMediaType(field: string | undefined): string | undefined {
  return field === undefined || field.length > 255 ? undefined : MEDIA_TYPE.exec(field)?.groups?.essence?.toLowerCase()
}
