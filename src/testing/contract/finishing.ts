/**
 * Rows about finishing, reading and terminating.
 * @module
 */
import assert from 'node:assert/strict'
import type { FailureCode } from '../../errors.js'
import { appendBytes, type Bench, contentOf, LOST, MiB, type Row, rejectsWith, sha256 } from './bench.js'
import { bodyOf, chunksOf, seededBytes } from './body.js'

async function finishTwice(bench: Bench): Promise<void> {
  const content = seededBytes(30, 5_000)
  const handle = await bench.finished(content)
  const { etag, completedAt } = handle.info
  await handle.finish()
  const fresh = await bench.reopen(handle.info.id)
  await fresh.finish()
  assert.deepEqual([fresh.info.etag, fresh.info.completedAt], [etag, completedAt])
  await bench.mustBeFinished(handle.info.id, content)
}

async function finishIncomplete(bench: Bench): Promise<void> {
  const handle = await bench.create(100)
  await rejectsWith(handle.finish(), 'ERR_INCOMPLETE_UPLOAD')
  await appendBytes(handle, seededBytes(31, 99))
  await rejectsWith(handle.finish(), 'ERR_INCOMPLETE_UPLOAD')
  assert.deepEqual([handle.info.state, handle.info.offset], ['open', 99])
}

async function finishedInfo(bench: Bench): Promise<void> {
  const handle = await bench.finished(seededBytes(32, 5_000))
  const { info } = await bench.reopen(handle.info.id)
  for (const { state, etag, completedAt, createdAt } of [handle.info, info]) {
    assert.equal(state, 'complete')
    assert.match(etag ?? '', /^"[^"]+"$/, 'a strong entity tag with its quotes')
    assert.ok(completedAt !== undefined && completedAt >= createdAt, 'completedAt is set, and after createdAt')
  }
  assert.equal(info.etag, handle.info.etag)
}

async function finishedTakesNoMore(bench: Bench): Promise<void> {
  const content = seededBytes(33, 50)
  const { id } = (await bench.finished(content)).info
  const handle = await bench.reopen(id)
  await rejectsWith(handle.append(0, bodyOf([content])), ...LOST, 'ERR_UPLOAD_GONE')
  await bench.mustBeFinished(id, content)
}

async function readsRanges(bench: Bench): Promise<void> {
  const size = 11 * MiB + 3
  const content = seededBytes(34, size)
  const handle = await bench.reopen((await bench.finished(content)).info.id)
  const ranges = [
    [0, 0],
    [size - 1, size - 1],
    [5 * MiB - 10, 5 * MiB + 10],
    [1, 6 * MiB],
    [0, size - 1],
  ] as const
  for (const [first, last] of ranges) {
    const read = await contentOf(handle, { first, last })
    assert.equal(read.byteLength, last - first + 1)
    assert.equal(sha256(read), sha256(content.subarray(first, last + 1)), `bytes ${first} to ${last}`)
  }
}

async function readIncomplete(bench: Bench): Promise<void> {
  const handle = await bench.create(100)
  await appendBytes(handle, seededBytes(35, 50))
  await rejectsWith(contentOf(handle), 'ERR_INCOMPLETE_UPLOAD')
  await rejectsWith(contentOf(await bench.reopen(handle.info.id)), 'ERR_INCOMPLETE_UPLOAD')
}

async function leftoversOfFinished(bench: Bench): Promise<void> {
  if (!bench.harness.leftovers) return bench.skip('the harness does not tell what is stored')
  const content = seededBytes(36, 6 * MiB + 1_000)
  const { id } = (await bench.create(content.byteLength)).info
  const cuts = [0, 1_000, 5_000, 3 * MiB, 3 * MiB + 1, 6 * MiB, content.byteLength]
  for (const [index, cut] of cuts.slice(1).entries()) {
    await appendBytes(await bench.reopen(id), content.subarray(cuts[index], cut))
  }
  await (await bench.reopen(id)).finish()
  await bench.mustBeFinished(id, content)
  const left = await bench.harness.leftovers(id)
  assert.ok(left.length <= 2, `only the object and its record stay, not ${left.join(', ')}`)
}

/** After it, the upload is unknown or known as failed, and none of it is stored. */
async function mustBeGone(bench: Bench, id: string): Promise<void> {
  const state = await bench.reopen(id).then(
    ({ info }) => info.state,
    (error: { code?: FailureCode }) => error.code,
  )
  assert.ok(state === 'failed' || state === 'ERR_UPLOAD_NOT_FOUND', `open tells ${state}`)
  if (bench.harness.leftovers) assert.deepEqual(await bench.harness.leftovers(id), [])
}

async function terminateAfter(bench: Bench, size: number, appended: number): Promise<void> {
  const { id } = (await bench.create(size)).info
  if (appended > 0) await appendBytes(await bench.reopen(id), seededBytes(37, appended))
  if (appended === size) await (await bench.reopen(id)).finish()
  await (await bench.reopen(id)).terminate!()
  await mustBeGone(bench, id)
}

async function terminateTwice(bench: Bench): Promise<void> {
  const handle = await bench.create(100)
  await appendBytes(handle, seededBytes(38, 10))
  await handle.terminate!()
  await handle.terminate!()
  await mustBeGone(bench, handle.info.id)
  await rejectsWith(handle.append(10, bodyOf([seededBytes(38, 10)])), 'ERR_UPLOAD_GONE', 'ERR_UPLOAD_NOT_FOUND')
}

async function terminateOvertakes(bench: Bench, size: number, late: number): Promise<void> {
  const handle = await bench.create(size)
  await appendBytes(handle, seededBytes(39, 10))
  await (await bench.reopen(handle.info.id)).terminate!()
  const append = handle.append(10, bodyOf(chunksOf(seededBytes(40, late), 100_000)))
  await rejectsWith(append, ...LOST, 'ERR_UPLOAD_GONE', 'ERR_UPLOAD_NOT_FOUND')
  await mustBeGone(bench, handle.info.id)
}

async function terminateOvertakesFinish(bench: Bench): Promise<void> {
  const handle = await bench.create(undefined)
  await appendBytes(handle, seededBytes(41, 10))
  if (!handle.declareLength) return bench.skip('a length that is declared late is what makes finish() do the work')
  await handle.declareLength(10)
  await (await bench.reopen(handle.info.id)).terminate!()
  await rejectsWith(handle.finish(), ...LOST, 'ERR_UPLOAD_GONE', 'ERR_UPLOAD_NOT_FOUND')
  await mustBeGone(bench, handle.info.id)
}

const can = 'terminate'

export const FINISHING: readonly Row[] = [
  ['finish is idempotent, also for a fresh store', finishTwice],
  ['finish of an incomplete upload is refused', finishIncomplete],
  ['a finished upload has a state, a strong entity tag and a time', finishedInfo],
  ['a finished upload takes no more bytes', finishedTakesNoMore],
  ['ranges are read exactly', readsRanges],
  ['an unfinished upload is not read', readIncomplete],
  ['after finishing, only the object and its record are stored', leftoversOfFinished],
  ['terminate an upload that got no byte', (bench) => terminateAfter(bench, 100, 0), can],
  ['terminate an upload with some bytes', (bench) => terminateAfter(bench, 100, 10), can],
  ['terminate an upload with 6 MiB', (bench) => terminateAfter(bench, 7 * MiB, 6 * MiB), can],
  ['terminate a finished upload', (bench) => terminateAfter(bench, 100, 100), can],
  ['terminate is idempotent, and no byte is taken after it', terminateTwice, can],
  [
    'a writer that a termination overtook leaves nothing: some bytes',
    (bench) => terminateOvertakes(bench, 100, 20),
    can,
  ],
  ['a writer that a termination overtook leaves nothing: the rest', (bench) => terminateOvertakes(bench, 100, 90), can],
  [
    'a writer that a termination overtook leaves nothing: 11 MiB',
    (bench) => terminateOvertakes(bench, 20 * MiB, 11 * MiB),
    can,
  ],
  [
    'a writer that a termination overtook leaves nothing: the rest, of 11 MiB',
    (bench) => terminateOvertakes(bench, 11 * MiB + 10, 11 * MiB),
    can,
  ],
  ['finish() that a termination overtook leaves nothing', terminateOvertakesFinish, can],
]
