/**
 * For requests that do not say which protocol they mean, and need not: OPTIONS, and HEAD of an upload. The two protocols
 * have no field in which they contradict each other, so both get theirs.
 * @module
 */
import type { Codec } from './codec.js'
import { unversioned } from './rufh/index.js'
import { tus1 } from './tus1/index.js'

export const both: Codec = {
  parse: tus1.parse,
  renderFailure: tus1.renderFailure,
  render(outcome, context) {
    const { status, fields } = tus1.render(outcome, context)
    const { 'Upload-Offset': _, ...rest } = unversioned.render(outcome, context).fields
    // Where tus tells no offset (of a final upload that is not joined yet) there is none.
    return { status, fields: { ...rest, ...fields } }
  },
}
