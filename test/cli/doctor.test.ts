import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Finding, Report } from '../../src/s3/doctor/index.js'
import type { Intercept, OperationName } from '../../src/testing/bucket/index.js'
import { BUCKET, type OpenBucket, openBucket } from '../support/bucket.js'
import { afterwards, runCommand, startCommand } from './command.js'

const MIN_PART_SIZE = 100 * 1024

type Options = Parameters<typeof openBucket>[0]

async function open(context: TestContext, options: Options = {}): Promise<OpenBucket> {
  const bucket = await openBucket({ minPartSize: MIN_PART_SIZE, ...options })
  context.after(() => bucket.close())
  return bucket
}

const environmentOf = ({ bucket }: OpenBucket): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: bucket.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: bucket.credentials.secretAccessKey,
  AWS_EC2_METADATA_DISABLED: 'true',
})

const argsFor = ({ bucket }: OpenBucket, ...more: string[]): string[] => [
  'doctor',
  '--quick',
  '--s3-bucket',
  BUCKET,
  '--s3-endpoint',
  bucket.endpoint,
  '--s3-min-part-size',
  String(MIN_PART_SIZE),
  ...more,
]

interface Examined {
  code: unknown
  report: Report & { command: string; policy: unknown }
  /** '' if there is no such row; its status and what was found. */
  row(what: string): string
}

async function examine(bucket: OpenBucket, more: string[] = [], environment = {}): Promise<Examined> {
  const run = await runCommand(argsFor(bucket, '--json', ...more), { ...environmentOf(bucket), ...environment })
  const report = JSON.parse(run.stdout) as Examined['report']
  const show = ({ status, found }: Finding): string => `${status}: ${found}`
  return {
    code: run.code,
    report,
    row: (what) =>
      report.findings
        .filter((finding) => finding.what === what)
        .map(show)
        .join('; '),
  }
}

const denying =
  (...operations: OperationName[]): Intercept =>
  ({ operation }) =>
    operations.includes(operation) ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined

test('a bucket that does as S3 does can serve: a table, the command to use, and nothing left', async (context) => {
  const bucket = await open(context)
  const { code, stdout, stderr } = await runCommand(argsFor(bucket), environmentOf(bucket))
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /^Connection\n {2}✓ The bucket +uploads at http/)
  assert.match(stdout, /✓ Conditional create and replace +yes/)
  assert.match(stdout, /✓ Replacements at once +2 times 8 writers: 1 won each/)
  assert.match(stdout, /✓ A commit of a record +\d+ ms/)
  assert.match(stdout, /\nThe bucket can serve\.\n/)
  const command = `holdfast serve --s3-bucket uploads --s3-endpoint ${bucket.bucket.endpoint} --s3-min-part-size 100KiB`
  assert.ok(stdout.includes(`  ${command}\n`), stdout)
  assert.doesNotMatch(stdout, /[!✗]|\x1b/)
  assert.deepEqual([await bucket.keys(), await bucket.multiparts()], [[], 0])
})

test('--json: the same as data', async (context) => {
  const bucket = await open(context)
  const { code, report } = await examine(bucket, ['--s3-object-prefix', 'up', '--s3-metadata-object-prefix', 'meta/'])
  assert.equal(code, 0)
  assert.equal(report.healthy, true)
  assert.deepEqual(report.missing, { needed: [], useful: [] })
  assert.equal(report.facts.conditionalWrites, 'quoted')
  assert.equal(report.facts.checksums, true)
  assert.ok(report.measures.latency!.swap!.p95 >= report.measures.latency!.swap!.p50)
  assert.ok(report.measures.throughput! > 0)
  assert.match(report.command, /--s3-object-prefix up --s3-metadata-object-prefix meta\/ /)
  // Both places were tried.
  assert.deepEqual(
    report.findings.filter(({ what }) => what.startsWith('PutObject')).map(({ what }) => what),
    ['PutObject below meta/', 'PutObject below up/'],
  )
  assert.deepEqual([await bucket.keys(), await bucket.multiparts()], [[], 0])
})

test('several missing permissions are named one by one, in the text too', async (context) => {
  const bucket = await open(context)
  bucket.bucket.intercept = denying('AbortMultipartUpload', 'ListParts', 'DeleteObjects', 'DeleteObject')
  const { code, stdout } = await runCommand(argsFor(bucket), environmentOf(bucket))
  assert.equal(code, 1)
  assert.match(stdout, /The bucket cannot serve: 3 failures\./)
  assert.match(stdout, /Missing permissions: s3:ListMultipartUploadParts, s3:AbortMultipartUpload, s3:DeleteObject\n/)
  assert.match(stdout, /"Resource": "arn:aws:s3:::uploads\/\*"/)
  // It removed nothing, and says so.
  const keys = await bucket.keys()
  assert.ok(keys.length > 0)
  for (const key of keys) assert.ok(stdout.replace(/\s+/g, ' ').includes(key), key)
})

test('what the environment has wrong is one sentence, and exit code 1', async (context) => {
  const bucket = await open(context)
  const nobody = await runCommand(argsFor(bucket), { ...environmentOf(bucket), AWS_ACCESS_KEY_ID: '' })
  assert.match(nobody.stdout.replace(/\s+/g, ' '), /No credentials were found/)
  const elsewhere = await runCommand(argsFor(bucket, '--s3-bucket', 'nothing-here'), environmentOf(bucket))
  assert.match(elsewhere.stdout.replace(/\s+/g, ' '), /There is no bucket nothing-here at http/)
  assert.deepEqual([nobody.code, elsewhere.code], [1, 1])
})

test('TLS where there is none, and a server that is no S3', async (context) => {
  const server = http.createServer((_, response) => response.end('<html>Welcome</html>')).listen(0, '127.0.0.1')
  afterwards(context, () => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const environment = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }
  const at = (scheme: string) =>
    runCommand(['doctor', '--s3-bucket', 'b', '--s3-endpoint', `${scheme}://127.0.0.1:${port}`], environment)
  const https = await at('https')
  assert.match(https.stdout.replace(/\s+/g, ' '), /does not speak TLS there|cut the connection/)
  const html = await at('http')
  assert.match(html.stdout.replace(/\s+/g, ' '), /answers 200, but not as S3 does/)
  assert.deepEqual([https.code, html.code], [1, 1])
})

test('interrupted, it removes what it wrote', async (context) => {
  const bucket = await open(context)
  const command = startCommand(argsFor(bucket), environmentOf(bucket))
  afterwards(context, () => command.child.kill('SIGKILL'))
  bucket.bucket.intercept = ({ operation }) => {
    if (operation !== 'UploadPart') return undefined
    command.child.kill('SIGINT')
    return { action: 'delay', ms: 300 }
  }
  assert.equal(await command.ended, 1)
  assert.match(command.stderr, /^holdfast: Interrupted\./m)
  assert.deepEqual([await bucket.keys(), await bucket.multiparts()], [[], 0])
})

test('without a bucket it is the usage that is wrong', async () => {
  const { code, stderr } = await runCommand(['doctor'])
  assert.equal(code, 2)
  assert.match(stderr, /^holdfast: --s3-bucket: /)
})
