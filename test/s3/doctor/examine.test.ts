import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { S3Client } from '@aws-sdk/client-s3'
import { type ExaminationOptions, examine, type Finding, policyFor, type Report } from '../../../src/s3/doctor/index.js'
import type { Intercept, OperationName, Quirks } from '../../../src/testing/bucket/index.js'
import { BUCKET, clientOf, type OpenBucket, openBucket } from '../../support/bucket.js'

const MIN_PART_SIZE = 100 * 1024

type Options = Parameters<typeof openBucket>[0]

async function open(context: TestContext, options: Options = {}): Promise<OpenBucket> {
  const bucket = await openBucket({ minPartSize: MIN_PART_SIZE, ...options })
  context.after(() => bucket.close())
  return bucket
}

interface Examined {
  report: Report
  /** '' if there is no such row; its status and what was found. */
  row(what: string): string
  failures: string[]
}

async function examined(
  context: TestContext,
  { bucket }: OpenBucket,
  options: Partial<ExaminationOptions> = {},
): Promise<Examined> {
  const client = clientOf(bucket)
  context.after(() => client.destroy())
  const report = await examine({
    client,
    bucket: BUCKET,
    endpoint: bucket.endpoint,
    pathStyle: true,
    minPartSize: MIN_PART_SIZE,
    requestTimeout: 10_000,
    quick: true,
    ...options,
  })
  const show = ({ status, found }: Finding): string => `${status}: ${found}`
  return {
    report,
    row: (what) =>
      report.findings
        .filter((finding) => finding.what === what)
        .map(show)
        .join('; '),
    failures: report.findings.filter(({ status }) => status === 'failure').map(({ what }) => what),
  }
}

const denying =
  (...operations: OperationName[]): Intercept =>
  ({ operation }) =>
    operations.includes(operation) ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined

const PERMISSIONS: readonly [denied: OperationName, permission: string][] = [
  ['PutObject', 's3:PutObject'],
  ['GetObject', 's3:GetObject'],
  ['HeadObject', 's3:GetObject'],
  ['CreateMultipartUpload', 's3:PutObject'],
  ['UploadPart', 's3:PutObject'],
  ['ListParts', 's3:ListMultipartUploadParts'],
  ['CompleteMultipartUpload', 's3:PutObject'],
  ['AbortMultipartUpload', 's3:AbortMultipartUpload'],
  ['DeleteObjects', 's3:DeleteObject'],
]

for (const [denied, permission] of PERMISSIONS) {
  test(`without ${denied}: ${permission} is named, and nothing else fails`, async (context) => {
    const bucket = await open(context)
    bucket.bucket.intercept = denying(denied)
    const { report, row, failures } = await examined(context, bucket)
    assert.equal(report.healthy, false)
    assert.deepEqual(report.missing.needed, [permission])
    assert.equal(row(denied), denied === 'HeadObject' ? 'failure: 403' : 'failure: 403 AccessDenied')
    assert.deepEqual(failures, [denied])
    const policy = policyFor({ bucket: BUCKET, region: 'us-east-1', objectPrefix: '', metadataObjectPrefix: '' })
    assert.ok(JSON.stringify(policy).includes(`"${permission}"`))
  })
}

test('AWS names a permission of KMS: it is named', async (context) => {
  const bucket = await open(context)
  const message = 'User: x is not authorized to perform: kms:GenerateDataKey on resource: y'
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'PutObject' ? { action: 'status', status: 403, code: 'AccessDenied', message } : undefined
  assert.deepEqual((await examined(context, bucket)).report.missing.needed, ['kms:GenerateDataKey'])
})

test('what cannot be removed is told', async (context) => {
  const bucket = await open(context)
  bucket.bucket.intercept = denying('DeleteObjects', 'DeleteObject')
  const { report } = await examined(context, bucket)
  assert.deepEqual([...report.left].sort(), (await bucket.keys()).sort())
})

test('who reads while a key is replaced gets the ETag of another version: conditions are not relied on', async (context) => {
  const bucket = await open(context, { quirks: { lateEtag: 30 } })
  const { report, row } = await examined(context, bucket)
  assert.match(row('Reading while it is replaced'), /^warning: \d+ of \d+ reads are no version that was written$/)
  assert.equal(report.healthy, true)
  assert.equal(report.facts.conditionalWrites, 'none')
  assert.deepEqual(report.options, { 's3-conditional-writes': 'none' })
})

test('a part cannot be sent again: a warning, and the rest is examined', async (context) => {
  const bucket = await open(context, { quirks: { fixedParts: true } })
  const { row, failures } = await examined(context, bucket)
  assert.equal(row('A part sent again with other bytes'), 'warning: refused: 501 NotImplemented')
  assert.match(row('Completing two parts'), /^ok: /)
  assert.deepEqual(failures, [])
})

test('without ListBucket: it can serve, with a warning', async (context) => {
  const bucket = await open(context, { quirks: { missingKey: 'AccessDenied' } })
  const { report, row } = await examined(context, bucket)
  assert.equal(report.healthy, true)
  assert.equal(row('ListBucket'), 'warning: a missing key is 403')
  assert.deepEqual(report.missing, { needed: [], useful: ['s3:ListBucket'] })
  assert.equal(report.facts.missingKey, 'denied')
})

const QUIRKS: readonly [quirks: Quirks, row: string, found: RegExp][] = [
  [{ conditions: 'ignored' }, 'Conditional create and replace', /^warning: If-None-Match is ignored$/],
  [{ conditions: 'refused' }, 'Conditional create and replace', /^warning: If-None-Match is refused \(501/],
  [{ conditions: 'unquoted' }, 'Conditional create and replace', /^ok: yes, for ETags without quotes$/],
  [{ conditions: 'unquoted' }, 'Replacements at once', /^ok: /],
  [{ checksums: 'ignored' }, 'CRC32 of the bytes', /^warning: taken, but not verified$/],
  [{ checksums: 'refused' }, 'CRC32 of the bytes', /^info: refused$/],
  [{ deleteObjects: 'absent' }, 'DeleteObjects', /^ok: /],
  [{ deleteObjects: 'md5-only' }, 'DeleteObjects', /^ok: /],
  [{ maxParts: 1_000 }, 'Number of parts', /^info: 1,000 of 10,000$/],
  [{ namesAllParts: true }, 'Completing without some parts', /^info: refused: 400 InvalidPart$/],
  [{ emptyCompleteEtag: true }, 'ETag of a completed upload', /^info: empty$/],
  [{ completesOnce: true }, 'Completing once more', /^ok: 404 NoSuchUpload$/],
  [{ missingUpload: 'NoSuchKey' }, 'AbortMultipartUpload', /^ok: /],
  [{ uniformParts: true, opaqueEtags: true }, 'Completing two parts', /^ok: /],
]

for (const [quirks, what, found] of QUIRKS) {
  test(`${JSON.stringify(quirks)}: "${what}" says so, and it can serve`, async (context) => {
    const bucket = await open(context, { quirks })
    const { report, row, failures } = await examined(context, bucket)
    assert.match(row(what), found)
    assert.deepEqual([report.healthy, failures], [true, []])
    assert.equal(report.options['s3-max-multipart-parts'], quirks.maxParts?.toString())
    if (quirks.conditions)
      assert.equal(report.facts.conditionalWrites, quirks.conditions === 'unquoted' ? 'unquoted' : 'none')
    assert.deepEqual([await bucket.keys(), await bucket.multiparts()], [[], 0])
  })
}

test('parts that are smaller than the provider takes are found out', async (context) => {
  const bucket = await open(context, { minPartSize: 2 * MIN_PART_SIZE })
  const { report, row } = await examined(context, bucket)
  assert.equal(report.healthy, false)
  assert.equal(row('Completing two parts'), 'failure: 400 EntityTooSmall')
})

const keys = (accessKeyId: string, secretAccessKey: string) => ({ accessKeyId, secretAccessKey })

const INPUTS: readonly [
  name: string,
  given: {
    client?: Partial<ConstructorParameters<typeof S3Client>[0]>
    bucket?: string
    options?: Options
    code?: string
  },
  sentence: RegExp,
][] = [
  ['no such bucket', { bucket: 'nothing-here' }, /There is no bucket nothing-here at http/],
  ['another region', { client: { region: 'eu-north-1' } }, /--s3-region/],
  ['an unknown key', { client: { credentials: keys('nobody', 'x') } }, /does not know the access key/],
  ['a wrong secret', { client: { credentials: keys('holdfast', 'x') } }, /secret does not belong to the access key/],
  ['no credentials', { client: { credentials: () => Promise.reject(new Error('none')) } }, /No credentials were found/],
  ['a closed port', { client: { endpoint: 'http://127.0.0.1:1' } }, /Nothing listens at http/],
  ['an unknown host', { client: { endpoint: 'http://nowhere.invalid' } }, /has no address/],
  ['an expired token', { code: 'ExpiredToken' }, /session token of the credentials has expired/],
  ['a redirect', { code: 'PermanentRedirect' }, /is not the one of the bucket/],
  ['a wrong clock', { options: { now: () => Date.now() + 3_600_000 } }, /clock of this machine is/],
]

for (const [name, { client: config = {}, bucket: name_ = BUCKET, options, code }, sentence] of INPUTS) {
  test(`${name}: one sentence`, async (context) => {
    const bucket = await open(context, options)
    const { endpoint, credentials } = bucket.bucket
    const client = new S3Client({
      endpoint,
      credentials,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      ...config,
    })
    context.after(() => client.destroy())
    if (code) bucket.bucket.intercept = () => ({ action: 'status', status: 400, code })
    const { report } = await examined(context, bucket, { client, bucket: name_ })
    assert.equal(report.healthy, false)
    assert.equal(report.findings.length, 1)
    assert.match(report.findings[0]!.meaning ?? '', sentence)
  })
}

test('a clock that is a little wrong is a warning', async (context) => {
  const bucket = await open(context)
  const client = clientOf(bucket.bucket)
  context.after(() => client.destroy())
  const handler = client.config.requestHandler
  const handle = handler.handle.bind(handler)
  handler.handle = async (...args) => {
    const result = await handle(...args)
    result.response.headers.date = new Date(Date.now() + 5 * 60_000).toUTCString()
    return result
  }
  const { report, row } = await examined(context, bucket, { client })
  assert.equal(row('The clock'), "warning: 5 min behind S3's")
  assert.equal(report.healthy, true)
})

test('conditions that are not tested at once with the write are found out by a race', async (context) => {
  const bucket = await open(context, { quirks: { conditions: 'late' } })
  const { report, row } = await examined(context, bucket)
  assert.equal(row('Conditional create and replace'), 'ok: yes')
  assert.match(row('Creates at once'), /^warning: /)
  assert.equal(report.facts.conditionalWrites, 'none')
  assert.equal(report.options['s3-conditional-writes'], 'none')
  assert.equal(report.healthy, true)
})

test('tags, ACL and storage class are tried if options ask for them, and only then', async (context) => {
  const bucket = await open(context)
  const plain = await examined(context, bucket)
  assert.equal(plain.row('Tags of an object'), '')
  const object = { tags: { team: 'a b' }, acl: 'public-read', storageClass: 'STANDARD_IA' }
  const { report, row } = await examined(context, bucket, { object })
  for (const what of ['Tags', 'Canned ACL', 'Storage class']) assert.equal(row(`${what} of an object`), 'ok: yes')
  assert.equal(report.healthy, true)
  assert.deepEqual(await bucket.keys(), [])
})

test('what the bucket refuses of it, or takes and forgets, is a failure, with the permission where one is missing', async (context) => {
  const bucket = await open(context)
  const wrong = await examined(context, bucket, { object: { storageClass: 'FROZEN', acl: 'everybody' } })
  assert.equal(wrong.row('Storage class of an object'), 'failure: 400 InvalidStorageClass')
  assert.equal(wrong.row('Canned ACL of an object'), 'failure: 400 InvalidArgument')
  bucket.bucket.intercept = ({ operation, key }) =>
    operation === 'PutObject' && key.endsWith('-object')
      ? { action: 'status', status: 403, code: 'AccessDenied' }
      : undefined
  const denied = await examined(context, bucket, { object: { tags: { a: 'b' } } })
  assert.equal(denied.row('Tags of an object'), 'failure: 403 AccessDenied')
  assert.deepEqual(denied.report.missing.needed, ['s3:PutObjectTagging'])
})

test("all is examined with the encryption that objects will have, a customer's key too", async (context) => {
  const bucket = await open(context)
  for (const encryption of [{ type: 'aws:kms' }, { type: 'customer', key: Buffer.alloc(32, 1) }] as const) {
    const { report, failures } = await examined(context, bucket, { encryption })
    assert.deepEqual(failures, [], encryption.type)
    assert.equal(report.healthy, true)
  }
})
