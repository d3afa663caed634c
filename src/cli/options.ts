/**
 * The table of all options of the command. The flags, the environment variables, `--help` and docs/configuration.md are
 * made from it and from nothing else.
 * @module
 */
import { DEFAULTS } from '../s3/options.js'
import { metrics, tracing } from './observe-options.js'
import { s3Objects } from './s3-object-options.js'
import { s3 } from './s3-options.js'
import { importing, inspecting, lifecycleRules, listing, repairing, verifying } from './tool-options.js'
import { type Bounds, showSize, type ValueType } from './values.js'

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

const listening = {
  host: { type: 'string', default: '127.0.0.1', help: 'The address to listen on; 0.0.0.0 for all.' },
  port: { type: 'integer', default: '1080', max: 65_535, help: 'The port to listen on; 0 takes any that is free.' },
} as const satisfies Rows

const socket = {
  'unix-sock': {
    type: 'string',
    help: 'Listen on this Unix socket, not on a port. One that a crash left there is removed first. Default: none.',
  },
  'unix-sock-perms': {
    type: 'permissions',
    help: 'Permissions of that socket in octal, such as 660; who may write it may connect. Default: what the umask leaves.',
  },
} as const satisfies Rows

const processes = {
  workers: {
    type: 'count',
    default: '1',
    min: 1,
    help: 'How many processes serve (docs/workers.md); auto: one for each processor, as far as memory and requests to S3 go round.',
  },
} as const satisfies Rows

const limits = {
  'max-header-size': {
    type: 'size',
    default: '32KiB',
    min: 8 * 1024,
    max: 16 * 1024 * 1024,
    help: 'Bytes of a request line and all header fields; more is 431. A final upload of 10,000 partial ones needs about 1MiB.',
  },
  'max-header-count': {
    type: 'integer',
    default: '1000',
    min: 50,
    help: 'How many header fields a request may have; more is 431.',
  },
} as const satisfies Rows

const encryption = {
  'tls-cert': {
    type: 'string',
    help: 'A file with the certificate and its chain, as PEM: HTTP/1.1 and HTTP/2 over TLS (docs/http2.md). Read again at SIGHUP.',
  },
  'tls-key': { type: 'string', help: 'The file with its private key, as PEM.' },
  'tls-mode': {
    type: 'string',
    default: 'tls12',
    choices: ['tls12', 'tls13', 'tls12-strong'],
    help: 'TLS 1.2 and 1.3 with authenticated encryption alone; or 1.3 alone; or 1.2 alone, with AES-256-GCM.',
  },
  h2c: {
    type: 'boolean',
    default: 'false',
    help: 'Speak HTTP/2 without TLS too, for proxies that do, on the same port.',
  },
} as const satisfies Rows

const protocol = {
  'base-path': { type: 'string', default: '/files', help: 'Path (or absolute URL) under which uploads live.' },
  'behind-proxy': {
    type: 'boolean',
    default: 'false',
    sets: 'trustProxy',
    help: 'Believe X-Forwarded-* and Forwarded.',
  },
  'relative-location': { type: 'boolean', default: 'false', help: 'Send Location without scheme and host.' },
  'max-size': { type: 'size', min: 1, help: 'Refuse uploads that are larger. Default: what the store takes.' },
  'max-metadata-size': {
    type: 'size',
    default: '8KiB',
    help: 'Bytes of Upload-Metadata; more is refused. The whole head is bounded by --max-header-size.',
  },
  'disable-download': { type: 'boolean', default: 'false', help: 'Refuse GET of finished uploads.' },
  'download-redirect': {
    type: 'boolean',
    default: 'false',
    help: 'Answer GET of finished uploads with a redirect to a URL of S3 that runs out (docs/objects.md).',
  },
  'download-redirect-expires': {
    type: 'duration',
    default: '5m',
    min: 1_000,
    max: 7 * 24 * 3_600_000,
    help: 'How long such a URL is good.',
  },
  'disable-termination': { type: 'boolean', default: 'false', help: 'Refuse DELETE, and do not advertise it.' },
  'disable-termination-of-finished': {
    type: 'boolean',
    default: 'false',
    help: 'Refuse DELETE of complete uploads.',
  },
  'disable-concatenation': {
    type: 'boolean',
    default: 'false',
    help: 'Refuse Upload-Concat, and do not advertise it.',
  },
  'max-concat-parts': {
    type: 'integer',
    default: '10000',
    min: 1,
    help: 'How many partial uploads one final upload may name.',
  },
  'delete-partials': { type: 'boolean', default: 'false', help: 'Remove partial uploads once they are joined.' },
  'disable-rufh': {
    type: 'boolean',
    default: 'false',
    help: 'Do not speak the IETF draft "Resumable Uploads for HTTP".',
  },
  'rufh-unversioned': {
    type: 'boolean',
    default: 'false',
    help: 'Speak it in full with clients that name no version of the draft, as those of the future standard will not.',
  },
  'interim-responses': {
    type: 'string',
    default: 'auto',
    choices: ['auto', 'on', 'off'],
    help: 'Whether clients of the draft get 104, which some proxies break on (docs/rufh.md); auto: unless a proxy shows.',
  },
} as const satisfies Rows

const access = {
  'url-secret': {
    type: 'list',
    secret: true,
    help: 'At least 32 characters: requests need a token in their URL that was signed with it (docs/access.md). Of several the first one signs. Rather set the variable.',
  },
  'url-expires-after': {
    type: 'duration',
    default: '24h',
    min: 1,
    help: 'How long the URL that answers a creation is good, with --url-secret.',
  },
  'allowed-types': {
    type: 'list',
    help: "Media types that may be uploaded, such as image/*, by what the client's metadata says. Default: all.",
  },
  'allowed-metadata': { type: 'list', help: 'Keys of metadata that are kept; others are dropped. Default: all.' },
  'max-body-rate': {
    type: 'size',
    min: 1,
    help: 'Bytes a second that one request may bring; more is held back. Default: all.',
  },
  'max-active-uploads': {
    type: 'integer',
    min: 1,
    help: 'How many uploads one client may be sending at once to this process; more is 429. Default: any number.',
  },
} as const satisfies Rows

const ending = {
  'keep-expired': {
    type: 'duration',
    default: '24h',
    help: 'How long clients are told 410 of an upload that expired or failed; a sweep then removes its record.',
  },
  'abandoned-after': {
    type: 'duration',
    min: 1,
    help: 'A sweep also ends unfinished uploads that have no deadline, if nothing was stored for so long. Default: never.',
  },
} as const satisfies Rows

const expiration = {
  'expires-after': {
    type: 'duration',
    min: 1,
    help: 'How long an unfinished upload lives, such as 168h (docs/expiration.md). Default: for ever.',
  },
  'expires-from': {
    type: 'string',
    default: 'activity',
    choices: ['activity', 'creation'],
    help: 'What that is counted from: the last bytes that were stored, or the creation.',
  },
  'sweep-interval': {
    type: 'duration',
    help: 'How often what has expired is removed; 0s for never. Default: 1h with --expires-after or hooks, else never.',
  },
  ...ending,
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

const cors = {
  'disable-cors': { type: 'boolean', default: 'false', help: 'Send no CORS headers.' },
  'cors-allow-origin': {
    type: 'origins',
    default: '*',
    help: 'Origins that may call, such as https://*.app.example; * for every one; /…/ for a regular expression of the whole origin.',
  },
  'cors-allow-credentials': { type: 'boolean', default: 'false', help: 'Let browsers send cookies along.' },
  'cors-allow-methods': { type: 'list', help: 'Methods to allow, besides those of the protocol.' },
  'cors-allow-headers': { type: 'list', help: 'Request headers to allow, besides those of the protocol.' },
  'cors-expose-headers': { type: 'list', help: 'Response headers to expose, besides those of the protocol.' },
  'cors-max-age': { type: 'duration', default: '24h', help: 'How long browsers may remember the permission.' },
} as const satisfies Rows

const memory = {
  'buffer-memory': {
    type: 'size',
    default: showSize(DEFAULTS.bufferMemory),
    sets: 'bufferMemory',
    help: 'Bytes of uploads in memory at once, over all uploads and workers; at the bound, sockets are paused.',
  },
  'temporary-directory': {
    type: 'string',
    sets: 'temporaryDirectory',
    help: 'A folder for parts that find no room in memory, so that sockets need not be paused. Default: none.',
  },
} as const satisfies Rows

const disk = {
  'upload-dir': { type: 'string', default: './data', help: 'The folder for uploads, where there is no bucket.' },
  'disk-fsync': {
    type: 'string',
    default: 'commit',
    choices: ['commit', 'finish', 'never'],
    sets: 'fsync',
    help: 'When bytes are forced to the disk: before they are acknowledged, when the upload is finished, or never.',
  },
  'disk-lock-timeout': {
    type: 'duration',
    default: '5s',
    sets: 'lockTimeout',
    help: 'How long a request waits for another process that writes the same upload.',
  },
  'dir-perms': {
    type: 'permissions',
    default: '777',
    sets: 'dirPerms',
    help: 'Permissions of folders that are made, in octal, less what the umask takes away.',
  },
  'file-perms': {
    type: 'permissions',
    default: '666',
    sets: 'filePerms',
    help: 'Permissions of files that are made, in octal, less what the umask takes away.',
  },
} as const satisfies Rows

const locking = {
  'locker-redis': {
    type: 'string',
    sets: 'locker',
    secret: true,
    help: 'URL of a Redis or Valkey that keeps the writers of an upload apart (docs/locking.md). It may hold a password, so rather set the variable.',
  },
  'locker-prefix': { type: 'string', default: 'holdfast:', help: 'Before the keys there; the same on all nodes.' },
  'locker-ttl': {
    type: 'duration',
    default: '10s',
    min: 500,
    help: 'After how long the lock of a node that died is free; the same on all nodes.',
  },
  'single-process': {
    type: 'boolean',
    default: 'false',
    sets: 'singleProcess',
    help: 'Promise that no other process writes these uploads: then a provider without conditional writes needs no locker.',
  },
} as const satisfies Rows

const hooks = {
  'hooks-enabled-events': {
    type: 'list',
    default: 'pre-create,post-create,post-receive,post-terminate,post-finish',
    help: 'Which hooks are asked and told (docs/hooks.md); there are pre-finish and pre-terminate, too. Empty: all.',
  },
  'hook-timeout': { type: 'duration', default: '30s', min: 1, help: 'How long one call of a hook may take in all.' },
  'progress-hooks-interval': {
    type: 'duration',
    default: '1s',
    sets: 'progressInterval',
    help: 'How long it takes until post-receive is told of the same upload again.',
  },
  'hooks-payload-headers': {
    type: 'list',
    help: 'Header fields of clients that hooks are told. Default: all, Authorization and Cookie too; none for a stream.',
  },
  'hooks-dir': { type: 'string', help: 'A folder of programs named as the hooks are.' },
  'hooks-http': { type: 'string', secret: true, help: 'A URL that each hook is sent to by POST.' },
  'hooks-http-forward-headers': { type: 'list', help: 'Header fields of clients that are sent along.' },
  'hooks-http-retry': { type: 'integer', default: '3', min: 1, help: 'How often it is tried in all.' },
  'hooks-http-backoff': { type: 'duration', default: '1s', help: 'The time between two tries.' },
  'hooks-http-timeout': { type: 'duration', default: '15s', min: 1, help: 'The time for all tries of one hook.' },
  'hooks-http-size-limit': { type: 'size', default: '5KiB', min: 1, help: 'Bytes of an answer.' },
  'hooks-http-skip-verify': { type: 'boolean', default: 'false', help: 'Take any certificate.' },
  'hooks-http-secret': {
    type: 'list',
    secret: true,
    help: 'Signs what is sent (Standard Webhooks): whsec_ and Base64; several while they change. Rather set the variable.',
  },
  'hooks-grpc': { type: 'string', help: 'host:port of a gRPC service that is called for each hook.' },
  'hooks-grpc-forward-headers': { type: 'list', help: 'Header fields of clients that are sent along as metadata.' },
  'hooks-grpc-retry': { type: 'integer', default: '3', min: 1, help: 'How often it is tried in all.' },
  'hooks-grpc-backoff': { type: 'duration', default: '1s', help: 'The time between two tries.' },
  'hooks-grpc-timeout': { type: 'duration', default: '15s', min: 1, help: 'The time for all tries of one hook.' },
  'hooks-grpc-secure': { type: 'boolean', default: 'false', help: 'Speak TLS.' },
  'hooks-grpc-server-tls-certificate': {
    type: 'string',
    help: 'A file with the certificate of the service, or of who signed it, as PEM. Default: those that Node.js trusts.',
  },
  'hooks-grpc-client-tls-certificate': {
    type: 'string',
    help: 'A file with the certificate to show to the service, as PEM.',
  },
  'hooks-grpc-client-tls-key': { type: 'string', help: 'The file with its private key, as PEM.' },
  'hooks-redis': {
    type: 'string',
    secret: true,
    help: 'URL of a Redis or Valkey into a stream of which events go. It may hold a password, so rather set the variable.',
  },
  'hooks-redis-stream': { type: 'string', default: 'holdfast:events', help: 'The key of the stream.' },
  'hooks-redis-max-length': {
    type: 'integer',
    default: '100000',
    help: 'About how many events it keeps, read or not; 0: all.',
  },
} as const satisfies Rows

const timeouts = {
  'header-timeout': { type: 'duration', default: '60s', help: 'How long the head of a request may take to arrive.' },
  'keep-alive-timeout': {
    type: 'duration',
    default: '75s',
    help: 'How long a connection is kept without a request; longer than a proxy keeps it, or some of its requests fail.',
  },
  'yield-timeout': { type: 'duration', default: '5s', help: 'How long a request may take to give way to a newer one.' },
  'idle-timeout': { type: 'duration', default: '60s', help: 'A body without a byte for so long counts as ended.' },
  'min-body-rate': {
    type: 'size',
    default: '64B',
    help: 'Bytes a second that a body must bring, on the average of --idle-timeout; a slower one counts as ended. 0: none.',
  },
  'completion-timeout': {
    type: 'duration',
    default: '10s',
    help: 'How long HEAD waits while the store completes an upload, before it answers 503.',
  },
  'shutdown-timeout': { type: 'duration', default: '10s', help: 'How long requests may take to end at SIGTERM.' },
  'drain-delay': {
    type: 'duration',
    default: '0s',
    help: 'How long all is served as before at SIGTERM while /readyz says no, so that balancers send nothing new.',
  },
} as const satisfies Rows

const page = {
  ui: {
    type: 'boolean',
    default: 'false',
    help: 'Serve a page at / that uploads files, and one at /status/ for the operator (docs/status-page.md).',
  },
  'ui-auth': {
    type: 'string',
    secret: true,
    help: 'user:password for /status/. Without it, only this machine is answered there. Rather set the variable.',
  },
  'show-greeting': { type: 'boolean', default: 'false', help: 'Greet whoever asks for / with a line of text.' },
} as const satisfies Rows

const log = {
  verbose: { type: 'boolean', default: 'false', help: 'Log each request: the same as --log-level debug.' },
  'log-level': {
    type: 'string',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    help: 'The lowest level that is logged.',
  },
  'log-format': { type: 'string', default: 'text', choices: ['text', 'json'], help: 'How the log on stderr looks.' },
} as const satisfies Rows

const start = {
  'show-startup-logs': { type: 'boolean', default: 'true', help: 'Say on stdout where to upload, once it serves.' },
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
