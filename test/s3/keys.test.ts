import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUsableId, keysOf, objectIdsOf, prefixes } from '../../src/s3/keys.js'

const names = (objectPrefix?: string, metadataObjectPrefix?: string): string[] => {
  const keys = keysOf(prefixes(objectPrefix, metadataObjectPrefix), 'id')
  return [keys.object, keys.record, keys.slot(0), keys.slot(7)]
}
test('without prefixes', () => assert.deepEqual(names(), ['id', 'id.info', 'id.part', 'id.part7']))
test('a missing slash is added', () => assert.deepEqual(names('a'), ['a/id', 'a/id.info', 'a/id.part', 'a/id.part7']))
test('a slash is not doubled', () =>
  assert.deepEqual(names('a/b/'), ['a/b/id', 'a/b/id.info', 'a/b/id.part', 'a/b/id.part7']))
test('records may live elsewhere', () =>
  assert.deepEqual(names('a', 'm'), ['a/id', 'm/id.info', 'm/id.part', 'm/id.part7']))

for (const id of ['a', '0123456789abcdef', 'tenant/id', 'objectId+multipartId', 'a.b_c~d-e']) {
  test(`usable ID: ${id}`, () => assert.ok(isUsableId(id, prefixes())))
}
const bad = [
  '',
  '.',
  '..',
  'a/../b',
  '/a',
  'a/',
  'a//b',
  'a\n',
  'a b',
  'ä',
  'a%2fb',
  'a\\b',
  'x.info',
  'x.part',
  'x.part3',
  'x.part127',
  'x'.repeat(1017),
]
for (const id of bad) {
  test(`refused ID: ${JSON.stringify(id).slice(0, 20)}`, () => assert.equal(isUsableId(id, prefixes()), false))
}

/** ID, what its names may begin with. */
const divided: [string, string[]][] = [
  ['a', ['a']],
  ['a+b', ['a', 'a+b']],
  ['a+b+c', ['a+b', 'a', 'a+b+c']],
  ['in/a+2~b', ['in/a', 'in/a+2~b']],
  ['a+b/', ['a']],
  ['a+%', ['a']],
  ['+b', ['+b']],
  ['a+', ['a+']],
  ['../a+b', []],
  ['a.info+b', ['a.info+b']],
]
for (const [id, expected] of divided) {
  test(`the names of ${id} begin with ${expected.join(' or ') || 'nothing usable'}`, () => {
    assert.deepEqual(objectIdsOf(id, prefixes()), expected)
  })
}
