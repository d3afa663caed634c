/**
 * Rows about deadlines, and about finding the uploads again that nobody asks for.
 * @module
 */
import assert from 'node:assert/strict'
import type { UploadInfo } from '../../store/info.js'
import { appendBytes, type Bench, type Row } from './bench.js'
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

export const EXPIRING: readonly Row[] = [
  ['a deadline that was given at creation is kept and told', deadlineIsKept],
  ['a deadline is put off by the commit that stores bytes, and never brought forward', deadlineIsPutOff],
  ['a deadline is put off by a body that breaks off, too', deadlineIsPutOffByHalves],
  ['an upload without a deadline may get one with its bytes', deadlineComesLater],
  ['a finished upload does not expire', wholeHasNoExpiry],
]
