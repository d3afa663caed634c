import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UploadError } from '../../src/errors.js'
import { checkMetadata, contentTypeOf, objectHead, userMetadata } from '../../src/s3/object-head.js'

const rows: [string, Record<string, string>, Record<string, string>][] = [
  ['what is not printable ASCII becomes a question mark', { filename: 'menü\r\nhi' }, { filename: 'men???hi' }],
  ['a character beyond 16 bits is one', { filename: 'a😀b' }, { filename: 'a?b' }],
  ['keys are lower case, as S3 keeps them', { FileName: 'x' }, { filename: 'x' }],
  [
    'keys that are no header name stay in the record alone',
    { 'a b': 'x', 'a:b': 'x', ä: 'x', '': 'x', ok: 'y' },
    { ok: 'y' },
  ],
  ['our own marks cannot be forged', { 'holdfast-id': 'x', 'Holdfast-Token': 'x' }, {}],
]
for (const [rule, metadata, expected] of rows) {
  test(`metadata of the object: ${rule}`, () => assert.deepEqual(userMetadata(metadata), expected))
}

test('Content-Type: filetype, then type, then contentType', () => {
  assert.equal(contentTypeOf({ contentType: 'c/c', type: 'b/b', filetype: 'a/a' }), 'a/a')
  assert.equal(contentTypeOf({ contentType: 'c/c', type: 'b/b' }), 'b/b')
  assert.equal(contentTypeOf({ contentType: 'c/c' }), 'c/c')
  assert.equal(contentTypeOf({}), undefined)
  assert.equal(contentTypeOf({ filetype: 'a/a\r\nx-amz-acl: public-read' }), 'a/a??x-amz-acl: public-read')
})

test('the object carries its upload and the write that made it', () => {
  assert.deepEqual(objectHead({ id: 'id', metadata: { a: 'b' } }, 'token').metadata, {
    a: 'b',
    'holdfast-id': 'id',
    'holdfast-token': 'token',
  })
})

test('more metadata than S3 keeps is refused at creation, not in the end', () => {
  checkMetadata({ a: 'x'.repeat(1_700) })
  const check = (): void => checkMetadata({ a: 'x'.repeat(2_048) })
  assert.throws(check, (error: unknown) => error instanceof UploadError && error.code === 'ERR_METADATA_TOO_LARGE')
})
