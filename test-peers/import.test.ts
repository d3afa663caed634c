/** `holdfast import` on what the real tusd left, in a bucket and in a folder. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterwards, temporaryFolder } from '../test/cli/command.js'
import { flagsFor, runHere } from '../test/cli/in-process.js'
import { metadataOf } from '../test/support/metadata.js'
import {
  created,
  FINISHED,
  idIn,
  type Left,
  METADATA,
  objectOf,
  type Peer,
  send,
  tell,
  UNFINISHED,
} from '../test/support/peers.js'
import {
  BUCKET,
  head,
  type OpenBucket,
  openBucket,
  patch,
  sha256,
  someBytes,
  startNode,
} from '../test/support/stack.js'
import { type Major, startTusd, startTusdOnDisk, TUSD } from './tusd.js'

const MiB = 1024 * 1024
const sizes = { part: 6 * MiB, minPart: 5 * MiB }
const OTHER = 'other'

async function open(context: TestContext): Promise<OpenBucket> {
  const bucket = await openBucket()
  afterwards(context, () => bucket.close())
  return bucket
}

async function imported(bucket: OpenBucket, to: string, ...args: string[]) {
  const { code, lines, text } = await runHere('import', '--json', ...flagsFor(bucket, to), ...args)
  return { code, text, of: ({ id }: Left) => lines().find((line) => line.id === id) }
}

async function goOn(context: TestContext, bucket: OpenBucket, all: readonly Left[], store = {}): Promise<void> {
  const node = await startNode(bucket, store)
  afterwards(context, () => node.close())
  for (const { id, bytes, offset } of all) {
    const url = node.url + encodeURIComponent(id)
    const told = await head(url)
    assert.equal(Number(told.headers.get('Upload-Offset')), offset)
    assert.deepEqual(metadataOf(told), METADATA)
    if (offset < bytes.length) assert.equal((await patch(url, offset, bytes.subarray(offset))).status, 204)
    const got = await fetch(url)
    assert.equal(got.status, 200)
    assert.equal(sha256(Buffer.from(await got.arrayBuffer())), sha256(bytes))
  }
}

async function leave(peer: Peer, length: number, sent: number): Promise<Left> {
  const bytes = someBytes(length)
  const url = await created(peer, { 'Upload-Length': String(length) })
  if (sent > 0) assert.equal(await send(url, 0, bytes.subarray(0, sent)), 204)
  return { id: idIn(url), bytes, offset: sent, told: await tell(url) }
}

for (const major of [1, 2] as const satisfies Major[]) {
  const name = `tusd ${TUSD[major].version}`

  test(`${name}, from its folder: finished uploads are the same, unfinished ones go on`, async (context) => {
    const bucket = await open(context)
    const folder = temporaryFolder(context)
    const peer = await startTusdOnDisk(major, folder)
    afterwards(context, () => peer.stop())
    const all = [
      await leave(peer, 9 * MiB, 9 * MiB),
      await leave(peer, 1000, 1000),
      await leave(peer, 20 * MiB, 13 * MiB + 7),
      await leave(peer, 50, 0),
      await leave(peer, 0, 0),
    ]
    await peer.stop()
    const { code, of, text } = await imported(bucket, BUCKET, '--from-dir', folder, '--verify')
    assert.equal(code, 0, text)
    for (const left of all) assert.deepEqual([of(left).author, of(left).offset], ['tusd', left.offset])
    await goOn(context, bucket, all)
  })

  test(`${name}, in place and from its bucket: finished uploads are the same, unfinished ones go on`, async (context) => {
    const bucket = await open(context)
    await bucket.client.send(new CreateBucketCommand({ Bucket: OTHER }))
    const peer = await startTusd(major, bucket, ['-s3-part-size', String(sizes.part)])
    afterwards(context, () => peer.stop())
    const states = [...FINISHED, ...UNFINISHED].filter(([state]) =>
      /^(several parts|a small one|two parts and a tail|a tail alone)$/.test(state),
    )
    const all: Left[] = []
    for (const [, how] of states) all.push(await how(peer, bucket, sizes))
    assert.equal(all.length, 4)
    await peer.stop()
    const copied = await imported(bucket, OTHER, '--from-bucket', BUCKET)
    assert.equal(copied.code, 3)
    assert.equal(copied.of(all.at(-2)!).outcome, 'cannot', 'parts cannot be read there')
    const converted = await imported(bucket, BUCKET, '--verify')
    assert.equal(converted.code, 0, converted.text)
    for (const left of all) assert.equal(converted.of(left).outcome, 'converted')
    const record = JSON.parse((await bucket.object(`${objectOf(all[0]!.id)}.info`)).bytes.toString())
    assert.equal(typeof record.Holdfast.crc32, 'number')
    // What was converted is Holdfast's, and can be copied as well.
    const ended = await imported(bucket, OTHER, '--from-bucket', BUCKET, '--end-unfinished', '--verify')
    assert.equal(ended.code, 0, ended.text)
    await goOn(context, bucket, all, { bucket: OTHER })
  })
}
