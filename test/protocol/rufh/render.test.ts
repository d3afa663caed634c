/** Resumable Uploads for HTTP, answers: each row is an outcome, a report or a failure, and the whole head that it becomes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAILURES, type FailureCode, UploadError } from '../../../src/errors.js'
import type { RenderContext } from '../../../src/protocol/codec.js'
import { rufhOf, unversioned } from '../../../src/protocol/rufh/index.js'
import type { UploadInfo } from '../../../src/store/info.js'
import { headOf } from '../head.js'

const INTEROP = [3, 4, 5, 6, 7, 8, 9]

const context: RenderContext = {
  locate: (id) => `https://host/files/${id}`,
  extensions: [],
  maxSize: 1000,
  now: 1_000_000,
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
const done: UploadInfo = { ...info, offset: 10, state: 'complete' }

const known = (interop: number) => ({
  'Upload-Draft-Interop-Version': String(interop),
  'X-Content-Type-Options': 'nosniff',
})
const completeness = (interop: number, complete: boolean) =>
  interop === 3 ? { 'Upload-Incomplete': complete ? '?0' : '?1' } : { 'Upload-Complete': complete ? '?1' : '?0' }
const told = (interop: number, complete: boolean) => ({
  ...known(interop),
  ...completeness(interop, complete),
  'Upload-Offset': complete ? '10' : '4',
  'Upload-Length': '10',
  'Upload-Limit': 'max-size=1000',
})
const Location = 'https://host/files/x'

for (const interop of INTEROP) {
  const codec = rufhOf(interop)!
  test(`version ${interop}: outcomes`, () => {
    const render = (outcome: Parameters<typeof codec.render>[0]) => codec.render(outcome, context)
    const created = { kind: 'created', appended: true } as const
    assert.deepEqual(render({ ...created, info }), { status: 201, fields: { ...told(interop, false), Location } })
    assert.deepEqual(render({ ...created, info: done }), { status: 201, fields: { ...told(interop, true), Location } })
    const status = interop <= 6 ? 201 : 204
    assert.deepEqual(render({ kind: 'appended', info }), { status, fields: told(interop, false) })
    assert.deepEqual(render({ kind: 'appended', info: done }), {
      status: 201,
      fields: { ...told(interop, true), Location },
    })
    assert.deepEqual(render({ kind: 'offset', info }), {
      status: 204,
      fields: { ...told(interop, false), 'Cache-Control': 'no-store' },
    })
    assert.deepEqual(render({ kind: 'cancelled' }), { status: 204, fields: known(interop) })
    assert.deepEqual(render({ kind: 'options' }), {
      status: 204,
      fields: { ...known(interop), 'Upload-Limit': 'max-size=1000', 'Accept-Patch': 'application/partial-upload' },
    })
  })

  test(`version ${interop}: 104`, () => {
    assert.deepEqual(codec.renderReport!({ kind: 'created', info }, context), {
      status: 104,
      fields: { 'Upload-Draft-Interop-Version': String(interop), 'Upload-Limit': 'max-size=1000', Location },
    })
    const progress = codec.renderReport!({ kind: 'stored', offset: 7 }, context)
    if (interop < 5) assert.equal(progress, undefined)
    else {
      const fields = { 'Upload-Draft-Interop-Version': String(interop), 'Upload-Offset': '7' }
      assert.deepEqual(progress, { status: 104, fields })
    }
  })

  test(`version ${interop}: the lifetime that is left, in seconds`, () => {
    const expiring = { ...info, expiresAt: 1_061_999 }
    const { fields } = codec.render({ kind: 'offset', info: expiring }, context)
    const lifetime = { 6: ', expires=61, max-age=61' }[interop] ?? (interop > 6 ? ', max-age=61' : '')
    assert.equal(fields['Upload-Limit'], `max-size=1000${lifetime}`)
    const offered = codec.render({ kind: 'options' }, { ...context, lifetime: 61_999 })
    assert.equal(offered.fields['Upload-Limit'], `max-size=1000${lifetime}`)
    const past = codec.render({ kind: 'offset', info: { ...info, expiresAt: 1 } }, context)
    if (interop > 6) assert.equal(past.fields['Upload-Limit'], 'max-size=1000, max-age=0')
  })
}

test('without limits, the limit is min-size=0; without a known length, none is told', () => {
  const { fields } = unversioned.render(
    { kind: 'offset', info: { ...info, length: undefined } },
    { ...context, maxSize: undefined },
  )
  assert.equal(fields['Upload-Limit'], 'min-size=0')
  assert.equal(fields['Upload-Length'], undefined)
  assert.equal(fields['Upload-Draft-Interop-Version'], undefined)
})

const TYPES: Partial<Record<FailureCode, [string, number]>> = {
  ERR_MISMATCHED_OFFSET: ['mismatching-upload-offset', 409],
  ERR_UPLOAD_COMPLETED: ['completed-upload', 400],
  ERR_INCONSISTENT_UPLOAD_LENGTH: ['inconsistent-upload-length', 400],
  ERR_LENGTH_ALREADY_DECLARED: ['inconsistent-upload-length', 400],
  ERR_UPLOAD_SIZE_EXCEEDED: ['inconsistent-upload-length', 400],
  ERR_INVALID_UPLOAD_LENGTH: ['inconsistent-upload-length', 400],
  ERR_INVALID_DIGEST: ['digest-invalid-values', 400],
  ERR_CHECKSUM_MISMATCH: ['digest-mismatched-values', 400],
  ERR_DIGEST_MISMATCH: ['digest-mismatched-values', 400],
}
/** A method that is switched off. */
const REFUSED = { ERR_NOT_IMPLEMENTED: 405 } as Partial<Record<FailureCode, number>>
for (const code of Object.keys(FAILURES) as FailureCode[]) {
  test(`${code} as a problem`, () => {
    const head = headOf({ method: 'PATCH', fields: { 'upload-offset': '3' } })
    const answer = rufhOf(9)!.renderFailure(new UploadError(code, { offset: 4 }), head, context)
    const [type, status] = TYPES[code] ?? [undefined, REFUSED[code] ?? FAILURES[code][0]]
    assert.equal(answer.status, status)
    assert.equal(answer.fields['Content-Type'], 'application/problem+json')
    // What a whole upload turned out not to be is its result.
    assert.equal(answer.fields['Upload-Complete'], code === 'ERR_DIGEST_MISMATCH' ? '?1' : '?0')
    assert.equal(answer.fields['Upload-Offset'], '4')
    assert.equal(answer.fields['Upload-Limit'], status === 413 ? 'max-size=1000' : undefined)
    if (code === 'ERR_NOT_IMPLEMENTED') assert.equal(answer.fields.Allow, 'HEAD, GET, DELETE, OPTIONS')
    const problem = JSON.parse(answer.text!) as Record<string, unknown>
    assert.equal(problem.type, type ? `https://iana.org/assignments/http-problem-types#${type}` : 'about:blank')
    assert.equal(problem.status, status)
    assert.equal(problem.code, code)
    assert.ok(String(problem.detail).length > 10)
    assert.equal(problem['expected-offset'], code === 'ERR_MISMATCHED_OFFSET' ? 4 : undefined)
    assert.equal(problem['provided-offset'], code === 'ERR_MISMATCHED_OFFSET' ? 3 : undefined)
  })
}

test('a failure of HEAD has no body', () => {
  const { text } = rufhOf(9)!.renderFailure(
    new UploadError('ERR_UPLOAD_NOT_FOUND'),
    headOf({ method: 'HEAD' }),
    context,
  )
  assert.equal(text, undefined)
})
