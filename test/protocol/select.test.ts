/** Which codec answers: told by what only it says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { both } from '../../src/protocol/both.js'
import { rufhOf } from '../../src/protocol/rufh/index.js'
import { codecFor } from '../../src/protocol/select.js'
import { tus1 } from '../../src/protocol/tus1/index.js'
import { headOf } from './head.js'

const on = { rufh: true, unversioned: false }
const future = { rufh: true, unversioned: true }
const tus = { 'tus-resumable': '1.0.0' }
const version = (interop: string) => ({ 'upload-draft-interop-version': interop })

test('Tus-Resumable decides, whatever else is said', () => {
  for (const method of ['POST', 'HEAD', 'PATCH', 'OPTIONS', 'DELETE']) {
    assert.equal(codecFor(headOf({ method, fields: { ...tus, ...version('6') } }), on), tus1)
  }
})

test('a version of the draft decides, parameters or not', () => {
  for (const interop of ['3', '4', '5', '6', '7', '8', '9', '6;x']) {
    assert.equal(
      codecFor(headOf({ method: 'HEAD', fields: version(interop) }), on),
      rufhOf(Number.parseInt(interop, 10)),
    )
  }
})

test('nothing said: both for OPTIONS and HEAD, tus for the rest', () => {
  assert.equal(codecFor(headOf({ method: 'OPTIONS' }), on), both)
  assert.equal(codecFor(headOf({ method: 'HEAD' }), on), both)
  for (const method of ['GET', 'DELETE', 'POST', 'PATCH']) assert.equal(codecFor(headOf({ method }), on), tus1)
})

test('an unknown version, and none, get the newest rules but no 104', () => {
  for (const fields of [
    version('2'),
    version('99'),
    version('x'),
    { 'upload-complete': '?1' },
    { 'content-type': 'application/partial-upload; x=1' },
  ]) {
    const codec = codecFor(headOf({ method: 'PATCH', fields }), on)
    assert.notEqual(codec, tus1)
    assert.equal(codec.renderReport, undefined)
  }
  assert.equal(codecFor(headOf({ method: 'POST', fields: { 'upload-complete': 'yes' } }), on), tus1)
})

test('clients of the future standard get all, where that is switched on; an unknown version does not', () => {
  for (const method of ['POST', 'HEAD', 'PATCH', 'DELETE', 'GET']) {
    assert.ok(codecFor(headOf({ method, fields: { 'upload-complete': '?1' } }), future).renderReport, method)
    assert.ok(codecFor(headOf({ method }), future).renderReport, method)
  }
  assert.equal(codecFor(headOf({ method: 'POST', fields: version('99') }), future).renderReport, undefined)
  assert.equal(codecFor(headOf({ method: 'POST', fields: tus }), future), tus1)
})

test('switched off, all is tus', () => {
  const off = { rufh: false, unversioned: false }
  for (const method of ['POST', 'HEAD', 'OPTIONS'])
    assert.equal(codecFor(headOf({ method, fields: version('6') }), off), tus1)
})
