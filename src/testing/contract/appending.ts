/**
 * Rows about appending: what is committed, and what a body does.
 * @module
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BodyEnd, Store } from '../../store/store.js'
import { appendBytes, type Bench, KiB, MiB, type Row, rejectsWith } from './bench.js'
import { bodyOf, chunksOf, seededBytes, thenSilence } from './body.js'

/** How long a store may take to end an append whose body was stopped, in milliseconds. */
const STOP_WITHIN = 2_000

async function empty(bench: Bench): Promise<void> {
  const created = await bench.create(0)
  await created.finish()
  await bench.mustBeFinished(created.info.id, new Uint8Array())
}

/** In one go, and in two halves by two stores. */
export async function ofSize(bench: Bench, size: number): Promise<void> {
  const content = seededBytes(size, size)
  const whole = await bench.finished(content)
  await bench.mustBeFinished(whole.info.id, content)
  const half = Math.floor(size / 2)
  const { id } = (await bench.create(size)).info
  for (const piece of [content.subarray(0, half), content.subarray(half)]) {
    await appendBytes(await bench.reopen(id), piece)
  }
  await (await bench.reopen(id)).finish()
  await bench.mustBeFinished(id, content)
}

const ODD_SIZES = [1, 2, 3, 0, 17, 4_095, 4_096, 4_097, 65_537, 262_144, 700_001, 5, 1_048_575, 1, 333_333]

async function oddAppends(bench: Bench, storeFor: () => Promise<Store>, cached: boolean): Promise<void> {
  const total = ODD_SIZES.reduce((sum, size) => sum + size, 0)
  const content = seededBytes(5, total)
  const { id } = (await bench.create(total, { store: await storeFor() })).info
  let at = 0
  for (const size of ODD_SIZES) {
    const handle = await (await storeFor()).open(id, { cached })
    assert.equal(handle.info.offset, at)
    at = await appendBytes(handle, content.subarray(at, at + size), { chunk: 10_007 })
  }
  await (await (await storeFor()).open(id, { cached })).finish()
  await bench.mustBeFinished(id, content)
}

async function oddAppendsOfOneStore(bench: Bench): Promise<void> {
  const store = await bench.store()
  await oddAppends(bench, async () => store, true)
}

async function manyTinyAppends(bench: Bench): Promise<void> {
  const content = seededBytes(6, 60)
  const { id } = (await bench.create(60)).info
  for (const byte of chunksOf(content, 1)) await appendBytes(await bench.reopen(id), byte)
  await (await bench.reopen(id)).finish()
  await bench.mustBeFinished(id, content)
}

async function wrongOffset(bench: Bench): Promise<void> {
  const content = seededBytes(7, 100)
  const handle = await bench.create(100)
  await appendBytes(handle, content.subarray(0, 40))
  for (const offset of [0, 39, 41, 100]) {
    await rejectsWith(handle.append(offset, bodyOf([seededBytes(8, 10)])), 'ERR_MISMATCHED_OFFSET')
  }
  assert.equal((await bench.reopen(handle.info.id)).info.offset, 40)
  await appendBytes(handle, content.subarray(40))
  await handle.finish()
  await bench.mustBeFinished(handle.info.id, content)
}

async function endsEarly(bench: Bench, end: BodyEnd, came: number): Promise<void> {
  const content = seededBytes(came, came + 1_000)
  const handle = await bench.create(content.byteLength)
  const { id } = handle.info
  const sent = content.subarray(0, came)
  const body = bodyOf(chunksOf(sent, 50_000), { length: content.byteLength, end })
  assert.equal(await handle.append(0, body), came)
  const fresh = await bench.reopen(id)
  assert.deepEqual([fresh.info.offset, fresh.info.state], [came, 'open'])
  await appendBytes(fresh, content.subarray(came))
  await fresh.finish()
  await bench.mustBeFinished(id, content)
}

async function stopWhileWaiting(bench: Bench): Promise<void> {
  const content = seededBytes(9, 200_000)
  const handle = await bench.create(200_000)
  const body = bodyOf(thenSilence(chunksOf(content.subarray(0, 150_000), 30_000)), { length: 200_000 })
  const append = handle.append(0, body)
  await sleep(200)
  body.stop()
  const late = sleep(STOP_WITHIN, 'late', { ref: true })
  assert.equal(await Promise.race([append, late]), 150_000, `the append ends within ${STOP_WITHIN} ms of stop()`)
  const fresh = await bench.reopen(handle.info.id)
  assert.equal(fresh.info.offset, 150_000)
  await appendBytes(fresh, content.subarray(150_000))
  await fresh.finish()
  await bench.mustBeFinished(handle.info.id, content)
}

async function chunksOfSizes(bench: Bench, size: number, ...chunks: number[]): Promise<void> {
  const content = seededBytes(10, size)
  const handle = await bench.create(size)
  assert.equal(await handle.append(0, bodyOf(chunksOf(content, ...chunks))), size)
  await handle.finish()
  await bench.mustBeFinished(handle.info.id, content)
}

async function commitsAreTold(bench: Bench): Promise<void> {
  const content = seededBytes(11, 12 * MiB)
  const handle = await bench.create(content.byteLength + 1)
  const told: number[] = []
  async function* slowly() {
    for (const chunk of chunksOf(content, MiB)) {
      yield chunk
      await sleep(150)
    }
  }
  const committed = await handle.append(0, bodyOf(slowly()), { onCommit: (offset) => told.push(offset) })
  assert.equal(committed, content.byteLength)
  assert.equal(told.at(-1), committed, 'the last commit is told')
  assert.deepEqual(
    told,
    told.toSorted((a, b) => a - b),
    'offsets never go back',
  )
}

async function concurrentUploads(bench: Bench): Promise<void> {
  const store = await bench.store()
  const one = async (seed: number): Promise<void> => {
    const content = seededBytes(seed, 100_000 + seed * 1_001)
    const handle = await bench.create(content.byteLength, { store })
    await appendBytes(handle, content.subarray(0, 70_000), { chunk: 9_999 })
    await appendBytes(await store.open(handle.info.id, { cached: true }), content.subarray(70_000))
    await (await store.open(handle.info.id, { cached: true })).finish()
    await bench.mustBeFinished(handle.info.id, content)
  }
  await Promise.all(Array.from({ length: 30 }, (_, seed) => one(seed)))
}

export const APPENDING: readonly Row[] = [
  ['an upload of 0 bytes is created and finished', empty],
  ['an upload of 1 byte', (bench) => ofSize(bench, 1)],
  ['an upload of 1 MiB', (bench) => ofSize(bench, MiB)],
  ['appends of odd sizes, each by a fresh store', (bench) => oddAppends(bench, () => bench.store(), false)],
  ['appends of odd sizes by one store that may use what it remembers', oddAppendsOfOneStore],
  ['sixty appends of one byte, each by a fresh store', manyTinyAppends],
  ['a wrong offset is refused and changes nothing', wrongOffset],
  [
    'a body that ends with the connection: what came is committed',
    (bench) => endsEarly(bench, 'disconnected', 123_457),
  ],
  ['a body that ends with the connection before its first byte', (bench) => endsEarly(bench, 'disconnected', 0)],
  ['a body that ends after 6 MiB: what came is committed', (bench) => endsEarly(bench, 'timeout', 6 * MiB + 1)],
  ['stop() ends an append that waits for bytes, and what came is committed', stopWhileWaiting],
  ['chunks of one byte', (bench) => chunksOfSizes(bench, 20_000, 1)],
  ['chunks of 12 MiB', (bench) => chunksOfSizes(bench, 30 * MiB, 12 * MiB)],
  [
    'chunks of mixed sizes, in a body that announces no length',
    (bench) => chunksOfSizes(bench, 6 * MiB, 1, MiB, 7 * KiB),
  ],
  ['commits are told in order, the last one being what append returns', commitsAreTold],
  ['thirty uploads at once keep their bytes apart', concurrentUploads],
]
