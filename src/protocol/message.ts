/**
 * Heads of HTTP messages as plain values: what codecs read and write. No I/O.
 * @module
 */

/** Field names in lower case; a field that was sent several times is joined with ', ' (as node:http and fetch do). */
export type Fields = Readonly<Record<string, string | undefined>>

/** A request without its body. */
export interface RequestHead {
  /** In upper case, as sent (before X-HTTP-Method-Override). */
  method: string
  /** The path and query as sent, undecoded: `/files/abc?x=1`. */
  target: string
  /** The header fields. */
  fields: Fields
  /** Whether the connection to this process is TLS. */
  encrypted: boolean
  /** The peer's address, for logs. */
  remoteAddress: string | undefined
}

/** An answer without its content. */
export interface ResponseHead {
  /** The HTTP status. */
  status: number
  /** Names in the specification's spelling (`Upload-Offset`); values free of control characters. */
  fields: Record<string, string>
  /** A short text body, if the answer has one and no content follows. */
  text?: string
}
