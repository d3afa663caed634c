import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HookMessage } from '../../src/hooks/message.js'
import { canonical, messageOf, parseReply, readReply, type Told } from '../../src/hooks/tusd.js'
import type { Concat } from '../../src/store/info.js'
import { newUpload, REQUEST, uploadInfo } from '../support/hook-events.js'

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, 'golden', 'tusd-2.10.0.json'), 'utf8'),
) as HookMessage[]

/** The event of ours that is the same as one of tusd's. */
function toldOf({ Event: { Upload, HTTPRequest } }: HookMessage): Told {
  const partials = Upload.PartialUploads ?? []
  const concat: Concat | undefined = Upload.IsPartial
    ? { kind: 'partial' }
    : Upload.IsFinal
      ? { kind: 'final', partials, field: undefined }
      : undefined
  const known = newUpload({
    id: Upload.ID || 'chosen-already',
    length: Upload.SizeIsDeferred ? undefined : Upload.Size,
    metadata: Upload.MetaData,
    concat,
  })
  const headers = Object.entries(HTTPRequest.Header).map(([name, values]) => [name.toLowerCase(), values.join(', ')])
  return {
    upload: Upload.Storage ? uploadInfo({ ...known, offset: Upload.Offset, storage: { ...Upload.Storage } }) : known,
    request: {
      method: HTTPRequest.Method,
      target: HTTPRequest.URI,
      headers: { 'transfer-encoding': 'chunked', ...Object.fromEntries(headers) },
      remoteAddress: HTTPRequest.RemoteAddr,
    },
    deliveryId: 'd',
  }
}

test('each message is what tusd 2.10.0 sends, field by field, and a DeliveryID', () => {
  const types = new Set(golden.map(({ Type }) => Type))
  assert.equal(types.size, 7)
  for (const message of golden) {
    assert.deepEqual(messageOf(message.Type, toldOf(message)), { ...message, DeliveryID: 'd' })
  }
})

test('an event without a request has an empty one', () => {
  const { Event } = messageOf('post-finish', { upload: uploadInfo(), request: undefined, deliveryId: 'd' })
  assert.deepEqual(Event.HTTPRequest, { Method: '', URI: '', RemoteAddr: '', Header: {} })
})

test('of HTTP/2, Host is the authority, and pseudo fields are not told', () => {
  const headers = { ':authority': 'h2.example', ':path': '/files/', accept: '*/*' }
  const { Event } = messageOf('post-create', {
    upload: uploadInfo(),
    request: { ...REQUEST, headers },
    deliveryId: 'd',
  })
  assert.deepEqual(Event.HTTPRequest.Header, { Host: ['h2.example'], Accept: ['*/*'] })
})

test('all header fields are told, credentials too, unless some are named', () => {
  const told = { upload: uploadInfo(), request: REQUEST, deliveryId: 'd' }
  assert.deepEqual(messageOf('post-finish', told).Event.HTTPRequest.Header, {
    Host: ['uploads.example'],
    Authorization: ['Bearer hunter2'],
    Cookie: ['a=b'],
    'X-Trace-Id': ['7'],
  })
  const { Header } = messageOf('post-finish', told, new Set(['x-trace-id'])).Event.HTTPRequest
  assert.deepEqual(Header, { 'X-Trace-Id': ['7'] })
  const signed = { ...told, request: { ...REQUEST, target: '/files/a1?token=hunter2&x=1' } }
  assert.equal(messageOf('post-finish', signed).Event.HTTPRequest.URI, '/files/a1?token=hunter2&x=1')
  assert.equal(messageOf('post-finish', signed, new Set()).Event.HTTPRequest.URI, '/files/a1?token=…&x=1')
})

test('a field with the name of a property is a field', () => {
  const headers = JSON.parse('{"__proto__":"a","constructor":"b"}')
  const { Header } = messageOf('post-create', {
    upload: uploadInfo(),
    request: { ...REQUEST, headers },
    deliveryId: 'd',
  }).Event.HTTPRequest
  assert.deepEqual(Object.entries(Header), [
    ['__proto__', ['a']],
    ['Constructor', ['b']],
  ])
})

const names = [
  ['content-type', 'Content-Type'],
  ['X-HTTP-Method-Override', 'X-Http-Method-Override'],
  ['etag', 'Etag'],
  ['x-3d-model', 'X-3d-Model'],
] as const
for (const [given, expected] of names) {
  test(`the name ${given} is written ${expected}, as Go does`, () => assert.equal(canonical(given), expected))
}

const replies: [rule: string, json: string, expected: unknown][] = [
  ['empty text is an empty reply', '', {}],
  ['null is an empty reply', 'null', {}],
  ['what is not known is passed over', '{"Other":1,"HTTPResponse":{"Odd":[]}}', { HTTPResponse: {} }],
  ['null counts as absent', '{"RejectUpload":null,"ChangeFileInfo":{"MetaData":null}}', { ChangeFileInfo: {} }],
  ['names are read in any capitals, as Go does', '{"rejectupload":true}', { RejectUpload: true }],
  [
    'all fields of tusd are read',
    '{"HTTPResponse":{"StatusCode":402,"Body":"b","Header":{"X":"y"}},"RejectUpload":true,"RejectTermination":true,"ChangeFileInfo":{"ID":"i","MetaData":{"a":"b"},"Storage":{"Path":"p"}},"StopUpload":true}',
    {
      HTTPResponse: { StatusCode: 402, Body: 'b', Header: { X: 'y' } },
      RejectUpload: true,
      RejectTermination: true,
      ChangeFileInfo: { ID: 'i', MetaData: { a: 'b' }, Storage: { Path: 'p' } },
      StopUpload: true,
    },
  ],
]
for (const [rule, json, expected] of replies) {
  test(`of a reply, ${rule}`, () => assert.deepEqual(parseReply(json), expected))
}

const wrong: [json: string, says: RegExp][] = [
  ['{"secret":', /^the answer is not JSON$/],
  ['[]', /^the whole of the answer must be an object$/],
  ['"text"', /^the whole of the answer must be an object$/],
  ['{"RejectUpload":"true"}', /^RejectUpload of the answer must be true or false$/],
  ['{"HTTPResponse":{"StatusCode":"400"}}', /^HTTPResponse\.StatusCode of the answer must be a whole number$/],
  ['{"HTTPResponse":{"Header":{"A":["b"]}}}', /^HTTPResponse\.Header\.A of the answer must be a text$/],
  ['{"ChangeFileInfo":{"MetaData":{"n":1}}}', /^ChangeFileInfo\.MetaData\.n of the answer must be a text$/],
]
for (const [json, says] of wrong) {
  test(`${json} is no reply, and the reason does not quote it`, () =>
    assert.throws(() => parseReply(json), { message: says }))
}

test('a reply cannot reach the prototype of anything', () => {
  const reply = readReply(
    JSON.parse('{"__proto__":{"RejectUpload":true},"ChangeFileInfo":{"MetaData":{"__proto__":"x"}}}'),
  )
  assert.equal(reply.RejectUpload, undefined)
  assert.equal(({} as { x?: string }).x, undefined)
})
