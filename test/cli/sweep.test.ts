import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetBucketLifecycleConfigurationCommand, PutBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3'
import type { SweepReport } from '../../src/index.js'
import { BUCKET, type OpenBucket, openBucket } from '../support/bucket.js'
import { head, idOf, patch, post, someBytes } from '../support/stack.js'
import { runCommand, startServer, temporaryFolder } from './command.js'

async function open(context: TestContext): Promise<{ bucket: OpenBucket; s3: string[]; env: Record<string, string> }> {
  const bucket = await openBucket()
  context.after(() => bucket.close())
  const { accessKeyId, secretAccessKey } = bucket.bucket.credentials
  return {
    bucket,
    s3: ['--s3-bucket', BUCKET, '--s3-endpoint', bucket.bucket.endpoint],
    env: {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  }
}

/** An upload of which 5 of 10 bytes are there. */
async function begin(server: { url: string }): Promise<string> {
  const created = await post(server, { 'Upload-Length': '10' })
  assert.equal(created.status, 201)
  const url = created.headers.get('Location')!
  const patched = await patch(url, 0, someBytes(5))
  assert.equal(patched.status, 204)
  assert.ok(patched.headers.has('Upload-Expires'))
  return url
}

test('what expired in a bucket is swept by the command, and the counts are told', async (context) => {
  const { bucket, s3, env } = await open(context)
  const server = await startServer(context, ['serve', '--port', '0', ...s3, '--expires-after', '300ms'], env)
  const url = await begin(server)
  await sleep(400)
  assert.equal((await head(url)).status, 410)
  const dry = await runCommand(['sweep', ...s3, '--dry-run', '--json'], env)
  assert.deepEqual(
    [dry.code, JSON.parse(dry.stdout) as SweepReport],
    [
      0,
      {
        listed: 1,
        expired: 1,
        completed: 0,
        failed: 0,
        waiting: 0,
        tidied: 0,
        delivered: 0,
        removed: 0,
        busy: 0,
        problems: 0,
        stopped: false,
      },
    ],
  )
  assert.equal((await bucket.keys(idOf(url))).length, 2, 'a dry run removes nothing')
  const swept = await runCommand(['sweep', ...s3], env)
  assert.equal(swept.code, 0, swept.stderr)
  assert.equal(swept.stdout, '1 records listed:\n       1  had expired: ended, and their bytes removed\n')
  assert.deepEqual(await bucket.keys(idOf(url)), [`${idOf(url)}.info`])
  assert.equal((await head(url)).status, 410)
  const last = await runCommand(['sweep', ...s3, '--keep-expired', '0s'], env)
  assert.match(last.stdout, /1 {2}ended long ago/)
  assert.deepEqual(await bucket.keys(), [])
  const none = await runCommand(['sweep', ...s3], env)
  assert.equal(none.stdout, '0 records listed: nothing to do.\n')
})

test('the server sweeps its folder by the flags, and tells Upload-Expires', async (context) => {
  const folder = temporaryFolder(context)
  const flags = [
    '--expires-after',
    '200ms',
    '--expires-from',
    'creation',
    '--sweep-interval',
    '50ms',
    '--keep-expired',
    '0s',
  ]
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', folder, ...flags])
  await begin(server)
  for (let tries = 0; readdirSync(folder).length > 0; tries++) {
    assert.ok(tries < 200, `in time: ${readdirSync(folder).join()}`)
    await sleep(25)
  }
  assert.match(server.stderr, /swept .*expired=1/)
})

test('--abandoned-after ends what was begun before uploads expired', async (context) => {
  const folder = temporaryFolder(context)
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', folder])
  const created = await post(server, { 'Upload-Length': '10' })
  await sleep(30)
  const args = ['sweep', '--upload-dir', folder]
  assert.match((await runCommand(args)).stdout, /nothing to do/)
  assert.match((await runCommand([...args, '--abandoned-after', '20ms'])).stdout, /1 {2}had expired/)
  assert.equal((await head(created.headers.get('Location')!)).status, 410)
})

test('without the right to list the bucket, one sentence says which permission is missing, and the exit code is 1', async (context) => {
  const { bucket, s3, env } = await open(context)
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'ListObjectsV2' ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined
  const { code, stderr, stdout } = await runCommand(['sweep', ...s3], env)
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^holdfast: The uploads cannot be listed: the credentials need s3:ListBucket .*\n$/)
})

test('what goes wrong with an upload is exit code 1, and told on stderr', async (context) => {
  const { bucket, s3, env } = await open(context)
  const server = await startServer(context, ['serve', '--port', '0', ...s3, '--expires-after', '1ms'], env)
  await post(server, { 'Upload-Length': '10' })
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'DeleteObjects' ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined
  await sleep(10)
  const { code, stderr, stdout } = await runCommand(['sweep', ...s3], env)
  assert.equal(code, 1)
  assert.match(stdout, /1 {2}with which something went wrong/)
  assert.match(stderr, /could not be swept upload=\w+/)
})

test('options that cannot be are told by their flags, with exit code 2', async (context) => {
  const { s3, env } = await open(context)
  const refused = await runCommand(['sweep', ...s3, '--s3-conditional-writes', 'none'], env)
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /^holdfast: --locker-redis: .*--single-process/)
  const wrong = await runCommand(['sweep', '--keep-expired', 'long'])
  assert.deepEqual([wrong.code, /--keep-expired/.test(wrong.stderr)], [2, true])
})

test('--lifecycle prints a rule that a bucket takes, and sweeps nothing', async (context) => {
  const { bucket, s3, env } = await open(context)
  const flags = ['--lifecycle', '--s3-object-prefix', 'in', '--abandoned-after', '50h']
  const { code, stdout } = await runCommand(['sweep', ...s3, ...flags], env)
  assert.equal(code, 0)
  const rules = JSON.parse(stdout)
  assert.deepEqual(rules, {
    Rules: [
      {
        ID: 'holdfast-abort-unfinished-uploads',
        Status: 'Enabled',
        Filter: { Prefix: 'in/' },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 },
      },
    ],
  })
  const target = { Bucket: BUCKET }
  await bucket.client.send(
    new PutBucketLifecycleConfigurationCommand({ ...target, LifecycleConfiguration: JSON.parse(stdout) }),
  )
  const { Rules } = await bucket.client.send(new GetBucketLifecycleConfigurationCommand(target))
  assert.deepEqual(Rules, rules.Rules)
  assert.equal(bucket.bucket.requests.get('ListObjectsV2') ?? 0, 0)
  const { stdout: plain } = await runCommand(['sweep', '--lifecycle'])
  assert.deepEqual(JSON.parse(plain).Rules[0].Filter, { Prefix: '' })
})
