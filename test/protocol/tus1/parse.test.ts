/** tus 1.0.0, requests: one row is one rule, what is sent, and the command that it becomes or the code that refuses it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureCode } from '../../../src/errors.js'
import { tus1 } from '../../../src/protocol/tus1/index.js'
import type { Append, Command } from '../../../src/upload/command.js'
import { headOf } from '../head.js'

type Fields = Record<string, string>
type Row = [rule: string, method: string, id: string | undefined, fields: Fields, expected: FailureCode | Command]

const TYPE = 'application/offset+octet-stream'
const tus = { 'tus-resumable': '1.0.0' }
const sized = { ...tus, 'upload-length': '10' }
const SHA1 = 'Kq5sNclPz7QV2+lfQIuc6R7oRu0='
const patch = { ...tus, 'content-type': TYPE, 'upload-offset': '5' }

const created = {
  kind: 'create',
  length: 10,
  metadata: {},
  metadataField: undefined,
  withBody: false,
  bodyLength: undefined,
  checksum: undefined,
  completes: 'at-length',
  whenTooLong: 'keep',
} as const
const appended = {
  kind: 'append',
  id: 'x',
  offset: 5,
  length: undefined,
  bodyLength: undefined,
  checksum: undefined,
  completes: 'at-length',
  whenComplete: 'repeat',
  whenTooLong: 'keep',
} as const

/** What is no non-negative integer, in whatever field. */
const NO_INTEGERS = ['', ' ', '-1', '+5', '1e3', '0x10', '1.5', '1, 1', '5 ', '99999999999999999999', 'five']

const general: Row[] = [
  ['OPTIONS on the collection', 'OPTIONS', undefined, {}, { kind: 'options' }],
  ['OPTIONS on an upload', 'OPTIONS', 'x', {}, { kind: 'options' }],
  ['OPTIONS ignores Tus-Resumable', 'OPTIONS', undefined, { 'tus-resumable': '0.1' }, { kind: 'options' }],
  ['POST wants Tus-Resumable', 'POST', undefined, { 'upload-length': '1' }, 'ERR_UNSUPPORTED_VERSION'],
  ['PATCH wants Tus-Resumable', 'PATCH', 'x', { ...patch, 'tus-resumable': '' }, 'ERR_UNSUPPORTED_VERSION'],
  ['DELETE wants Tus-Resumable', 'DELETE', 'x', {}, 'ERR_UNSUPPORTED_VERSION'],
  ['another version is refused', 'POST', undefined, { ...sized, 'tus-resumable': '0.2.2' }, 'ERR_UNSUPPORTED_VERSION'],
  [
    'two versions are refused',
    'POST',
    undefined,
    { ...sized, 'tus-resumable': '1.0.0, 1.0.0' },
    'ERR_UNSUPPORTED_VERSION',
  ],
  ['the version comes before all else', 'PATCH', undefined, { 'tus-resumable': '2' }, 'ERR_UNSUPPORTED_VERSION'],
  ['HEAD may do without it', 'HEAD', 'x', {}, { kind: 'offset', id: 'x', completes: 'at-length' }],
  ['HEAD with it', 'HEAD', 'x', tus, { kind: 'offset', id: 'x', completes: 'at-length' }],
  ['HEAD with another version is refused', 'HEAD', 'x', { 'tus-resumable': '0.1' }, 'ERR_UNSUPPORTED_VERSION'],
  ['GET may do without it', 'GET', 'x', {}, { kind: 'read', id: 'x' }],
  ['GET does not care for it', 'GET', 'x', { 'tus-resumable': '0.1' }, { kind: 'read', id: 'x' }],
  ['DELETE', 'DELETE', 'a/b', tus, { kind: 'cancel', id: 'a/b' }],
  ['GET of the collection', 'GET', undefined, {}, 'ERR_METHOD_NOT_ALLOWED'],
  ['HEAD of the collection', 'HEAD', undefined, tus, 'ERR_METHOD_NOT_ALLOWED'],
  ['PATCH of the collection', 'PATCH', undefined, patch, 'ERR_METHOD_NOT_ALLOWED'],
  ['DELETE of the collection', 'DELETE', undefined, tus, 'ERR_METHOD_NOT_ALLOWED'],
  ['POST to an upload', 'POST', 'x', sized, 'ERR_METHOD_NOT_ALLOWED'],
  ['PUT', 'PUT', 'x', tus, 'ERR_METHOD_NOT_ALLOWED'],
  ['a method in lower case is another method', 'head', 'x', tus, 'ERR_METHOD_NOT_ALLOWED'],
  ['a method of the prototype', 'toString', 'x', tus, 'ERR_METHOD_NOT_ALLOWED'],
]

const override = (method: string, fields: Fields = tus): Fields => ({ ...fields, 'x-http-method-override': method })
const overrides: Row[] = [
  ['override: POST as PATCH', 'POST', 'x', override('PATCH', patch), appended],
  ['override: POST as DELETE', 'POST', 'x', override('DELETE'), { kind: 'cancel', id: 'x' }],
  ['override: POST as HEAD', 'POST', 'x', override('HEAD'), { kind: 'offset', id: 'x', completes: 'at-length' }],
  ['override: GET as HEAD', 'GET', 'x', override('HEAD'), { kind: 'offset', id: 'x', completes: 'at-length' }],
  ['override: PUT as PATCH', 'PUT', 'x', override('PATCH', patch), appended],
  ['override: POST as OPTIONS', 'POST', undefined, override('OPTIONS', {}), { kind: 'options' }],
  ['override: GET as DELETE wants Tus-Resumable', 'GET', 'x', override('DELETE', {}), 'ERR_UNSUPPORTED_VERSION'],
  ['override: HEAD as POST is no HEAD', 'HEAD', 'x', override('POST'), 'ERR_METHOD_NOT_ALLOWED'],
  ['override: an unknown method', 'PATCH', 'x', override('BREW', patch), 'ERR_METHOD_NOT_ALLOWED'],
  ['override: an empty one', 'PATCH', 'x', override('', patch), 'ERR_METHOD_NOT_ALLOWED'],
  ['override: two of them', 'PATCH', 'x', override('PATCH, PATCH', patch), 'ERR_METHOD_NOT_ALLOWED'],
]

const creations: Row[] = [
  ['POST with Upload-Length', 'POST', undefined, sized, created],
  ['POST of an empty upload', 'POST', undefined, { ...tus, 'upload-length': '0' }, { ...created, length: 0 }],
  [
    'POST with a deferred length',
    'POST',
    undefined,
    { ...tus, 'upload-defer-length': '1' },
    { ...created, length: undefined },
  ],
  ['POST without a length', 'POST', undefined, tus, 'ERR_INVALID_UPLOAD_LENGTH'],
  [
    'POST with both lengths',
    'POST',
    undefined,
    { ...sized, 'upload-defer-length': '1' },
    'ERR_AMBIGUOUS_UPLOAD_LENGTH',
  ],
  ...NO_INTEGERS.map(
    (bad): Row => [
      `POST: Upload-Length '${bad}'`,
      'POST',
      undefined,
      { ...tus, 'upload-length': bad },
      'ERR_INVALID_UPLOAD_LENGTH',
    ],
  ),
  ...['0', '', '2', '01', 'true', '1, 1'].map(
    (bad): Row => [
      `POST: Upload-Defer-Length '${bad}'`,
      'POST',
      undefined,
      { ...tus, 'upload-defer-length': bad },
      'ERR_INVALID_UPLOAD_LENGTH_DEFER',
    ],
  ),
  [
    'POST keeps the metadata as sent, too',
    'POST',
    undefined,
    { ...sized, 'upload-metadata': 'b Mg==,a MQ==' },
    { ...created, metadata: { b: '2', a: '1' }, metadataField: 'b Mg==,a MQ==' },
  ],
  ['POST: empty metadata is none', 'POST', undefined, { ...sized, 'upload-metadata': '' }, created],
  ['POST: malformed metadata', 'POST', undefined, { ...sized, 'upload-metadata': 'a b c' }, 'ERR_INVALID_METADATA'],
  [
    'POST: large metadata',
    'POST',
    undefined,
    { ...sized, 'upload-metadata': 'a'.repeat(65) },
    'ERR_METADATA_TOO_LARGE',
  ],
  [
    'POST with a body',
    'POST',
    undefined,
    { ...sized, 'content-type': TYPE, 'content-length': '4' },
    { ...created, withBody: true, bodyLength: 4 },
  ],
  [
    'POST with a body: the type in other letters, with parameters',
    'POST',
    undefined,
    { ...sized, 'content-type': 'Application/Offset+Octet-Stream ; charset=x', 'content-length': '4' },
    { ...created, withBody: true, bodyLength: 4 },
  ],
  [
    'POST with a body of unknown length',
    'POST',
    undefined,
    { ...sized, 'content-type': TYPE },
    { ...created, withBody: true },
  ],
  [
    'POST with a body of another type does not take it',
    'POST',
    undefined,
    { ...sized, 'content-type': 'text/plain', 'content-length': '4' },
    created,
  ],
  [
    'POST: a type that only begins alike',
    'POST',
    undefined,
    { ...sized, 'content-type': `${TYPE}x`, 'content-length': '4' },
    created,
  ],
  [
    'POST: the length of a body that is not taken is no matter',
    'POST',
    undefined,
    { ...sized, 'content-length': 'x' },
    created,
  ],
]

const appends: Row[] = [
  ['PATCH', 'PATCH', 'x', patch, appended],
  ['PATCH at the beginning', 'PATCH', 'x', { ...patch, 'upload-offset': '0' }, { ...appended, offset: 0 }],
  ['PATCH with Content-Length', 'PATCH', 'x', { ...patch, 'content-length': '7' }, { ...appended, bodyLength: 7 }],
  ['PATCH with an empty body', 'PATCH', 'x', { ...patch, 'content-length': '0' }, { ...appended, bodyLength: 0 }],
  ['PATCH in chunks', 'PATCH', 'x', { ...patch, 'transfer-encoding': 'chunked' }, appended],
  [
    'PATCH in chunks: Content-Length does not count',
    'PATCH',
    'x',
    { ...patch, 'transfer-encoding': 'chunked', 'content-length': '7' },
    appended,
  ],
  ['PATCH declares the length', 'PATCH', 'x', { ...patch, 'upload-length': '9' }, { ...appended, length: 9 }],
  ['PATCH with parameters of the type', 'PATCH', 'x', { ...patch, 'content-type': `${TYPE};a=b` }, appended],
  ['PATCH without a type', 'PATCH', 'x', { ...tus, 'upload-offset': '5' }, 'ERR_INVALID_CONTENT_TYPE'],
  [
    'PATCH with another type',
    'PATCH',
    'x',
    { ...patch, 'content-type': 'application/octet-stream' },
    'ERR_INVALID_CONTENT_TYPE',
  ],
  ['PATCH with an empty type', 'PATCH', 'x', { ...patch, 'content-type': '' }, 'ERR_INVALID_CONTENT_TYPE'],
  ['PATCH wants Upload-Offset', 'PATCH', 'x', { ...tus, 'content-type': TYPE }, 'ERR_INVALID_OFFSET'],
  ...NO_INTEGERS.flatMap((bad): Row[] => [
    [`PATCH: Upload-Offset '${bad}'`, 'PATCH', 'x', { ...patch, 'upload-offset': bad }, 'ERR_INVALID_OFFSET'],
    [`PATCH: Upload-Length '${bad}'`, 'PATCH', 'x', { ...patch, 'upload-length': bad }, 'ERR_INVALID_UPLOAD_LENGTH'],
    [`PATCH: Content-Length '${bad}'`, 'PATCH', 'x', { ...patch, 'content-length': bad }, 'ERR_INVALID_REQUEST'],
  ]),
  ...['', 'sha1', 'sha1 ', 'sha1 *', `sha1 ${SHA1}x`, `sha1 ${SHA1.slice(4)}`, 'crc32 AAAAAAA=', `sha1 ${SHA1} 1`].map(
    (bad): Row => [
      `PATCH: Upload-Checksum '${bad}'`,
      'PATCH',
      'x',
      { ...patch, 'upload-checksum': bad },
      'ERR_INVALID_CHECKSUM',
    ],
  ),
  [
    'PATCH with a checksum',
    'PATCH',
    'x',
    { ...patch, 'upload-checksum': `SHA1 ${SHA1}` },
    { ...appended, checksum: { algorithm: 'sha1', digest: Buffer.from(SHA1, 'base64') } },
  ],
  [
    'PATCH: an unknown algorithm in Upload-Checksum',
    'PATCH',
    'x',
    { ...patch, 'upload-checksum': `sha3 ${SHA1}` },
    'ERR_UNSUPPORTED_CHECKSUM_ALGORITHM',
  ],
  [
    'POST with a body: Upload-Checksum is read',
    'POST',
    undefined,
    { ...sized, 'content-type': TYPE, 'upload-checksum': 'sha1 x' },
    'ERR_INVALID_CHECKSUM',
  ],
]

test('a checksum that Trailer announces is read when the body came, and counts as the one before the body does', () => {
  const digest = Buffer.from(SHA1, 'base64')
  const later = (announced: string, trailers: Fields, before: Fields = {}) => {
    const fields = { ...patch, trailer: announced, 'transfer-encoding': 'chunked', ...before }
    const options = { id: 'x', maxMetadataSize: 100, trailers: () => trailers }
    const { checksum, laterChecksum } = tus1.parse(headOf({ method: 'PATCH', fields }), options) as Append
    return { checksum, laterChecksum }
  }
  const field = `sha1 ${SHA1}`
  for (const announced of ['Upload-Checksum', 'upload-checksum', 'X-A , UPLOAD-CHECKSUM']) {
    assert.deepEqual(later(announced, { 'upload-checksum': field }).laterChecksum?.(), { algorithm: 'sha1', digest })
  }
  assert.equal(later('X-Upload-Checksum', { 'upload-checksum': field }).laterChecksum, undefined)
  const refused: [Fields, FailureCode][] = [
    [{}, 'ERR_INVALID_CHECKSUM'],
    [{ 'upload-checksum': 'sha1 x' }, 'ERR_INVALID_CHECKSUM'],
    [{ 'upload-checksum': `${field}, ${field}` }, 'ERR_INVALID_CHECKSUM'],
    [{ 'upload-checksum': `sha3 ${SHA1}` }, 'ERR_UNSUPPORTED_CHECKSUM_ALGORITHM'],
  ]
  for (const [trailers, code] of refused) {
    assert.throws(() => later('Upload-Checksum', trailers).laterChecksum?.(), { code })
  }
  const both = later('Upload-Checksum', {}, { 'upload-checksum': field })
  assert.deepEqual([both.checksum?.algorithm, both.laterChecksum?.()], ['sha1', undefined])
})

test('a checksum that would follow the body is refused where it cannot be seen, unless one comes before it', () => {
  const fields = { ...patch, trailer: 'Upload-Checksum', 'transfer-encoding': 'chunked' }
  const parse = (more: Fields) =>
    tus1.parse(headOf({ method: 'PATCH', fields: { ...fields, ...more } }), { id: 'x', maxMetadataSize: 100 }) as Append
  assert.throws(() => parse({}), { code: 'ERR_NOT_IMPLEMENTED' })
  assert.equal(parse({ 'upload-checksum': `sha1 ${SHA1}` }).checksum?.algorithm, 'sha1')
  const creation = { ...sized, ...fields, 'upload-checksum': '' }
  assert.throws(() => tus1.parse(headOf({ method: 'POST', fields: creation }), { id: undefined, maxMetadataSize: 100 }))
})

const final = {
  kind: 'create',
  completes: 'at-length',
  whenTooLong: 'keep',
  withBody: false,
  bodyLength: undefined,
} as const
const joined = (partials: string[], field: string): Command => ({
  ...{ ...final, length: undefined, metadata: {}, metadataField: undefined, checksum: undefined },
  concat: { kind: 'final', partials, field },
})

const concatenations: Row[] = [
  [
    'POST: a partial upload is one like others',
    'POST',
    undefined,
    { ...sized, 'upload-concat': 'partial' },
    { ...created, checksum: undefined, concat: { kind: 'partial' } } as Command,
  ],
  [
    'POST: a partial upload has a length, too',
    'POST',
    undefined,
    { ...tus, 'upload-concat': 'partial' },
    'ERR_INVALID_UPLOAD_LENGTH',
  ],
  ...[
    ['a list of URLs, in order, one of them twice', 'final;/a https://me/b /a', ['a', 'b', 'a']],
    ['a blank behind the semicolon', 'final; /a /b', ['a', 'b']],
    ['several blanks', 'final;/a   /b ', ['a', 'b']],
  ].map(
    ([rule, field, ids]): Row => [
      `POST: a final upload, ${rule}`,
      'POST',
      undefined,
      { ...tus, 'upload-concat': field as string },
      joined(ids as string[], field as string),
    ],
  ),
  ...[
    '',
    'final',
    'final;',
    'final; ',
    'Partial',
    'partial, partial',
    'partial;',
    'finale;/a',
    'final;/elsewhere/x',
    'final;/a /elsewhere/x',
  ].map(
    (bad): Row => [
      `POST: Upload-Concat '${bad}'`,
      'POST',
      undefined,
      { ...sized, 'upload-concat': bad },
      'ERR_INVALID_CONCAT',
    ],
  ),
  [
    'POST: a final upload has no Upload-Length',
    'POST',
    undefined,
    { ...sized, 'upload-concat': 'final;/a' },
    'ERR_INVALID_UPLOAD_LENGTH',
  ],
  [
    'POST: a final upload defers no length',
    'POST',
    undefined,
    { ...tus, 'upload-defer-length': '1', 'upload-concat': 'final;/a' },
    'ERR_INVALID_UPLOAD_LENGTH',
  ],
  [
    'POST: a final upload takes no bytes',
    'POST',
    undefined,
    { ...tus, 'content-type': TYPE, 'upload-concat': 'final;/a' },
    'ERR_MODIFY_FINAL',
  ],
]
/** Of URLs with one segment, that is the ID. */
const idOfUrl = (url: string): string | undefined => /^(?:https:\/\/me)?\/([a-z]+)$/.exec(url)?.[1]

for (const [rule, method, id, fields, expected] of [
  ...concatenations,
  ...general,
  ...overrides,
  ...creations,
  ...appends,
]) {
  test(`tus: ${rule}`, () => {
    const head = headOf({ method, fields })
    const parse = (): Command => tus1.parse(head, { id, maxMetadataSize: 64, idOfUrl })
    if (typeof expected === 'string') assert.throws(parse, { name: 'UploadError', code: expected })
    else assert.deepEqual(parse(), expected)
  })
}

const allows: [method: string, id: string | undefined, allow: string[]][] = [
  ['GET', undefined, ['POST', 'OPTIONS']],
  ['PUT', undefined, ['POST', 'OPTIONS']],
  ['POST', 'x', ['HEAD', 'GET', 'PATCH', 'DELETE', 'OPTIONS']],
  ['PUT', 'x', ['HEAD', 'GET', 'PATCH', 'DELETE', 'OPTIONS']],
]
for (const [method, id, allow] of allows) {
  test(`tus: ${method} of ${id ? 'an upload' : 'the collection'} is told what is allowed`, () => {
    const head = headOf({ method, fields: tus })
    assert.throws(() => tus1.parse(head, { id, maxMetadataSize: 64 }), { status: 405, allow })
  })
}
