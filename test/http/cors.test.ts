/** Which pages may call: each row is the options, what a browser sends, and the fields that it must get. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CorsOptions, corsFields, corsOf } from '../../src/http/cors.js'
import type { RequestHead } from '../../src/protocol/message.js'
import { headOf } from '../protocol/head.js'

const APP = 'https://app.example'
const from = (origin: string | undefined, method = 'PATCH', more: Record<string, string> = {}): RequestHead =>
  headOf({ method, fields: { ...(origin === undefined ? {} : { origin }), ...more } })
const preflight = (origin: string): RequestHead => from(origin, 'OPTIONS', { 'access-control-request-method': 'PATCH' })
const fieldsOf = (options: CorsOptions, head: RequestHead) => corsFields(corsOf(options), head)
const list = (field: string | undefined): string[] => (field ?? '').split(', ')

const sticky = /^https:\/\/[a-z]+\.example$/g
type Row = [rule: string, options: CorsOptions, origin: string, allowed: string | undefined]
const origins: Row[] = [
  ['every origin by default', {}, APP, '*'],
  ['every origin, said so', { allowOrigin: '*' }, APP, '*'],
  ['every origin, in a list', { allowOrigin: [APP, '*'] }, 'https://other.example', '*'],
  ['a null origin by default', {}, 'null', '*'],
  ['one origin', { allowOrigin: APP }, APP, APP],
  ['not another', { allowOrigin: APP }, 'https://other.example', undefined],
  ['not one that begins alike', { allowOrigin: APP }, `${APP}.evil`, undefined],
  ['not the other scheme', { allowOrigin: APP }, 'http://app.example', undefined],
  ['not null', { allowOrigin: APP }, 'null', undefined],
  ['a string is no pattern', { allowOrigin: 'https://.*' }, APP, undefined],
  ['one of a list', { allowOrigin: ['https://a.example', APP] }, APP, APP],
  ['none of a list', { allowOrigin: ['https://a.example'] }, APP, undefined],
  ['none of an empty list', { allowOrigin: [] }, APP, undefined],
  ['a pattern', { allowOrigin: /^https:\/\/[a-z]+\.example$/ }, APP, APP],
  ['not beyond the pattern', { allowOrigin: /^https:\/\/[a-z]+\.example$/ }, 'https://a.b.example', undefined],
  ['a pattern with state', { allowOrigin: sticky }, APP, APP],
  ['the same again', { allowOrigin: sticky }, APP, APP],
  ['a pattern in a list', { allowOrigin: ['https://a.example', /^https:\/\/app\./] }, APP, APP],
  ['none of patterns in a list', { allowOrigin: [/^https:\/\/b\./, /^http:/] }, APP, undefined],
  ['a function', { allowOrigin: (origin) => origin.endsWith('.example') }, APP, APP],
  ['a function that refuses', { allowOrigin: () => false }, APP, undefined],
  ['CR LF is no origin', { allowOrigin: () => true }, 'a\r\nSet-Cookie: x', undefined],
  ['a blank is in no origin', { allowOrigin: () => true }, `${APP} x`, undefined],
  ['non-ASCII is in no origin', { allowOrigin: () => true }, 'https://äpp.example', undefined],
  ['an empty origin is none', {}, '', undefined],
]
for (const [rule, options, origin, allowed] of origins) {
  test(`CORS: ${rule}`, () => {
    const fields = fieldsOf(options, from(origin))
    assert.equal(fields['Access-Control-Allow-Origin'], allowed)
    assert.equal(fields['Access-Control-Expose-Headers'] === undefined, allowed === undefined)
  })
}

const varies: [rule: string, options: CorsOptions, head: RequestHead, expected: string | undefined][] = [
  ['an allowed origin', { allowOrigin: APP }, from(APP), 'Origin'],
  ['a refused origin', { allowOrigin: APP }, from('https://other.example'), 'Origin'],
  ['no origin, where others depend on it', { allowOrigin: APP }, from(undefined), 'Origin'],
  ['every origin', {}, from(APP), undefined],
]
for (const [rule, options, head, expected] of varies) {
  test(`CORS: caches are told of ${rule}: ${expected ?? 'nothing'}`, () =>
    assert.equal(fieldsOf(options, head).Vary, expected))
}

test('CORS: a request without Origin gets nothing', () => assert.deepEqual(fieldsOf({}, from(undefined)), {}))
test('CORS: a request without Origin gets nothing from an exact list but Vary', () =>
  assert.deepEqual(fieldsOf({ allowOrigin: APP, allowCredentials: true }, from(undefined)), { Vary: 'Origin' }))
test('CORS: a refused origin gets nothing but Vary, at a preflight too', () =>
  assert.deepEqual(fieldsOf({ allowOrigin: APP }, preflight('https://other.example')), { Vary: 'Origin' }))

test('CORS: a preflight is told methods, headers and age, and nothing to expose', () => {
  const fields = fieldsOf({}, preflight(APP))
  assert.deepEqual(Object.keys(fields).sort(), [
    'Access-Control-Allow-Headers',
    'Access-Control-Allow-Methods',
    'Access-Control-Allow-Origin',
    'Access-Control-Max-Age',
  ])
  assert.equal(fields['Access-Control-Max-Age'], '86400')
  assert.deepEqual(list(fields['Access-Control-Allow-Methods']), ['POST', 'HEAD', 'PATCH', 'OPTIONS', 'GET', 'DELETE'])
})
test('CORS: an OPTIONS that is no preflight is told what to expose', () =>
  assert.deepEqual(Object.keys(fieldsOf({}, from(APP, 'OPTIONS'))).sort(), [
    'Access-Control-Allow-Origin',
    'Access-Control-Expose-Headers',
  ]))

for (const name of [
  ...['Authorization', 'Content-Type', 'Upload-Length', 'Upload-Offset', 'Tus-Resumable', 'Upload-Metadata'],
  ...['Upload-Defer-Length', 'Upload-Concat', 'Upload-Checksum', 'X-HTTP-Method-Override', 'X-Request-ID', 'Range'],
]) {
  test(`CORS: pages may send ${name}`, () =>
    assert.ok(list(fieldsOf({}, preflight(APP))['Access-Control-Allow-Headers']).includes(name)))
}
for (const name of [
  ...['Upload-Offset', 'Location', 'Upload-Length', 'Tus-Version', 'Tus-Resumable', 'Tus-Max-Size', 'Tus-Extension'],
  ...['Upload-Metadata', 'Upload-Defer-Length', 'Upload-Concat', 'Upload-Expires', 'Upload-Limit', 'Retry-After'],
  ...['Content-Disposition', 'Content-Range', 'ETag', 'Accept-Patch'],
]) {
  test(`CORS: pages may read ${name}`, () =>
    assert.ok(list(fieldsOf({}, from(APP))['Access-Control-Expose-Headers']).includes(name)))
}

test('CORS: lists are added to the defaults, once', () => {
  const options = {
    allowMethods: ['PUT', 'POST'],
    allowHeaders: ['X-Mine', 'Range'],
    exposeHeaders: ['X-Yours', 'ETag'],
  }
  const asked = fieldsOf(options, preflight(APP))
  const names = [
    ...list(asked['Access-Control-Allow-Methods']),
    ...list(asked['Access-Control-Allow-Headers']),
    ...list(fieldsOf(options, from(APP))['Access-Control-Expose-Headers']),
  ]
  for (const name of ['PUT', 'POST', 'X-Mine', 'X-Yours', 'ETag']) {
    assert.equal(names.filter((candidate) => candidate === name).length, 1, name)
  }
})
test('CORS: the age is an option', () =>
  assert.equal(fieldsOf({ maxAge: 0 }, preflight(APP))['Access-Control-Max-Age'], '0'))

for (const [rule, head] of [
  ['a preflight', preflight(APP)],
  ['a request', from(APP)],
] as const) {
  test(`CORS: credentials are told to ${rule}, with the origin itself`, () => {
    const fields = fieldsOf({ allowOrigin: APP, allowCredentials: true }, head)
    assert.deepEqual([fields['Access-Control-Allow-Credentials'], fields['Access-Control-Allow-Origin']], ['true', APP])
  })
}
test('CORS: credentials are not allowed by default', () =>
  assert.equal(fieldsOf({ allowOrigin: APP }, from(APP))['Access-Control-Allow-Credentials'], undefined))
for (const allowOrigin of [undefined, '*', ['*']]) {
  test(`CORS: credentials for every origin (${JSON.stringify(allowOrigin)}) are refused`, () =>
    assert.throws(() => corsOf({ allowOrigin, allowCredentials: true }), { code: 'ERR_INVALID_OPTIONS' }))
}
