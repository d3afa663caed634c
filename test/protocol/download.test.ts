/** Downloads: each row is what is asked of which content, and what must come back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Downloadable, planDownload } from '../../src/protocol/download.js'
import { headOf } from './head.js'

const modifiedAt = Date.UTC(2024, 4, 1, 12, 0, 0, 500)
const DATE = 'Wed, 01 May 2024 12:00:00 GMT'
const BEFORE = 'Wed, 01 May 2024 11:59:59 GMT'
const AFTER = 'Wed, 01 May 2024 12:00:01 GMT'
const content: Downloadable = { size: 10, etag: '"abc"', modifiedAt, metadata: {} }
const plan = (fields: Record<string, string>, changes: Partial<Downloadable> = {}) =>
  planDownload(headOf({ fields }), { ...content, ...changes })

const common = {
  'Tus-Resumable': '1.0.0',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Cache-Control': 'private, no-cache, no-transform',
  'Accept-Ranges': 'bytes',
  ETag: '"abc"',
  'Last-Modified': DATE,
}
const described = {
  ...common,
  'Content-Type': 'application/octet-stream',
  'Content-Disposition': 'attachment',
  'Content-Length': '10',
}

test('download: all of the content', () =>
  assert.deepEqual(plan({}), { head: { status: 200, fields: described }, sendsContent: true }))
test('download: a part of the content', () => {
  const fields = { ...described, 'Content-Length': '3', 'Content-Range': 'bytes 2-4/10' }
  const expected = { head: { status: 206, fields }, range: { first: 2, last: 4 }, sendsContent: true }
  assert.deepEqual(plan({ range: 'bytes=2-4' }), expected)
})
test('download: a part past the end', () => {
  const fields = { ...common, 'Content-Range': 'bytes */10', 'Content-Type': 'text/plain; charset=utf-8' }
  const text = 'The content ends before this range.\n'
  assert.deepEqual(plan({ range: 'bytes=10-' }), { head: { status: 416, fields, text }, sendsContent: false })
})
test('download: content that the client has', () =>
  assert.deepEqual(plan({ 'if-none-match': '"abc"' }), { head: { status: 304, fields: common }, sendsContent: false }))
test('download: other content than the client means', () => {
  const fields = { ...common, 'Content-Type': 'text/plain; charset=utf-8' }
  const text = 'A condition of the request does not hold.\n'
  assert.deepEqual(plan({ 'if-match': '"z"' }), { head: { status: 412, fields, text }, sendsContent: false })
})
test('download: nothing is answered with nothing', () => {
  const fields = { ...described, 'Content-Length': '0' }
  assert.deepEqual(plan({}, { size: 0 }), { head: { status: 200, fields }, sendsContent: false })
})
for (const range of ['bytes=0-', 'bytes=-1', 'bytes=5-9']) {
  test(`download: ${range} of nothing is ignored`, () => {
    const { head, ...rest } = plan({ range }, { size: 0 })
    assert.deepEqual([head.status, head.fields['Content-Length'], rest], [200, '0', { sendsContent: false }])
  })
}
test('download: what is not known of the content is not told', () => {
  const { ETag, 'Last-Modified': _, ...rest } = described
  assert.deepEqual(plan({}, { etag: undefined, modifiedAt: undefined }).head.fields, rest)
})
test('download: an entity tag that is none is not told', () =>
  assert.equal(plan({}, { etag: '"a"\r\nSet-Cookie: x' }).head.fields.ETag, undefined))

const ranges: [field: string, expected: string | 200 | 416][] = [
  ['bytes=0-0', '0-0'],
  ['bytes=0-9', '0-9'],
  ['bytes=9-9', '9-9'],
  ['bytes=0-', '0-9'],
  ['bytes=9-', '9-9'],
  ['bytes=3-100', '3-9'],
  ['bytes=3-99999999999999999999999', '3-9'],
  ['bytes=-1', '9-9'],
  ['bytes=-10', '0-9'],
  ['bytes=-99999999999999999999999', '0-9'],
  ['BYTES=1-2', '1-2'],
  ['bytes= 1-2 ', '1-2'],
  ['bytes=10-', 416],
  ['bytes=10-12', 416],
  ['bytes=99999999999999999999999-', 416],
  ['bytes=-0', 416],
  ['bytes=5-4', 200],
  ['bytes=-', 200],
  ['bytes=', 200],
  ['bytes', 200],
  ['', 200],
  ['bytes=0-1,4-5', 200],
  ['bytes=0-1, bytes=4-5', 200],
  ['bytes=+1-2', 200],
  ['bytes=1e0-2', 200],
  ['bytes=0x1-2', 200],
  ['bytes=--1', 200],
  ['bytes=1-2x', 200],
  ['bytes 1-2', 200],
  ['items=1-2', 200],
]
for (const [field, expected] of ranges) {
  test(`download: range '${field}' is ${typeof expected === 'string' ? expected : `answered with ${expected}`}`, () => {
    const { head, range } = plan({ range: field })
    if (typeof expected === 'number') return assert.deepEqual([head.status, range], [expected, undefined])
    const [first, last] = expected.split('-').map(Number) as [number, number]
    assert.deepEqual(range, { first, last })
    assert.equal(head.status, 206)
    assert.equal(head.fields['Content-Range'], `bytes ${expected}/10`)
    assert.equal(head.fields['Content-Length'], String(last - first + 1))
  })
}

type Condition = [rule: string, fields: Record<string, string>, status: number, changes?: Partial<Downloadable>]
const conditions: Condition[] = [
  ['If-Match: the tag', { 'if-match': '"abc"' }, 200],
  ['If-Match: among others', { 'if-match': '"x", "abc" ,"y"' }, 200],
  ['If-Match: any', { 'if-match': '*' }, 200],
  ['If-Match: another', { 'if-match': '"abcd"' }, 412],
  ['If-Match compares strongly', { 'if-match': 'W/"abc"' }, 412],
  ['If-Match: without quotes', { 'if-match': 'abc' }, 412],
  ['If-Match: a malformed list', { 'if-match': '"abc" "x"' }, 412],
  ['If-Match: no tag is known', { 'if-match': '"abc"' }, 412, { etag: undefined }],
  ['If-Match: a comma within a tag', { 'if-match': '"x,"abc"' }, 412],
  ['If-Unmodified-Since: the date', { 'if-unmodified-since': DATE }, 200],
  ['If-Unmodified-Since: before', { 'if-unmodified-since': BEFORE }, 412],
  ['If-Unmodified-Since: malformed', { 'if-unmodified-since': 'yesterday' }, 200],
  ['If-Unmodified-Since: no date is known', { 'if-unmodified-since': BEFORE }, 200, { modifiedAt: undefined }],
  ['If-Match goes before If-Unmodified-Since', { 'if-match': '"abc"', 'if-unmodified-since': BEFORE }, 200],
  ['If-None-Match: the tag', { 'if-none-match': '"abc"' }, 304],
  ['If-None-Match: among others', { 'if-none-match': '"x","abc"' }, 304],
  ['If-None-Match compares weakly', { 'if-none-match': 'W/"abc"' }, 304],
  ['If-None-Match: any', { 'if-none-match': '*' }, 304],
  ['If-None-Match: another', { 'if-none-match': '"x"' }, 200],
  ['If-None-Match: malformed', { 'if-none-match': '"abc' }, 200],
  ['If-None-Match: no tag is known', { 'if-none-match': '"abc"' }, 200, { etag: undefined }],
  ['If-Modified-Since: the date', { 'if-modified-since': DATE }, 304],
  ['If-Modified-Since: after', { 'if-modified-since': AFTER }, 304],
  ['If-Modified-Since: before', { 'if-modified-since': BEFORE }, 200],
  ['If-Modified-Since: in the old form', { 'if-modified-since': 'Wed May  1 12:00:00 2024' }, 304],
  ['If-Modified-Since: malformed', { 'if-modified-since': '0' }, 200],
  ['If-Modified-Since: no date is known', { 'if-modified-since': AFTER }, 200, { modifiedAt: undefined }],
  ['If-None-Match goes before If-Modified-Since', { 'if-none-match': '"x"', 'if-modified-since': AFTER }, 200],
  ['If-Match goes before If-None-Match', { 'if-match': '"x"', 'if-none-match': '"abc"' }, 412],
  ['both hold their ways', { 'if-match': '"abc"', 'if-none-match': '"abc"' }, 304],
  ['conditions go before the range', { 'if-none-match': '"abc"', range: 'bytes=0-1' }, 304],
  ['conditions go before an unsatisfiable range', { 'if-match': '"x"', range: 'bytes=99-' }, 412],
  ['If-Range: the tag', { 'if-range': '"abc"', range: 'bytes=0-1' }, 206],
  ['If-Range: another', { 'if-range': '"x"', range: 'bytes=0-1' }, 200],
  ['If-Range compares strongly', { 'if-range': 'W/"abc"', range: 'bytes=0-1' }, 200],
  ['If-Range compares strongly both ways', { 'if-range': 'W/"abc"', range: 'bytes=0-1' }, 200, { etag: 'W/"abc"' }],
  ['If-Range: no list', { 'if-range': '"abc", "x"', range: 'bytes=0-1' }, 200],
  ['If-Range: no tag is known', { 'if-range': '"abc"', range: 'bytes=0-1' }, 200, { etag: undefined }],
  ['If-Range: the date', { 'if-range': DATE, range: 'bytes=0-1' }, 206],
  ['If-Range: a later date is another date', { 'if-range': AFTER, range: 'bytes=0-1' }, 200],
  ['If-Range: no date is known', { 'if-range': DATE, range: 'bytes=0-1' }, 200, { modifiedAt: undefined }],
  ['If-Range does not hold, so the range past the end is no matter', { 'if-range': '"x"', range: 'bytes=99-' }, 200],
  ['If-Range without a range', { 'if-range': '"x"' }, 200],
]
for (const [rule, fields, status, changes] of conditions) {
  test(`download: ${rule}: ${status}`, () => assert.equal(plan(fields, changes).head.status, status))
}

const OCTETS = 'application/octet-stream'
const types: [metadata: Record<string, string>, type: string, disposition: 'inline' | 'attachment'][] = [
  ...['text/plain', 'image/png', 'image/jpeg', 'image/gif', 'image/bmp', 'image/webp', 'image/avif'].map(
    (type): [Record<string, string>, string, 'inline'] => [{ filetype: type }, type, 'inline'],
  ),
  ...['audio/mpeg', 'audio/x-wav', 'audio/ogg', 'video/mp4', 'video/webm', 'application/ogg'].map(
    (type): [Record<string, string>, string, 'inline'] => [{ filetype: type }, type, 'inline'],
  ),
  ...['text/html', 'image/svg+xml', 'application/pdf', 'text/xml', 'application/xhtml+xml', 'text/css'].map(
    (type): [Record<string, string>, string, 'attachment'] => [{ filetype: type }, type, 'attachment'],
  ),
  [{ filetype: 'text/plain; charset=utf-8' }, 'text/plain; charset=utf-8', 'inline'],
  [{ filetype: 'Image/PNG' }, 'Image/PNG', 'inline'],
  [{ type: 'image/png' }, 'image/png', 'inline'],
  [{ contentType: 'image/png' }, 'image/png', 'inline'],
  [{ filetype: 'image/gif', type: 'image/png', contentType: 'image/bmp' }, 'image/gif', 'inline'],
  [{ filetype: '', type: 'image/png' }, 'image/png', 'inline'],
  [{ filetype: 'png' }, OCTETS, 'attachment'],
  [{ filetype: 'text/plain, text/html' }, OCTETS, 'attachment'],
  [{ filetype: 'text/plain\r\nContent-Type: text/html' }, OCTETS, 'attachment'],
  [{ filetype: 'text/plain;a="\0"' }, OCTETS, 'attachment'],
  [{ filetype: 'text/plain;a="ä"' }, OCTETS, 'attachment'],
  [{}, OCTETS, 'attachment'],
]
for (const [metadata, type, disposition] of types) {
  test(`download: ${JSON.stringify(metadata)} is ${type}, ${disposition}`, () => {
    const { fields } = plan({}, { metadata }).head
    assert.deepEqual([fields['Content-Type'], fields['Content-Disposition']], [type, disposition])
  })
}

const long = `${'a'.repeat(300)}.tar.gz`
const names: [rule: string, filename: string, parameters: string][] = [
  ['an ASCII name', 'talk.mp4', '; filename="talk.mp4"'],
  ['blanks and semicolons', 'a b; c=d.txt', '; filename="a b; c=d.txt"'],
  ['accents', 'naïve.txt', `; filename="na_ve.txt"; filename*=UTF-8''na%C3%AFve.txt`],
  ['characters of two units', '🎉.png', `; filename="_.png"; filename*=UTF-8''%F0%9F%8E%89.png`],
  ['quotes', 'a"b.txt', `; filename="a_b.txt"; filename*=UTF-8''a%22b.txt`],
  ['a quote at the end of an escape', 'a\\"; x="y', `; filename="a__; x=_y"; filename*=UTF-8''a_%22%3B%20x%3D%22y`],
  ['percent signs', '100%41.txt', `; filename="100_41.txt"; filename*=UTF-8''100%2541.txt`],
  ['what RFC 8187 does not have', "ä'(*)!", `; filename="_'(*)!"; filename*=UTF-8''%C3%A4%27%28%2A%29!`],
  ['CR and LF', 'a\r\nSet-Cookie: b=c', '; filename="aSet-Cookie: b=c"'],
  ['NUL, DEL and C1', 'a\0b\x7fc\x85d', '; filename="abcd"'],
  ['a line separator', 'a\u2028b', '; filename="ab"'],
  ['a mark that turns the direction', 'evil\u202Egnp.exe', '; filename="evilgnp.exe"'],
  ['paths', '../../etc/passwd', '; filename=".._.._etc_passwd"'],
  ['backslashes', 'C:\\a.txt', '; filename="C:_a.txt"'],
  ['half a surrogate pair', 'a\ud800b', `; filename="a_b"; filename*=UTF-8''a%EF%BF%BDb`],
  ['nothing but blanks and controls', ' \r\n\0 ', ''],
  ['an endless name keeps its ending', long, `; filename="${'a'.repeat(200)}${'a'.repeat(48)}.tar.gz"`],
]
for (const [rule, filename, parameters] of names) {
  test(`download: the name has ${rule}`, () => {
    const { fields } = plan({}, { metadata: { filename } }).head
    assert.equal(fields['Content-Disposition'], `attachment${parameters}`)
    assert.match(fields['Content-Disposition']!, /^[\x20-\x7e]+$/)
  })
}
test('download: the name may be called name', () =>
  assert.equal(plan({}, { metadata: { name: 'b' } }).head.fields['Content-Disposition'], 'attachment; filename="b"'))
test('download: filename goes before name', () => {
  const { fields } = plan({}, { metadata: { name: 'b', filename: 'a' } }).head
  assert.equal(fields['Content-Disposition'], 'attachment; filename="a"')
})
test('download: what is shown has a name too', () => {
  const { fields } = plan({}, { metadata: { filetype: 'image/png', filename: 'a.png' } }).head
  assert.equal(fields['Content-Disposition'], 'inline; filename="a.png"')
})
test('download: no answer changes the next one', () => {
  plan({ range: 'bytes=0-1' }, { metadata: { filename: 'x' } }).head.fields['X-More'] = 'y'
  assert.deepEqual(plan({}).head.fields, described)
})
