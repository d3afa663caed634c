/** `holdfast config` as it is run. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { schemaOf } from '../../src/cli/config-schema.js'
import { readOptions } from '../../src/cli/read-options.js'
import { printable } from '../../src/cli/redact.js'
import { tryOptions } from '../../src/cli/serve.js'
import { makeCertificate } from '../support/certificate.js'
import { runCommand, temporaryFolder } from './command.js'

test('config check prints ok and what is set, and touches nothing', async (context) => {
  const folder = temporaryFolder(context)
  const path = join(folder, 'f.yaml')
  writeFileSync(path, `upload-dir: ${join(folder, 'data')}\nexpires: { after: 7d }\n`)
  const { code, stdout, stderr } = await runCommand(['config', 'check', '--config', path], { HOLDFAST_UI: 'true' })
  assert.equal(code, 0, stderr)
  assert.deepEqual(stdout.split('\n'), [
    'ok',
    `  config: ${path}  (--config)`,
    `  expires-after: 7d  (${path}:2)`,
    `  upload-dir: ${join(folder, 'data')}  (${path}:1)`,
    '  ui: true  (HOLDFAST_UI)',
    '',
  ])
  assert.equal(existsSync(join(folder, 'data')), false)
})

test('config check tells all that is wrong, misspelt variables too, and exits with 2', async () => {
  const environment = { HOLDFAST_S3_BUKET: 'b', HOLDFAST_SERVICE_HOST: '10.0.0.1', HOLDFAST_TO: 'x' }
  const { code, stdout, stderr } = await runCommand(['config', 'check', '--port', 'x', '--max-size', 'y'], environment)
  assert.deepEqual([code, stdout], [2, ''])
  assert.deepEqual(stderr.trim().split('\n'), [
    "holdfast: --port: 'x' is not an integer.",
    "holdfast: --max-size: 'y' is not a size such as 8MiB, 10GB or 1048576.",
    'note: HOLDFAST_S3_BUKET is no variable of holdfast serve; HOLDFAST_S3_BUCKET is.',
  ])
})

const together: [what: string, flags: Record<string, string[]>, says: RegExp][] = [
  ['parts that are too small', { 's3-bucket': ['b'], 's3-part-size': ['1MiB'] }, /--s3-part-size \(1048576\) must not/],
  ['a page where uploads are', { ui: ['true'], 'base-path': ['/'] }, /--ui: /],
  ['workers without memory', { 's3-bucket': ['b'], workers: ['99'] }, /--workers: /],
  ['a certificate that is not there', { 'tls-cert': ['/none'], 'tls-key': ['/none'] }, /\/none .* cannot be used/],
  ['credentials for every origin', { 'cors-allow-credentials': ['true'] }, /cors/],
  ['a locker that is no Redis', { 'locker-redis': ['http://x'] }, /redis:\/\//],
  ['files that their owner cannot read', { 'file-perms': ['044'] }, /--file-perms: /],
  ['folders that their owner cannot enter', { 'dir-perms': ['644'] }, /--dir-perms: /],
]
for (const [what, flags, says] of together) {
  test(`what serve refuses at its start is found without serving: ${what}`, async () => {
    await assert.rejects(tryOptions(readOptions('serve', flags, {})), says)
  })
}

test('config check ends with what serve would end with', async () => {
  const args = ['--s3-bucket', 'b', '--s3-part-size', '1MiB']
  const [checked, served] = await Promise.all([
    runCommand(['config', 'check', ...args]),
    runCommand(['serve', ...args]),
  ])
  assert.equal(checked.code, 2)
  assert.equal(checked.stderr, served.stderr)
})

test('config check takes a bucket and a certificate that are well, without asking for either over the network', async (context) => {
  const folder = temporaryFolder(context)
  const { cert, key } = makeCertificate('one')
  writeFileSync(join(folder, 'cert'), cert)
  writeFileSync(join(folder, 'key'), key)
  const tls = ['--tls-cert', join(folder, 'cert'), '--tls-key', join(folder, 'key')]
  const args = [
    '--s3-bucket',
    'b',
    '--s3-endpoint',
    'http://127.0.0.1:1',
    '--locker-redis',
    'redis://127.0.0.1:1',
    ...tls,
  ]
  const { code, stderr, stdout } = await runCommand(['config', 'check', '--json', ...args])
  assert.equal(code, 0, stderr)
  const report = JSON.parse(stdout) as { ok: boolean; set: string[] }
  assert.deepEqual([report.ok, report.set], [true, ['tls-cert', 'tls-key', 's3-bucket', 's3-endpoint', 'locker-redis']])
})

test('config print says where each value is from, and is a file that says the same', async (context) => {
  const folder = temporaryFolder(context)
  const path = join(folder, 'f.yaml')
  const printed = join(folder, 'printed.yaml')
  writeFileSync(
    path,
    'file-perms: 0600\ncors: { allow-origin: [https://*.a.example, "/https://[a-z]{1,3}/"] }\nhost: "#x: y"',
  )
  const flags = ['--s3-part-size', '16MiB', '--cors-allow-headers', 'X-A,X-B']
  const environment = {
    HOLDFAST_LOCKER_REDIS: 'redis://me:hunter2@host:1/?password=hunter2',
    HOLDFAST_BASE_PATH: '/up',
  }
  const first = await runCommand(['config', 'print', '--config', path, ...flags], environment)
  assert.equal(first.code, 0, first.stderr)
  assert.match(first.stdout, /^s3-part-size: 16MiB +# --s3-part-size$/m)
  assert.match(first.stdout, /^base-path: \/up +# HOLDFAST_BASE_PATH$/m)
  assert.match(first.stdout, /^file-perms: 0600 +# .*f\.yaml:1$/m)
  assert.match(first.stdout, /^# port: 1080 +# default$/m)
  assert.match(first.stdout, /^# locker-redis: .*me:\*\*\*@host:1.* +# HOLDFAST_LOCKER_REDIS$/m)
  assert.doesNotMatch(first.stdout, /hunter2/)
  writeFileSync(printed, first.stdout)
  const valuesOf = async (...args: string[]) => {
    const { stdout } = await runCommand(['config', 'print', '--json', ...args], environment)
    assert.doesNotMatch(stdout, /hunter2/)
    const all = JSON.parse(stdout) as Record<string, { value: unknown }>
    return Object.fromEntries(Object.entries(all).map(([name, { value }]) => [name, name === 'config' ? '' : value]))
  }
  const [values, again] = await Promise.all([valuesOf('--config', path, ...flags), valuesOf('--config', printed)])
  assert.equal(values['s3-part-size'], 16 * 2 ** 20)
  assert.equal(values['idle-timeout'], 60_000)
  assert.equal(values['s3-bucket'], null)
  assert.deepEqual(again, values)
})

test('of a URL the password is not printed, and of another secret nothing', () => {
  assert.equal(printable({}, 'https://me:pw@host/x?y'), 'https://me:***@host/x?y')
  assert.equal(printable({}, 'https://host/x?y'), 'https://host/x?y')
  assert.equal(printable({ secret: true }, 'hunter2'), '***')
  assert.equal(printable({ secret: true }, 'redis://host/?a'), 'redis://host/?***')
})

test('the schema has each name of a file, alone, in camel case and in its group', () => {
  const { properties, definitions } = schemaOf() as {
    properties: Record<string, { properties?: Record<string, unknown> }>
    definitions: Record<string, { anyOf: Record<string, unknown>[] }>
  }
  const bucket = { $ref: '#/definitions/s3-bucket' }
  assert.deepEqual(
    [properties['s3-bucket'], properties.s3Bucket, properties.s3?.properties?.bucket],
    [bucket, bucket, bucket],
  )
  assert.equal(properties.config, undefined)
  assert.deepEqual(definitions['log-format']?.anyOf[0], { enum: ['text', 'json'] })
  assert.deepEqual(definitions.port?.anyOf[0], { type: 'integer', minimum: 0, maximum: 65_535 })
})

test('config does three things, and says which', async () => {
  assert.deepEqual(JSON.parse((await runCommand(['config', 'schema'])).stdout), schemaOf())
  const { code, stderr } = await runCommand(['config', 'paint'])
  assert.equal(code, 2)
  assert.match(stderr, /check, print, schema/)
})
