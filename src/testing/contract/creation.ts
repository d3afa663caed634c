/**
 * Rows about creating, opening and IDs.
 * @module
 */
import assert from 'node:assert/strict'
import type { UploadInfo } from '../../store/info.js'
import { appendBytes, type Bench, newId, type Row, rejectsWith } from './bench.js'
import { bodyOf, seededBytes } from './body.js'

/** Keys that a careless object takes for its own. JSON.parse makes `__proto__` a property like any other. */
const METADATA: Record<string, string> = JSON.parse(
  '{"__proto__":"p","constructor":"c","toString":"","filename":"naïve 日本語 🙂.txt","empty":"","sp-a_ce":" x "}',
)
const METADATA_FIELD = 'filename bmHDr3Zl,empty,is_private'

function sameAsCreated(info: UploadInfo, id: string): void {
  assert.equal(info.id, id)
  assert.equal(info.length, 7)
  assert.deepEqual(Object.entries(info.metadata).sort(), Object.entries(METADATA).sort())
  assert.equal(info.metadataField, METADATA_FIELD)
  assert.equal(info.offset, 0)
  assert.equal(info.state, 'open')
  assert.equal(info.failure, undefined)
  assert.equal(info.completedAt, undefined)
  assert.equal(info.etag, undefined)
  assert.equal(typeof info.storage, 'object')
}

async function roundTrip(bench: Bench): Promise<void> {
  const before = Date.now()
  const created = await bench.create(7, { metadata: METADATA, metadataField: METADATA_FIELD })
  const { id } = created.info
  sameAsCreated(created.info, id)
  const opened = await bench.reopen(id)
  sameAsCreated(opened.info, id)
  assert.equal(opened.info.createdAt, created.info.createdAt)
  // A minute to either side: clocks of a backend may differ from ours.
  assert.ok(Math.abs(opened.info.createdAt - before) < 60_000, 'createdAt is in milliseconds since the epoch')
}

async function absentFieldStaysAbsent(bench: Bench): Promise<void> {
  const created = await bench.create(undefined)
  const { info } = await bench.reopen(created.info.id)
  assert.equal(info.length, undefined)
  assert.equal(info.metadataField, undefined)
  assert.deepEqual(Object.keys(info.metadata), [])
}

async function takenIdIsRefused(bench: Bench): Promise<void> {
  const created = await bench.create(4)
  const { id } = created.info
  await appendBytes(created, seededBytes(1, 3))
  await rejectsWith(bench.create(9, { id }), 'ERR_CONFLICT')
  const { info } = await bench.reopen(id)
  assert.deepEqual([info.length, info.offset], [4, 3])
}

async function takenIdIsRefusedLate(bench: Bench): Promise<void> {
  const content = seededBytes(2, 5)
  const { id } = (await bench.finished(content)).info
  const late = async (): Promise<void> => {
    const second = await bench.create(3, { id, appendFollows: true })
    await second.append(0, bodyOf([seededBytes(3, 3)]))
  }
  await rejectsWith(late(), 'ERR_CONFLICT')
  await bench.mustBeFinished(id, content)
}

/** Each would leave the folder or prefix, or be no name at all. */
const UNUSABLE = [
  '',
  '.',
  '..',
  '../x',
  'a/../../x',
  '/etc/passwd',
  'a//b',
  'a/',
  'a\\..\\b',
  'a\0b',
  'x'.repeat(5_000),
]

async function unusableIds(bench: Bench): Promise<void> {
  const store = await bench.store()
  for (const id of UNUSABLE) {
    await rejectsWith(store.open(id), 'ERR_UPLOAD_NOT_FOUND', 'ERR_INVALID_ID')
    await rejectsWith(bench.create(1, { id, store }), 'ERR_INVALID_ID', 'ERR_UPLOAD_NOT_FOUND')
  }
}

async function tooLarge(bench: Bench): Promise<void> {
  const store = await bench.store()
  if (store.maxObjectSize === undefined) return bench.skip('the store has no limit')
  const id = newId()
  await rejectsWith(bench.create(store.maxObjectSize + 1, { id, store }), 'ERR_MAX_SIZE_EXCEEDED')
  await rejectsWith(store.open(id), 'ERR_UPLOAD_NOT_FOUND')
}

async function appendFollows(bench: Bench): Promise<void> {
  const content = seededBytes(4, 1_000)
  const created = await bench.create(2_000, { appendFollows: true, metadata: { a: 'b' } })
  await appendBytes(created, content)
  const { info } = await bench.reopen(created.info.id)
  assert.deepEqual([info.offset, info.length, info.state], [1_000, 2_000, 'open'])
  assert.deepEqual({ ...info.metadata }, { a: 'b' })
}

async function appendFollowsWithNothing(bench: Bench): Promise<void> {
  const created = await bench.create(2_000, { appendFollows: true })
  assert.equal(await created.append(0, bodyOf([], { end: 'disconnected' })), 0)
  const { info } = await bench.reopen(created.info.id)
  assert.deepEqual([info.offset, info.length, info.state], [0, 2_000, 'open'])
}

export const CREATION: readonly Row[] = [
  ['what was created is what a fresh store opens, whatever the metadata keys', roundTrip],
  ['what was not given at creation stays absent', absentFieldStaysAbsent],
  [
    'an unknown ID is not found',
    async (bench) => void (await rejectsWith(bench.reopen(newId()), 'ERR_UPLOAD_NOT_FOUND')),
  ],
  ['an ID that cannot be a name in the store is refused', unusableIds],
  ['an ID that is taken is refused and the upload stays as it is', takenIdIsRefused],
  ['an ID that is taken is refused also when the record waits for the first append', takenIdIsRefusedLate],
  ['an upload larger than the store takes is refused and leaves no record', tooLarge],
  ['appendFollows: the first append commits the record', appendFollows],
  ['appendFollows: an append of nothing commits the record too', appendFollowsWithNothing],
]
