import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientAddressOf, requestIdOf } from '../../src/http/request-id.js'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

for (const [given, isTaken] of [
  ['abc-123', true],
  ['f47ac10b-58cc-4372-a567-0e02b2c3d479', true],
  ['Root=1-67891233-abcdef012345678912', true],
  ['a'.repeat(36), true],
  ['a'.repeat(37), false],
  ['', false],
  ['a b', false],
  ['a\u0000', false],
  ['<script>', false],
  ['ä', false],
] as const) {
  test(`X-Request-ID ${JSON.stringify(given)} is ${isTaken ? 'taken' : 'replaced'}`, () => {
    const id = requestIdOf({ fields: { 'x-request-id': given } })
    if (isTaken) assert.equal(id, given)
    else assert.match(id, UUID)
  })
}

test('without X-Request-ID each request has an ID of its own', () => {
  const [one, other] = [requestIdOf({ fields: {} }), requestIdOf({ fields: {} })]
  assert.match(one, UUID)
  assert.notEqual(one, other)
})

for (const [what, fields, trustProxy, expected] of [
  ['nobody is believed by default', { 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4' }, false, '9.9.9.9'],
  ['X-Forwarded-For', { 'x-forwarded-for': '1.2.3.4, 5.6.7.8' }, true, '1.2.3.4'],
  ['X-Forwarded-For with a port', { 'x-forwarded-for': '1.2.3.4:4711' }, true, '1.2.3.4'],
  ['X-Forwarded-For, IPv6', { 'x-forwarded-for': '2001:db8::1' }, true, '2001:db8::1'],
  ['Forwarded', { forwarded: 'proto=https;for="[2001:db8::1]:4711", for=5.6.7.8' }, true, '2001:db8::1'],
  ['Forwarded is asked first', { forwarded: 'For=1.2.3.4', 'x-forwarded-for': '5.6.7.8' }, true, '1.2.3.4'],
  ['a name is no address', { forwarded: 'for=_hidden', 'x-forwarded-for': 'unknown' }, true, '9.9.9.9'],
  ['what is no address stays out of the log', { 'x-forwarded-for': 'x\u0000 status=500' }, true, '9.9.9.9'],
] as const) {
  test(`the client's address: ${what}`, () => {
    const head = { method: 'GET', target: '/', fields, encrypted: false, remoteAddress: '9.9.9.9' }
    assert.equal(clientAddressOf(head, trustProxy), expected)
  })
}
