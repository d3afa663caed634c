/**
 * Texts for logs and traces without what would let a reader act in a client's name. Pure, and linear in the text.
 * @module
 */

export const REDACTED = '[redacted]'

/** Names of parameters, and of fields, that carry secrets, in any writing. */
const SECRET =
  /^x-(amz|goog)-|signature|^sig$|token|secret|passw|credential|api[-_]?key|access[-_]?key|^key$|authori[sz]ation|^auth$|jwt|cookie|session/i

export const isSecret = (name: string): boolean => SECRET.test(name)

/** A URL's query, credentials before a host, and credentials of an Authorization field, wherever they stand in a text. */
export function redact(text: string): string {
  // Most targets are a path alone.
  if (!/[=@ ]/.test(text)) return text
  return text
    .replace(/([?&;])([^=&;?#\s]{1,128})=([^&;#\s"']*)/g, (all, before: string, name: string) =>
      isSecret(decoded(name)) ? `${before}${name}=${REDACTED}` : all,
    )
    .replace(/:\/\/[^\s/?#]*@/g, `://${REDACTED}@`)
    .replace(/\b(Bearer|Basic|Digest|AWS4-HMAC-SHA256) [^\s,][^\r\n]*/gi, `$1 ${REDACTED}`)
}

/** However deep: values under names of secrets, and what is one in a text. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, without(name, value, 0)]))
}

/** Deeper than this nobody looks. */
const DEEPEST = 8

function without(name: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value
  if (isSecret(name) && typeof value !== 'boolean' && typeof value !== 'number') return REDACTED
  if (typeof value === 'string') return redact(value)
  if (typeof value !== 'object' || depth >= DEEPEST) return value
  if (Array.isArray(value)) return value.map((item) => without('', item, depth + 1))
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, without(key, inner, depth + 1)]))
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
