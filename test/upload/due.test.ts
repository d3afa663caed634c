import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UploadInfo } from '../../src/store/index.js'
import { type Due, dueOf } from '../../src/upload/due.js'
import { Seen } from '../../src/upload/seen.js'

const NOW = 1_000_000
const DAY = 86_400
const LIMITS = { now: NOW, keepExpired: DAY, abandonedAfter: undefined }

const info: UploadInfo = {
  id: 'a',
  length: 100,
  metadata: {},
  metadataField: undefined,
  offset: 40,
  state: 'open',
  failure: undefined,
  createdAt: 0,
  completedAt: undefined,
  etag: undefined,
  storage: {},
  modifiedAt: NOW - 10 * DAY,
}

const whole: Partial<UploadInfo> = { offset: 100 }
const final: Partial<UploadInfo> = {
  length: undefined,
  offset: 0,
  concat: { kind: 'final', partials: ['b'], field: undefined },
}

const rows: [which: string, upload: Partial<UploadInfo>, due: Due, abandonedAfter?: number][] = [
  ['unfinished, without a deadline', {}, 'nothing'],
  ['unfinished, before its deadline', { deadline: NOW + 1 }, 'nothing'],
  ['unfinished, at its deadline', { deadline: NOW }, 'expire'],
  ['unfinished, long without a commit', {}, 'expire', 10 * DAY],
  ['unfinished, not that long without a commit', {}, 'nothing', 10 * DAY + 1],
  ['unfinished, long without a commit, but with a deadline to come', { deadline: NOW + 1 }, 'nothing', DAY],
  ['unfinished, and nobody knows when it was committed', { modifiedAt: undefined }, 'nothing', DAY],
  ['unfinished, past what the backend announced', { expiresAt: NOW }, 'settle'],
  ['unfinished, past what the backend announced, with a deadline', { expiresAt: NOW, deadline: NOW + 1 }, 'settle'],
  ['unfinished, past both', { expiresAt: NOW, deadline: NOW }, 'expire'],
  ['all there and not said to be all', whole, 'nothing'],
  ['all there, past its deadline', { ...whole, deadline: NOW }, 'complete'],
  ['all there, long without a commit', whole, 'complete', DAY],
  ['being completed', { ...whole, state: 'completing' }, 'complete'],
  ['being completed, past its deadline', { ...whole, state: 'completing', deadline: NOW }, 'complete'],
  ['complete', { ...whole, state: 'complete', deadline: NOW }, 'nothing', 1],
  ['complete, with leftovers', { ...whole, state: 'complete', leftovers: true }, 'tidy'],
  ['failed', { state: 'failed', modifiedAt: NOW - DAY + 1, deadline: NOW }, 'clear'],
  ['failed long ago', { state: 'failed', modifiedAt: NOW - DAY }, 'remove'],
  ['failed at a time that nobody knows', { state: 'failed', modifiedAt: undefined }, 'clear'],
  ['a final upload that waits', final, 'drive'],
  ['a final upload that has waited for long', final, 'drive', DAY],
  ['a final upload with a deadline of its own, past it', { ...final, deadline: NOW }, 'expire'],
]
for (const [which, upload, due, abandonedAfter] of rows) {
  const days = abandonedAfter === undefined ? '' : `, and ${abandonedAfter / DAY} days are long`
  test(`an upload that is ${which}${days}: ${due}`, () => {
    assert.equal(dueOf({ ...info, ...upload }, { ...LIMITS, abandonedAfter }), due)
  })
}

test('what was seen is known again, and nothing else; the memory for it is fixed', () => {
  const seen = new Seen(64)
  assert.equal(seen.has('a'), false)
  for (let name = 0; name < 1_000; name++) {
    seen.add(`${name}`)
    assert.equal(seen.has(`${name}`), true)
  }
  const known = Array.from({ length: 1_000 }, (_, name) => seen.has(`${name}`)).filter(Boolean).length
  assert.ok(known > 30 && known <= 64, `${known} of 64 places`)
  for (let name = 1_000; name < 3_000; name++) assert.equal(seen.has(`${name}`), false)
})
