import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOrigin } from '../../src/cli/origins.js'

const matches = (text: string, origin: string): boolean => {
  const read = readOrigin(text)
  assert.notEqual(read, undefined, text)
  return read instanceof RegExp ? read.test(origin) : read === origin
}

const rows: [text: string, origin: string, expected: boolean][] = [
  ['https://app.example', 'https://app.example', true],
  ['https://App.Example', 'https://app.example', true],
  ['https://app.example', 'https://appxexample', false],
  ['https://*.example', 'https://a.example', true],
  ['https://*.example', 'https://a.b.example', true],
  ['https://*.example', 'https://example', false],
  ['https://*.example', 'https://.example', false],
  ['https://*.example', 'http://a.example', false],
  ['https://*.example', 'https://a.example.evil', false],
  ['https://*.example', 'https://evil/.example', false],
  ['https://*.example', 'https://a.example:8443', false],
  ['https://*.example:8443', 'https://a.example:8443', true],
  ['http://localhost:*', 'http://localhost:5173', true],
  ['http://localhost:*', 'http://localhost', false],
  ['capacitor://localhost', 'capacitor://localhost', true],
  ['http://[::1]:80', 'http://[::1]:80', true],
  ['null', 'null', true],
  ['/https://[a-z]+\\.example/', 'https://a.example', true],
  ['/https://[a-z]+\\.example/', 'https://a.example.evil', false],
  ['/https://[a-z]+\\.example/', 'xhttps://a.example', false],
  ['/https://a|http://b/', 'https://a.evil', false],
  ['/https://a|http://b/', 'http://b', true],
  ['/.*/', `https://${'a'.repeat(400)}`, false],
]
for (const [text, origin, expected] of rows) {
  test(`${text} ${expected ? 'is' : 'is not'} ${origin.slice(0, 40)}`, () => {
    assert.equal(matches(text, origin), expected)
  })
}

for (const text of [
  'app.example',
  'https://app.example/',
  'https://a.example/path',
  '.*',
  '/a',
  '/(/',
  '/a)(b/',
  'https://*.*.*',
]) {
  test(`${text} is no origin`, () => assert.equal(readOrigin(text), undefined))
}

test('two stars over a long origin take no time', () => {
  const read = readOrigin('https://*a*.example') as RegExp
  const started = performance.now()
  assert.equal(read.test(`https://${'a'.repeat(290)}`), false)
  assert.ok(performance.now() - started < 100)
})
