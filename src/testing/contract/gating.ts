/**
 * Rows about what stands between all bytes and `complete`: the gate (`beforeComplete`), giving an upload up (`fail`), what
 * is remembered of the whole content, and a body that does not end the upload although it brings its last byte.
 * @module
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { FinishOptions, UploadHandle } from '../../store/store.js'
import { appendBytes, type Bench, MiB, type Row, rejectsWith, sha256 } from './bench.js'
import { bodyOf, chunksOf, seededBytes } from './body.js'

type Gate = NonNullable<FinishOptions['beforeComplete']>

const REFUSED = new Error('refused by the gate')
const refusing: Gate = () => Promise.reject(REFUSED)

/** A gate that reads, and what it saw. */
function watching(bench: Bench, id: string): { gate: Gate; seen: string[] } {
  const seen: string[] = []
  const gate: Gate = async (read, size) => {
    const hash = createHash('sha256')
    let length = 0
    for await (const chunk of await read()) {
      hash.update(chunk)
      length += chunk.byteLength
    }
    assert.equal(size, length, 'it is told how many bytes there are')
    const { state } = (await bench.reopen(id)).info
    assert.notEqual(state, 'complete', 'nobody is told so before the gate has passed')
    seen.push(hash.digest('hex'))
  }
  return { gate, seen }
}

/** Appends the bytes in halves, or at once; the last append has the gate. */
async function appendAll(bench: Bench, id: string, content: Uint8Array, halves: boolean, gate: Gate): Promise<void> {
  const middle = halves ? content.byteLength >> 1 : 0
  if (middle > 0) await appendBytes(await bench.reopen(id), content.subarray(0, middle))
  const handle = await bench.reopen(id)
  const rest = bodyOf(chunksOf(content.subarray(middle), 100_000), { length: content.byteLength - middle })
  await handle.append(middle, rest, { beforeComplete: gate })
  await handle.finish({ beforeComplete: gate })
}

async function passes(bench: Bench, size: number, halves: boolean): Promise<void> {
  const content = seededBytes(50, size)
  const { id } = (await bench.create(size)).info
  const { gate, seen } = watching(bench, id)
  await appendAll(bench, id, content, halves, gate)
  assert.deepEqual(seen, [sha256(content)], 'called once, with the content')
  await bench.mustBeFinished(id, content)
  const handle = await bench.reopen(id)
  await handle.finish({ beforeComplete: refusing })
  assert.equal(handle.info.state, 'complete', 'what is complete stays so, and is not gated again')
}

/** As after a crash in the gate: another process tries it again. */
async function refuses(bench: Bench, size: number, halves: boolean): Promise<string> {
  const content = seededBytes(51, size)
  const { id } = (await bench.create(size)).info
  await assert.rejects(appendAll(bench, id, content, halves, refusing))
  const { info } = await bench.reopen(id)
  assert.ok(info.state === 'open' || info.state === 'completing', `${info.state} although the gate refused`)
  await rejectsWith((await bench.reopen(id)).read(), 'ERR_INCOMPLETE_UPLOAD')
  return id
}

async function triedAgain(bench: Bench, size: number, halves: boolean): Promise<void> {
  const content = seededBytes(51, size)
  const id = await refuses(bench, size, halves)
  const handle = await bench.reopen(id)
  const { offset } = handle.info
  // What was never committed is sent again.
  if (offset < size) await appendBytes(handle, content.subarray(offset), { completes: 'no' })
  await assert.rejects((await bench.reopen(id)).finish({ beforeComplete: refusing }))
  const { gate, seen } = watching(bench, id)
  await (await bench.reopen(id)).finish({ beforeComplete: gate })
  assert.deepEqual(seen, [sha256(content)])
  await bench.mustBeFinished(id, content)
}

async function givenUp(bench: Bench, size: number, halves: boolean): Promise<void> {
  const id = await refuses(bench, size, halves)
  await mustFail(bench, await bench.reopen(id))
}

const REASON = 'It is not what it was said to be.'

/** Holds the store to what `fail` promises. */
async function mustFail(bench: Bench, handle: UploadHandle): Promise<void> {
  const { id } = handle.info
  await handle.fail(REASON)
  for (const one of [handle, await bench.reopen(id)]) {
    assert.deepEqual([one.info.state, one.info.failure], ['failed', REASON])
    await rejectsWith(one.read(), 'ERR_UPLOAD_GONE')
    await rejectsWith(one.finish(), 'ERR_UPLOAD_GONE')
    await rejectsWith(one.append(one.info.offset, bodyOf([seededBytes(52, 1)])), 'ERR_UPLOAD_GONE')
  }
  const left = await bench.harness.leftovers?.(id)
  assert.ok(left === undefined || left.length === 1, `the record stays, and nothing else: ${left?.join(', ')}`)
  await (await bench.reopen(id)).fail(REASON)
  if (handle.terminate) await (await bench.reopen(id)).terminate!()
}

async function failsAfter(bench: Bench, size: number, appended: number): Promise<void> {
  const handle = await bench.create(size)
  if (appended > 0) await appendBytes(handle, seededBytes(53, appended), { completes: 'no' })
  await mustFail(bench, await bench.reopen(handle.info.id))
}

async function remembered(bench: Bench, size: number): Promise<void> {
  const content = seededBytes(54, size)
  const digests = { 'sha-256': createHash('sha256').update(content).digest('base64'), 'sha-512': 'c2F5IHdoYXQ=' }
  const { id } = (await bench.create(size, { digests })).info
  assert.deepEqual((await bench.reopen(id)).info.digests, digests, 'as they were given; they are not judged here')
  const half = size >> 1
  await appendBytes(await bench.reopen(id), content.subarray(0, half))
  assert.equal((await bench.reopen(id)).info.crc32, undefined, 'there is no whole content yet')
  await appendBytes(await bench.reopen(id), content.subarray(half), { chunk: 9_999 })
  await (await bench.reopen(id)).finish()
  const { info } = await bench.reopen(id)
  assert.deepEqual(info.digests, digests)
  if (info.crc32 === undefined) return bench.skip('the store knows no CRC32')
  assert.equal(info.crc32, crc32(content))
}

/** Half of what was sent is committed, and then sent again, cut otherwise. */
async function sumAfterCut(bench: Bench): Promise<void> {
  const size = 7 * MiB + 3
  const content = seededBytes(55, size)
  const { id } = (await bench.create(size)).info
  for (let end = 2 * MiB + 1; ; end += 2 * MiB + 1) {
    const handle = await bench.reopen(id)
    const { offset } = handle.info
    const sent = content.subarray(offset, Math.min(end, size))
    const cut = bodyOf(chunksOf(sent, 70_001), { length: size - offset, end: end < size ? 'disconnected' : 'end' })
    await handle.append(offset, cut)
    if (end >= size) break
  }
  await (await bench.reopen(id)).finish()
  await bench.mustBeFinished(id, content)
  const { crc32: sum } = (await bench.reopen(id)).info
  assert.ok(sum === undefined || sum === crc32(content), 'of each byte once')
}

/** All bytes, and not said to be all. */
async function staysOpen(bench: Bench, size: number, length: number | undefined): Promise<void> {
  const content = seededBytes(56, size)
  const { id } = (await bench.create(length)).info
  await appendBytes(await bench.reopen(id), content, { completes: 'no' })
  const open = await bench.reopen(id)
  assert.deepEqual([open.info.state, open.info.offset, open.info.length], ['open', size, length])
  const cut = bodyOf([], { length: 1, end: 'disconnected' })
  assert.equal(await (await bench.reopen(id)).append(size, cut, { completes: 'yes' }), size)
  assert.equal((await bench.reopen(id)).info.state, 'open', 'a body that was cut says nothing')
  const last = await bench.reopen(id)
  await last.append(size, bodyOf([], { length: 0 }), { completes: 'yes' })
  if (last.info.state !== 'complete') await last.finish()
  await bench.mustBeFinished(id, content)
}

const SIZES = [
  ['a small upload', 1_000],
  ['7 MiB', 7 * MiB],
  ['12 MiB', 12 * MiB + 1],
] as const

const gated = SIZES.flatMap(([what, size]) =>
  [false, true].flatMap((halves): Row[] => {
    const how = `${what}${halves ? ', by two processes' : ''}`
    return [
      [`the gate is called with the content before it is complete: ${how}`, (bench) => passes(bench, size, halves)],
      [`a gate that refuses leaves it to be tried again: ${how}`, (bench) => triedAgain(bench, size, halves)],
      [`a gate that refuses leaves it to be given up: ${how}`, (bench) => givenUp(bench, size, halves)],
    ]
  }),
)

export const GATING: readonly Row[] = [
  ...gated,
  ['fail removes the bytes and keeps the record: of none', (bench) => failsAfter(bench, 100, 0)],
  ['fail removes the bytes and keeps the record: of some', (bench) => failsAfter(bench, 100, 10)],
  ['fail removes the bytes and keeps the record: of 6 MiB', (bench) => failsAfter(bench, 20 * MiB, 6 * MiB)],
  ['fail removes the bytes and keeps the record: of all 12 MiB', (bench) => failsAfter(bench, 12 * MiB, 12 * MiB)],
  ['digests and the CRC32 of the whole are told: 1,000 bytes', (bench) => remembered(bench, 1_000)],
  ['digests and the CRC32 of the whole are told: 12 MiB', (bench) => remembered(bench, 12 * MiB + 5)],
  ['the CRC32 of the whole is right after interruptions', sumAfterCut],
  ['completes no: all of 900 bytes are there, and it is open', (bench) => staysOpen(bench, 900, 900)],
  ['completes no: the same without a length', (bench) => staysOpen(bench, 900, undefined)],
  ['completes no: all of 12 MiB are there, and it is open', (bench) => staysOpen(bench, 12 * MiB, 12 * MiB)],
  ['completes no: all of 11 MiB and some, without a length', (bench) => staysOpen(bench, 11 * MiB + 7, undefined)],
]
