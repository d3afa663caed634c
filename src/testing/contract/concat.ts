/**
 * Rows about final uploads: joining partial uploads of this store.
 * @module
 */
import assert from 'node:assert/strict'
import type { Concat, UploadInfo } from '../../store/info.js'
import type { UploadHandle } from '../../store/store.js'
import { appendBytes, type Bench, LOST, MiB, type Row, rejectsWith } from './bench.js'
import { bodyOf, seededBytes } from './body.js'

/** Complete partial uploads of these sizes, and all their bytes in order. */
async function partialsOf(bench: Bench, sizes: readonly number[]): Promise<{ sources: UploadInfo[]; content: Buffer }> {
  const contents = sizes.map((size, index) => seededBytes(60 + index, size))
  const sources: UploadInfo[] = []
  for (const content of contents) {
    const handle = await bench.create(content.byteLength, { concat: { kind: 'partial' } })
    if (content.byteLength > 0) await appendBytes(handle, content)
    await handle.finish()
    sources.push((await bench.reopen(handle.info.id)).info)
  }
  return { sources, content: Buffer.concat(contents) }
}

const finalOf = (sources: readonly UploadInfo[]): Concat => ({
  kind: 'final',
  partials: sources.map(({ id }) => id),
  field: `final;${sources.map(({ id }) => `/files/${id}`).join(' ')}`,
})

const createFinal = (bench: Bench, sources: readonly UploadInfo[], length?: number): Promise<UploadHandle> =>
  bench.create(length, { concat: finalOf(sources) })

async function joins(bench: Bench, sizes: readonly number[], length?: number): Promise<void> {
  const { sources, content } = await partialsOf(bench, sizes)
  const handle = await createFinal(bench, sources, length)
  await handle.concat!(sources)
  assert.equal(handle.info.state, 'complete')
  await bench.mustBeFinished(handle.info.id, content)
  if (!bench.harness.leftovers) return
  const left = await bench.harness.leftovers(handle.info.id)
  assert.ok(left.length <= 2, `only the object and its record stay, not ${left.join(', ')}`)
}

async function joinsTwice(bench: Bench): Promise<void> {
  const { sources, content } = await partialsOf(bench, [3_000])
  const twice = [sources[0]!, sources[0]!]
  const [first, second] = [await createFinal(bench, twice), await createFinal(bench, twice)]
  await first.concat!(twice)
  await second.concat!(twice)
  for (const { info } of [first, second]) await bench.mustBeFinished(info.id, Buffer.concat([content, content]))
}

async function isKept(bench: Bench): Promise<void> {
  const { sources } = await partialsOf(bench, [10, 20])
  const { info } = await createFinal(bench, sources)
  const { info: again } = await bench.reopen(info.id)
  assert.deepEqual(again.concat, finalOf(sources))
  assert.deepEqual([again.state, again.offset, again.length], ['open', 0, undefined])
  assert.deepEqual(sources[0]!.concat, { kind: 'partial' })
  assert.equal((await bench.reopen((await bench.create(5)).info.id)).info.concat, undefined)
}

async function isIdempotent(bench: Bench): Promise<void> {
  const { sources, content } = await partialsOf(bench, [1_000, 2_000])
  const handle = await createFinal(bench, sources)
  await handle.concat!(sources)
  const { etag, completedAt } = handle.info
  await handle.concat!(sources)
  const fresh = await bench.reopen(handle.info.id)
  await fresh.concat!([])
  await fresh.finish()
  assert.deepEqual([fresh.info.etag, fresh.info.completedAt], [etag, completedAt])
  await bench.mustBeFinished(handle.info.id, content)
}

async function atTheSameTime(bench: Bench): Promise<void> {
  const { sources, content } = await partialsOf(bench, [100_000, 6 * MiB, 5_000, 7 * MiB])
  const { id } = (await createFinal(bench, sources)).info
  const handles = await Promise.all([bench.reopen(id), bench.reopen(id), bench.reopen(id)])
  const results = await Promise.allSettled(handles.map((handle) => handle.concat!(sources)))
  const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as { code?: string }] : []))
  for (const error of failed) assert.ok((LOST as readonly string[]).includes(error.code ?? ''), String(error))
  assert.ok(failed.length < 3, 'one of them at least succeeds')
  await bench.mustBeFinished(id, content)
}

async function takesNoBytes(bench: Bench): Promise<void> {
  const { sources, content } = await partialsOf(bench, [10])
  const handle = await createFinal(bench, sources, 10)
  await rejectsWith(handle.append(0, bodyOf([content])), 'ERR_MODIFY_FINAL')
  await rejectsWith((await bench.reopen(handle.info.id)).finish(), 'ERR_INCOMPLETE_UPLOAD')
}

async function sourceIsGone(bench: Bench): Promise<void> {
  const { sources } = await partialsOf(bench, [6 * MiB, 10])
  const handle = await createFinal(bench, sources)
  const source = await bench.reopen(sources[1]!.id)
  if (!source.terminate) return bench.skip('the store cannot terminate')
  await source.terminate()
  await rejectsWith(handle.concat!(sources), 'ERR_CONFLICT')
  assert.equal((await bench.reopen(handle.info.id)).info.state, 'open')
}

async function fails(bench: Bench): Promise<void> {
  const { sources } = await partialsOf(bench, [10])
  const handle = await createFinal(bench, sources)
  await handle.fail!('one of them ended')
  const fresh = await bench.reopen(handle.info.id)
  assert.deepEqual([fresh.info.state, fresh.info.failure], ['failed', 'one of them ended'])
  await rejectsWith(fresh.concat!(sources), 'ERR_UPLOAD_GONE')
}

/** `beforeComplete` that fails stands for a crash there: the bytes are joined, and the record does not say so yet. */
async function goesOn(bench: Bench): Promise<void> {
  const { sources, content } = await partialsOf(bench, [6 * MiB, 1_000])
  const handle = await createFinal(bench, sources)
  const died = new Error('died')
  const dying = handle.concat!(sources, { beforeComplete: () => Promise.reject(died) })
  await assert.rejects(dying)
  for (const { id } of sources) await (await bench.reopen(id)).terminate?.()
  const fresh = await bench.reopen(handle.info.id)
  assert.equal(fresh.info.state, 'completing')
  let called = 0
  await fresh.concat!([], { beforeComplete: async () => void called++ })
  assert.equal(called, 1)
  await bench.mustBeFinished(handle.info.id, content)
}

async function remembers(bench: Bench): Promise<void> {
  const writing = await bench.create(10, { concat: { kind: 'partial' } })
  const { id } = writing.info
  await appendBytes(writing, seededBytes(90, 4))
  const other = await bench.reopen(id)
  if (!other.noteFinal || !other.finals) return bench.skip('the store notes nothing')
  assert.deepEqual(await other.finals(), [])
  await other.noteFinal('final-1')
  for (const final of ['final-2', 'final-3', 'final-1']) await (await bench.reopen(id)).noteFinal!(final)
  await appendBytes(writing, seededBytes(91, 6))
  assert.equal(writing.info.offset, 10, 'whoever writes it is not disturbed')
  assert.deepEqual((await (await bench.reopen(id)).finals!()).sort(), ['final-1', 'final-2', 'final-3'])
  await (await bench.reopen(id)).terminate?.()
  if (bench.harness.leftovers && other.terminate) assert.deepEqual(await bench.harness.leftovers(id), [])
}

async function isTerminated(bench: Bench, joined: boolean): Promise<void> {
  const { sources } = await partialsOf(bench, [10, 20])
  const handle = await createFinal(bench, sources)
  if (!handle.terminate) return bench.skip('the store cannot terminate')
  if (joined) await handle.concat!(sources)
  await handle.terminate()
  if (bench.harness.leftovers) assert.deepEqual(await bench.harness.leftovers(handle.info.id), [])
  for (const { id } of sources) assert.equal((await bench.reopen(id)).info.state, 'complete')
}

const can = 'concat'

export const JOINING: readonly Row[] = [
  ['a final upload keeps what it is to be made of', isKept, can],
  ['join one partial upload', (bench) => joins(bench, [5_000]), can],
  ['join small partial uploads', (bench) => joins(bench, [1, 0, 70_000, 3]), can],
  ['join with a length that was known', (bench) => joins(bench, [10, 20], 30), can],
  ['join empty partial uploads', (bench) => joins(bench, [0, 0]), can],
  ['join partial uploads of some MiB', (bench) => joins(bench, [6 * MiB, 5 * MiB, 11 * MiB + 1, 17]), can],
  ['join small between large', (bench) => joins(bench, [10, 12 * MiB, 3, 4, 6 * MiB, 6 * MiB, 1]), can],
  ['join one twice, and again in another final upload', joinsTwice, can],
  ['concat is idempotent, also for a fresh store', isIdempotent, can],
  ['concat by several stores at the same time', atTheSameTime, can],
  ['a final upload takes no bytes, and is not finished by itself', takesNoBytes, can],
  ['concat of an upload that is no longer there is refused, and can be tried again', sourceIsGone, can],
  ['a final upload that failed tells why', fails, can],
  ['concat that was cut before its end goes on without the partial uploads', goesOn, can],
  ['a partial upload remembers who waits for it', remembers, can],
  ['terminate a final upload: the partial uploads stay', (bench) => isTerminated(bench, false), can],
  ['terminate a joined one: the partial uploads stay', (bench) => isTerminated(bench, true), can],
]
