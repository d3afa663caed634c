/**
 * Rows about uploads whose length is declared late, or never.
 * @module
 */
import assert from 'node:assert/strict'
import { UploadError } from '../../errors.js'
import type { UploadHandle } from '../../store/store.js'
import { appendBytes, type Bench, MiB, type Row, rejectsWith } from './bench.js'
import { bodyOf, chunksOf, seededBytes } from './body.js'

async function declaredEarly(bench: Bench): Promise<void> {
  const content = seededBytes(20, 300_000)
  const handle = await bench.create(undefined)
  await handle.declareLength!(content.byteLength)
  assert.equal((await bench.reopen(handle.info.id)).info.length, content.byteLength)
  await appendBytes(handle, content)
  await handle.finish()
  await bench.mustBeFinished(handle.info.id, content)
}

async function declaredLate(bench: Bench, size: number): Promise<void> {
  const content = seededBytes(21, size)
  const { id } = (await bench.create(undefined)).info
  await appendBytes(await bench.reopen(id), content.subarray(0, size - 1))
  await (await bench.reopen(id)).declareLength!(size)
  await appendBytes(await bench.reopen(id), content.subarray(size - 1))
  await (await bench.reopen(id)).finish()
  await bench.mustBeFinished(id, content)
}

async function declaredAtTheOffset(bench: Bench, size: number): Promise<void> {
  const content = seededBytes(22, size)
  const { id } = (await bench.create(undefined)).info
  if (size > 0) await appendBytes(await bench.reopen(id), content)
  const handle = await bench.reopen(id)
  await handle.declareLength!(size)
  await handle.finish()
  await bench.mustBeFinished(id, content)
}

async function declaredTwice(bench: Bench): Promise<void> {
  const handle = await bench.create(undefined)
  await handle.declareLength!(10)
  await handle.declareLength!(10)
  await rejectsWith(handle.declareLength!(11), 'ERR_LENGTH_ALREADY_DECLARED')
  const fresh = await bench.reopen(handle.info.id)
  await rejectsWith(fresh.declareLength!(9), 'ERR_LENGTH_ALREADY_DECLARED')
  assert.equal(fresh.info.length, 10)
  const fixed = await bench.create(5)
  await rejectsWith(fixed.declareLength!(6), 'ERR_LENGTH_ALREADY_DECLARED')
}

async function declaredTooShort(bench: Bench): Promise<void> {
  const handle = await bench.create(undefined)
  await appendBytes(handle, seededBytes(23, 10))
  await assert.rejects(handle.declareLength!(9), UploadError)
  assert.equal((await bench.reopen(handle.info.id)).info.length, undefined)
}

async function undeclaredIsIncomplete(bench: Bench): Promise<void> {
  const handle = await bench.create(undefined)
  await appendBytes(handle, seededBytes(24, 10))
  await rejectsWith(handle.finish(), 'ERR_INCOMPLETE_UPLOAD')
  const { info } = await bench.reopen(handle.info.id)
  assert.deepEqual([info.state, info.offset, info.length], ['open', 10, undefined])
}

/** What an append with `completes` leaves: the length is the offset, and the upload is complete or can be finished. */
async function mustBeCompletable(handle: UploadHandle, size: number): Promise<void> {
  assert.equal(handle.info.offset, size)
  assert.equal(handle.info.length, size, 'the length is where the body ended')
  await handle.finish()
  assert.equal(handle.info.state, 'complete')
}

async function completesByBody(bench: Bench, before: number, after: number): Promise<void> {
  const content = seededBytes(25, before + after)
  const { id } = (await bench.create(undefined)).info
  if (before > 0) await appendBytes(await bench.reopen(id), content.subarray(0, before))
  const handle = await bench.reopen(id)
  await handle.append(before, bodyOf(chunksOf(content.subarray(before), 64_000)), { completes: 'yes' })
  await mustBeCompletable(handle, content.byteLength)
  await bench.mustBeFinished(id, content)
}

async function completesInOneRequest(bench: Bench): Promise<void> {
  const content = seededBytes(26, 777)
  const handle = await bench.create(undefined, { appendFollows: true })
  await handle.append(0, bodyOf([content]), { completes: 'yes' })
  await mustBeCompletable(handle, 777)
  await bench.mustBeFinished(handle.info.id, content)
}

async function completesOnlyIfWhole(bench: Bench): Promise<void> {
  const content = seededBytes(27, 2_000)
  const handle = await bench.create(undefined)
  const cut = bodyOf([content.subarray(0, 900)], { end: 'disconnected' })
  assert.equal(await handle.append(0, cut, { completes: 'yes' }), 900)
  const fresh = await bench.reopen(handle.info.id)
  assert.deepEqual([fresh.info.state, fresh.info.length, fresh.info.offset], ['open', undefined, 900])
  await fresh.append(900, bodyOf([content.subarray(900)]), { completes: 'yes' })
  await mustBeCompletable(fresh, 2_000)
  await bench.mustBeFinished(handle.info.id, content)
}

const deferred = 'declareLength'

export const LENGTHS: readonly Row[] = [
  ['a deferred length declared before the first byte', declaredEarly, deferred],
  ['a deferred length declared before the last byte', (bench) => declaredLate(bench, 4_000), deferred],
  ['a deferred length declared after 7 MiB', (bench) => declaredLate(bench, 7 * MiB), deferred],
  ['a deferred length declared as what is already there', (bench) => declaredAtTheOffset(bench, 4_000), deferred],
  ['a deferred length declared as 0', (bench) => declaredAtTheOffset(bench, 0), deferred],
  ['a length is declared once: the same again is right, another is refused', declaredTwice, deferred],
  ['a length below the offset is refused', declaredTooShort, deferred],
  ['without a length, the upload is incomplete', undeclaredIsIncomplete],
  ['completes: a whole body of 900 bytes ends the upload', (bench) => completesByBody(bench, 0, 900)],
  ['completes: a whole body ends the upload that others began', (bench) => completesByBody(bench, 5 * MiB + 9, 70_000)],
  ['completes: an empty body ends the upload', (bench) => completesByBody(bench, 900, 0)],
  ['completes: an empty body ends an upload of nothing', (bench) => completesByBody(bench, 0, 0)],
  ['completes: creation and the whole content in one request', completesInOneRequest],
  ['completes: a body that was cut off does not end the upload', completesOnlyIfWhole],
]
