import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dressed } from '../../src/protocol/answer.js'

const head = { status: 204, fields: { 'Upload-Offset': '5', 'Tus-Resumable': '1.0.0' } }

test('without anything to add an answer stays as it is', () => {
  assert.equal(dressed(head, undefined), head)
  assert.deepEqual(dressed(head, {}), head)
})

test('a body makes 204 a 200, unless a status is said', () => {
  assert.deepEqual(dressed(head, { body: 'hello' }), {
    status: 200,
    fields: { ...head.fields, 'Content-Type': 'text/plain; charset=utf-8' },
    text: 'hello',
  })
  const said = dressed(head, { status: 201, body: '{}', headers: { 'Content-Type': 'application/json' } })
  assert.deepEqual([said.status, said.fields['Content-Type']], [201, 'application/json'])
})

test('an answer without content takes fields alone', () => {
  const fields = dressed(head, { status: 299, body: 'x', headers: { 'X-A': 'b' } }, 'fields')
  assert.deepEqual(fields, { status: 204, fields: { ...head.fields, 'X-A': 'b' } })
})

test('fields of the protocols and of framing are not replaced, in no spelling', () => {
  const names = [
    'upload-offset',
    'UPLOAD-Length',
    'tus-resumable',
    'content-length',
    'Transfer-Encoding',
    'connection',
    'LOCATION',
  ]
  const headers = Object.fromEntries(
    [...names, 'Access-Control-Allow-Origin', 'Date', 'Trailer'].map((name) => [name, 'x']),
  )
  assert.deepEqual(dressed(head, { headers }), head)
})

test('what would end a field, or is no field, is left out', () => {
  const headers = {
    'X-A': 'a\r\nB: c',
    'X B': 'c',
    'X-C\n': 'd',
    'X-D': 'ünï',
    'X-E': '\u0000',
    'X-F': '日',
    'X-G': '',
  }
  assert.deepEqual(dressed(head, { headers }).fields, { ...head.fields, 'X-D': 'ünï', 'X-G': '' })
})
