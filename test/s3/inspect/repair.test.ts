/** What can be mended of what crashes leave, and what must not be touched. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { UploadError } from '../../../src/errors.js'
import { createServer, type Holdfast, type RepairReport } from '../../../src/server.js'
import { bodyOf } from '../../support/body.js'
import { BUCKET, sha256, someBytes } from '../../support/bucket.js'
import { type Bench, DAY, openBench, PART } from './bench.js'

let bench: Bench
let holdfast: Holdfast
before(async () => {
  bench = await openBench()
  holdfast = serverOver(bench.openStore())
})
after(async () => {
  await holdfast.close()
  await bench.close()
})

const serverOver = (store: Bench['store']): Holdfast => createServer({ store, now: () => bench.clock.now })

const done = ({ repairs }: RepairReport): string[] => repairs.map(({ remedy, outcome }) => `${remedy}: ${outcome}`)
const objectsOf = async (id: string): Promise<string[]> =>
  (await bench.bucket.keys(id)).filter((key) => key === id || key.startsWith(`${id}.`))
const stateOf = async (id: string): Promise<string> => (await bench.recordOf(id)).Holdfast.state
const newMultipart = (Key: string) =>
  bench.bucket.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }))

async function multipartsOf(id: string): Promise<string[]> {
  const { Uploads = [] } = await bench.bucket.client.send(
    new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: id }),
  )
  return Uploads.flatMap(({ Key, UploadId }) => (Key === id ? [UploadId!] : []))
}

/** What was done, what was left, and what a second repair does. */
async function repaired(id: string): Promise<{ did: string[]; left: string[] }> {
  const dry = await holdfast.repair(id, { dryRun: true })
  const before = JSON.stringify([await bench.recordOf(id), await objectsOf(id), await multipartsOf(id)])
  assert.ok(dry.repairs.every(({ outcome }) => outcome === 'due'))
  const after = JSON.stringify([await bench.recordOf(id), await objectsOf(id), await multipartsOf(id)])
  assert.equal(after, before, 'a dry run changes nothing')
  const report = await holdfast.repair(id)
  const again = await holdfast.repair(id)
  assert.deepEqual(
    again.repairs.filter(({ outcome }) => outcome !== 'waiting'),
    [],
    'a second repair has nothing to do',
  )
  return { did: done(report), left: report.left.map(({ code }) => code) }
}

test('a completion that a crash left is driven to its end', async () => {
  const bytes = someBytes(2 * PART + 7)
  const handle = await bench.begin(10 * PART, 0)
  const { id } = handle
  await handle.append(0, bodyOf([bytes.subarray(0, 2 * PART)], { length: 2 * PART, end: 'end' }))
  await bench.complete(id)
  assert.deepEqual(await repaired(id), { did: ['complete: done'], left: [] })
  assert.equal((await bench.bucket.object(id)).sha256, sha256(bytes.subarray(0, 2 * PART)))
})

test('an upload with all its bytes is finished', async () => {
  const id = bench.newId()
  const bytes = someBytes(2 * PART)
  const handle = await bench.store.create({ id, length: 2 * PART, metadata: {}, metadataField: undefined })
  await handle.append(0, bodyOf([bytes], { length: 2 * PART, end: 'end' }), { completes: 'no' })
  assert.deepEqual(await repaired(id), { did: ['complete: done'], left: [] })
  assert.equal((await bench.bucket.object(id)).sha256, sha256(bytes))
})

test('what can never go on is marked as failed, and its bytes are removed', async () => {
  const { id } = await bench.unfinished()
  await bench.bucket.abortMultiparts(id)
  assert.deepEqual(await repaired(id), { did: ['settle: done', 'tidy: done'], left: [] })
  assert.equal(await stateOf(id), 'failed')
  assert.deepEqual(await objectsOf(id), [`${id}.info`])
})

test('a completion whose multipart upload is gone, and whose object is not there, is marked as failed', async () => {
  const { id } = await bench.unfinished()
  await bench.complete(id)
  await bench.bucket.abortMultiparts(id)
  const { did, left } = await repaired(id)
  assert.deepEqual([did, left], [['complete: done', 'tidy: done'], []])
  assert.equal(await stateOf(id), 'failed')
})

test('what is left beside a finished upload is removed, and nothing of other uploads', async () => {
  const { id } = await bench.large()
  await bench.put(`${id}.part`, 'x')
  await newMultipart(id)
  const others = [`${id}.partial`, `${id}.part1.info`, `${id}0`]
  for (const key of others) await bench.put(key, 'x')
  await newMultipart(`${id}0`)
  assert.deepEqual(await repaired(id), { did: ['tidy: done'], left: [] })
  assert.deepEqual((await bench.bucket.keys(id)).sort(), [id, `${id}.info`, ...others].sort())
  assert.deepEqual([(await multipartsOf(id)).length, (await multipartsOf(`${id}0`)).length], [0, 1])
})

test('what is left of a failed upload is removed', async () => {
  const { id } = await bench.unfinished()
  await bench.rewrite(id, { state: 'failed', failure: 'too late' })
  assert.deepEqual(await repaired(id), { did: ['tidy: done'], left: [] })
  assert.deepEqual([await objectsOf(id), await multipartsOf(id)], [[`${id}.info`], []])
})

test('what has expired is ended', async () => {
  const { id } = await bench.unfinished({ deadline: bench.clock.now - 1 })
  assert.deepEqual(await repaired(id), { did: ['expire: done'], left: [] })
  assert.deepEqual([await stateOf(id), await multipartsOf(id)], ['failed', []])
})

test('multipart uploads that the record of an unfinished upload does not name are aborted, and it goes on', async () => {
  const { id } = await bench.unfinished()
  const [named] = await multipartsOf(id)
  await newMultipart(id)
  assert.deepEqual(done(await holdfast.repair(id)), [], 'a writer may be at it')
  bench.clock.now += DAY
  assert.deepEqual(await repaired(id), { did: ['strays: done'], left: [] })
  assert.deepEqual(await multipartsOf(id), [named])
  const handle = await bench.openStore().open(id)
  const rest = 10 * PART - handle.info.offset
  await handle.append(handle.info.offset, bodyOf([someBytes(rest)], { length: rest, end: 'end' }))
  assert.equal(handle.info.state, 'complete')
})

test('multipart uploads of a key that was chosen may be of other uploads: they are no strays', async () => {
  const { id } = await bench.begin(10 * PART, 0)
  const key = `chosen-${id}`
  await bench.rewrite(id, { key })
  await newMultipart(key)
  bench.clock.now += DAY
  assert.deepEqual(done(await holdfast.repair(id)), [])
  assert.equal(await (await bench.openStore().open(id)).mend!('strays'), false)
  assert.equal((await multipartsOf(key)).length, 1)
})

test('a writer whose multipart upload no record names yet is overtaken, and loses nothing that was acknowledged', async () => {
  const { id } = await bench.begin(10 * PART, 0)
  bench.clock.now += DAY
  const writer = await bench.openStore().open(id)
  let sent = 0
  async function* slowly(): AsyncGenerator<Uint8Array> {
    yield someBytes(PART + 1)
    while ((await multipartsOf(id)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const report = await holdfast.repair(id)
    assert.deepEqual(done(report), ['strays: done'])
    sent++
    yield someBytes(PART)
  }
  // Its commits wait for the body's end.
  const body = bodyOf(slowly(), { length: 10 * PART, end: 'disconnected' })
  await assert.rejects(
    writer.append(0, body, { verify: () => undefined }),
    (error) => error instanceof UploadError && error.code === 'ERR_CONFLICT',
  )
  assert.equal(sent, 1)
  const { offset, state } = (await bench.openStore().open(id)).info
  assert.deepEqual([offset, state], [0, 'open'])
})

test('the record of another server is written anew, unless it cannot go on', async () => {
  const id = await bench.ofTusd([PART, PART])
  const name = id.split('+')[0]!
  const report = await holdfast.repair(id)
  assert.deepEqual([done(report), report.left], [['adopt: done'], []])
  assert.equal((await bench.recordOf(name)).Holdfast.parts, 2)
  const gone = await bench.ofTusd([PART])
  await bench.bucket.abortMultiparts(gone.split('+')[0]!)
  const left = await holdfast.repair(gone)
  assert.deepEqual([done(left), left.left.map(({ code }) => code)], [[], ['foreign']])
  // Nor by whoever asks the store itself: a sweep would remove the bytes of what has failed here.
  assert.equal(await (await bench.openStore().open(gone)).mend!('adopt'), false)
  assert.equal((await bench.recordOf(gone.split('+')[0]!)).Holdfast, undefined)
})

test('what nobody can mend is left as it is, and told', async () => {
  const { id } = await bench.large()
  await bench.put(id, someBytes(5))
  const { did, left } = await repaired(id)
  assert.deepEqual([did, left], [[], ['object-other-size', 'object-other-etag']])
  assert.equal((await bench.bucket.object(id)).bytes.length, 5)
})

test('an upload that somebody changes meanwhile is left alone', async () => {
  const { id } = await bench.small()
  await bench.put(`${id}.part`, 'x')
  const handle = await bench.store.open(id)
  await bench.rewrite(id, { commit: 'f'.repeat(32) })
  await assert.rejects(handle.mend!('tidy'), (error) => error instanceof UploadError && error.code === 'ERR_CONFLICT')
  assert.deepEqual(await objectsOf(id), [id, `${id}.info`, `${id}.part`])
})

test('slots whose upload has no record are removed, if they are ours and old', async () => {
  const { id } = await bench.unfinished()
  const kept = await bench.unfinished()
  await bench.remove(`${id}.info`)
  await bench.put(`${id}.part1`, 'not ours')
  const orphansOf = async () => {
    const found = []
    for await (const orphan of bench.openStore().inspector().orphans!()) found.push(orphan)
    return found
  }
  const now = bench.clock.now
  bench.clock.now = Date.now()
  assert.deepEqual(await orphansOf(), [], 'a creation may be on its way')
  bench.clock.now = now + 2 * DAY
  const [orphan, ...others] = await orphansOf()
  assert.deepEqual([orphan?.place, orphan?.size, others.length], [`${id}.part`, 116, 0])
  await bench.put(`${id}.info`, '{}')
  assert.equal(await orphan?.remove(), false, 'it has a record by now')
  await bench.remove(`${id}.info`)
  assert.equal(await orphan?.remove(), true)
  assert.deepEqual(await objectsOf(id), [`${id}.part1`])
  assert.deepEqual(await objectsOf(kept.id), [`${kept.id}.info`, `${kept.id}.part`])
})
