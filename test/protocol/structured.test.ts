import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSfBoolean, parseSfInteger } from '../../src/protocol/structured.js'

const booleans: [string | undefined, boolean | undefined][] = [
  ['?1', true],
  ['?0', false],
  [' ?1 ', true],
  ['?1;x=1;y', true],
  ['true', undefined],
  ['1', undefined],
  ['?2', undefined],
  ['?1, ?1', undefined],
  ['?', undefined],
  ['', undefined],
  [undefined, undefined],
]
for (const [field, value] of booleans) {
  test(`as a boolean, ${JSON.stringify(field)} is ${value}`, () => assert.equal(parseSfBoolean(field), value))
}

const integers: [string | undefined, number | undefined][] = [
  ['0', 0],
  ['5', 5],
  ['999999999999999', 999_999_999_999_999],
  ['5;x=1.5', 5],
  ['007', 7],
  ['1000000000000000', undefined],
  ['-1', undefined],
  ['1.0', undefined],
  ['1e3', undefined],
  ['"5"', undefined],
  ['5, 5', undefined],
  ['+5', undefined],
  ['', undefined],
  [undefined, undefined],
]
for (const [field, value] of integers) {
  test(`as a length, ${JSON.stringify(field)} is ${value}`, () => assert.equal(parseSfInteger(field), value))
}
