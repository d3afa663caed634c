import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideCreate, decideFinish, decideProgress, decideTerminate, HookRejection } from '../../src/hooks/decide.js'
import type { HookReply } from '../../src/hooks/message.js'

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }
const HTTPResponse = {
  StatusCode: 402,
  Body: '{"pay":true}',
  Header: { 'content-type': 'application/json', 'X-Pay': '1' },
}

const refusals: [rule: string, decide: (reply: HookReply) => unknown, reply: HookReply, expected: object][] = [
  [
    'RejectUpload alone is 400 in words',
    decideCreate,
    { RejectUpload: true },
    { status: 400, headers: TEXT, body: 'ERR_UPLOAD_REJECTED: The server has rejected this upload.\n' },
  ],
  [
    'status, body and fields of the hook replace ours',
    decideCreate,
    { RejectUpload: true, HTTPResponse },
    { status: 402, headers: { 'content-type': 'application/json', 'X-Pay': '1' }, body: '{"pay":true}' },
  ],
  [
    'a status that is no failure is 400',
    decideCreate,
    { RejectUpload: true, HTTPResponse: { StatusCode: 200, Body: 'no' } },
    { status: 400, headers: TEXT, body: 'no' },
  ],
  ['pre-finish can refuse', decideFinish, { RejectUpload: true, HTTPResponse: { StatusCode: 422 } }, { status: 422 }],
  [
    'RejectTermination refuses a termination',
    decideTerminate,
    { RejectTermination: true },
    {
      status: 400,
      body: 'ERR_UPLOAD_TERMINATION_REJECTED: The server has rejected the termination of this upload.\n',
    },
  ],
  [
    'StopUpload stops',
    decideProgress,
    { StopUpload: true },
    { status: 400, body: 'ERR_UPLOAD_STOPPED: The server has stopped this upload; create a new one.\n' },
  ],
  [
    'StopUpload stops, whatever the status',
    decideProgress,
    { StopUpload: true, HTTPResponse: { StatusCode: 503, Body: 'b' } },
    { status: 400, body: 'b' },
  ],
]
for (const [rule, decide, reply, expected] of refusals) {
  test(rule, () => {
    assert.throws(
      () => decide(reply),
      (error: HookRejection) => {
        assert.ok(error instanceof HookRejection)
        const { status, headers, body } = error
        assert.deepEqual({ status, headers, body }, { status, headers, body, ...expected })
        return true
      },
    )
  })
}

test('a field of another hook decides nothing', () => {
  const others = { RejectTermination: true, StopUpload: true }
  assert.deepEqual(decideCreate(others), { answer: undefined })
  assert.equal(decideTerminate({ RejectUpload: true, StopUpload: true }), undefined)
  assert.equal(decideProgress({ RejectUpload: true, HTTPResponse }), undefined)
  assert.equal(decideFinish(others), undefined)
})

test('what is answered beside a creation and an end', () => {
  const added = { HTTPResponse: { StatusCode: 200, Body: 'b', Header: { Link: '</x>' } } }
  const answer = { status: 200, body: 'b', headers: { Link: '</x>' } }
  assert.deepEqual(decideCreate(added), { answer })
  assert.deepEqual(decideFinish(added), answer)
  assert.deepEqual(decideFinish({ HTTPResponse: { StatusCode: 0, Body: 'b' } }), { body: 'b', headers: {} })
  assert.equal(decideFinish({ HTTPResponse: { StatusCode: 0, Body: '', Header: {} } }), undefined)
})

test('what is changed', () => {
  const ChangeFileInfo = {
    ID: 'a/b+c',
    MetaData: {},
    Storage: { Key: 'k/1' },
    Object: { ContentType: 'image/png', Tags: { a: 'b' }, StorageClass: 'STANDARD_IA', ACL: 'private' },
    ExpiresAfter: 60_000,
    MaxSize: 5,
  }
  const { object, answer, ...rest } = decideCreate({ ChangeFileInfo })
  const changed = { id: 'a/b+c', metadata: {}, key: 'k/1', expiresAfter: 60_000, limits: { maxSize: 5 } }
  assert.deepEqual(rest, changed)
  const given = Object.fromEntries(Object.entries(object!).filter(([, value]) => value !== undefined))
  assert.deepEqual(given, { contentType: 'image/png', tags: { a: 'b' }, storageClass: 'STANDARD_IA', acl: 'private' })
  assert.equal(decideCreate({ ChangeFileInfo: { Storage: { Path: 'p' } } }).key, 'p')
  assert.deepEqual(decideCreate({ ChangeFileInfo: { ID: '', Storage: { Other: 'x' } } }), { answer: undefined })
})

const mistakes: [rule: string, decide: (reply: HookReply) => unknown, reply: HookReply, says: RegExp][] = [
  [
    'a failure without RejectUpload',
    decideCreate,
    { HTTPResponse: { StatusCode: 403 } },
    /403, but there is no Reject/,
  ],
  ['a redirection', decideFinish, { HTTPResponse: { StatusCode: 303 } }, /303, but there is no RejectUpload/],
  ['a failure, at a termination', decideTerminate, { HTTPResponse: { StatusCode: 403 } }, /no RejectTermination/],
  ['an ID with a slash in front', decideCreate, { ChangeFileInfo: { ID: '/a' } }, /slash/],
  ['an ID with a slash at its end', decideCreate, { ChangeFileInfo: { ID: 'a/' } }, /slash/],
  ['an ID with other characters', decideCreate, { ChangeFileInfo: { ID: 'a b?' } }, /safe in a path: "a b\?"/],
  ['a field that ends its line', decideFinish, { HTTPResponse: { Header: { X: 'a\r\nY: b' } } }, /cannot be sent/],
  ['a field without a name', decideFinish, { HTTPResponse: { Header: { 'X Y': 'a' } } }, /a name that is none/],
  [
    'a field that ends its line, in a refusal',
    decideProgress,
    { StopUpload: true, HTTPResponse: { Header: { X: 'a\nb' } } },
    /cannot be sent/,
  ],
]
for (const [rule, decide, reply, says] of mistakes) {
  test(`${rule} is a mistake of the hook, and refuses nothing`, () => {
    assert.throws(
      () => decide(reply),
      (error: Error & { status?: number }) => {
        assert.match(error.message, says)
        assert.equal(error.status, undefined)
        return true
      },
    )
  })
}
