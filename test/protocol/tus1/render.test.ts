/** tus 1.0.0, answers: each row is an outcome or a failure, and the whole head that it becomes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAILURES, type FailureCode, type FailureDetails, UploadError } from '../../../src/errors.js'
import type { RenderContext, Rendered } from '../../../src/protocol/codec.js'
import type { ResponseHead } from '../../../src/protocol/message.js'
import { tus1 } from '../../../src/protocol/tus1/index.js'
import type { UploadInfo } from '../../../src/store/info.js'
import { headOf } from '../head.js'

const context: RenderContext = {
  locate: (id) => `https://host/files/${id}`,
  extensions: ['creation', 'termination'],
  maxSize: 1000,
  now: 0,
}
const info: UploadInfo = {
  id: 'x',
  length: 10,
  metadata: {},
  metadataField: undefined,
  offset: 4,
  state: 'open',
  failure: undefined,
  createdAt: 0,
  completedAt: undefined,
  etag: undefined,
  storage: {},
}
const common = { 'Tus-Resumable': '1.0.0', 'X-Content-Type-Options': 'nosniff' }
const told = { ...common, 'Cache-Control': 'no-store', 'Upload-Offset': '4' }
const of = (changes: Partial<UploadInfo>): Rendered => ({ kind: 'offset', info: { ...info, ...changes } })

const parts = { kind: 'final', partials: ['a', 'b'], field: 'final;/files/a /files/b' } as const
const toldFinal = { ...common, 'Cache-Control': 'no-store', 'Upload-Concat': parts.field }

const outcomes: [rule: string, outcome: Rendered, context: Partial<RenderContext>, expected: ResponseHead][] = [
  [
    'OPTIONS tells what is offered',
    { kind: 'options' },
    {},
    {
      status: 204,
      fields: { ...common, 'Tus-Version': '1.0.0', 'Tus-Extension': 'creation,termination', 'Tus-Max-Size': '1000' },
    },
  ],
  [
    'OPTIONS without extensions and limit names neither',
    { kind: 'options' },
    { extensions: [], maxSize: undefined },
    { status: 204, fields: { ...common, 'Tus-Version': '1.0.0' } },
  ],
  [
    'a creation tells where',
    { kind: 'created', info, appended: false },
    {},
    { status: 201, fields: { ...common, Location: 'https://host/files/x' } },
  ],
  [
    'a creation with a body tells the offset too',
    { kind: 'created', info, appended: true },
    {},
    { status: 201, fields: { ...common, Location: 'https://host/files/x', 'Upload-Offset': '4' } },
  ],
  [
    'an append tells the offset',
    { kind: 'appended', info },
    {},
    { status: 204, fields: { ...common, 'Upload-Offset': '4' } },
  ],
  ['a termination says nothing', { kind: 'cancelled' }, {}, { status: 204, fields: common }],
  ['HEAD tells offset and length', of({}), {}, { status: 200, fields: { ...told, 'Upload-Length': '10' } }],
  [
    'HEAD tells a deferred length',
    of({ length: undefined }),
    {},
    { status: 200, fields: { ...told, 'Upload-Defer-Length': '1' } },
  ],
  [
    'HEAD tells length 0',
    of({ length: 0, offset: 0 }),
    {},
    { status: 200, fields: { ...told, 'Upload-Offset': '0', 'Upload-Length': '0' } },
  ],
  [
    'HEAD tells the metadata as sent',
    of({ metadata: { a: '1', b: '' }, metadataField: 'b , a MQ==' }),
    {},
    { status: 200, fields: { ...told, 'Upload-Length': '10', 'Upload-Metadata': 'b , a MQ==' } },
  ],
  [
    'HEAD tells the metadata of a record without the field',
    of({ metadata: { a: '1', b: '' } }),
    {},
    { status: 200, fields: { ...told, 'Upload-Length': '10', 'Upload-Metadata': 'a MQ==,b' } },
  ],
  [
    'HEAD does not tell a field that could end the header',
    of({ metadata: { a: '1' }, metadataField: 'a MQ==\r\nSet-Cookie: x' }),
    {},
    { status: 200, fields: { ...told, 'Upload-Length': '10', 'Upload-Metadata': 'a MQ==' } },
  ],
  [
    'HEAD of a partial upload says so, and tells the offset',
    of({ concat: { kind: 'partial' } }),
    {},
    { status: 200, fields: { ...told, 'Upload-Length': '10', 'Upload-Concat': 'partial' } },
  ],
  [
    'HEAD of a final upload tells no offset before it is complete, and the length as soon as it is known',
    of({ concat: parts, offset: 0 }),
    {},
    { status: 200, fields: { ...toldFinal, 'Upload-Length': '10' } },
  ],
  [
    'HEAD of a final upload whose length is not known',
    of({ concat: parts, offset: 0, length: undefined }),
    {},
    { status: 200, fields: { ...toldFinal, 'Upload-Defer-Length': '1' } },
  ],
  [
    'HEAD of a final upload while its object is being made',
    of({ concat: parts, offset: 10, state: 'completing' }),
    {},
    { status: 200, fields: { ...toldFinal, 'Upload-Length': '10' } },
  ],
  [
    'HEAD of a complete final upload tells offset and length, and Upload-Concat as it was sent',
    of({ concat: parts, offset: 10, state: 'complete' }),
    {},
    { status: 200, fields: { ...toldFinal, 'Upload-Offset': '10', 'Upload-Length': '10' } },
  ],
  [
    'HEAD of a final upload of another server tells the URLs of its partial uploads',
    of({ concat: { ...parts, field: undefined }, offset: 10, state: 'complete' }),
    {},
    {
      status: 200,
      fields: {
        ...toldFinal,
        'Upload-Concat': 'final;https://host/files/a https://host/files/b',
        'Upload-Offset': '10',
        'Upload-Length': '10',
      },
    },
  ],
]
for (const [rule, outcome, changes, expected] of outcomes) {
  test(`tus: ${rule}`, () => assert.deepEqual(tus1.render(outcome, { ...context, ...changes }), expected))
}

const failed = { ...common, 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8' }
const failures: [rule: string, code: FailureCode, details: FailureDetails, expected: Record<string, string>][] = [
  ['is a code and a sentence', 'ERR_UPLOAD_NOT_FOUND', {}, failed],
  ['tells the offset where it is known', 'ERR_MISMATCHED_OFFSET', { offset: 7 }, { ...failed, 'Upload-Offset': '7' }],
  ['tells offset 0', 'ERR_UPLOAD_INTERRUPTED', { offset: 0 }, { ...failed, 'Upload-Offset': '0' }],
  ['says when to try again', 'ERR_COMPLETION_PENDING', { retryAfter: 1000 }, { ...failed, 'Retry-After': '1' }],
  ['rounds that up', 'ERR_UPLOAD_LOCKED', { retryAfter: 1001 }, { ...failed, 'Retry-After': '2' }],
  ['rounds that up from nearly nothing', 'ERR_UPLOAD_LOCKED', { retryAfter: 1 }, { ...failed, 'Retry-After': '1' }],
  [
    'says what is allowed',
    'ERR_METHOD_NOT_ALLOWED',
    { allow: ['POST', 'OPTIONS'] },
    { ...failed, Allow: 'POST, OPTIONS' },
  ],
  ['says which version is spoken', 'ERR_UNSUPPORTED_VERSION', {}, { ...failed, 'Tus-Version': '1.0.0' }],
  ['says how large an upload may be', 'ERR_MAX_SIZE_EXCEEDED', {}, { ...failed, 'Tus-Max-Size': '1000' }],
  ['keeps its cause to itself', 'ERR_INTERNAL_SERVER_ERROR', { cause: new Error('secret') }, failed],
]
for (const [rule, code, details, fields] of failures) {
  test(`tus: a failure ${rule}`, () => {
    const expected = { status: FAILURES[code][0], fields, text: `${code}: ${FAILURES[code][1]}\n` }
    assert.deepEqual(tus1.renderFailure(new UploadError(code, details), headOf({ method: 'POST' }), context), expected)
  })
}

test('tus: a failure has the sentence of the case, where there is one', () => {
  const error = new UploadError('ERR_UPLOAD_GONE', { message: 'It was terminated.' })
  assert.equal(tus1.renderFailure(error, headOf(), context).text, 'ERR_UPLOAD_GONE: It was terminated.\n')
})
const UPLOAD_METHODS = ['HEAD', 'GET', 'PATCH', 'DELETE', 'OPTIONS']
for (const [rule, extensions, allow] of [
  ['DELETE is allowed where termination is offered', ['creation', 'termination'], 'HEAD, GET, PATCH, DELETE, OPTIONS'],
  ['DELETE is not allowed where termination is not offered', ['creation'], 'HEAD, GET, PATCH, OPTIONS'],
] as const) {
  test(`tus: ${rule}`, () => {
    const error = new UploadError('ERR_METHOD_NOT_ALLOWED', { allow: UPLOAD_METHODS })
    assert.equal(tus1.renderFailure(error, headOf(), { ...context, extensions }).fields.Allow, allow)
  })
}
test('tus: the size limit is not told where there is none', () => {
  const error = new UploadError('ERR_MAX_SIZE_EXCEEDED')
  const { fields } = tus1.renderFailure(error, headOf(), { ...context, maxSize: undefined })
  assert.deepEqual(fields, failed)
})
for (const [rule, head] of [
  ['HEAD', headOf({ method: 'HEAD' })],
  ['POST as HEAD', headOf({ method: 'POST', fields: { 'x-http-method-override': 'HEAD' } })],
  ['HEAD as POST', headOf({ method: 'HEAD', fields: { 'x-http-method-override': 'POST' } })],
] as const) {
  test(`tus: the failure of a ${rule} has no text`, () => {
    const error = new UploadError('ERR_UPLOAD_GONE', { offset: 3 })
    const fields = { ...common, 'Cache-Control': 'no-store', 'Upload-Offset': '3' }
    assert.deepEqual(tus1.renderFailure(error, head, context), { status: 410, fields })
  })
}
