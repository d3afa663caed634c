import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UsageError } from '../../src/cli/failure.js'
import { COMMANDS, type CommandName, type Rows, rowsOf } from '../../src/cli/options.js'
import { camelCase, readOptions, variableOf } from '../../src/cli/read-options.js'
import { BadValue, readValue, showDuration, showSize, type ValueType } from '../../src/cli/values.js'
import { runCommand } from './command.js'

const values: [type: ValueType, text: string, expected: unknown][] = [
  ['size', '1048576', 1_048_576],
  ['size', '8MiB', 8 * 1024 * 1024],
  ['size', '8 mib', 8 * 1024 * 1024],
  ['size', '10GB', 10_000_000_000],
  ['size', '1.5KiB', 1_536],
  ['size', '8M', BadValue],
  ['size', '-1', BadValue],
  ['size', '0.3', BadValue],
  ['size', 'MiB', BadValue],
  ['size', '', BadValue],
  ['size', '99999999TiB', BadValue],
  ['duration', '10s', 10_000],
  ['duration', '500ms', 500],
  ['duration', '2m', 120_000],
  ['duration', '1.5h', 5_400_000],
  ['duration', '10', BadValue],
  ['duration', '10 s', BadValue],
  ['duration', '7d', 7 * 86_400_000],
  ['duration', '1h30m', 5_400_000],
  ['duration', '0', 0],
  ['duration', '1h30', BadValue],
  ['duration', 'h', BadValue],
  ['duration', '1w', BadValue],
  ['duration', '', BadValue],
  ['permissions', '664', 0o664],
  ['permissions', '0600', 0o600],
  ['permissions', '0o750', 0o750],
  ['permissions', '668', BadValue],
  ['permissions', '1777', BadValue],
  ['permissions', '', BadValue],
  ['origins', 'https://a.example, *', ['https://a.example', '*']],
  ['origins', 'https://a.example/', BadValue],
  ['integer', '1080', 1080],
  ['integer', '1e3', BadValue],
  ['integer', '0x10', BadValue],
  ['integer', '-1', BadValue],
  ['integer', '', BadValue],
  ['count', '4', 4],
  ['count', 'auto', 'auto'],
  ['count', 'all', BadValue],
  ['count', '1.5', BadValue],
  ['boolean', 'true', true],
  ['boolean', '0', false],
  ['boolean', 'yes', BadValue],
  ['list', 'a, b,,c', ['a', 'b', 'c']],
  ['lines', 'a=1,2\nb=3\n', ['a=1,2', 'b=3']],
  ['string', ' /files ', '/files'],
]
for (const [type, text, expected] of values) {
  test(`the ${type} '${text.replaceAll('\n', '\\n')}' is ${expected === BadValue ? 'refused' : 'read'}`, () => {
    if (expected === BadValue) assert.throws(() => readValue(type, text), BadValue)
    else assert.deepEqual(readValue(type, text), expected)
  })
}

test('sizes and durations are shown as they are written', () => {
  for (const text of ['1500B', '8MiB', '5TiB']) assert.equal(showSize(readValue('size', text)), text)
  for (const text of ['0ms', '500ms', '10s', '2m', '36h', '7d'])
    assert.equal(showDuration(readValue('duration', text)), text)
})

test('a flag wins over the environment, and that over the default', () => {
  assert.equal(readOptions('serve', {}, {}).port, 1080)
  assert.equal(readOptions('serve', {}, { HOLDFAST_PORT: '2000' }).port, 2000)
  assert.equal(readOptions('serve', { port: ['3000'] }, { HOLDFAST_PORT: '2000' }).port, 3000)
  assert.equal(readOptions('serve', { ui: ['false'] }, { HOLDFAST_UI: 'true' }).ui, false)
})

test('an empty variable counts as absent', () => {
  assert.equal(readOptions('serve', {}, { HOLDFAST_S3_BUCKET: '' }).s3Bucket, undefined)
})

test('of a flag that is given twice the last one counts, but lists take them all', () => {
  const flags = { port: ['1', '2'], 'cors-allow-headers': ['X-A, X-B', 'X-C'] }
  const options = readOptions('serve', flags, {})
  assert.equal(options.port, 2)
  assert.deepEqual(options.corsAllowHeaders, ['X-A', 'X-B', 'X-C'])
})

test('a bad value is answered with a sentence that names its source', () => {
  const refusal = (flags: Record<string, string[]>, environment = {}) => {
    try {
      readOptions('serve', flags, environment)
    } catch (error) {
      assert.ok(error instanceof UsageError)
      return error.message
    }
    return undefined
  }
  assert.equal(refusal({ port: ['x'] }), "--port: 'x' is not an integer.")
  assert.equal(refusal({ port: ['65536'] }), "--port: '65536' is more than 65535.")
  assert.equal(refusal({}, { HOLDFAST_LOG_FORMAT: 'xml' }), "HOLDFAST_LOG_FORMAT: 'xml' is not one of text, json.")
  const size = refusal({ 's3-part-size': ['8 potatoes'] })
  assert.equal(size, "--s3-part-size: '8 potatoes' is not a size such as 8MiB, 10GB or 1048576.")
})

for (const command of Object.keys(COMMANDS) as CommandName[]) {
  test(`holdfast ${command}: each option is in --help, has one group, and a default that can be read`, async () => {
    const { code, stdout } = await runCommand([command, '--help'])
    assert.equal(code, 0)
    const rows = rowsOf(command) as Rows
    const names = Object.values(COMMANDS[command].groups).flatMap((group) => Object.keys(group))
    assert.deepEqual(names, Object.keys(rows))
    for (const name of names) assert.match(stdout, new RegExp(`^ +--${name} `, 'm'))
    readOptions(command, {}, {})
  })
}

test('an option has one variable, whichever command it is for', () => {
  assert.equal(variableOf('s3-max-part-size'), 'HOLDFAST_S3_MAX_PART_SIZE')
})

const misuses: [what: string, args: string[], says: RegExp][] = [
  ['an unknown flag', ['serve', '--nope'], /unknown option '--nope'/],
  ['an unknown command', ['fly'], /unknown command 'fly'/],
  ['a bad value', ['serve', '--port', 'x'], /^holdfast: --port: 'x' is not an integer\.$/m],
  ['an argument too many', ['serve', 'data'], /too many arguments/],
  ['upload without a file', ['upload', '--to', 'http://127.0.0.1:1/'], /missing required argument/],
  ['upload without --to', ['upload', 'x'], /^holdfast: --to: /m],
  ['upload to no URL', ['upload', 'x', '--to', 'nowhere'], /^holdfast: --to: 'nowhere' is not a URL/m],
  ['metadata without a key', ['upload', 'x', '--to', 'http://a/', '--metadata', 'v'], /^holdfast: --metadata: 'v'/m],
  ['a page where uploads are', ['serve', '--ui', '--base-path', '/'], /^holdfast: --ui: /m],
  ['an endpoint that is no URL', ['serve', '--s3-bucket', 'b', '--s3-endpoint', 'x:9'], /^holdfast: --s3-endpoint: /m],
  [
    'options that the library refuses together',
    ['serve', '--s3-bucket', 'b', '--s3-part-size', '1MiB'],
    /^holdfast: --s3-part-size \(1048576\) must not be smaller than --s3-min-part-size/m,
  ],
  ['a base path that is none', ['serve', '--base-path', '/files?x'], /^holdfast: --base-path must be a path or/m],
]
for (const [what, args, says] of misuses) {
  test(`${what} is answered with a sentence and exit code 2`, async () => {
    const { code, stdout, stderr } = await runCommand(args)
    assert.equal(code, 2)
    assert.match(stderr, says)
    assert.doesNotMatch(stderr, /^ +at /m)
    assert.equal(stdout, '')
  })
}

test('--version and --help exit with 0', async () => {
  const version = await runCommand(['--version'])
  assert.deepEqual([version.code, /^\d+\.\d+\.\d+\n$/.test(version.stdout)], [0, true])
  assert.equal((await runCommand(['--help'])).code, 0)
})

test('docs/configuration.md is what the table of options says', () => {
  const script = join(import.meta.dirname, '..', '..', 'scripts', 'docs-configuration.mjs')
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
})

/** Options of the library that no flag sets, and why. */
const WITHOUT_FLAG: Readonly<Record<string, string>> = {
  store: '--s3-bucket or --upload-dir',
  cors: 'each of its options has one',
  logger: '--log-format and --verbose',
  now: 'for tests',
  storeFor: 'a function',
  hooks: 'functions',
  hookTimeout: 'the command has no functions to call',
  progressInterval: 'as above',
  observers: '--metrics-port and others',
  tracer: '--otel',
  signedUrls: '--url-secret, --url-expires-after',
  limits: '--allowed-types and others',
  rufh: '--disable-rufh, --rufh-unversioned',
  object: '--s3-cache-control, --s3-tags and others',
  overwrite: '--s3-disable-overwrite',
  bucket: '--s3-bucket',
  service: '--s3-endpoint and others',
  capabilities: '--s3-conditional-writes, --s3-full-object-checksums',
  directory: '--upload-dir',
  client: 'made by the command',
  url: '--locker-redis',
}

for (const [path, type] of [
  ['src/server/options.ts', 'ServerOptions'],
  ['src/s3/options.ts', 'S3StoreOptions'],
  ['src/disk/store.ts', 'DiskStoreOptions'],
  ['src/lockers/redis.ts', 'RedisLockerOptions'],
] as const) {
  test(`each option of ${type} has a flag, or a reason to have none`, () => {
    const text = readFileSync(join(import.meta.dirname, '..', '..', path), 'utf8')
    const body = new RegExp(`^export interface ${type} \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(text)?.[1] ?? ''
    const options = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, option]) => option!)
    assert.notEqual(options.length, 0)
    const rows = Object.entries(rowsOf('serve') as Rows)
    const prefix = type === 'RedisLockerOptions' ? 'locker' : ''
    const set = new Set(rows.flatMap(([name, row]) => [row.sets ?? camelCase(name), camelCase(name)]))
    for (const option of options) {
      const spelt = prefix ? `${prefix}${option[0]!.toUpperCase()}${option.slice(1)}` : option
      assert.ok(set.has(spelt) || option in WITHOUT_FLAG, `${type}.${option} has no flag`)
    }
  })
}
