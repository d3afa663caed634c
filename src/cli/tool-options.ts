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

export const repairing = {
  all,
  prefix,
  'dry-run': dryRun,
  parallel: { ...parallel, default: '4' },
  json,
} as const satisfies Rows

export const lifecycleRules = {
  install: {
    type: 'boolean',
    default: 'false',
    help: 'Put the rules into the bucket, beside those that are there. Without it they are only printed.',
  },
  'abort-after': {
    type: 'duration',
    default: '168h',
    min: 1,
    help: 'After how long a rule aborts multipart uploads that nobody finished; S3 counts in whole days. Longer than any upload may take.',
  },
  'expire-records-after': {
    type: 'duration',
    min: 1,
    help: 'Another rule removes records and tails after so long, and with them the URLs of uploads. Needs a prefix of their own. Default: never.',
  },
  'dry-run': dryRun,
  json,
} as const satisfies Rows
