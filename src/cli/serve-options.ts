/**
 * The rows of options.ts that are about serving: where, what, to whom, within which bounds.
 * @module
 */
import type { Rows } from './options.js'

export const listening = {
  host: { type: 'string', default: '127.0.0.1', help: 'The address to listen on; 0.0.0.0 for all.' },
  port: { type: 'integer', default: '1080', max: 65_535, help: 'The port to listen on; 0 takes any that is free.' },
} as const satisfies Rows

export const socket = {
  'unix-sock': {
    type: 'string',
    help: 'Listen on this Unix socket, not on a port. One that a crash left there is removed first. Default: none.',
  },
  'unix-sock-perms': {
    type: 'permissions',
    help: 'Permissions of that socket in octal, such as 660; who may write it may connect. Default: what the umask leaves.',
  },
} as const satisfies Rows

export const processes = {
  workers: {
    type: 'count',
    default: '1',
    min: 1,
    help: 'How many processes serve (docs/workers.md); auto: one for each processor, as far as memory and requests to S3 go round.',
  },
} as const satisfies Rows

export const limits = {
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

export const encryption = {
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

export const protocol = {
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

export const access = {
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

export const ending = {
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

export const expiration = {
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

export const cors = {
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

export const timeouts = {
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

export const page = {
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

export const log = {
  verbose: { type: 'boolean', default: 'false', help: 'Log each request: the same as --log-level debug.' },
  'log-level': {
    type: 'string',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    help: 'The lowest level that is logged.',
  },
  'log-format': { type: 'string', default: 'text', choices: ['text', 'json'], help: 'How the log on stderr looks.' },
} as const satisfies Rows

export const start = {
  'show-startup-logs': { type: 'boolean', default: 'true', help: 'Say on stdout where to upload, once it serves.' },
} as const satisfies Rows
