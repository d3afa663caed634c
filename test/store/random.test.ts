import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomHex } from '../../src/store/random.js'

test('no two are equal, however many are asked for, and each has its length', () => {
  const seen = new Set<string>()
  for (let count = 0; count < 20_000; count++) {
    const bytes = count % 3 === 0 ? 12 : 16
    const text = randomHex(bytes)
    assert.match(text, bytes === 12 ? /^[0-9a-f]{24}$/ : /^[0-9a-f]{32}$/)
    seen.add(text)
  }
  assert.equal(seen.size, 20_000)
})

test('every bit is set about half of the time', () => {
  const ones = Array<number>(128).fill(0)
  for (let count = 0; count < 4_000; count++) {
    const bytes = Buffer.from(randomHex(16), 'hex')
    for (let bit = 0; bit < 128; bit++) ones[bit]! += (bytes[bit >> 3]! >> (bit & 7)) & 1
  }
  // Six standard deviations of 31.6.
  for (const count of ones) assert.ok(Math.abs(count - 2_000) < 190, `${count} of 4,000`)
})
