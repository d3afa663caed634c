/** Uploads that the real @tus/server left in a bucket or a folder, taken over by the command. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { decodeRecord } from '../../src/s3/record/codec.js'
import {
  ABORTED,
  created,
  FINISHED,
  idIn,
  type Left,
  type Peer,
  type State,
  send,
  startTusNode,
  startTusNodeOnDisk,
  tell,
  UNFINISHED,
} from '../support/peers.js'
import { BUCKET, head, type OpenBucket, openBucket, patch, sha256, someBytes, startNode } from '../support/stack.js'
import { afterwards, temporaryFolder } from './command.js'
import { flagsFor, runHere } from './in-process.js'

const KiB = 1024
const sizes = { part: 192 * KiB, minPart: 160 * KiB }
const OTHER = 'other'
const REFUSAL = { action: 'status', status: 403, code: 'AccessDenied' } as const

async function open(context: TestContext): Promise<OpenBucket> {
  const bucket = await openBucket({ minPartSize: sizes.minPart })
  afterwards(context, () => bucket.close())
  return bucket
}

interface Line {
  id: string
  author: string
  outcome: string
  state?: string
  offset?: number
  reason?: string
}

async function run(bucket: OpenBucket, to: string, ...args: string[]) {
  const sized = ['--s3-min-part-size', '160KiB', '--s3-part-size', '256KiB']
  const done = await runHere('import', '--json', ...flagsFor(bucket, to), ...sized, ...args)
  const lines = done.lines() as Line[]
  return { ...done, lines, of: (left: { id: string }) => lines.find(({ id }) => id === left.id) }
}

const node = async (context: TestContext, bucket: OpenBucket, more = {}) => {
  const started = await startNode(bucket, { minPartSize: sizes.minPart, preferredPartSize: 256 * KiB, ...more })
  afterwards(context, () => started.close())
  return started
}

async function isWhole(at: { url: string }, { id, bytes }: Left): Promise<void> {
  const got = await fetch(at.url + encodeURIComponent(id))
  assert.equal(got.status, 200)
  assert.equal(sha256(Buffer.from(await got.arrayBuffer())), sha256(bytes))
}

/** The client goes on where it was told to. */
async function goesOn(at: { url: string }, { id, bytes, offset }: Left): Promise<void> {
  const url = at.url + encodeURIComponent(id)
  assert.equal(await tell(url), offset)
  const patched = await patch(url, offset, bytes.subarray(offset))
  assert.equal(patched.status, 204, await patched.text())
  await isWhole(at, { id, bytes, offset, told: undefined })
}

const named = (states: readonly State[], name: string): State => states.find(([state]) => state === name)!

test('in place: records are written anew, with checksums; what cannot go on is told and stays as it is', async (context) => {
  const bucket = await open(context)
  const peer = await startTusNode(2, bucket, sizes)
  afterwards(context, () => peer.stop())
  const leave = ([, how]: State): Promise<Left> => how(peer, bucket, sizes)
  const unfinished = await leave(named(UNFINISHED, 'two parts and a tail'))
  const small = await leave(named(UNFINISHED, 'a tail alone'))
  const finished = await leave(named(FINISHED, 'several parts'))
  const aborted = await leave(ABORTED)
  await peer.stop()
  const recordOf = async ({ id }: Left) => decodeRecord((await bucket.object(`${id}.info`)).bytes.toString())
  const dry = await run(bucket, BUCKET, '--dry-run')
  assert.equal(dry.code, 3)
  assert.deepEqual(
    [unfinished, small, finished, aborted].map((left) => dry.of(left)?.outcome),
    ['converted', 'converted', 'converted', 'cannot'],
  )
  assert.equal(await recordOf(finished), undefined, 'a dry run writes nothing')

  const done = await run(bucket, BUCKET, '--verify')
  assert.equal(done.code, 3)
  assert.match(done.of(aborted)?.reason ?? '', /dropped the unfinished upload/)
  assert.equal(done.of(small)?.offset, small.offset)
  assert.equal((await recordOf(unfinished))?.offset, unfinished.offset)
  const record = await recordOf(finished)
  assert.deepEqual([record?.state, typeof record?.crc32], ['complete', 'number'])
  assert.equal(await recordOf(aborted), undefined)

  const again = await run(bucket, BUCKET)
  assert.deepEqual(
    again.lines.map(({ id, outcome }) => [id, outcome]),
    [[aborted.id, 'cannot']],
    'what is ours already is not told',
  )
  const here = await node(context, bucket)
  await goesOn(here, unfinished)
  await goesOn(here, small)
  await isWhole(here, finished)
  assert.equal((await head(here.url + aborted.id)).status, 410)
})

async function onDisk(peer: Peer, length: number, sent: number, deferred = false): Promise<Left> {
  const bytes = someBytes(length)
  const url = await created(peer, deferred ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) })
  if (sent > 0) assert.equal(await send(url, 0, bytes.subarray(0, sent)), 204)
  return { id: idIn(url), bytes, offset: sent, told: await tell(url) }
}

test('from a folder of @tus/file-store: finished uploads are the same, unfinished ones go on; a second run copies nothing', async (context) => {
  const bucket = await open(context)
  const folder = temporaryFolder(context)
  const peer = await startTusNodeOnDisk(folder)
  afterwards(context, () => peer.stop())
  const finished = await onDisk(peer, 600 * KiB, 600 * KiB)
  const small = await onDisk(peer, 1000, 1000)
  const unfinished = await onDisk(peer, 900 * KiB, 500 * KiB + 7)
  const empty = await onDisk(peer, 0, 0)
  const begun = await onDisk(peer, 50, 0)
  const deferred = await onDisk(peer, 5000, 2000, true)
  await peer.stop()
  writeFileSync(join(folder, 'package.json'), '{"name": "something else"}')
  const args = [BUCKET, '--from-dir', folder] as const

  const dry = await run(bucket, ...args, '--dry-run')
  assert.equal(dry.code, 0)
  assert.equal(dry.lines.length, 6)
  assert.deepEqual(await bucket.keys(), [])

  // In the midst of it the bucket takes nothing more.
  let writes = 0
  bucket.bucket.intercept = ({ operation, key }) => {
    const isWrite = /UploadPart|PutObject/.test(operation) && !key.startsWith('.holdfast')
    return isWrite && ++writes > 9 ? REFUSAL : undefined
  }
  const broken = await run(bucket, ...args, '--parallel', '1')
  bucket.bucket.intercept = undefined
  assert.equal(broken.code, 1)
  const outcomes = new Set(broken.lines.map(({ outcome }) => outcome))
  assert.deepEqual(outcomes, new Set(['copied', 'failed']))

  const done = await run(bucket, ...args, '--verify')
  assert.equal(done.code, 0, done.text)
  const all = [finished, small, unfinished, empty, begun, deferred]
  for (const left of all) assert.equal(done.of(left)?.offset, left.offset)

  const again = await run(bucket, ...args)
  assert.deepEqual(new Set(again.lines.map(({ outcome }) => outcome)), new Set(['there', 'copied']))
  const here = await node(context, bucket)
  for (const left of [finished, small, empty]) await isWhole(here, left)
  for (const left of [unfinished, begun]) await goesOn(here, left)
  assert.equal(await tell(here.url + deferred.id), 2000)
  assert.equal((await patch(here.url + deferred.id, 2000, deferred.bytes.subarray(2000, 2100))).status, 204)

  const gone = await run(bucket, ...args)
  assert.equal(gone.code, 0)
  for (const left of [unfinished, deferred]) assert.equal(gone.of(left)?.outcome, 'there', 'it has gone on here')
  assert.equal(await tell(here.url + deferred.id), 2100)
})

test('from another bucket: parts of unfinished uploads come along only if they may be ended there', async (context) => {
  const bucket = await open(context)
  await bucket.client.send(new CreateBucketCommand({ Bucket: OTHER }))
  const peer = await startTusNode(2, bucket, sizes)
  afterwards(context, () => peer.stop())
  const leave = ([, how]: State): Promise<Left> => how(peer, bucket, sizes)
  const finished = await leave(named(FINISHED, 'several requests'))
  const parts = await leave(named(UNFINISHED, 'two parts and a tail'))
  const tail = await leave(named(UNFINISHED, 'a tail alone'))
  await peer.stop()
  const args = [OTHER, '--from-bucket', BUCKET] as const

  const first = await run(bucket, ...args)
  assert.equal(first.code, 3)
  assert.deepEqual(
    [finished, parts, tail].map((left) => first.of(left)?.outcome),
    ['copied', 'cannot', 'copied'],
  )
  assert.equal(await bucket.multiparts(), 2, 'nothing was changed there')

  // It crashes once the parts were made an object there, and no byte of it is here.
  bucket.bucket.intercept = ({ operation, bucket: of, key }) =>
    operation === 'CreateMultipartUpload' && of === OTHER && key === parts.id ? REFUSAL : undefined
  assert.equal((await run(bucket, ...args, '--end-unfinished')).of(parts)?.outcome, 'failed')
  bucket.bucket.intercept = undefined
  assert.deepEqual([await bucket.multiparts(parts.id), (await bucket.keys(`${parts.id}.exported`)).length], [0, 1])
  const done = await run(bucket, ...args, '--end-unfinished', '--verify')
  assert.equal(done.code, 0, done.text)
  assert.equal(done.of(parts)?.offset, parts.offset)

  const here = await node(context, bucket, { bucket: OTHER })
  await isWhole(here, finished)
  await goesOn(here, parts)
  await goesOn(here, tail)
})

test('an ID that is another upload here is a conflict, and nothing of that is touched', async (context) => {
  const bucket = await open(context)
  const folder = temporaryFolder(context)
  const config = { id: 'mine', size: 10, metadata: { name: 'theirs' }, creation_date: '2026-01-01T00:00:00.000Z' }
  writeFileSync(join(folder, 'mine.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'mine'), 'their bytes'.slice(0, 10))
  assert.equal((await run(bucket, BUCKET, '--from-dir', folder)).code, 0)
  writeFileSync(join(folder, 'mine.json'), JSON.stringify({ ...config, metadata: { name: 'others' } }))
  writeFileSync(join(folder, 'mine'), 'otherbytes')
  const { code, lines } = await run(bucket, BUCKET, '--from-dir', folder)
  assert.deepEqual(
    [code, lines[0]?.outcome, lines[0]?.reason],
    [3, 'conflict', 'Here it has other metadata than there.'],
  )
  assert.equal((await bucket.object('mine')).bytes.toString(), 'their byte')
})
