import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import { byZlib, crc32, quickest } from '../../src/store/crc32-of.js'

test('both are the CRC32 that everybody knows', () => {
  const check = Buffer.from('123456789')
  assert.equal(crc32(check), 0xcbf43926)
  assert.equal(byZlib(check), 0xcbf43926)
})

test('no bytes change no sum', () => {
  for (const none of [randomBytes(0), Buffer.alloc(0), new Uint8Array(0)]) {
    assert.equal(crc32(none, 7), 7)
    assert.equal(byZlib(none, 7), 7)
    assert.equal(byZlib(none), 0)
  }
})

for (const length of [1, 15, 16, 63, 64, 65, 1_000, 65_536, 300_001]) {
  test(`what is used computes the same as zlib, for ${length} bytes, whole and going on`, () => {
    const bytes = randomBytes(length)
    assert.equal(crc32(bytes), zlibCrc32(bytes))
    assert.equal(crc32(bytes, 0xffff_fffe), zlibCrc32(bytes, 0xffff_fffe))
    assert.equal(crc32(new Uint8Array(bytes.buffer, bytes.byteOffset, length), 7), zlibCrc32(bytes, 7))
  })
}

const REFUSED = {
  'is not installed': () => {
    throw new Error('Cannot find module')
  },
  'computes something else': () => ({ crc32: () => 5 }),
  'cannot go on from a sum': () => ({ crc32: (bytes: Uint8Array) => byZlib(bytes) }),
  'gives negative numbers': () => ({ crc32: (bytes: Uint8Array, sum?: number) => byZlib(bytes, sum) | 0 }),
  'is something else': () => ({}) as never,
}
for (const [name, load] of Object.entries(REFUSED)) {
  test(`a package that ${name} is left alone`, () => {
    assert.equal(quickest(load), byZlib)
  })
}

test('a package that computes the same is used', () => {
  const other = (bytes: Uint8Array, sum?: number): number => byZlib(bytes, sum)
  assert.equal(
    quickest(() => ({ crc32: other })),
    other,
  )
})
