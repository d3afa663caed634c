/**
 * Rows about deadlines, and about finding the uploads again that nobody asks for.
 * @module
 */
import assert from 'node:assert/strict'
import type { UploadInfo } from '../../store/info.js'
import type { ListedUpload, Store } from '../../store/store.js'
import { appendBytes, type Bench, LOST, MiB, newId, type Row, rejectsWith } from './bench.js'
import { bodyOf, seededBytes } from './body.js'

const HOUR = 3_600_000

/** Whole milliseconds, as a clock gives them. */
const inHours = (hours: number): number => Date.now() + hours * HOUR

const deadlines = ({ deadline, expiresAt }: UploadInfo): (number | undefined)[] => [deadline, expiresAt]

async function deadlineIsKept(bench: Bench): Promise<void> {
  const deadline = inHours(1)
  const created = await bench.create(100, { deadline })
  assert.deepEqual(deadlines(created.info), [deadline, deadline], 'told, also as expiresAt')
  assert.deepEqual(deadlines((await bench.reopen(created.info.id)).info), [deadline, deadline])
  await appendBytes(created, seededBytes(1, 10))
  const { info } = await bench.reopen(created.info.id)
  assert.deepEqual(deadlines(info), [deadline, deadline], 'bytes alone do not put it off')
}

async function deadlineIsPutOff(bench: Bench): Promise<void> {
  const [first, second] = [inHours(1), inHours(2)]
  const created = await bench.create(100, { deadline: first, appendFollows: true })
  await appendBytes(created, seededBytes(1, 10), { deadline: () => second })
  assert.equal(created.info.deadline, second)
  assert.deepEqual(deadlines((await bench.reopen(created.info.id)).info), [second, second])
  await appendBytes(created, seededBytes(2, 10), { deadline: () => first })
  assert.equal((await bench.reopen(created.info.id)).info.deadline, second, 'never to an earlier time')
}

async function deadlineIsPutOffByHalves(bench: Bench): Promise<void> {
  const [first, second] = [inHours(1), inHours(2)]
  const created = await bench.create(100, { deadline: first })
  const broken = bodyOf([seededBytes(1, 10)], { end: 'disconnected' })
  assert.equal(await created.append(0, broken, { deadline: () => second }), 10)
  assert.equal((await bench.reopen(created.info.id)).info.deadline, second)
}

async function deadlineComesLater(bench: Bench): Promise<void> {
  const created = await bench.create(100)
  assert.equal(created.info.deadline, undefined)
  const deadline = inHours(1)
  await appendBytes(created, seededBytes(1, 10), { deadline: () => deadline })
  assert.equal((await bench.reopen(created.info.id)).info.deadline, deadline)
}

async function wholeHasNoExpiry(bench: Bench): Promise<void> {
  const created = await bench.create(10, { deadline: inHours(1) })
  await appendBytes(created, seededBytes(1, 10), { deadline: () => inHours(2) })
  await created.finish()
  const { info } = await bench.reopen(created.info.id)
  assert.deepEqual([info.state, info.expiresAt], ['complete', undefined])
}

/** What the list has of these IDs; other rows have left uploads of their own. */
async function listed(store: Store, ids: readonly string[]): Promise<Map<string, ListedUpload & { info: UploadInfo }>> {
  const found = new Map<string, ListedUpload & { info: UploadInfo }>()
  for await (const entry of store.list!()) {
    const info = await entry.read()
    if (info === undefined || !ids.includes(info.id)) continue
    assert.ok(!found.has(info.id), `${info.id} is listed once`)
    found.set(info.id, { ...entry, info })
  }
  return found
}

async function listHasAll(bench: Bench): Promise<void> {
  const store = await bench.store()
  const before = Date.now()
  const open = await bench.create(100, { store, deadline: inHours(1) })
  await appendBytes(open, seededBytes(1, 10))
  const nested = await bench.create(100, { store, id: `${newId()}/a/b` })
  const finished = await bench.finished(seededBytes(2, 5))
  const failed = await bench.create(100, { store })
  await failed.fail('It had to be.')
  const gone = await bench.create(100, { store })
  await gone.terminate?.()
  const all = [open, nested, finished, failed]
  const ids = [...all, gone].map(({ info }) => info.id)
  const found = await listed(await bench.store(), ids)
  assert.deepEqual([...found.keys()].sort(), all.map(({ info }) => info.id).sort())
  for (const { info } of all) {
    const { modifiedAt, ...seen } = found.get(info.id)!.info
    const { modifiedAt: _, ...known } = info
    assert.deepEqual(seen, known, 'as a handle tells it')
    for (const time of [modifiedAt, found.get(info.id)!.modifiedAt]) {
      // A minute to either side: clocks of a backend may differ from ours.
      assert.ok(time !== undefined && Math.abs(time - before) < 60_000, 'when it was committed')
    }
  }
}

async function listIsLong(bench: Bench): Promise<void> {
  const store = await bench.store()
  const many = await Promise.all(Array.from({ length: 25 }, () => bench.create(100, { store })))
  const ids = many.map(({ info }) => info.id)
  assert.deepEqual([...(await listed(store, ids)).keys()].sort(), ids.sort())
}

async function versionsTellCommits(bench: Bench): Promise<void> {
  const store = await bench.store()
  const created = await bench.create(100, { store })
  const { id } = created.info
  const versionNow = async (): Promise<string> => (await listed(await bench.store(), [id])).get(id)!.version
  const first = await versionNow()
  assert.equal(await versionNow(), first, 'the same as long as nothing is committed')
  await appendBytes(created, seededBytes(1, 10))
  const second = await versionNow()
  assert.notEqual(second, first)
  await created.fail('It had to be.')
  assert.notEqual(await versionNow(), second)
}

async function whatIsGoneIsNotRead(bench: Bench): Promise<void> {
  const store = await bench.store()
  const created = await bench.create(100, { store })
  const entry = (await listed(store, [created.info.id])).get(created.info.id)!
  await created.terminate?.()
  assert.equal(await entry.read(), undefined)
}

async function failLeavesTheRecord(bench: Bench): Promise<void> {
  const created = await bench.create(12 * MiB, { deadline: inHours(1) })
  const { id } = created.info
  await appendBytes(created, seededBytes(1, 11 * MiB))
  const before = (await bench.harness.leftovers?.(id)) ?? []
  for (const _ of ['once', 'twice']) {
    await (await bench.reopen(id)).fail('It had to be.')
    const { info } = await bench.reopen(id)
    assert.deepEqual([info.state, info.failure, info.expiresAt], ['failed', 'It had to be.', undefined])
    await rejectsWith((await bench.reopen(id)).append(info.offset, bodyOf([seededBytes(2, 1)])), 'ERR_UPLOAD_GONE')
  }
  const after = (await bench.harness.leftovers?.(id)) ?? []
  if (bench.harness.leftovers) assert.ok(after.length === 1 && before.length > 1, `left: ${after.join()}`)
}

async function failSparesWhatIsWhole(bench: Bench): Promise<void> {
  const content = seededBytes(1, 1_000)
  const finished = await bench.finished(content)
  await rejectsWith(finished.fail('It had to be.'), 'ERR_CONFLICT')
  await bench.mustBeFinished(finished.info.id, content)
}

async function failLosesToAnAppend(bench: Bench): Promise<void> {
  const content = seededBytes(1, 1_000)
  const created = await bench.create(content.byteLength)
  const { id } = created.info
  const late = await bench.reopen(id)
  await appendBytes(created, content.subarray(0, 400))
  await rejectsWith(late.fail('It had to be.'), ...LOST)
  await appendBytes(await bench.reopen(id), content.subarray(400))
  await (await bench.reopen(id)).finish()
  await bench.mustBeFinished(id, content)
}

/** An append that was begun before has nothing acknowledged that is lost: it is told. */
async function appendLosesToFail(bench: Bench): Promise<void> {
  const created = await bench.create(1_000)
  const { id } = created.info
  const late = await bench.reopen(id)
  await created.fail('It had to be.')
  await rejectsWith(late.append(0, bodyOf([seededBytes(1, 1_000)])), 'ERR_UPLOAD_GONE', ...LOST)
  assert.equal((await bench.reopen(id)).info.state, 'failed')
  const left = (await bench.harness.leftovers?.(id)) ?? []
  assert.ok(left.length <= 1, `only the record stays: ${left.join()}`)
}

export const EXPIRING: readonly Row[] = [
  ['a deadline that was given at creation is kept and told', deadlineIsKept],
  ['a deadline is put off by the commit that stores bytes, and never brought forward', deadlineIsPutOff],
  ['a deadline is put off by a body that breaks off, too', deadlineIsPutOffByHalves],
  ['an upload without a deadline may get one with its bytes', deadlineComesLater],
  ['a finished upload does not expire', wholeHasNoExpiry],
  ['the list has all uploads of this store, whatever their state and ID, as a handle tells them', listHasAll, 'list'],
  ['the list has more than fits on one page', listIsLong, 'list'],
  ['an entry of the list has another version after each commit, and only then', versionsTellCommits, 'list'],
  ['an entry of the list whose record is gone reads nothing', whatIsGoneIsNotRead, 'list'],
  ['an upload that is failed keeps its record and nothing else; twice does no harm', failLeavesTheRecord, 'list'],
  ['an upload that has all its bytes is not failed', failSparesWhatIsWhole, 'list'],
  ['who would fail an upload that went on meanwhile loses, and no byte is lost', failLosesToAnAppend, 'list'],
  ['who goes on with an upload that was failed meanwhile loses, and leaves nothing', appendLosesToFail, 'list'],
]
