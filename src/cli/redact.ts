/**
 * What the command prints of its configuration: passwords are not among it. Pure.
 * @module
 */
import type { Row } from './options.js'

const HIDDEN = '***'

/** Of a URL, which may hold a password, all but that; of another secret nothing. */
export function printable({ secret }: Pick<Row, 'secret'>, text: string): string {
  if (secret && !URL.canParse(text)) return text === '' ? '' : HIDDEN
  if (!URL.canParse(text)) return text
  const url = new URL(text)
  const hasQuery = secret === true && url.search !== ''
  if (url.password === '' && !hasQuery) return text
  if (url.password !== '') url.password = HIDDEN
  if (hasQuery) url.search = HIDDEN
  return url.href
}
