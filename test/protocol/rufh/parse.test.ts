/** Resumable Uploads for HTTP, requests: each row is a head and the command, or the failure, that it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FailureCode, UploadError } from '../../../src/errors.js'
import { rufhOf } from '../../../src/protocol/rufh/index.js'
import type { Append, Command, Create } from '../../../src/upload/command.js'
import { headOf } from '../head.js'

const INTEROP = [3, 4, 5, 6, 7, 8, 9]
const PARTIAL = 'application/partial-upload'

function parse(interop: number, method: string, id: string | undefined, fields: Record<string, string>): Command {
  return rufhOf(interop)!.parse(headOf({ method, fields }), { id, maxMetadataSize: 1_000 })
}

const create = (interop: number, fields: Record<string, string>): Create =>
  parse(interop, 'POST', undefined, fields) as Create
const append = (interop: number, fields: Record<string, string>): Append =>
  parse(interop, 'PATCH', 'x', { 'content-type': PARTIAL, 'upload-offset': '5', ...fields }) as Append

const refused = (code: FailureCode) => (error: unknown) => error instanceof UploadError && error.code === code

const says = (interop: number, complete: boolean): Record<string, string> =>
  interop === 3 ? { 'upload-incomplete': complete ? '?0' : '?1' } : { 'upload-complete': complete ? '?1' : '?0' }

for (const interop of INTEROP) {
  test(`version ${interop}: what a request says of the end`, () => {
    const incomplete = interop <= 6 ? 'at-length' : 'no'
    assert.equal(create(interop, says(interop, true)).completes, 'yes')
    assert.equal(create(interop, says(interop, false)).completes, incomplete)
    assert.equal(append(interop, says(interop, true)).completes, 'yes')
    assert.equal(append(interop, says(interop, false)).completes, incomplete)
    assert.throws(() => create(interop, {}), refused('ERR_INVALID_UPLOAD_COMPLETE'))
    const silent = { 3: 'yes', 4: 'at-length', 5: 'at-length', 6: 'at-length' }[interop]
    if (silent) assert.equal(append(interop, {}).completes, silent)
    else assert.throws(() => append(interop, {}), refused('ERR_INVALID_UPLOAD_COMPLETE'))
  })

  test(`version ${interop}: the field of the other versions says nothing`, () => {
    const other = interop === 3 ? { 'upload-complete': '?1' } : { 'upload-incomplete': '?0' }
    assert.throws(() => create(interop, other), refused('ERR_INVALID_UPLOAD_COMPLETE'))
  })

  test(`version ${interop}: the length, by the body and by Upload-Length`, () => {
    const body = { 'content-length': '10' }
    assert.equal(create(interop, { ...says(interop, true), ...body }).length, 10)
    assert.equal(create(interop, { ...says(interop, false), ...body }).length, undefined)
    assert.equal(append(interop, { ...says(interop, true), ...body }).length, 15)
    assert.equal(append(interop, { ...says(interop, true) }).length, undefined)
    const declared = { ...says(interop, true), ...body, 'upload-length': '16' }
    if (interop < 5) assert.equal(append(interop, declared).length, 15)
    else assert.throws(() => append(interop, declared), refused('ERR_INCONSISTENT_UPLOAD_LENGTH'))
    const chunked = { ...says(interop, false), 'upload-length': '16', 'transfer-encoding': 'chunked' }
    assert.equal(create(interop, chunked).length, interop < 5 ? undefined : 16)
    assert.equal(create(interop, { ...chunked, 'upload-length': '-16' }).length, undefined)
  })

  test(`version ${interop}: the type of an append`, () => {
    const other = { ...says(interop, true), 'content-type': 'video/mp4' }
    if (interop < 6) assert.equal(append(interop, other).kind, 'append')
    else assert.throws(() => append(interop, other), refused('ERR_INVALID_CONTENT_TYPE'))
    assert.equal(
      append(interop, { ...says(interop, true), 'content-type': 'Application/Partial-Upload; x=y' }).kind,
      'append',
    )
  })

  test(`version ${interop}: methods`, () => {
    assert.deepEqual(parse(interop, 'OPTIONS', undefined, {}), { kind: 'options' })
    assert.deepEqual(parse(interop, 'HEAD', 'x', { 'content-type': 'video/mp4', 'content-length': '0' }), {
      kind: 'offset',
      id: 'x',
      completes: interop <= 6 ? 'at-length' : 'no',
    })
    assert.deepEqual(parse(interop, 'GET', 'x', {}), { kind: 'read', id: 'x' })
    assert.deepEqual(parse(interop, 'DELETE', 'x', {}), { kind: 'cancel', id: 'x' })
    assert.throws(() => parse(interop, 'PUT', 'x', {}), { code: 'ERR_METHOD_NOT_ALLOWED' })
    assert.throws(() => parse(interop, 'PATCH', undefined, {}), { code: 'ERR_METHOD_NOT_ALLOWED' })
  })

  test(`version ${interop}: an offset that is none`, () => {
    for (const offset of ['-1', '"5"', '5.0', '', '5, 5', 'x']) {
      assert.throws(
        () => append(interop, { ...says(interop, true), 'upload-offset': offset }),
        refused('ERR_INVALID_OFFSET'),
      )
    }
  })
}

test('what an append to a complete upload, and one that is too long, come to', () => {
  const rows = INTEROP.map((interop) => {
    const { whenComplete, whenTooLong } = append(interop, says(interop, true))
    return [interop, whenComplete, whenTooLong]
  })
  assert.deepEqual(rows, [
    [3, 'repeat', 'keep'],
    [4, 'repeat', 'keep'],
    [5, 'repeat', 'keep'],
    [6, 'refuse', 'keep'],
    [7, 'refuse', 'keep'],
    [8, 'refuse', 'fail'],
    [9, 'repeat', 'fail'],
  ])
  assert.equal(append(9, says(9, false)).whenComplete, 'refuse')
})

const complete = { 'upload-complete': '?1' }
const metadata: [string, Record<string, string>, Record<string, string>][] = [
  ['the type', { 'content-type': 'image/png; x=y' }, { filetype: 'image/png; x=y' }],
  ['not the type of appends', { 'content-type': PARTIAL }, {}],
  ['not what is no type', { 'content-type': 'png' }, {}],
  ['a name', { 'content-disposition': 'inline; filename="a b.txt"' }, { filename: 'a b.txt' }],
  [
    'a name in RFC 8187',
    { 'content-disposition': "attachment; filename=x; filename*=UTF-8''%e4%bd%a0" },
    { filename: '你' },
  ],
  ['no name', { 'content-disposition': 'inline' }, {}],
  ['not what is no disposition', { 'content-disposition': ';;=' }, {}],
  [
    'Upload-Metadata before the others',
    { 'content-type': 'image/png', 'upload-metadata': 'filetype dGV4dC9wbGFpbg==,filename YQ==' },
    { filetype: 'text/plain', filename: 'a' },
  ],
]
for (const [rule, fields, expected] of metadata) {
  test(`metadata: ${rule}`, () => assert.deepEqual(create(6, { ...complete, ...fields }).metadata, expected))
}

test('metadata that is too large is refused', () => {
  const disposition = `inline; filename="${'x'.repeat(1_000)}"`
  assert.throws(() => create(6, { ...complete, 'content-disposition': disposition }), refused('ERR_METADATA_TOO_LARGE'))
})
