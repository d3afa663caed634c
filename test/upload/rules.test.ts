import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FailureCode, UploadError } from '../../src/errors.js'
import type { BodyEnd, UploadInfo } from '../../src/store/index.js'
import type { Append, Create } from '../../src/upload/command.js'
import {
  admitAppend,
  admitCreate,
  complaint,
  hasExpired,
  mustBeAlive,
  wantsCompletion,
} from '../../src/upload/rules.js'

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
}
const append: Append = {
  kind: 'append',
  id: 'a',
  offset: 40,
  length: undefined,
  bodyLength: undefined,
  checksum: undefined,
  completes: 'at-length',
  whenComplete: 'repeat',
  whenTooLong: 'keep',
}
const create: Create = {
  kind: 'create',
  length: 100,
  metadata: {},
  metadataField: undefined,
  withBody: true,
  bodyLength: undefined,
  checksum: undefined,
  completes: 'at-length',
  whenTooLong: 'keep',
}
const fails = (code: FailureCode) => (error: unknown) => {
  assert.ok(error instanceof UploadError)
  assert.equal(error.code, code)
  return true
}
const MAX = 1_000
/** Milliseconds since the epoch. */
const NOW = 10_000

/** Rule, what differs in the upload and in the request, the room that is left or the refusal. */
const appends: [string, Partial<UploadInfo>, Partial<Append>, number | FailureCode][] = [
  ['what is missing may come', {}, {}, 60],
  [
    'a final upload takes nothing',
    { concat: { kind: 'final', partials: ['b'], field: undefined } },
    {},
    'ERR_MODIFY_FINAL',
  ],
  [
    'a final upload takes nothing, whatever became of it',
    { concat: { kind: 'final', partials: ['b'], field: undefined }, state: 'failed' },
    {},
    'ERR_MODIFY_FINAL',
  ],
  ['a partial upload is one like others', { concat: { kind: 'partial' } }, {}, 60],
  ['all of it at once', {}, { bodyLength: 60 }, 60],
  ['not a byte more', {}, { bodyLength: 61 }, 'ERR_UPLOAD_SIZE_EXCEEDED'],
  ['an offset before the committed one', {}, { offset: 39 }, 'ERR_MISMATCHED_OFFSET'],
  ['an offset after it', {}, { offset: 41 }, 'ERR_MISMATCHED_OFFSET'],
  ['a deferred upload may grow to the limit', { length: undefined }, {}, 960],
  ['and not beyond', { length: undefined }, { bodyLength: 961 }, 'ERR_MAX_SIZE_EXCEEDED'],
  ['a length is declared', { length: undefined }, { length: 50 }, 10],
  ['a length that all bytes have reached', { length: undefined }, { length: 40 }, 0],
  ['a length below the bytes that are there', { length: undefined }, { length: 39 }, 'ERR_INVALID_UPLOAD_LENGTH'],
  ['a length above the limit', { length: undefined }, { length: 1_001 }, 'ERR_MAX_SIZE_EXCEEDED'],
  ['the same length again', {}, { length: 100 }, 60],
  ['another length', {}, { length: 101 }, 'ERR_LENGTH_ALREADY_DECLARED'],
  ['a finished upload takes nothing', { offset: 100, state: 'complete' }, { offset: 100 }, 0],
  ['an upload that has ended', { state: 'failed' }, {}, 'ERR_UPLOAD_GONE'],
  ['an upload in its last millisecond', { deadline: NOW + 1 }, {}, 60],
  ['an upload that has expired', { deadline: NOW }, {}, 'ERR_UPLOAD_GONE'],
]
for (const [rule, upload, request, expected] of appends) {
  test(`append: ${rule}`, () => {
    const admit = (): number => admitAppend({ ...info, ...upload }, { ...append, ...request }, MAX, NOW)
    if (typeof expected === 'number') assert.equal(admit(), expected)
    else assert.throws(admit, fails(expected))
  })
}

test('append: a refusal for the offset tells the right one', () => {
  assert.throws(
    () => admitAppend(info, { ...append, offset: 0 }, MAX, NOW),
    (error: unknown) => error instanceof UploadError && error.offset === 40,
  )
})

const creations: [string, Partial<Create>, FailureCode | undefined][] = [
  ['the largest', { length: 1_000 }, undefined],
  ['larger than the largest', { length: 1_001 }, 'ERR_MAX_SIZE_EXCEEDED'],
  ['a body that is the upload', { bodyLength: 100 }, undefined],
  ['a body past the length', { bodyLength: 101 }, 'ERR_UPLOAD_SIZE_EXCEEDED'],
  ['a body of a deferred upload past the limit', { length: undefined, bodyLength: 1_001 }, 'ERR_MAX_SIZE_EXCEEDED'],
  ['a body that is not for us', { withBody: false, bodyLength: 5_000 }, undefined],
]
for (const [rule, request, expected] of creations) {
  test(`create: ${rule}`, () => {
    const admit = (): void => admitCreate({ ...create, ...request }, MAX)
    if (expected) assert.throws(admit, fails(expected))
    else admit()
  })
}

test('an upload that has ended says why', () => {
  assert.throws(() => mustBeAlive({ ...info, state: 'failed', failure: 'expired' }, NOW), /expired/)
})

const FINAL = { kind: 'final', partials: ['b'], field: undefined } as const
const expiries: [string, Partial<UploadInfo>, boolean][] = [
  ['without a deadline', {}, false],
  ['before its deadline', { deadline: NOW + 1 }, false],
  ['at its deadline', { deadline: NOW }, true],
  ['past what the backend says, and not its own deadline', { expiresAt: 1, deadline: NOW + 1 }, false],
  ['with all its bytes', { deadline: 1, offset: 100 }, false],
  ['that is being completed', { deadline: 1, offset: 100, state: 'completing' }, false],
  ['that is finished', { deadline: 1, offset: 100, state: 'complete' }, false],
  ['that has ended otherwise', { deadline: 1, state: 'failed' }, false],
  ['of a deferred length', { deadline: 1, length: undefined }, true],
  ['that is final and waits', { deadline: 1, length: undefined, offset: 0, concat: FINAL }, true],
]
for (const [which, upload, expected] of expiries) {
  test(`an upload ${which} has ${expected ? '' : 'not '}expired`, () => {
    assert.equal(hasExpired({ ...info, ...upload }, NOW), expected)
  })
}

test('an upload that has expired says so, and what to do', () => {
  assert.throws(() => mustBeAlive({ ...info, deadline: NOW }, NOW), /expired.*create a new one/)
})

test('completion is wanted once all bytes are there and the object is not', () => {
  assert.equal(wantsCompletion(info), false)
  assert.equal(wantsCompletion({ ...info, offset: 100 }), true)
  assert.equal(wantsCompletion({ ...info, offset: 100, state: 'completing' }), true)
  assert.equal(wantsCompletion({ ...info, offset: 100, state: 'complete' }), false)
  assert.equal(wantsCompletion({ ...info, length: undefined, offset: 0 }), false)
})

const ends: [BodyEnd, Partial<UploadInfo>, 'yield' | 'shutdown' | undefined, FailureCode | undefined][] = [
  ['end', {}, undefined, undefined],
  ['disconnected', {}, undefined, 'ERR_UNEXPECTED_EOF'],
  ['timeout', {}, undefined, 'ERR_READ_TIMEOUT'],
  ['stopped', {}, 'yield', 'ERR_UPLOAD_INTERRUPTED'],
  ['stopped', {}, 'shutdown', 'ERR_SERVER_SHUTDOWN'],
  ['too-long', {}, undefined, 'ERR_UPLOAD_SIZE_EXCEEDED'],
  ['too-long', { length: undefined }, undefined, 'ERR_MAX_SIZE_EXCEEDED'],
  ['stopped', { state: 'complete' }, 'yield', undefined],
  ['disconnected', { state: 'complete' }, undefined, undefined],
]
for (const [ended, upload, stopped, expected] of ends) {
  const state = upload.state ?? 'open'
  test(`a body that ends as ${ended} (${stopped ?? 'by itself'}) of an upload that is ${state}: ${expected ?? 'fine'}`, () => {
    const body = { ended, length: undefined, stop: () => undefined, [Symbol.asyncIterator]: async function* () {} }
    assert.equal(complaint(body, { ...info, ...upload }, 'at-length', stopped)?.code, expected)
  })
}

test('a body that came whole, of a request that ends the upload, must end where the length is', () => {
  const body = { ended: 'end', length: undefined, stop: () => undefined, [Symbol.asyncIterator]: async function* () {} }
  assert.equal(complaint(body as never, info, 'yes', undefined)?.code, 'ERR_INCONSISTENT_UPLOAD_LENGTH')
  assert.equal(complaint(body as never, info, 'no', undefined), undefined)
  assert.equal(complaint(body as never, { ...info, state: 'complete' }, 'yes', undefined), undefined)
})
