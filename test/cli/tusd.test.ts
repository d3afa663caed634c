import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UsageError } from '../../src/cli/failure.js'
import { type Rows, rowsOf } from '../../src/cli/options.js'
import { optionFor, refuseTusdFlags, TUSD_FLAGS } from '../../src/cli/tusd.js'
import { runCommand } from './command.js'

/** Those of `tusd -help`, version 2.10. */
const FLAGS = `
host port unix-sock base-path behind-proxy enable-h2c tls-certificate tls-key tls-mode enable-experimental-protocol
disable-download disable-termination disable-concatenation max-size disable-cors cors-allow-origin cors-allow-credentials
cors-allow-methods cors-allow-headers cors-expose-headers cors-max-age upload-dir filelock-holder-poll-interval
filelock-acquirer-poll-interval dir-perms file-perms s3-bucket s3-object-prefix s3-endpoint s3-part-size s3-min-part-size
s3-max-buffered-parts s3-disable-content-hashes s3-disable-ssl s3-concurrent-part-uploads s3-transfer-acceleration
s3-log-api-calls gcs-bucket gcs-object-prefix gcs-endpoint azure-storage azure-container-access-type azure-blob-access-tier
azure-object-prefix azure-endpoint hooks-enabled-events progress-hooks-interval hooks-dir hooks-http
hooks-http-forward-headers hooks-http-retry hooks-http-backoff hooks-http-timeout hooks-http-size-limit
hooks-http-skip-verify hooks-grpc hooks-grpc-retry hooks-grpc-backoff hooks-grpc-secure
hooks-grpc-server-tls-certificate hooks-grpc-client-tls-certificate hooks-grpc-client-tls-key hooks-grpc-forward-headers
hooks-plugin expose-metrics metrics-path expose-pprof pprof-path pprof-block-profile-rate pprof-mutex-profile-rate
show-greeting version verbose show-startup-logs log-format network-timeout shutdown-timeout acquire-lock-timeout
request-completion-timeout`
  .trim()
  .split(/\s+/)

const rows = rowsOf('serve') as Rows
const page = (name: string): string => readFileSync(join(import.meta.dirname, '..', '..', 'docs', name), 'utf8')

test('each flag of tusd is known, and no other', () => {
  assert.deepEqual(Object.keys(TUSD_FLAGS).sort(), [...FLAGS].sort())
})

test('each has an option here, or a sentence that says why not', () => {
  for (const [name, { here, note }] of Object.entries(TUSD_FLAGS)) {
    if (typeof here === 'string') assert.ok(here in rows, `-${name}: there is no --${here}`)
    if (here === null) assert.ok(note, name)
    for (const [, flag] of (note ?? '').matchAll(/--([a-z0-9-]+)/g)) {
      assert.ok(flag! in rows || flag === 'version', `-${name}: its note names --${flag}`)
    }
  }
})

test('docs/migrating-from-tusd.md has each flag, and each option that it names exists', () => {
  const text = page('migrating-from-tusd.md')
  for (const name of FLAGS) {
    const here = optionFor(name)
    const cells = new RegExp(`^\\| \`-${name}\` +\\|[^|]*\\| ${here ? `\`--${here}\`` : ''} +\\|`, 'm')
    assert.match(text, cells)
  }
  for (const [, flag] of text.matchAll(/--([a-z][a-z0-9-]+)/g)) assert.ok(flag! in rows || flag === 'version', flag)
})

const refusal = (...words: string[]): string[] => {
  try {
    refuseTusdFlags(['serve', ...words])
  } catch (error) {
    assert.ok(error instanceof UsageError)
    return error.message.split('\n')
  }
  return []
}

const translations: [theirs: string[], ours: string][] = [
  [['-s3-bucket=a b'], "--host 0.0.0.0 --port 8080 --s3-bucket 'a b'"],
  [['-host', '::1', '-port=80', '-upload-dir', 'd'], '--host ::1 --port 80 --upload-dir d'],
  [['-unix-sock=/run/s', '-behind-proxy'], '--unix-sock /run/s --behind-proxy true'],
  [['-port=1', '-host=a', '-verbose=false', '-max-size=0'], '--port 1 --host a --verbose false'],
  [['--tls-certificate', 'c', '--tls-key', 'k', '-unix-sock', 's'], '--tls-cert c --tls-key k --unix-sock s'],
  [
    ['-unix-sock=s', '-cors-max-age=60', '-cors-allow-origin=.*'],
    "--unix-sock s --cors-max-age 60s --cors-allow-origin '*'",
  ],
  [['-unix-sock=s', '-network-timeout=9s', '--workers', '2'], '--unix-sock s --idle-timeout 9s --workers 2'],
]
for (const [theirs, ours] of translations) {
  test(`serve ${theirs.join(' ')} is answered with our options`, () => {
    assert.equal(refusal(...theirs)[1], `  holdfast serve ${ours}`)
  })
}

test('what has no counterpart is told, with the reason', () => {
  const lines = refusal('-gcs-bucket=b', '-expose-pprof')
  assert.equal(lines.filter((line) => /^-(gcs-bucket|expose-pprof): \S/.test(line)).length, 2)
})

test("our own flags are not tusd's", () => {
  assert.deepEqual(refusal('--s3-bucket', 'b', '--port=80', '-h'), [])
  refuseTusdFlags(['upload', '-port', 'x'])
})

test('the answer is printed, and the exit code is 2', async () => {
  const { code, stdout, stderr } = await runCommand(['serve', '-s3-bucket=b'])
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /^holdfast: {3}holdfast serve --host 0\.0\.0\.0 --port 8080 --s3-bucket b$/m)
})

/** What an interface of a source has, by its text. */
function membersOf(path: string, start: RegExp): string[] {
  const text = readFileSync(join(import.meta.dirname, '..', '..', path), 'utf8')
  const body = text.split(start)[1]?.split(/^\}/m)[0] ?? ''
  const names = [...body.matchAll(/^ {2}(?: {2})?(?:readonly )?(\w+)\??[(:]/gm)].map(([, name]) => name!)
  assert.ok(names.length > 0, path)
  return names
}

test('docs/migrating-from-tus-node-server.md has each option of @tus/server and @tus/s3-store, and names ours as they are', () => {
  const text = page('migrating-from-tus-node-server.md')
  const first = (line: string, column: number) =>
    [...(line.split(' | ')[column] ?? '').matchAll(/`([\w.]+)`/g)].map(([, name]) => name!)
  const lines = text.split('\n').filter((line) => line.startsWith('| `'))
  const named = new Set(lines.flatMap((line) => first(line, 0)))
  const theirs = [
    ...membersOf('node_modules/@tus/server/dist/types.d.ts', /^export type ServerOptions = \{/m),
    ...membersOf('node_modules/@tus/s3-store/dist/index.d.ts', /^export type Options = \{/m),
  ].filter(
    (name) =>
      !['datastore', 'proto', 'host', 'id', 'bucket', 'metadata', 'status_code', 'body', 'headers'].includes(name),
  )
  for (const name of theirs) assert.ok(named.has(name), `${name} is missing`)
  const ours = new Set([
    ...membersOf('src/server/options.ts', /^export interface ServerOptions \{/m),
    ...membersOf('src/s3/options.ts', /^export interface S3StoreOptions \{/m),
    ...membersOf('src/http/cors.ts', /^export interface CorsOptions \{/m).map((name) => `cors.${name}`),
    ...['DiskStore', 'RedisLocker'],
  ])
  for (const name of lines.flatMap((line) => first(line, 1))) assert.ok(ours.has(name), `there is no ${name}`)
})
