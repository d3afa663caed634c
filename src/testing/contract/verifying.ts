/**
 * Rows about bodies with a checksum: they count whole or not at all.
 * @module
 */
import assert from 'node:assert/strict'
import { UploadError } from '../../errors.js'
import { appendBytes, type Bench, MiB, newId, type Row, rejectsWith } from './bench.js'
import { bodyOf, chunksOf, seededBytes } from './body.js'

const mismatch = (): never => {
  throw new UploadError('ERR_CHECKSUM_MISMATCH')
}

const SIZE = 12 * MiB + 345

/** Verified after the last byte, committed after that; a mismatch leaves offset and bytes as they were. */
async function allOrNothing(bench: Bench, before: number): Promise<void> {
  const content = seededBytes(31, SIZE)
  const handle = await bench.create(SIZE)
  const { id } = handle.info
  if (before > 0) await appendBytes(handle, content.subarray(0, before))
  const wrong = bodyOf(chunksOf(seededBytes(32, SIZE - before), 100_000), { length: SIZE - before })
  await rejectsWith(handle.append(before, wrong, { verify: mismatch }), 'ERR_CHECKSUM_MISMATCH')
  const fresh = await bench.reopen(id)
  assert.deepEqual([fresh.info.offset, fresh.info.state], [before, 'open'])
  let verified = 0
  const verify = (): void => {
    verified++
  }
  const onCommit = (): void => assert.equal(verified, 1, 'nothing is committed before the whole body was verified')
  await appendBytes(fresh, content.subarray(before), { chunk: 100_000, verify, onCommit })
  assert.equal(verified, 1)
  await fresh.finish()
  await bench.mustBeFinished(id, content)
}

async function notTheEnd(bench: Bench): Promise<void> {
  const content = seededBytes(33, SIZE)
  const handle = await bench.create(SIZE)
  const body = bodyOf(chunksOf(content.subarray(0, 7 * MiB), 100_000), { length: SIZE, end: 'disconnected' })
  const verify = (): never => assert.fail('a body that did not come whole is not verified')
  assert.equal(await handle.append(0, body, { verify }), 0)
  const fresh = await bench.reopen(handle.info.id)
  assert.equal(fresh.info.offset, 0, 'what was not verified is not committed')
  await appendBytes(fresh, content)
  await fresh.finish()
  await bench.mustBeFinished(handle.info.id, content)
}

async function parts(bench: Bench): Promise<void> {
  const content = seededBytes(34, 3 * MiB)
  const { id } = (await bench.create(content.length)).info
  const verify = (): void => undefined
  for (const piece of [content.subarray(0, MiB), content.subarray(MiB, 2 * MiB), content.subarray(2 * MiB)]) {
    const handle = await bench.reopen(id)
    const { offset } = handle.info
    await rejectsWith(
      handle.append(offset, bodyOf([seededBytes(35, 99)]), { verify: mismatch }),
      'ERR_CHECKSUM_MISMATCH',
    )
    await appendBytes(await bench.reopen(id), piece, { verify })
  }
  await (await bench.reopen(id)).finish()
  await bench.mustBeFinished(id, content)
}

async function creation(bench: Bench, size: number): Promise<void> {
  const id = newId()
  const handle = await bench.create(size, { id, appendFollows: true })
  const body = bodyOf(chunksOf(seededBytes(36, size), 100_000), { length: size })
  await rejectsWith(handle.append(0, body, { verify: mismatch }), 'ERR_CHECKSUM_MISMATCH')
  await rejectsWith(bench.reopen(id), 'ERR_UPLOAD_NOT_FOUND')
  const left = (await bench.harness.leftovers?.(id)) ?? []
  assert.deepEqual(left, [], 'a creation that failed leaves nothing')
}

export const VERIFYING: readonly Row[] = [
  ['a checksum: verified before anything of the body is committed', (bench) => allOrNothing(bench, 0)],
  ['a checksum: the same after bytes that are too few for a part', (bench) => allOrNothing(bench, 100_001)],
  ['a checksum: a body that did not come whole does not count', notTheEnd],
  ['a checksum: right and wrong ones in turn', parts],
  ['a checksum: a creation with a small wrong body leaves nothing', (bench) => creation(bench, 10_000)],
  ['a checksum: a creation with a large wrong body leaves nothing', (bench) => creation(bench, 12 * MiB)],
]
