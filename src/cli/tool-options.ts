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

export const importing = {
  'from-dir': {
    type: 'string',
    sets: 'fromDir',
    help: "Copy from this folder: of tusd's filestore, of @tus/file-store, or of Holdfast.",
  },
  'from-bucket': { type: 'string', help: 'Copy from this bucket, by the same credentials.' },
  'from-object-prefix': { type: 'string', help: 'Before the key of every object there.' },
  'from-metadata-object-prefix': {
    type: 'string',
    help: 'Before the keys of records and tails there. Default: --from-object-prefix.',
  },
  'from-endpoint': { type: 'string', help: 'URL of its S3 service. Default: --s3-endpoint.' },
  'from-min-part-size': {
    type: 'size',
    min: 1,
    help: 'The smallest part but the last that counts there. Default: --s3-min-part-size.',
  },
  'end-unfinished': {
    type: 'boolean',
    default: 'false',
    help: 'End unfinished uploads in the other bucket where their bytes can be read in no other way: only here do they go on then.',
  },
  verify: {
    type: 'boolean',
    default: 'false',
    help: 'Read what is finished once more, there and here, and compare.',
  },
  prefix,
  'dry-run': dryRun,
  parallel: { ...parallel, default: '4' },
  json,
} as const satisfies Rows
