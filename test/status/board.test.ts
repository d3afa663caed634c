import assert from 'node:assert/strict'
import { test } from 'node:test'
import { merge, StatusBoard } from '../../src/status/board.js'
import type { UploadInfo } from '../../src/store/info.js'

let now = 1_000_000
const board = () => new StatusBoard({ now: () => now })

const upload = (id: string, offset: number, more: Partial<UploadInfo> = {}): UploadInfo => ({
  ...{ id, offset, length: 1_000, metadata: { filename: `${id}.bin` }, metadataField: undefined, state: 'open' },
  ...{ failure: undefined, createdAt: now, completedAt: undefined, etag: undefined, storage: {} },
  ...more,
})

const from = (remoteAddress: string) => ({ method: 'PATCH', target: '/files/a', headers: {}, remoteAddress })

test('an upload is told from its creation to its end', () => {
  const status = board()
  status.created(upload('a', 0), from('10.0.0.1'))
  status.appendBegan(upload('a', 0), from('10.0.0.2'))
  now += 1_000
  status.stored(upload('a', 400), 400)
  const [shown] = status.snapshot().uploads
  const { id, name, size, offset, rate, isActive, client } = shown!
  assert.deepEqual(
    { id, name, size, offset, rate, isActive, client },
    { id: 'a', name: 'a.bin', size: 1_000, offset: 400, rate: 400, isActive: true, client: '10.0.0.2' },
  )
  status.appendEnded(upload('a', 400), from('10.0.0.2'))
  assert.deepEqual([status.snapshot().uploads[0]!.isActive, status.snapshot().uploads[0]!.rate], [false, 0])
  const complete = upload('a', 1_000, { state: 'complete' })
  status.appendBegan(upload('a', 400), from('10.0.0.2'))
  status.stored(complete, 600)
  status.appendEnded(complete, from('10.0.0.2'))
  status.finished(complete)
  const { uploads, ended, totals } = status.snapshot()
  assert.deepEqual(uploads, [])
  assert.deepEqual([ended[0]!.id, ended[0]!.end, ended[0]!.client], ['a', 'finished', '10.0.0.2'])
  assert.deepEqual([totals.created, totals.finished, totals.bytes], [1, 1, 1_000])
})

test('what failed says why, and what was terminated is no failure', () => {
  const status = board()
  status.failed(upload('a', 5, { state: 'failed', failure: 'It is a virus.' }))
  status.terminated(upload('b', 5))
  const { ended, totals } = status.snapshot()
  assert.deepEqual(
    ended.map(({ id, end, reason }) => [id, end, reason]),
    [
      ['b', 'terminated', undefined],
      ['a', 'failed', 'It is a virus.'],
    ],
  )
  assert.deepEqual([totals.failed, totals.terminated], [1, 1])
})

test('seconds tell bytes, and requests to the store; those of more than five minutes ago are forgotten', () => {
  const status = board()
  status.stored(upload('a', 10), 10)
  status.storeCall({ operation: 'putObject', duration: 20, attempt: 1, failure: undefined })
  status.storeCall({ operation: 'putObject', duration: 40, attempt: 1, failure: 'SlowDown' })
  const at = Math.floor(now / 1_000)
  assert.deepEqual(status.snapshot().seconds, [{ at, bytes: 10, calls: 2, failed: 1, callTime: 60, slowest: 40 }])
  now += 301_000
  assert.deepEqual(status.snapshot().seconds, [])
})

test('memory is bounded, whatever comes', () => {
  const status = board()
  for (let index = 0; index < 12_000; index++) status.created(upload(`u${index}`, 0), undefined)
  const { uploads, more } = status.snapshot()
  assert.deepEqual([uploads.length, more, uploads[0]!.id], [500, 9_500, 'u11999'])
  for (let index = 0; index < 300; index++) status.terminated(upload(`u${index}`, 0))
  assert.equal(status.snapshot().ended.length, 200)
})

test('what several processes saw adds up, and an upload that moved between them is told once', () => {
  const [first, second] = [board(), board()]
  first.created(upload('a', 0), undefined)
  first.created(upload('b', 0), undefined)
  first.stored(upload('a', 10), 10)
  now += 5
  second.appendBegan(upload('a', 10), from('10.0.0.9'))
  second.stored(upload('a', 30), 20)
  second.finished(upload('b', 1_000, { state: 'complete' }))
  const { uploads, ended, totals, seconds } = merge([first.snapshot(), second.snapshot()])
  assert.deepEqual(
    uploads.map(({ id, offset, client }) => [id, offset, client]),
    [['a', 30, '10.0.0.9']],
  )
  assert.deepEqual(
    ended.map(({ id }) => id),
    ['b'],
  )
  assert.deepEqual([totals.created, totals.finished, totals.bytes], [2, 1, 30])
  assert.equal(
    seconds.reduce((sum, { bytes }) => sum + bytes, 0),
    30,
  )
})
