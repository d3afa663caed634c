/**
 * The flags of tusd's command (2.10), and what says the same here. Who gives them to `holdfast serve` is told the command with
 * ours; docs/migrating-from-tusd.md is made from this table.
 * @module
 */
import { UsageError } from './failure.js'
import { type Rows, rowsOf } from './options.js'
import { shellWord } from './table.js'

export interface TusdFlag {
  /** As tusd's help tells it; '' if it has none. */
  readonly default: string
  readonly isBoolean?: true
  /** Our option, if its name is another one; `null` if none is needed, or none is there. */
  readonly here?: string | null
  /** What differs, or why there is none. */
  readonly note?: string
  /** tusd's value as ours; undefined if the option is to be left out. */
  readonly convert?: (value: string) => string | undefined
}

const NOT_STORED =
  'Holdfast stores in S3, in what is compatible with it (Google Cloud Storage by its XML API), or in a folder.'
const INSPECTOR = 'Node has profiles and heap snapshots by its inspector: docs/operations.md, Profiles.'

export const TUSD_FLAGS: Readonly<Record<string, TusdFlag>> = {
  host: { default: '0.0.0.0', note: 'Only this machine can connect, unless you say otherwise.' },
  port: { default: '8080' },
  'unix-sock': { default: '', note: 'A socket at which another process listens is not taken away from it.' },
  'base-path': { default: '/files/' },
  'behind-proxy': { default: 'false', isBoolean: true },
  'enable-h2c': { default: 'false', isBoolean: true, here: 'h2c' },
  'tls-certificate': { default: '', here: 'tls-cert', note: 'Read again at SIGHUP.' },
  'tls-key': { default: '' },
  'tls-mode': { default: 'tls12' },
  'enable-experimental-protocol': {
    default: 'false',
    isBoolean: true,
    here: null,
    note: 'The IETF draft is always spoken; --disable-rufh switches it off.',
  },
  'disable-download': { default: 'false', isBoolean: true },
  'disable-termination': { default: 'false', isBoolean: true },
  'disable-concatenation': { default: 'false', isBoolean: true },
  'max-size': {
    default: '0',
    note: 'For no limit leave it out. It also holds for uploads whose length is told later.',
    convert: (value) => (value === '0' ? undefined : value),
  },
  'disable-cors': { default: 'false', isBoolean: true },
  'cors-allow-origin': {
    default: '.*',
    note: 'Origins by name, with * for a part of the host. A regular expression stands between slashes and must match the whole origin; tusd is content with a part.',
    convert: (value) => (value === '.*' ? '*' : `/${value}/`),
  },
  'cors-allow-credentials': {
    default: 'false',
    isBoolean: true,
    note: 'Needs --cors-allow-origin to name the origins.',
  },
  'cors-allow-methods': { default: '' },
  'cors-allow-headers': { default: '' },
  'cors-expose-headers': { default: '' },
  'cors-max-age': { default: '86400', note: 'A duration; tusd counts seconds.', convert: (value) => `${value}s` },
  'upload-dir': { default: './data', note: 'Folders that tusd filled are taken over.' },
  'filelock-holder-poll-interval': { default: '5s', here: null, note: 'A holder looks four times a second.' },
  'filelock-acquirer-poll-interval': {
    default: '2s',
    here: null,
    note: 'Who waits looks 20 times a second, for --disk-lock-timeout at most.',
  },
  'dir-perms': { default: '775', note: 'Both less what the umask takes away.' },
  'file-perms': { default: '664', note: 'Both less what the umask takes away.' },
  's3-bucket': { default: '' },
  's3-object-prefix': { default: '' },
  's3-endpoint': { default: '', note: 'The region is us-east-1 then, if nothing says otherwise.' },
  's3-part-size': { default: '52428800', note: 'An upload that has parts goes on with parts of its own size.' },
  's3-min-part-size': { default: '5242880' },
  's3-max-buffered-parts': { default: '20', note: '--buffer-memory bounds the memory of all uploads.' },
  's3-disable-content-hashes': { default: 'false', isBoolean: true },
  's3-disable-ssl': {
    default: 'false',
    isBoolean: true,
    here: null,
    note: 'Give an --s3-endpoint that begins with http://.',
  },
  's3-concurrent-part-uploads': { default: '10', note: 'Begins with 8, and uses more where that is faster.' },
  's3-transfer-acceleration': { default: 'false', isBoolean: true },
  's3-log-api-calls': { default: 'false', isBoolean: true },
  'gcs-bucket': { default: '', here: null, note: NOT_STORED },
  'gcs-object-prefix': { default: '', here: null, note: NOT_STORED },
  'gcs-endpoint': { default: '', here: null, note: NOT_STORED },
  'azure-storage': { default: '', here: null, note: NOT_STORED },
  'azure-container-access-type': { default: '', here: null, note: NOT_STORED },
  'azure-blob-access-tier': { default: '', here: null, note: NOT_STORED },
  'azure-object-prefix': { default: '', here: null, note: NOT_STORED },
  'azure-endpoint': { default: '', here: null, note: NOT_STORED },
  'hooks-enabled-events': { default: 'pre-create,post-create,post-receive,post-terminate,post-finish' },
  'progress-hooks-interval': { default: '1s' },
  'hooks-dir': { default: '' },
  'hooks-http': { default: '' },
  'hooks-http-forward-headers': { default: '' },
  'hooks-http-retry': { default: '3' },
  'hooks-http-backoff': { default: '1s' },
  'hooks-http-timeout': { default: '15s' },
  'hooks-http-size-limit': { default: '5120' },
  'hooks-http-skip-verify': { default: 'false', isBoolean: true },
  'hooks-grpc': { default: '' },
  'hooks-grpc-retry': { default: '3' },
  'hooks-grpc-backoff': { default: '1s' },
  'hooks-grpc-secure': { default: 'false', isBoolean: true },
  'hooks-grpc-server-tls-certificate': { default: '' },
  'hooks-grpc-client-tls-certificate': { default: '' },
  'hooks-grpc-client-tls-key': { default: '' },
  'hooks-grpc-forward-headers': { default: '' },
  'hooks-plugin': { default: '', here: null, note: 'Plugins are of Go.' },
  'expose-metrics': { default: 'true', isBoolean: true },
  'metrics-path': { default: '/metrics' },
  'expose-pprof': { default: 'false', isBoolean: true, here: null, note: INSPECTOR },
  'pprof-path': { default: '/debug/pprof/', here: null, note: INSPECTOR },
  'pprof-block-profile-rate': { default: '0', here: null, note: INSPECTOR },
  'pprof-mutex-profile-rate': { default: '0', here: null, note: INSPECTOR },
  'show-greeting': { default: 'true', isBoolean: true },
  version: { default: 'false', isBoolean: true, here: null, note: '`holdfast --version`.' },
  verbose: { default: 'true', isBoolean: true },
  'show-startup-logs': { default: 'true', isBoolean: true },
  'log-format': { default: 'text' },
  'network-timeout': {
    default: '60s',
    here: 'idle-timeout',
    note: 'Of bodies; there are --header-timeout and --keep-alive-timeout beside it, and --min-body-rate.',
  },
  'shutdown-timeout': { default: '10s' },
  'acquire-lock-timeout': { default: '20s', here: 'yield-timeout', note: 'Then the newer request is told 423.' },
  'request-completion-timeout': {
    default: '10s',
    here: null,
    note: 'An upload is completed whether or not its client waits. How long HEAD waits for that is --completion-timeout.',
  },
}

/** The name of our option for a flag of tusd, if there is one. */
export function optionFor(name: string): string | undefined {
  const here = TUSD_FLAGS[name]?.here ?? name
  return TUSD_FLAGS[name]?.here !== null && here in rowsOf('serve') ? here : undefined
}

/** tusd's defaults that are other ones here, and without which nobody would find the server. */
const ADDRESS = { host: '0.0.0.0', port: '8080' } as const

/** @throws UsageError with our command, if `serve` is given flags that are tusd's and not ours, or written as Go's are */
export function refuseTusdFlags([command, ...words]: readonly string[]): void {
  if (command !== 'serve' || !words.some(isForeign)) return
  const { flags, notes } = translated(words)
  const isGiven = (name: string): boolean => words.some((word) => FLAG.exec(word)?.[2] === name)
  const address = Object.entries(ADDRESS).flatMap(([name, value]) =>
    isGiven(name) || isGiven('unix-sock') ? [] : [`--${name} ${value}`],
  )
  throw new UsageError(
    [
      'these are flags of tusd. Here it would be:',
      ['  holdfast serve', ...address, ...flags].join(' '),
      ...notes,
      'docs/migrating-from-tusd.md has all of them, and what differs.',
    ].join('\n'),
  )
}

const FLAG = /^(--?)([a-z][a-z0-9-]+)(?:=(.*))?$/s

function isForeign(word: string): boolean {
  const [, dashes, name] = FLAG.exec(word) ?? []
  return name !== undefined && name in TUSD_FLAGS && (dashes === '-' || !(name in (rowsOf('serve') as Rows)))
}

function translated(words: readonly string[]): { flags: string[]; notes: string[] } {
  const [flags, notes]: [string[], string[]] = [[], []]
  const left = [...words]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const [, , name, given] = FLAG.exec(word) ?? []
    const known = name === undefined ? undefined : TUSD_FLAGS[name]
    if (known === undefined || name === undefined) {
      flags.push(shellWord(word))
      continue
    }
    const value = given ?? (known.isBoolean ? 'true' : (left.shift() ?? ''))
    const here = optionFor(name)
    const converted = known.convert ? known.convert(value) : value
    if (here !== undefined && converted !== undefined) flags.push(`--${here} ${shellWord(converted)}`)
    if (here === undefined) notes.push(`-${name}: ${known.note ?? 'there is none.'}`)
  }
  return { flags, notes }
}
