/** Upload-Metadata, strictly: each row is a field, and what it says or the code with which it is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UploadError } from '../../../src/errors.js'
import { encodeMetadata, parseMetadata } from '../../../src/protocol/tus1/metadata.js'

const base64 = (text: string, encoding: BufferEncoding = 'utf8'): string =>
  Buffer.from(text, encoding).toString('base64')
const NAME = base64('name.txt')

const taken: [rule: string, field: string | undefined, metadata: [string, string][]][] = [
  ['no field is no metadata', undefined, []],
  ['an empty field is no metadata', '', []],
  ['one pair', `filename ${NAME}`, [['filename', 'name.txt']]],
  [
    'two pairs',
    `a ${base64('1')},b ${base64('2')}`,
    [
      ['a', '1'],
      ['b', '2'],
    ],
  ],
  [
    'a blank behind the comma, as joined fields have it',
    `a ${base64('1')}, b ${base64('2')}`,
    [
      ['a', '1'],
      ['b', '2'],
    ],
  ],
  ['a key alone has the empty value', 'is_confidential', [['is_confidential', '']]],
  ['a key with a blank behind it too, as tusd writes it', 'is_confidential ', [['is_confidential', '']]],
  [
    'such a key among others',
    `a ,b ${base64('2')}`,
    [
      ['a', ''],
      ['b', '2'],
    ],
  ],
  ['values are UTF-8', `a ${base64('naïve 日本 🎉')}`, [['a', 'naïve 日本 🎉']]],
  ['a byte order mark is kept', `a ${base64('\uFEFFx')}`, [['a', '\uFEFFx']]],
  ['what is not UTF-8 is replaced', `a ${base64('x\xffy', 'latin1')}`, [['a', 'x\uFFFDy']]],
  ['a value may have controls', `a ${base64('x\r\ny\0')}`, [['a', 'x\r\ny\0']]],
  [
    'any printable ASCII is a key',
    `!"#$%&'()*+-./:;<=>?@[]^_\`{|}~ ${base64('1')}`,
    [['!"#$%&\'()*+-./:;<=>?@[]^_`{|}~', '1']],
  ],
  [
    '__proto__ is a key like others',
    `__proto__ ${base64('1')},a ${base64('2')}`,
    [
      ['__proto__', '1'],
      ['a', '2'],
    ],
  ],
  ['constructor is a key like others', `constructor ${base64('1')}`, [['constructor', '1']]],
  [
    'keys differ by case',
    `a ${base64('1')},A ${base64('2')}`,
    [
      ['a', '1'],
      ['A', '2'],
    ],
  ],
]
for (const [rule, field, metadata] of taken) {
  test(`Upload-Metadata: ${rule}`, () => {
    const parsed = parseMetadata(field, 1024)
    assert.deepEqual(Object.entries(parsed), metadata)
    assert.equal(Object.getPrototypeOf(parsed), Object.prototype)
  })
}

const refused: [rule: string, field: string][] = [
  ['a blank alone', ' '],
  ['no key behind a comma', `a ${NAME},`],
  ['nothing between commas', `a ${NAME},,b ${NAME}`],
  ['a comma alone', ','],
  ['a key twice', `a ${NAME},a ${NAME}`],
  ['__proto__ twice', '__proto__,__proto__'],
  ['a third word', `a ${NAME} ${NAME}`],
  ['two blanks', `a  ${NAME}`],
  ['a tab for the blank', `a\t${NAME}`],
  ['no Base64', 'a name.txt'],
  ['Base64 without its padding', 'a YQ'],
  ['Base64 in the alphabet of URLs', 'a -_-_'],
  ['a non-ASCII key', `ä ${NAME}`],
  ['CR LF in a key', `a\r\nb ${NAME}`],
  ['LF at the end', `a ${NAME}\n`],
  ['NUL in a key', `a\0 ${NAME}`],
]
for (const [rule, field] of refused) {
  test(`Upload-Metadata is refused: ${rule}`, () =>
    assert.throws(() => parseMetadata(field, 1024), { name: 'UploadError', code: 'ERR_INVALID_METADATA' }))
}

test('Upload-Metadata of the largest size is taken', () => assert.deepEqual(parseMetadata('abcd', 4), { abcd: '' }))
test('Upload-Metadata past the largest size is refused, before it is looked into', () =>
  assert.throws(() => parseMetadata(',,,,,', 4), { code: 'ERR_METADATA_TOO_LARGE' }))
test('a refusal does not repeat what was sent', () =>
  assert.throws(
    () => parseMetadata('secret!secret x x', 1024),
    (error) => error instanceof UploadError && !error.message.includes('secret'),
  ))

test('what is encoded is read again', () => {
  const metadata = Object.fromEntries([
    ['filename', 'naïve.txt'],
    ['empty', ''],
    ['__proto__', 'x'],
  ])
  assert.deepEqual(parseMetadata(encodeMetadata(metadata), 1024), metadata)
})
test('a key without a value is encoded alone', () => assert.equal(encodeMetadata({ a: '', b: '2' }), 'a,b Mg=='))
test('no metadata is the empty field', () => assert.equal(encodeMetadata({}), ''))
for (const key of ['a\r\nSet-Cookie: x', 'a b', 'a,b', '', 'ä', 'a\0']) {
  test(`a key that no field can carry is left out: ${JSON.stringify(key)}`, () =>
    assert.equal(encodeMetadata({ [key]: 'x', ok: '' }), 'ok'))
}
