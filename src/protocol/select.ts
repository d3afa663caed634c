/**
 * Which protocol a request speaks. It is asked of each request, not of the upload: one can be created with one protocol and
 * resumed with the other.
 * @module
 */
import { both } from './both.js'
import type { Codec } from './codec.js'
import { parseMediaType } from './fields.js'
import type { RequestHead } from './message.js'
import { BODY_TYPE, NEWEST, parseCompleteness, rufhOf, unversioned } from './rufh/index.js'
import { parseSfInteger } from './structured.js'
import { tus1 } from './tus1/index.js'

export interface SelectOptions {
  /** Whether the IETF draft is spoken. */
  rufh: boolean
  /** Whether clients that name no version of it get all that those get who do. */
  unversioned: boolean
}

/** The protocol that a request speaks, by its header fields. */
export function codecFor(head: RequestHead, options: SelectOptions): Codec {
  const { method, fields } = head
  if (fields['tus-resumable'] !== undefined || !options.rufh) return tus1
  const named = rufhOf(parseSfInteger(fields['upload-draft-interop-version']))
  if (named) return named
  const isVersioned = fields['upload-draft-interop-version'] !== undefined
  if (speaksOf(head) || isVersioned || (options.unversioned && method !== 'OPTIONS')) {
    // "MUST NOT send a 104 if the version is missing or not implemented".
    return options.unversioned && !isVersioned ? unversioned : silent
  }
  return method === 'OPTIONS' || method === 'HEAD' ? both : tus1
}

const { renderReport: _, ...silent } = unversioned

/** Whether it creates, or appends to, an upload of the draft. */
function speaksOf({ method, fields }: RequestHead): boolean {
  if (method !== 'POST' && method !== 'PATCH') return false
  return parseCompleteness(NEWEST, fields) !== undefined || parseMediaType(fields['content-type']) === BODY_TYPE
}
