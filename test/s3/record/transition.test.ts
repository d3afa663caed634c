import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRecord, encodeRecord } from '../../../src/s3/record/codec.js'
import { chainEtag, type Segment, type UploadRecord } from '../../../src/s3/record/record.js'
import { checkTransition } from '../../../src/s3/record/transition.js'

const before: UploadRecord = {
  id: 'a',
  length: 100,
  metadata: { filename: 'ü' },
  metadataField: 'filename w7w=',
  commit: 'c1',
  state: 'open',
  failure: undefined,
  offset: 25,
  uploadId: 'u',
  token: 't',
  base: undefined,
  partSize: 10,
  parts: 2,
  partBytes: 20,
  partsDigest: chainEtag(chainEtag('', '"x"'), '"y"'),
  tail: [{ slot: 0, length: 5, etag: '"t"', crc32: 7 }],
  slots: ['"t"', null, null, null, null, null, null, null],
  crc32: 1,
  etag: undefined,
  replaces: undefined,
  joined: undefined,
  createdAt: 1,
  expiresAt: undefined,
  deadline: 42,
  completedAt: undefined,
  leftovers: undefined,
}

const whole: Partial<UploadRecord> = { length: 25, parts: 3, partBytes: 25, tail: [], state: 'completing' }

/** Three parts of another server, of several sizes, and one of the grid. */
const adopted: UploadRecord = {
  ...before,
  token: undefined,
  base: { parts: 3, bytes: 37 },
  parts: 4,
  partBytes: 47,
  offset: 52,
  crc32: undefined,
  tail: [{ slot: 0, length: 5, etag: '"t"', crc32: undefined }],
}

/** Rule, change that breaks it (on top of a fresh nonce), what the refusal says. */
const refused: [string, Partial<UploadRecord>, RegExp][] = [
  ['an offset never goes back', { offset: 20, tail: [] }, /never goes back/],
  ['an offset is what is stored', { offset: 26 }, /bytes of the parts and the tail/],
  [
    'a part is not dropped',
    { parts: 1, partBytes: 10, tail: [{ slot: 1, length: 15, etag: '', crc32: 0 }] },
    /stays committed/,
  ],
  ['parts are on the grid', { partBytes: 9, offset: 14 }, /bytes of the parts/],
  ['a nonce is not used again', { commit: 'c1' }, /nonce/],
  ['a deadline is not brought forward', { deadline: 41 }, /put off/],
  ['a deadline is not taken back', { deadline: undefined }, /put off/],
  ['a declared length stays', { length: 101 }, /length stays/],
  ['a length is not taken back', { length: undefined }, /length stays/],
  ['the grid is fixed', { partSize: 12 }, /grid/],
  ['the multipart upload is fixed', { uploadId: 'other' }, /parts stay/],
  ['the parts need their multipart upload', { uploadId: undefined }, /belong/],
  ['an incomplete upload is not completed', { state: 'completing' }, /has all its bytes/],
  ['a complete upload has an object', { state: 'complete', length: 25 }, /object/],
  ['a slot holds one segment', { tail: [...before.tail, ...before.tail], offset: 30 }, /one segment/],
  ['the length is not passed', { parts: 10, partBytes: 100, offset: 105 }, /pass the length/],
  ['the object of a completion can be recognised', { ...whole, token: undefined }, /told from another/],
  ['the base stays', { base: { parts: 1, bytes: 10 } }, /another server stored/],
  ['another upload is not overwritten', { id: 'b' }, /keeps its ID/],
]
for (const [rule, change, message] of refused) {
  test(`refused: ${rule}`, () => {
    assert.throws(() => checkTransition(before, { ...before, commit: 'c2', ...change }), message)
  })
}

const allowed: [string, UploadRecord, Partial<UploadRecord>][] = [
  ['more parts, no tail', before, { parts: 4, partBytes: 40, tail: [], offset: 40 }],
  ['a longer tail', before, { tail: [...before.tail, { slot: 1, length: 3, etag: '', crc32: 0 }], offset: 28 }],
  ['a merged tail', before, { tail: [{ slot: 1, length: 5, etag: '', crc32: 0 }] }],
  ['a last part that is short', { ...before, length: 25 }, { parts: 3, partBytes: 25, tail: [], state: 'completing' }],
  ['the grid begins after the base', adopted, { parts: 5, partBytes: 57, offset: 57, tail: [] }],
  [
    'without marks, the object of before is known',
    { ...adopted, length: 52 },
    { parts: 5, partBytes: 52, tail: [], state: 'completing', replaces: null },
  ],
  ['a termination', before, { state: 'failed', failure: 'terminated' }],
  [
    'one object of all bytes',
    {
      ...before,
      length: 25,
      parts: 0,
      partBytes: 0,
      uploadId: undefined,
      tail: [{ slot: 0, length: 25, etag: '', crc32: 0 }],
    },
    { tail: [], etag: '"e"', state: 'complete' },
  ],
]
for (const [rule, from, change] of allowed) {
  test(`allowed: ${rule}`, () => checkTransition(from, { ...from, commit: 'c2', ...change }))
}

test('refused: parts after the base that are not on the grid', () => {
  const next = { ...adopted, commit: 'c2' }
  assert.throws(() => checkTransition(adopted, { ...next, parts: 5, partBytes: 60, offset: 65 }), /bytes of the parts/)
  assert.throws(() => checkTransition(undefined, { ...next, base: { parts: 5, bytes: 47 } }), /bytes of the parts/)
})

/** A final upload whose parts are being made: they are committed all at once. */
const joining: UploadRecord = {
  ...before,
  joined: {
    kind: 'final',
    partials: ['p', 'q', 'p'],
    field: 'final;/p /q /p',
    layout: { least: 5, most: 50 },
  },
  length: 100,
  offset: 0,
  partSize: 0,
  parts: 0,
  partBytes: 0,
  partsDigest: '',
  tail: [],
  crc32: undefined,
}
const joined: Partial<UploadRecord> = { parts: 3, partBytes: 100, offset: 100, state: 'completing', partsDigest: 'd' }
const { joined: parts } = joining as { joined: NonNullable<UploadRecord['joined']> & { kind: 'final' } }
const ofFinal: [string, Partial<UploadRecord>, RegExp | undefined][] = [
  ['all parts at once, of whatever sizes', joined, undefined],
  [
    'another multipart upload with another layout',
    { uploadId: 'v', joined: { ...parts, layout: { least: 8, most: 8 } } },
    undefined,
  ],
  ['some bytes while it is open', { parts: 1, partBytes: 40, offset: 40 }, /no bytes before it has all/],
  ['less than all bytes', { ...joined, partBytes: 90, offset: 90 }, /has all its bytes/],
  ['an offset that is not the parts', { ...joined, partBytes: 90 }, /bytes of the parts/],
  ['bytes of a client', { ...joined, tail: [{ slot: 0, length: 0, etag: '', crc32: 0 }] }, /bytes of a client/],
  ['another list', { joined: { ...parts, partials: ['p', 'q'] } }, /is to concatenation stays/],
  ['a list no more', { joined: undefined }, /is to concatenation stays/],
  ['a partial upload instead', { joined: { kind: 'partial' } }, /is to concatenation stays/],
  [
    'another layout of the same multipart upload',
    { joined: { ...parts, layout: { least: 8, most: 8 } } },
    /as they were cut/,
  ],
]
for (const [rule, change, message] of ofFinal) {
  test(`a final upload, ${message ? 'refused' : 'allowed'}: ${rule}`, () => {
    const check = () => checkTransition(joining, { ...joining, commit: 'c2', ...change })
    if (message) assert.throws(check, message)
    else check()
  })
}
test('the record of a final upload comes back from JSON as it went in', () =>
  assert.deepEqual(decodeRecord(encodeRecord(joining, {})), joining))

test('states only go forward', () => {
  const complete = { ...before, length: 25, parts: 3, partBytes: 25, tail: [], state: 'complete', etag: '"e"' } as const
  const next = { ...complete, tail: [...complete.tail], slots: [...complete.slots], commit: 'c2' }
  assert.throws(() => checkTransition({ ...next, commit: 'c1' }, { ...next, state: 'open' }), /earlier one/)
  const failed = { ...next, state: 'failed' as const, commit: 'c1' }
  assert.throws(() => checkTransition(failed, { ...next, state: 'complete' }), /earlier one/)
})

/** JSON has no undefined, and a segment no field for it. */
const withoutUnknown = (record: UploadRecord): UploadRecord => ({
  ...record,
  tail: record.tail.map(({ slot, length, etag }) => ({ slot, length, etag }) as Segment),
})

test('a record comes back from JSON as it went in', () => {
  assert.deepEqual(decodeRecord(encodeRecord(before, {})), before)
  assert.deepEqual(decodeRecord(encodeRecord(withoutUnknown(adopted), {})), withoutUnknown(adopted))
  const joined = { ...before, joined: { kind: 'partial' as const } }
  assert.deepEqual(decodeRecord(encodeRecord(joined, {})), joined)
  const deferred = { ...before, length: undefined }
  assert.deepEqual(decodeRecord(encodeRecord(deferred, {})), deferred)
})
test('the record is tusd’s FileInfo', () => {
  const info = JSON.parse(encodeRecord(before, { Type: 's3store', Bucket: 'b', Key: 'k' }))
  assert.deepEqual(
    { ...info, Holdfast: undefined },
    {
      ID: 'a',
      Size: 100,
      SizeIsDeferred: false,
      Offset: 25,
      MetaData: { filename: 'ü' },
      IsPartial: false,
      IsFinal: false,
      PartialUploads: null,
      Storage: { Type: 's3store', Bucket: 'b', Key: 'k' },
      Holdfast: undefined,
    },
  )
})
for (const text of ['', '{', 'null', '[]', '{"ID":"a"}', '{"Holdfast":{}}']) {
  test(`no record: ${text || 'nothing'}`, () => assert.equal(decodeRecord(text), undefined))
}
test('a record of a later version is left alone', () => {
  const later = encodeRecord(before, {}).replace('"version":1', '"version":2')
  assert.throws(() => decodeRecord(later), /later version/)
})
