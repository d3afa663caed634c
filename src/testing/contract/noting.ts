/**
 * Rows about what is kept with a record beside the upload itself.
 * @module
 */
import assert from 'node:assert/strict'
import { appendBytes, type Bench, type Row } from './bench.js'
import { seededBytes } from './body.js'

const kept = {
  owner: 'alice',
  object: { contentType: 'image/png', cacheControl: 'no-cache' },
  maxSize: 10_000,
  outbox: ['created'],
} as const

async function creationKeepsAll(bench: Bench): Promise<void> {
  const { info } = await bench.create(100, kept)
  const again = (await bench.reopen(info.id)).info
  for (const { owner, object, maxSize, outbox } of [info, again]) {
    assert.deepEqual({ owner, object, maxSize, outbox }, kept)
  }
}

async function notesInEachState(bench: Bench): Promise<void> {
  const handle = await bench.create(100, kept)
  if (!handle.note) return bench.skip('the store keeps no notes')
  await handle.note({ outbox: [] })
  assert.equal(handle.info.outbox, undefined)
  await appendBytes(handle, seededBytes(60, 100))
  await handle.finish()
  const complete = await bench.reopen(handle.info.id)
  await complete.note?.({ outbox: ['finished'], answer: { headers: { 'X-Scan': 'clean' } } })
  const again = (await bench.reopen(handle.info.id)).info
  assert.deepEqual(
    [again.state, again.outbox, again.answer],
    ['complete', ['finished'], { headers: { 'X-Scan': 'clean' } }],
  )
  assert.equal(again.owner, 'alice', 'what is not named stays')
}

async function notesWithBytes(bench: Bench): Promise<void> {
  const handle = await bench.create(5_000, kept)
  const asked: boolean[] = []
  const notes = (completes: boolean) => {
    asked.push(completes)
    return { outbox: completes ? (['finished'] as const) : [] }
  }
  await appendBytes(handle, seededBytes(61, 3_000), { notes })
  assert.equal((await bench.reopen(handle.info.id)).info.outbox, undefined, 'committed with the bytes')
  await appendBytes(handle, seededBytes(62, 2_000), { notes })
  await handle.finish({ notes })
  const { state, outbox } = (await bench.reopen(handle.info.id)).info
  assert.deepEqual([state, outbox], ['complete', ['finished']], 'committed with the completion')
  assert.ok(asked.includes(true) && asked.includes(false))
}

async function finishCommitsNotes(bench: Bench): Promise<void> {
  const handle = await bench.create(0)
  await handle.finish({ notes: (completes) => (completes ? { answer: { body: 'welcome' } } : {}) })
  assert.deepEqual((await bench.reopen(handle.info.id)).info.answer, { body: 'welcome' })
}

async function refusalStays(bench: Bench): Promise<void> {
  const handle = await bench.create(100)
  const refusal = { status: 422, message: 'A virus.', headers: { 'X-Virus': 'yes' } }
  await handle.fail('A virus.', { notes: { refusal, outbox: ['terminated'] } })
  const { state, failure, refusal: told, outbox } = (await bench.reopen(handle.info.id)).info
  assert.deepEqual([state, failure, told, outbox], ['failed', 'A virus.', refusal, ['terminated']])
}

async function terminationKeepsRecord(bench: Bench, finishes: boolean): Promise<void> {
  const content = seededBytes(63, 3_000)
  const handle = finishes ? await bench.finished(content) : await bench.create(5_000)
  if (!handle.terminate) return bench.skip('the store cannot terminate')
  if (!finishes) await appendBytes(handle, content)
  await handle.terminate({ notes: { outbox: ['terminated'] } })
  const ended = await bench.reopen(handle.info.id)
  assert.deepEqual([ended.info.state, ended.info.outbox], ['failed', ['terminated']])
  const left = (await bench.harness.leftovers?.(handle.info.id)) ?? ['its record']
  assert.equal(left.length, 1, `only the record stays, not ${left.join(', ')}`)
  await ended.terminate?.()
  await assert.rejects(bench.reopen(handle.info.id), { code: 'ERR_UPLOAD_NOT_FOUND' })
  assert.deepEqual((await bench.harness.leftovers?.(handle.info.id)) ?? [], [])
}

/** What is kept with a record. */
export const NOTING: readonly Row[] = [
  ['what a creation keeps with the record is told by every later opening', creationKeepsAll],
  ['notes are committed in each state, and what they do not name stays', notesInEachState],
  ['notes are committed with bytes, and with the completion', notesWithBytes],
  ['notes are committed by finish', finishCommitsNotes],
  ['a refusal is kept with a failed upload', refusalStays],
  [
    'a termination with notes removes an unfinished upload, and leaves the record until it is terminated without',
    (bench) => terminationKeepsRecord(bench, false),
    'terminate',
  ],
  [
    'a termination with notes removes a finished upload, and leaves the record until it is terminated without',
    (bench) => terminationKeepsRecord(bench, true),
    'terminate',
  ],
]
