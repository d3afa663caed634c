/**
 * What a hostile client does on one connection, as data that can be printed and played again: requests that are nearly
 * right, framing that contradicts itself, bodies that stop, sockets that close halfway.
 */
import fc, { type Arbitrary } from 'fast-check'
import { FIELD_NAMES, fields, METHODS, target, value } from './heads.js'

/** Text is sent as Latin-1. */
export type Step = { send: string } | { wait: number } | { end: true } | { reset: true }
export type Script = readonly Step[]

/** `@0@`, `@1@` and so on stand for the IDs of uploads that the client has created; `@canary@` for that of another one. */
const OWN = ['@0@', '@1@', '@2@', '@3@', '@4@', '@5@']

const PATHS = [
  ...OWN.map((id) => `/files/${id}`),
  ...['/files', '/files/', '/files?x', '/files//', '/files/./@0@', '/files/x/../@0@', '/files/..%2f@0@', '/FILES/@0@'],
  ...[
    '/files/%2e%2e/%2e%2e/etc/passwd',
    '/files/../outside.txt',
    '/files/..%2Foutside.txt',
    '/files/%00',
    '/files/@0@%00',
  ],
  ...[
    '/files/@0@.info',
    '/files/@0@.part',
    '/files/@0@.lock',
    '/files/@0@.finals',
    '/files/@0@.info%00',
    '/files/@0@.part1',
  ],
  ...[
    '/files/@0@+x',
    '/files/@0@+',
    '/files/+@0@',
    '/files/@0@%2f',
    '/files/@0@/',
    '/files/@0@/x',
    '/files/in%2f@0@',
    '/files/%5c..%5c',
  ],
  ...[
    '/files/@canary@.info',
    '/files/@canary@.part',
    '/files/@canary@+x',
    '/files/x/..%2f@canary@',
    '/files/@canary@%20',
    '/files/@canary@/',
  ],
  ...[
    '/files/@canary@%00',
    '/files/@canary@.',
    '/files/in/@canary@',
    '/files/..%5c@canary@',
    '/files/%2e%2e%2fin%2f@canary@',
    '/healthz',
    '/',
    '*',
  ],
  ...[
    'http://other.example/files/@1@',
    'http://other.example',
    'https:files',
    '//other.example/files/@1@',
    '/files/CON',
    '/files/a:b',
  ],
  `/files/${'a'.repeat(300)}`,
  `/files/${'a/'.repeat(600)}`,
  `/files/${'%41'.repeat(3_000)}`,
  `/files/${'x'.repeat(40_000)}`,
]

const path: Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constantFrom(...OWN).map((id) => `/files/${id}`), weight: 8 },
  { arbitrary: fc.constantFrom(...PATHS), weight: 16 },
  { arbitrary: target.map((text) => text.replace(/[^\x21-\x7e]/g, '%20')), weight: 3 },
  { arbitrary: value, weight: 1 },
)

/** Bytes that no parser takes for the end of a line, mostly. */
const inLine = (text: string): string => text.replace(/[\r\n\0]/g, '')

/** Those that frame the message are the body's business. */
const FRAMING = ['content-length', 'transfer-encoding', 'expect', 'host', 'tus-resumable']

const someFields: Arbitrary<string[]> = fields.map((all) =>
  Object.entries(all).flatMap(([name, text]) => (FRAMING.includes(name) ? [] : [`${name}: ${inLine(text!)}`])),
)

/** The rest of them is as it should be. */
const often = <T>(usual: T, other: Arbitrary<T>): Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 5 }, { arbitrary: other, weight: 1 })

const EXTRA_LINES = [
  ...[
    'Content-Length: 5',
    'Content-Length: 5, 5',
    'Content-Length: +5',
    'Content-Length: 0x5',
    'Content-Length: 99999999999999999999',
  ],
  ...[
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: gzip',
    'Transfer-Encoding : chunked',
  ],
  ...[
    'Upload-Offset: 0',
    'Upload-Offset: 3',
    'Upload-Metadata: a YQ==',
    'Upload-Metadata: b Yg==',
    'Host: a',
    'Host: b\tc',
    'Host:',
  ],
  ...[
    'Expect: 100-continue',
    'Expect: 200-ok',
    'Expect:',
    'Connection: close',
    'Connection: upgrade, HTTP2-Settings',
    'Upgrade: h2c',
  ],
  ...[
    'Upgrade: websocket',
    'Connection: upload-offset',
    'Trailer: Upload-Checksum',
    'TE: trailers',
    ' folded',
    '\tfolded',
    ': no name',
  ],
  ...[
    'no colon',
    'Na me: x',
    'N\u00e4me: x',
    'X: \x01',
    'X: \x7f',
    'Upload-Length: 5\r',
    'Tus-Resumable: 1.0.0\nUpload-Length: 9',
  ],
  `X: ${'y'.repeat(40_000)}`,
  Array.from({ length: 900 }, (_, index) => `X-${index}: y`).join('\r\n'),
  Array.from({ length: 3_000 }, () => 'a:b').join('\r\n'),
  `Upload-Concat: final;${'/files/@0@ '.repeat(500)}`,
  `Upload-Concat: final;${'a b c d e f '.repeat(500)}`,
  'Upload-Concat: final;/files/@2@ /files/@2@',
  'Upload-Concat: final;/files/@canary@.info /files/@2@',
]

const APPEND = ['Upload-Offset: 0', 'Content-Type: application/offset+octet-stream']
const CREATE = ['Upload-Length: 5', 'Upload-Metadata: filename eA==', 'Content-Type: application/offset+octet-stream']

const lines: Arbitrary<string[]> = fc
  .tuple(
    often<string[]>(['Host: h'], fc.constant([])),
    fc.oneof(fc.constant(['Tus-Resumable: 1.0.0']), fc.constant([])),
    fc.oneof(someFields, fc.constantFrom(APPEND, CREATE)),
    often<string[]>([], fc.array(fc.constantFrom(...EXTRA_LINES), { minLength: 1, maxLength: 2 })),
    often<string[]>(
      [],
      fc.tuple(fc.constantFrom(...FIELD_NAMES), value).map(([name, text]) => [`${name}: ${text}`]),
    ),
  )
  .map((all) => all.flat())

/** A request that would be right. */
const right: Arbitrary<string> = fc
  .constantFrom(
    ['POST', '/files', 'Upload-Length: 10', ''],
    [
      'POST',
      '/files',
      'Upload-Length: 5\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 5',
      'hello',
    ],
    [
      'POST',
      '/files',
      'Upload-Concat: partial\r\nUpload-Length: 5\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 5',
      'hello',
    ],
    ['POST', '/files', 'Upload-Defer-Length: 1', ''],
    ['POST', '/files', 'Upload-Draft-Interop-Version: 6\r\nUpload-Complete: ?1\r\nContent-Length: 5', 'hello', 'draft'],
    [
      'POST',
      '/files',
      'Upload-Draft-Interop-Version: 7\r\nUpload-Complete: ?0\r\nTransfer-Encoding: chunked',
      '5\r\nhello\r\n0\r\n\r\n',
      'draft',
    ],
    ...OWN.flatMap((id) => [
      ['HEAD', `/files/${id}`, '', ''],
      ['GET', `/files/${id}`, '', ''],
      [
        'PATCH',
        `/files/${id}`,
        'Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 3',
        'abc',
      ],
      [
        'PATCH',
        `/files/${id}`,
        'Upload-Offset: 5\r\nContent-Type: application/offset+octet-stream\r\nTransfer-Encoding: chunked',
        '3\r\nabc\r\n0\r\n\r\n',
      ],
    ]),
    ['DELETE', '/files/@5@', '', ''],
    ['OPTIONS', '/files', '', ''],
  )
  .map(([method, at, more, body, draft]) => {
    const version = draft ? '' : 'Tus-Resumable: 1.0.0\r\n'
    return `${method} ${at} HTTP/1.1\r\nHost: h\r\n${version}${more ? `${more}\r\n` : ''}\r\n${body}`
  })

const CHUNKED = [
  ...[
    '5\r\nhello\r\n0\r\n\r\n',
    '5\r\nhel',
    '5\r\nhelloX\r\n0\r\n\r\n',
    'G\r\nx\r\n',
    '-5\r\nhello\r\n',
    'ffffffffffffffff\r\nx',
    '0\r\n',
    '\r\n',
  ],
  ...[
    '5;a=b\r\nhello\r\n0\r\n\r\n',
    `5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
    '5\nhello\n0\n\n',
    ' 5\r\nhello\r\n0\r\n\r\n',
    '05\r\nhello\r\n00\r\n\r\n',
  ],
  ...[
    '5\r\nhello\r\n0\r\nUpload-Checksum: sha1 AAAA\r\n\r\n',
    `5\r\nhello\r\n0\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`,
    '5\r\nhello\r\n0\r\nbroken\r\n\r\n',
  ],
  ...['1\r\na\r\n'.repeat(300), '5\r\nhello\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\n\r\n'],
]

const BODIES = ['', 'hello', 'hel', 'hello world', 'x'.repeat(100_000)]

/** The lines that frame a body, and the body. */
const body: Arbitrary<readonly [framing: readonly string[], body: string]> = fc.oneof(
  fc.constant([[], ''] as const),
  fc.constantFrom(...BODIES).map((text) => [[`Content-Length: ${text.length}`], text] as const),
  fc
    .tuple(fc.nat({ max: 20 }), fc.constantFrom(...BODIES))
    .map(([length, text]) => [[`Content-Length: ${length}`], text] as const),
  fc.constantFrom(...CHUNKED).map((text) => [['Transfer-Encoding: chunked'], text] as const),
  fc
    .tuple(fc.constantFrom(...BODIES), fc.constantFrom('100-continue', 'x'))
    .map(([text, expected]) => [[`Content-Length: ${text.length}`, `Expect: ${expected}`], text] as const),
)

const RIGHT_METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS']

const wrong: Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...RIGHT_METHODS),
      fc.constantFrom(...RIGHT_METHODS),
      fc.constantFrom(...METHODS, 'CONNECT', 'PRI'),
    ),
    path,
    often('HTTP/1.1', fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1 x', '')),
    lines,
    body,
    often('\r\n', fc.constant('\n')),
  )
  .map(([method, at, version, all, [framing, text], newline]) =>
    [`${method} ${at} ${version}`, ...all, ...framing, '', text].join(newline),
  )

/** A right request in which one place was changed. */
const damaged: Arbitrary<string> = fc
  .tuple(
    right,
    fc.nat(),
    fc.oneof(fc.constantFrom('', '\0', '\r\n', '\n', ' ', ':', '\x80', 'Content-Length: 1\r\n'), value),
    fc.nat({ max: 20 }),
  )
  .map(([text, at, inserted, removed]) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + inserted + text.slice(place + removed)
  })

const request: Arbitrary<string> = fc.oneof(
  { arbitrary: right, weight: 8 },
  { arbitrary: wrong, weight: 12 },
  { arbitrary: damaged, weight: 4 },
  { arbitrary: value, weight: 1 },
)

/** What happens at the end of what was sent, or in its midst. */
const ENDINGS: readonly Step[][] = [[], [], [], [{ end: true }], [{ reset: true }], [{ wait: 100 }, { reset: true }]]

export const script: Arbitrary<Script> = fc
  .tuple(
    fc.array(request, { minLength: 1, maxLength: 4 }),
    fc.option(
      fc.tuple(fc.nat(), fc.constantFrom<Step[]>([{ wait: 5 }], [{ wait: 60 }], [{ end: true }], [{ reset: true }])),
      { freq: 1, nil: undefined },
    ),
    fc.constantFrom(...ENDINGS),
  )
  .map(([requests, cut, ending]) => {
    const text = requests.join('')
    if (!cut) return [{ send: text }, ...ending]
    const [at, between] = cut
    const place = at % (text.length + 1)
    return [{ send: text.slice(0, place) }, ...between, { send: text.slice(place) }, ...ending]
  })
