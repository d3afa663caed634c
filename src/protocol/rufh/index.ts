/**
 * Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload), in all interop versions that clients speak.
 * @module
 */
import type { Codec } from '../codec.js'
import { parse } from './parse.js'
import { render, renderBeside, renderFailure, renderReport } from './render.js'
import { NEWEST, VERSIONS, type Version } from './versions.js'

export { BODY_TYPE, parseCompleteness } from './parse.js'
export { NEWEST } from './versions.js'

const codecOf = (version: Version): Codec => ({
  parse: (head, options) => parse(version, head, options),
  render: (outcome, context) => render(version, outcome, context),
  renderFailure: (error, head, context) => renderFailure(version, error, head, context),
  renderBeside: (info, context) => renderBeside(version, info, context),
  renderReport: (report, context) => renderReport(version, report, context),
})

const codecs = new Map(VERSIONS.map((version) => [version.interop, codecOf(version)]))

/** @param interop the number in Upload-Draft-Interop-Version @returns undefined if that version is not known */
export const rufhOf = (interop: number | undefined): Codec | undefined =>
  interop === undefined ? undefined : codecs.get(interop)

/** For clients that name no version, or one that is not known: the newest rules, and no number in the answer. */
export const unversioned: Codec = codecOf({ ...NEWEST, interop: undefined })
