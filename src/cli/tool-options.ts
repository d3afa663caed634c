/**
 * The rows of options.ts that are of the operator's tools.
 * @module
 */
import type { Rows } from './options.js'

const json = {
  type: 'boolean',
  default: 'false',
  help: 'Print JSON: one document, or one a line where there may be many.',
} as const

const parallel = {
  type: 'integer',
  default: '8',
  min: 1,
  max: 256,
  help: 'How many uploads to look at, at once.',
} as const

const dryRun = { type: 'boolean', default: 'false', help: 'Change nothing, and say what would be done.' } as const

const all = { type: 'boolean', default: 'false', help: 'All uploads, instead of those that are named.' } as const

const prefix = { type: 'string', help: 'Only uploads whose IDs begin so.' } as const

export const listing = {
  state: {
    type: 'string',
    choices: ['open', 'completing', 'complete', 'failed', 'unknown'],
    help: 'Only uploads in this state; unknown: records that cannot be read.',
  },
  'older-than': { type: 'duration', help: 'Only uploads that nobody has written to for so long.' },
  prefix,
  limit: { type: 'integer', min: 1, help: 'Show only so many, those written last; the totals count all.' },
  parallel,
  json,
} as const satisfies Rows

export const inspecting = { json } as const satisfies Rows

export const verifying = {
  all,
  prefix,
  quick: {
    type: 'boolean',
    default: 'false',
    help: "Read nothing: compare the records with the store's own sizes, ETags and checksums.",
  },
  parallel: { ...parallel, default: '4' },
  json,
} as const satisfies Rows
