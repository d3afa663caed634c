/** Values of header fields: what is exactly in the grammar, and what is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDate, parseBase64, parseDate, parseInteger, parseMediaType } from '../../src/protocol/fields.js'

const integers: [field: string | undefined, value: number | undefined][] = [
  ['0', 0],
  ['5', 5],
  ['007', 7],
  ['5497558138880', 5_497_558_138_880],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ['9007199254740992', undefined],
  ['99999999999999999999', undefined],
  [undefined, undefined],
  ...['', ' ', ' 1', '1 ', '+5', '-1', '-0', '1e3', '0x10', '1.0', '1,000', '1, 1', '１', '1\n', 'NaN', 'Infinity'].map(
    (bad): [string, undefined] => [bad, undefined],
  ),
]
for (const [field, value] of integers) {
  test(`integer ${JSON.stringify(field)} is ${value}`, () => assert.equal(parseInteger(field), value))
}

const base64: [text: string, bytes: string | undefined][] = [
  ['', ''],
  ['YQ==', 'a'],
  ['YWI=', 'ab'],
  ['YWJj', 'abc'],
  ['+/+/', '\xfb\xff\xbf'],
  ['YQ', undefined],
  ['YQ=', undefined],
  ['YR==', undefined],
  ['YQ==YQ==', undefined],
  ['-_-_', undefined],
  ['Y Q==', undefined],
  ['YQ==\n', undefined],
  ['=', undefined],
  ['YWJjZ', undefined],
]
for (const [text, bytes] of base64) {
  test(`Base64 ${JSON.stringify(text)} is ${bytes === undefined ? 'refused' : 'read'}`, () => {
    const parsed = parseBase64(text)
    assert.equal(parsed && Buffer.from(parsed).toString('latin1'), bytes)
  })
}

const instant = Date.UTC(1994, 10, 6, 8, 49, 37)
const dates: [field: string, milliseconds: number | undefined][] = [
  ['Sun, 06 Nov 1994 08:49:37 GMT', instant],
  ['Sunday, 06-Nov-94 08:49:37 GMT', instant],
  ['Sun Nov  6 08:49:37 1994', instant],
  ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
  ['Thursday, 01-Jan-26 00:00:00 GMT', Date.UTC(2026, 0, 1)],
  ['Wed, 29 Feb 2023 00:00:00 GMT', undefined],
  ['Sun, 06 Nov 1994 24:00:00 GMT', undefined],
  ['Sun, 06 Nov 1994 08:60:00 GMT', undefined],
  ['Sun, 06 Nov 1994 08:49:37', undefined],
  ['Sun, 06 Nov 1994 08:49:37 CET', undefined],
  ['Sun, 6 Nov 1994 08:49:37 GMT', undefined],
  ['1994-11-06T08:49:37Z', undefined],
  ['784111777', undefined],
  ['', undefined],
]
for (const [field, milliseconds] of dates) {
  test(`date '${field}' is ${milliseconds === undefined ? 'refused' : 'read'}`, () =>
    assert.equal(parseDate(field), milliseconds))
}
test('a date is written in whole seconds, in the form that all read', () =>
  assert.equal(formatDate(instant + 999), 'Sun, 06 Nov 1994 08:49:37 GMT'))

const mediaTypes: [field: string, essence: string | undefined][] = [
  ['text/plain', 'text/plain'],
  ['Text/PLAIN; charset=utf-8', 'text/plain'],
  ['text/plain;charset="a\\"b;c"', 'text/plain'],
  ['image/svg+xml', 'image/svg+xml'],
  ['text/plain;', 'text/plain'],
  ['text', undefined],
  ['text/', undefined],
  ['/plain', undefined],
  ['text /plain', undefined],
  ['text/plain, text/html', undefined],
  ['text/plain; charset', undefined],
  ['text/plain\r\nSet-Cookie: a=b', undefined],
  ['text/plain; a="\n"', undefined],
  ['text/plain\0', undefined],
  ['täxt/plain', undefined],
  [`text/${'x'.repeat(300)}`, undefined],
]
for (const [field, essence] of mediaTypes) {
  test(`media type ${JSON.stringify(field).slice(0, 40)} is ${essence ?? 'refused'}`, () =>
    assert.equal(parseMediaType(field), essence))
}
test('a media type that was made to be slow is refused at once', () => {
  const started = performance.now()
  assert.equal(parseMediaType(`a/b${'; '.repeat(120)}\0`), undefined)
  assert.ok(performance.now() - started < 200)
})
