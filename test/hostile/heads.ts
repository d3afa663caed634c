/**
 * What hostile clients send, as values: heads of requests whose fields are near enough to the grammar to get deep into the
 * parsers, and infos of uploads as records that somebody else wrote may hold them.
 */
import fc, { type Arbitrary } from 'fast-check'
import type { Fields, RequestHead } from '../../src/protocol/message.js'
import type { Concat, UploadInfo } from '../../src/store/info.js'

/** Latin-1, as node:http gives it; anything, as records and other adapters may. */
const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
const anyText = fc.oneof(latin1, fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))

/** Pieces of values; what a grammar gives meaning to is likelier than the rest. */
const PIECES = [
  ...[
    '\r\n',
    '\n',
    '\0',
    '\x85',
    '\u2028',
    '\u202e',
    '\ud800',
    'é',
    '💾',
    '\t',
    ' ',
    '',
    ',',
    ';',
    ':',
    '=',
    '"',
    '\\',
    "'",
    '*',
  ],
  ...[
    '0',
    '1',
    '-1',
    '+1',
    '1e3',
    '0x10',
    '1.0',
    '00',
    '9007199254740991',
    '9007199254740992',
    '999999999999999',
    '1'.repeat(400),
  ],
  ...[
    '?1',
    '?0',
    '?2',
    '?1;a=1',
    '(1 2)',
    ':AAAA:',
    '@1',
    '%"a"',
    'final;',
    'partial',
    'final',
    'name dGVzdA==',
    'a b c',
  ],
  ...[
    '__proto__ eA==',
    'constructor',
    'toString',
    'sha256 AAAA',
    'sha1 ',
    'sha-256=:AAAA:',
    'crc32 AAAAAA==',
    '../',
    '%2e%2e%2f',
  ],
  ...[
    '/files/',
    'http://h/files/',
    '//h/files/',
    'file:///',
    'javascript:',
    'application/offset+octet-stream',
    'text/html',
  ],
  ...[
    'application/partial-upload',
    'attachment; filename="x"',
    "filename*=UTF-8''%0d%0a",
    'bytes=',
    '0-',
    '-0',
    '*',
    'W/"',
    '"a"',
  ],
  ...[
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'for=1;host=',
    'proto=https',
    'x\r\nSet-Cookie: a=b',
    'null',
    '1.0.0',
    'GET',
    'DELETE',
  ],
]

export const value: Arbitrary<string> = fc.oneof(
  { arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }).map((pieces) => pieces.join('')), weight: 4 },
  { arbitrary: anyText, weight: 1 },
  {
    arbitrary: fc
      .tuple(fc.constantFrom(...PIECES), fc.integer({ min: 1, max: 2_000 }))
      .map(([piece, times]) => piece.repeat(times).slice(0, 20_000)),
    weight: 1,
  },
)

/** Right values, so that one bad field meets others that are good. */
const GOOD: Record<string, readonly string[]> = {
  'tus-resumable': ['1.0.0'],
  'upload-offset': ['0', '5'],
  'upload-length': ['10'],
  'upload-defer-length': ['1'],
  'upload-metadata': ['filename dGVzdA==', 'is_final,name eA=='],
  'upload-concat': ['partial', 'final;/files/a /files/b'],
  'upload-checksum': ['sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0='],
  'upload-complete': ['?1', '?0'],
  'upload-incomplete': ['?1', '?0'],
  'upload-draft-interop-version': ['3', '4', '5', '6', '7', '8', '9'],
  'content-type': ['application/offset+octet-stream', 'application/partial-upload', 'text/html; charset=utf-8'],
  'content-length': ['0', '5', '10'],
  'content-disposition': ['attachment; filename="a.txt"'],
  'content-digest': ['sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:'],
  'repr-digest': ['sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:'],
  'transfer-encoding': ['chunked'],
  'x-http-method-override': ['PATCH', 'HEAD', 'DELETE'],
  range: ['bytes=0-1', 'bytes=-1'],
  'if-match': ['"a"', '*'],
  'if-none-match': ['W/"a", "b"'],
  'if-range': ['"a"'],
  'if-modified-since': ['Sun, 06 Nov 1994 08:49:37 GMT'],
  'if-unmodified-since': ['Sunday, 06-Nov-94 08:49:37 GMT'],
  host: ['example.com', '[::1]:80'],
  forwarded: ['for=1;host=a.example;proto=https'],
  'x-forwarded-host': ['a.example'],
  'x-forwarded-proto': ['https'],
  origin: ['https://a.example'],
  'access-control-request-method': ['PATCH'],
  expect: ['100-continue'],
}

export const FIELD_NAMES = Object.keys(GOOD)
export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PUT',
  'TRACE',
  'PROPFIND',
  'get',
  '',
  'CONSTRUCTOR',
]

const fieldOf = (name: string): Arbitrary<string> =>
  fc.oneof({ arbitrary: fc.constantFrom(...GOOD[name]!), weight: 3 }, { arbitrary: value, weight: 2 })

export const fields: Arbitrary<Fields> = fc
  .uniqueArray(fc.constantFrom(...FIELD_NAMES), { maxLength: 9 })
  .chain((names) => fc.tuple(...names.map((name) => fieldOf(name).map((text) => [name, text] as const))))
  .map((entries) => Object.fromEntries(entries))

export const target: Arbitrary<string> = fc.oneof(
  fc.constantFrom('/files', '/files/', '/files/a', '/files/a+b', '/files/a/b?x=1#y', '*', '', '/', 'http://h/files/a'),
  fc
    .array(fc.constantFrom(...PIECES, '..', '.', '%', '%00', '%0d%0a', '%c0%ae', '%ff', '/', '//'), { maxLength: 6 })
    .map((all) => `/files/${all.join('')}`),
  value,
)

export const head: Arbitrary<RequestHead> = fc.record({
  method: fc.oneof({ arbitrary: fc.constantFrom(...METHODS), weight: 9 }, { arbitrary: value, weight: 1 }),
  target,
  fields,
  encrypted: fc.boolean(),
  remoteAddress: fc.constant('127.0.0.1'),
})

const metadata = fc.dictionary(
  fc.oneof(
    fc.constantFrom('filename', 'name', 'filetype', 'type', 'contentType', '__proto__', 'a,b', 'a b', 'x\r\ny'),
    value,
  ),
  value,
  { maxKeys: 6, noNullPrototype: true },
)

const concat: Arbitrary<Concat> = fc.oneof(
  fc.constant<Concat>({ kind: 'partial' }),
  fc.record({
    kind: fc.constant('final' as const),
    partials: fc.array(value, { maxLength: 4 }),
    field: fc.option(value, { nil: undefined }),
  }),
)

const instant = fc.option(fc.oneof(fc.integer(), fc.constantFrom(0, 8.64e15, -8.64e15)), { nil: undefined })

/** As a record that another server, or somebody with access to the bucket, wrote may become it. */
export const info: Arbitrary<UploadInfo> = fc.record({
  id: value,
  length: fc.option(fc.nat(), { nil: undefined }),
  offset: fc.nat(),
  metadata,
  metadataField: fc.option(value, { nil: undefined }),
  concat: fc.option(concat, { nil: undefined }),
  digests: fc.option(fc.record({ 'sha-256': fc.constant('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=') }), {
    nil: undefined,
  }),
  state: fc.constantFrom('open', 'completing', 'complete', 'failed'),
  failure: fc.option(value, { nil: undefined }),
  createdAt: fc.nat(),
  completedAt: instant,
  expiresAt: instant,
  etag: fc.option(value, { nil: undefined }),
  crc32: fc.option(fc.integer({ min: 0, max: 0xffffffff }), { nil: undefined }),
  storage: fc.constant({}),
})
