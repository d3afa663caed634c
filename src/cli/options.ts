/**
 * The table of all options of the command. The flags, the environment variables, `--help` and docs/configuration.md are
 * made from it and from nothing else.
 * @module
 */
import { hooks } from './hook-options.js'
import { metrics, tracing } from './observe-options.js'
import { s3Objects } from './s3-object-options.js'
import { s3 } from './s3-options.js'
import {
  access,
  cors,
  encryption,
  ending,
  expiration,
  limits,
  listening,
  log,
  page,
  processes,
  protocol,
  socket,
  start,
  timeouts,
} from './serve-options.js'
import { disk, locking, memory } from './storage-options.js'
import { importing, inspecting, lifecycleRules, listing, repairing, verifying } from './tool-options.js'
import type { Bounds, ValueType } from './values.js'

/** One option. Its name is the flag without the dashes. */
export interface Row extends Bounds {
  readonly type: ValueType
  /** As somebody would write it on the command line; absent if there is none. */
  readonly default?: string
  readonly help: string
  /** The name of the library option that it sets, if that differs from the flag. */
  readonly sets?: string
  /** Whoever reads what the command prints must not learn it. */
  readonly secret?: true
}

export type Rows = Readonly<Record<string, Row>>

const configuration = {
  config: {
    type: 'string',
    help: 'A file with options, as YAML or JSON (docs/configuration.md). Flags and variables win over it. Default: none.',
  },
} as const satisfies Rows

const sweeping = {
  'dry-run': { type: 'boolean', default: 'false', help: 'Only count what would be done.' },
  json: { type: 'boolean', default: 'false', help: 'Print the counts as JSON.' },
  ...ending,
  'max-size': protocol['max-size'],
  'delete-partials': protocol['delete-partials'],
  lifecycle: {
    type: 'boolean',
    default: 'false',
    help: 'Sweep nothing, but print a lifecycle rule for the bucket that aborts multipart uploads after --abandoned-after (168h without it). `holdfast lifecycle` can install it, too.',
  },
} as const satisfies Rows

const development = {
  directory: { type: 'string', default: './.holdfast', help: 'Where the development bucket keeps its data.' },
  'bucket-port': { type: 'integer', default: '0', max: 65_535, help: "The bucket's port; 0 takes any that is free." },
} as const satisfies Rows

const examination = {
  json: { type: 'boolean', default: 'false', help: 'Print the report as JSON.' },
  quick: { type: 'boolean', default: 'false', help: 'Measure less: a few requests, and two parts.' },
} as const satisfies Rows

const upload = {
  to: { type: 'string', help: 'The URL to upload to, such as http://127.0.0.1:1080/files/. Needed.' },
  'chunk-size': {
    type: 'size',
    min: 1,
    help: 'Send requests of so many bytes. Default: one request for the whole file.',
  },
  parallel: { type: 'integer', default: '1', min: 1, help: 'How many files to send at once.' },
  metadata: { type: 'lines', help: 'key=value to store with each file; may be given several times.' },
  header: { type: 'lines', help: "'Name: value' to send with each request; may be given several times." },
  retries: { type: 'integer', default: '10', help: 'How often to try again, in a row, before giving up.' },
  state: {
    type: 'string',
    help: 'The file that remembers unfinished uploads. Default: holdfast/uploads.json in $XDG_STATE_HOME or ~/.local/state.',
  },
} as const satisfies Rows

const printing = {
  json: { type: 'boolean', default: 'false', help: 'Print as JSON.' },
} as const satisfies Rows

const LISTED = {
  serve: {
    summary: 'Serve uploads into a bucket, or into a folder.',
    groups: {
      Configuration: configuration,
      Listening: listening,
      'Unix socket': socket,
      Processes: processes,
      'Limits of requests': limits,
      'TLS and HTTP/2': encryption,
      Protocol: protocol,
      Access: access,
      Expiration: expiration,
      CORS: cors,
      S3: s3,
      'Objects in S3': s3Objects,
      Memory: memory,
      Disk: disk,
      Locking: locking,
      Hooks: hooks,
      Timeouts: timeouts,
      Page: page,
      Log: log,
      Metrics: metrics,
      Traces: tracing,
      Start: start,
    },
  },
  dev: {
    summary: 'Serve uploads into a development bucket of its own, with a page to try it.',
    groups: { Listening: listening, Development: development, Log: log },
  },
  doctor: {
    summary: 'Try all that the server does to a bucket, and say whether it can serve.',
    groups: { Configuration: configuration, Examination: examination, S3: s3, 'Objects in S3': s3Objects },
  },
  sweep: {
    summary: 'Remove what has expired, and finish what a crash left unfinished: once, for cron.',
    groups: {
      Configuration: configuration,
      Sweeping: sweeping,
      S3: s3,
      Memory: memory,
      Disk: disk,
      Locking: locking,
      Hooks: hooks,
      Log: log,
    },
  },
  upload: { summary: 'Upload files, and resume where an earlier try ended.', groups: { Uploading: upload } },
  ls: {
    summary: 'List uploads: their state, how far they are, and when somebody last wrote to them.',
    groups: {
      Configuration: configuration,
      Listing: listing,
      S3: s3,
      Memory: memory,
      Disk: disk,
      Locking: locking,
      Log: log,
    },
  },
  inspect: {
    summary: 'Show the record of an upload, what is really stored of it, and where the two contradict each other.',
    groups: {
      Configuration: configuration,
      Inspecting: inspecting,
      S3: s3,
      Memory: memory,
      Disk: disk,
      Locking: locking,
      Log: log,
    },
  },
  verify: {
    summary: 'Read uploads, and compare their bytes with the checksums of their records.',
    groups: {
      Configuration: configuration,
      Verifying: verifying,
      S3: s3,
      Memory: memory,
      Disk: disk,
      Locking: locking,
      Log: log,
    },
  },
  repair: {
    summary: 'Mend what crashes left of uploads, where that is safe; beside running servers, too.',
    groups: {
      Configuration: configuration,
      Repairing: repairing,
      S3: s3,
      Memory: memory,
      Disk: disk,
      Locking: locking,
      Log: log,
    },
  },
  import: {
    summary: 'Take over uploads of tusd and @tus/server: where they are, or copied from another bucket or a folder.',
    groups: {
      Configuration: configuration,
      Importing: importing,
      S3: s3,
      Memory: memory,
      Disk: disk,
      Locking: locking,
      Log: log,
    },
  },
  lifecycle: {
    summary: 'Print or install the lifecycle rules of the bucket, which abort multipart uploads that nobody finished.',
    groups: { Configuration: configuration, Rules: lifecycleRules, S3: s3 },
  },
} as const

/** The commands, and their options by group. */
export const COMMANDS = {
  ...LISTED,
  config: {
    summary: 'Check or print how `holdfast serve` would be configured with the same options.',
    groups: { Printing: printing, ...LISTED.serve.groups },
  },
} as const

export type CommandName = keyof typeof COMMANDS

type Joined<Groups> = Groups[keyof Groups] extends infer Group
  ? (Group extends unknown ? (group: Group) => void : never) extends (group: infer All) => void
    ? All
    : never
  : never

/** All rows of a command, without their groups. */
export type RowsOf<Name extends CommandName> = Joined<(typeof COMMANDS)[Name]['groups']>

export function rowsOf<Name extends CommandName>(name: Name): RowsOf<Name> {
  return Object.assign({}, ...Object.values(COMMANDS[name].groups))
}
