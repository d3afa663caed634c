/**
 * Rows about two stores, as two processes have them, that write the same upload at once.
 * @module
 */
import assert from 'node:assert/strict'
import { UploadError } from '../../errors.js'
import type { UploadHandle } from '../../store/store.js'
import { appendBytes, type Bench, contentOf, LOST, MiB, type Row, sha256 } from './bench.js'
import { bodyOf, chunksOf, seededBytes } from './body.js'

/** What both writers find: the same beginning, then each brings bytes of its own. */
interface Race {
  /** Committed before. */
  before: number
  /** Bytes that each writer brings. */
  bring: number
  /** Bytes that are missing when a writer has brought its own: 0 makes it the end of the upload. */
  missing: number
}

async function race(bench: Bench, { before, bring, missing }: Race): Promise<void> {
  const start = seededBytes(50, before)
  const created = await bench.create(before + bring + missing)
  const { id } = created.info
  if (before > 0) await appendBytes(created, start)
  const handles = [await bench.reopen(id), await bench.reopen(id)]
  const contents = [seededBytes(51, bring), seededBytes(52, bring)]
  const write = (handle: UploadHandle, index: number): Promise<number> =>
    handle.append(before, bodyOf(chunksOf(contents[index]!, 40_000), { length: bring }))
  const results = await Promise.allSettled(handles.map(write))
  const winners = results.flatMap((result, index) =>
    result.status === 'fulfilled' && result.value > before ? [index] : [],
  )
  assert.equal(winners.length, 1, `one writer wins: ${JSON.stringify(results)}`)
  for (const result of results) if (result.status === 'rejected') mustHaveLost(result.reason)
  await mustContinue(bench, id, Buffer.concat([start, contents[winners[0]!]!, seededBytes(53, missing)]), results)
}

function mustHaveLost(reason: unknown): void {
  if (!(reason instanceof UploadError)) throw reason
  assert.ok(LOST.includes(reason.code), `the loser failed with ${reason.code}: ${reason.stack}`)
}

/** The winner's bytes are what is stored: brings the rest of them and compares the whole. */
async function mustContinue(
  bench: Bench,
  id: string,
  content: Buffer,
  results: PromiseSettledResult<number>[],
): Promise<void> {
  const committed = Math.max(...results.map((result) => (result.status === 'fulfilled' ? result.value : 0)))
  const fresh = await bench.reopen(id)
  assert.equal(fresh.info.offset, committed, 'what was acknowledged is what is committed')
  if (committed < content.byteLength) await appendBytes(fresh, content.subarray(committed))
  await fresh.finish()
  assert.equal(sha256(await contentOf(fresh)), sha256(content), 'the content is one of the two, never a mix')
  await bench.mustBeFinished(id, content)
}

async function staleHandle(bench: Bench): Promise<void> {
  const content = seededBytes(54, 300)
  const first = await bench.create(300)
  await appendBytes(first, content.subarray(0, 100))
  await appendBytes(await bench.reopen(first.info.id), content.subarray(100, 200))
  await first
    .append(100, bodyOf([seededBytes(55, 100)]))
    .then(() => assert.fail('a stale handle overwrote what was committed'), mustHaveLost)
  const fresh = await bench.reopen(first.info.id)
  assert.equal(fresh.info.offset, 200)
  await appendBytes(fresh, content.subarray(200))
  await fresh.finish()
  await bench.mustBeFinished(first.info.id, content)
}

async function finishersRace(bench: Bench): Promise<void> {
  const content = seededBytes(56, 6 * MiB)
  const created = await bench.create(content.byteLength)
  await appendBytes(created, content)
  const { id } = created.info
  const finish = async (): Promise<void> => (await bench.reopen(id)).finish()
  const results = await Promise.allSettled([finish(), finish(), finish()])
  for (const result of results) if (result.status === 'rejected') mustHaveLost(result.reason)
  await (await bench.reopen(id)).finish()
  await bench.mustBeFinished(id, content)
}

async function creatorsRace(bench: Bench): Promise<void> {
  const { id } = (await bench.create(1)).info
  await (await bench.reopen(id)).terminate?.()
  const another = `${id}-again`
  const results = await Promise.allSettled([1, 2, 3].map((length) => bench.create(length, { id: another })))
  const won = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index + 1] : []))
  assert.equal(won.length, 1, 'one creation wins')
  for (const result of results) if (result.status === 'rejected') mustHaveLost(result.reason)
  assert.equal((await bench.reopen(another)).info.length, won[0])
}

export const RACING: readonly Row[] = [
  ['of two writers of few bytes one wins', (bench) => race(bench, { before: 10, bring: 1_000, missing: 5 })],
  ['of two writers at offset 0 one wins', (bench) => race(bench, { before: 0, bring: 100_000, missing: 1 })],
  ['of two writers of many bytes one wins', (bench) => race(bench, { before: 70_000, bring: 7 * MiB, missing: 9 })],
  ['of two writers that both end the upload one wins', (bench) => race(bench, { before: 9, bring: 500, missing: 0 })],
  [
    'of two writers that both end a large upload one wins',
    (bench) => race(bench, { before: 9, bring: 7 * MiB, missing: 0 }),
  ],
  ['a write through a stale handle loses and changes nothing', staleHandle],
  ['finishing at once from three sides makes one object', finishersRace],
  ['of three creations with one ID one wins', creatorsRace],
]
