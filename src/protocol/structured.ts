/**
 * Items of structured fields (RFC 9651). What is not one of the wanted type is undefined: "any other value MUST be ignored"
 * (Resumable Uploads for HTTP, 4). A field that was sent twice is none either.
 * @module
 */
import { type BareItem, parseItem } from 'structured-headers'

function parseBare(field: string | undefined): BareItem | undefined {
  if (field === undefined) return undefined
  try {
    return parseItem(field)[0]
  } catch {
    return undefined
  }
}

/** `?1` or `?0`, with parameters or without. */
export function parseSfBoolean(field: string | undefined): boolean | undefined {
  const value = parseBare(field)
  return typeof value === 'boolean' ? value : undefined
}

/** A non-negative integer of at most 15 digits, with parameters or without. */
export function parseSfInteger(field: string | undefined): number | undefined {
  const value = parseBare(field)
  // Decimals have a point, and are numbers here, too.
  const isInteger = typeof value === 'number' && Number.isInteger(value) && !field!.split(';', 1)[0]!.includes('.')
  return isInteger && value >= 0 ? value : undefined
}
