import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recogniseInfo } from '../../../src/s3/foreign/info.js'

const tusd = {
  ID: 'a+b+mp',
  Size: 10,
  SizeIsDeferred: false,
  Offset: 0,
  MetaData: { filename: 'x' },
  IsPartial: false,
  IsFinal: false,
  PartialUploads: null,
  Storage: { Bucket: 'b', Key: 'in/a', Type: 's3store' },
}
const tusNode = { id: 'a', size: 10, offset: 0, metadata: { name: null }, creation_date: '2026-01-02T03:04:05.678Z' }
const marks = { 'upload-id': 'mp', 'tus-version': '1.0.0' }
const infoOf = (value: unknown, metadata = {}) => ({ text: JSON.stringify(value), metadata, modified: 7 })

test('of tusd, the multipart upload is what follows the name of the object in the ID', () => {
  const { uploadId, length, key, createdAt, joined } = recogniseInfo(infoOf(tusd), 'a+b')!
  assert.deepEqual(
    { uploadId, length, key, createdAt, joined },
    {
      uploadId: 'mp',
      length: 10,
      key: 'in/a',
      createdAt: 7,
      joined: undefined,
    },
  )
  assert.equal(recogniseInfo(infoOf(tusd), 'a')!.uploadId, 'b+mp')
})
test('of @tus/s3-store, the multipart upload is in the metadata of the object', () => {
  const { uploadId, length, metadata, createdAt } = recogniseInfo(infoOf(tusNode, marks), 'a')!
  assert.deepEqual(
    { uploadId, length, metadata, createdAt },
    {
      uploadId: 'mp',
      length: 10,
      metadata: { name: '' },
      createdAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    },
  )
})
test('a deferred length has no value, whatever the size says', () => {
  assert.equal(recogniseInfo(infoOf({ ...tusd, SizeIsDeferred: true, Size: 0 }), 'a+b')!.length, undefined)
  assert.equal(recogniseInfo(infoOf({ ...tusNode, size: undefined }, marks), 'a')!.length, undefined)
})
test('what tusd says of concatenation is kept', () => {
  const final = { ...tusd, IsFinal: true, PartialUploads: ['c+d'] }
  const joined = { kind: 'final', partials: ['c+d'], field: undefined }
  assert.deepEqual(recogniseInfo(infoOf(final), 'a+b')!.joined, joined)
  assert.deepEqual(recogniseInfo(infoOf({ ...tusd, IsPartial: true }), 'a+b')!.joined, { kind: 'partial' })
})

/** What is wrong, the JSON, the metadata of the object. */
const rows: [string, unknown, Record<string, string>][] = [
  ['no object', [tusd], {}],
  ['nothing', null, {}],
  ['tusd with another backend', { ...tusd, Storage: { Type: 'filestore', Path: '/x' } }, {}],
  ['tusd with another ID', { ...tusd, ID: 'c+mp' }, {}],
  ['tusd without a multipart upload', { ...tusd, ID: 'a+b' }, {}],
  ['tusd with a negative size', { ...tusd, Size: -1 }, {}],
  ['tusd with a size that no number holds', { ...tusd, Size: 2 ** 60 }, {}],
  ['@tus/s3-store without a multipart upload', tusNode, {}],
  ['@tus/s3-store with a size in words', { ...tusNode, size: 'ten' }, marks],
  ['@tus/s3-store without an ID', { ...tusNode, id: undefined }, marks],
]
for (const [what, value, metadata] of rows) {
  test(`not recognised: ${what}`, () => assert.equal(recogniseInfo(infoOf(value, metadata), 'a+b'), undefined))
}
test('not recognised: no JSON', () => {
  assert.equal(recogniseInfo({ text: '{', metadata: marks, modified: undefined }, 'a'), undefined)
})
