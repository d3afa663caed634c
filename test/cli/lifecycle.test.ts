/** The lifecycle rules of a bucket, beside those of others. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3'
import { merge, rulesFor } from '../../src/s3/lifecycle/rules.js'
import type { Fault } from '../../src/testing/bucket/index.js'
import { BUCKET, type OpenBucket, openBucket } from '../support/bucket.js'
import { flagsFor, runHere } from './in-process.js'

let bucket: OpenBucket
before(async () => {
  bucket = await openBucket()
})
after(() => bucket.close())

const run = (...args: string[]) => runHere('lifecycle', ...flagsFor(bucket, BUCKET), ...args)
const put = (Rules: LifecycleRule[]) =>
  bucket.client.send(new PutBucketLifecycleConfigurationCommand({ Bucket: BUCKET, LifecycleConfiguration: { Rules } }))
const remove = () => bucket.client.send(new DeleteBucketLifecycleCommand({ Bucket: BUCKET }))
async function rules(): Promise<LifecycleRule[]> {
  return (await bucket.client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: BUCKET }))).Rules ?? []
}

const OTHERS: LifecycleRule = { ID: 'logs', Status: 'Disabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 9 } }
const ours = (days: number, Prefix = ''): LifecycleRule => ({
  ID: 'holdfast-abort-unfinished-uploads',
  Status: 'Enabled',
  Filter: { Prefix },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
})

test('without --install the rules are printed, and nothing is asked', async () => {
  bucket.bucket.requests.reset()
  const { code, text } = await run('--s3-object-prefix', 'in', '--abort-after', '50h')
  assert.deepEqual([code, JSON.parse(text)], [0, { Rules: [ours(3, 'in/')] }])
  assert.equal(bucket.bucket.requests.size, 0)
})

test('--install: into a bucket without rules, and again without change', async () => {
  const first = await run('--install')
  assert.deepEqual([first.code, await rules()], [0, [ours(7)]])
  assert.match(
    first.text,
    /^uploads has the rules now, beside no other rules:\n {2}holdfast-abort-unfinished-uploads: aborts/,
  )
  bucket.bucket.requests.reset()
  const second = await run('--install')
  assert.match(second.text, /^uploads has the rules already/)
  assert.equal(bucket.bucket.requests.get('PutBucketLifecycleConfiguration') ?? 0, 0)
})

test('rules of others stay, in their order, and ours takes the place of the one before', async () => {
  await put([ours(7), OTHERS])
  const dry = await run('--install', '--dry-run', '--abort-after', '48h', '--json')
  assert.deepEqual([dry.json().installed, dry.json().isChanged, (await rules())[0]], [false, true, ours(7)])
  assert.equal((await run('--install', '--abort-after', '48h')).code, 0)
  assert.deepEqual(await rules(), [ours(2), OTHERS])
})

test('beside rules of the older form ours has that form, since S3 takes no others there', async () => {
  const old: LifecycleRule = { ID: 'old', Status: 'Enabled', Prefix: 'tmp/', Expiration: { Days: 1 } }
  await put([old])
  assert.equal((await run('--install')).code, 0)
  const { Filter: _, ...rest } = ours(7)
  assert.deepEqual(await rules(), [old, { ...rest, Prefix: '' }])
  assert.match((await run('--install')).text, /has the rules already, beside one other rule/)
})

test('records expire only where they have a prefix of their own', async () => {
  await remove()
  const records = ['--expire-records-after', '720h', '--s3-metadata-object-prefix', 'records']
  assert.equal((await run('--install', ...records)).code, 0)
  const expire = { ID: 'holdfast-expire-records', Status: 'Enabled', Filter: { Prefix: 'records/' } }
  assert.deepEqual(await rules(), [ours(7), { ...expire, Expiration: { Days: 30 } }])
  for (const prefixes of [[], ['--s3-object-prefix', 'a/b', '--s3-metadata-object-prefix', 'a']]) {
    await assert.rejects(
      run('--expire-records-after', '720h', ...prefixes),
      /^UsageError: --expire-records-after: .*--s3-metadata-object-prefix/,
    )
  }
})

const refusals: [what: string, operation: string, fault: Fault, says: RegExp][] = [
  [
    'a provider without such rules',
    'GetBucketLifecycleConfiguration',
    { action: 'status', status: 501, code: 'NotImplemented' },
    /^PlainError: This provider has no lifecycle rules/,
  ],
  [
    'a provider that only lets them be read',
    'PutBucketLifecycleConfiguration',
    { action: 'status', status: 405, code: 'MethodNotAllowed' },
    /^PlainError: This provider has no lifecycle rules/,
  ],
  [
    'credentials that may not read them',
    'GetBucketLifecycleConfiguration',
    { action: 'status', status: 403, code: 'AccessDenied' },
    /the credentials need s3:GetLifecycleConfiguration/i,
  ],
  [
    'credentials that may not put them',
    'PutBucketLifecycleConfiguration',
    { action: 'status', status: 403, code: 'AccessDenied' },
    /the credentials need s3:PutLifecycleConfiguration/i,
  ],
  [
    'a provider that does not know the action',
    'PutBucketLifecycleConfiguration',
    { action: 'status', status: 400, code: 'MalformedXML' },
    /refuses the lifecycle rules\. .*\(MalformedXML: /,
  ],
]
for (const [what, refused, fault, says] of refusals) {
  test(`${what}: one sentence says so`, async () => {
    await remove()
    bucket.bucket.intercept = ({ operation }) => (operation === refused ? fault : undefined)
    await assert.rejects(run('--install'), says)
    bucket.bucket.intercept = undefined
  })
}

test('a provider that takes the rules and does not keep them is found out', async () => {
  await remove()
  let asked = 0
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'GetBucketLifecycleConfiguration' && ++asked === 2
      ? { action: 'status', status: 404, code: 'NoSuchLifecycleConfiguration' }
      : undefined
  await assert.rejects(run('--install'), /took the rules and did not keep holdfast-abort-unfinished-uploads/)
  bucket.bucket.intercept = undefined
})

test('a rule that a server tells with its empty prefix left out is the same', () => {
  const prefixes = { objectPrefix: '', metadataObjectPrefix: '' }
  const [wanted] = rulesFor(prefixes, { abortAfter: 1 })
  const { Filter: _, ...told } = wanted!
  assert.equal(merge([told], [wanted!]).isChanged, false)
  assert.equal(merge([{ ...told, Status: 'Disabled' }], [wanted!]).isChanged, true)
})
