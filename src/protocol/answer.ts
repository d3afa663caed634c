/**
 * What a hook adds to an answer. Fields of the protocols and of HTTP's framing stay as they are, and nothing that it says can
 * end a field. Pure.
 * @module
 */
import type { Answer } from '../store/info.js'
import type { ResponseHead } from './message.js'

/** Fields that say how the message is framed, where the upload is and how it stands. */
const KEPT =
  /^(?:connection|content-length|transfer-encoding|trailer|upgrade|keep-alive|te|date|location|tus-.*|upload-.*|access-control-.*)$/i

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Visible ASCII, blanks, and what Latin-1 has beyond (node sends no other). */
const VALUE = /^[\t\x20-\x7e\xa0-\xff]*$/

const mayBeSent = ([name, value]: [string, string]): boolean =>
  TOKEN.test(name) && !KEPT.test(name) && VALUE.test(value)

/**
 * @param has what of the answer counts: all of it, or the fields alone (of an answer without content, such as to HEAD)
 * @returns the head with what the hook says
 */
export function dressed(head: ResponseHead, answer: Answer | undefined, has: 'all' | 'fields' = 'all'): ResponseHead {
  if (answer === undefined) return head
  const fields = { ...head.fields, ...Object.fromEntries(Object.entries(answer.headers ?? {}).filter(mayBeSent)) }
  if (has === 'fields') return { ...head, fields }
  const { status = head.status, body } = answer
  if (body === undefined) return { ...head, status, fields }
  fields['Content-Type'] ??= 'text/plain; charset=utf-8'
  // 204 has no content.
  return { status: status === 204 ? 200 : status, fields, text: body }
}
