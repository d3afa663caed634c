import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { combineCrc32 } from '../../src/store/crc32.js'

for (const [first, second] of [
  [0, 0],
  [0, 5],
  [5, 0],
  [1, 1],
  [3, 70_001],
  [65_536, 4_097],
  [12, 1_048_576],
] as const) {
  test(`the CRC32 of ${first} and ${second} bytes in a row is that of the whole`, () => {
    const whole = randomBytes(first + second)
    const combined = combineCrc32(crc32(whole.subarray(0, first)), crc32(whole.subarray(first)), second)
    assert.equal(combined, crc32(whole))
  })
}

test('lengths past 2^32 are taken whole, not cut to 32 bits', () => {
  // Appending 2^33 zero bytes twice is appending 2^34.
  const once = combineCrc32(0x12345678, 0, 2 ** 33)
  assert.equal(combineCrc32(once, 0, 2 ** 33), combineCrc32(0x12345678, 0, 2 ** 34))
  assert.notEqual(once, 0x12345678)
})
