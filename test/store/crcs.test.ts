import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { type CrcName, combineCrcs, crc32, crc32c, crc64nvme, POLYNOMIALS } from '../../src/store/crcs.js'

const HASHERS = { CRC32: crc32, CRC32C: crc32c, CRC64NVME: crc64nvme }
const CHECK = { CRC32: 'cbf43926', CRC32C: 'e3069283', CRC64NVME: 'ae8b14860a799888' }
const NAMES = Object.keys(CHECK) as CrcName[]

function crc(name: CrcName, ...pieces: Uint8Array[]): Buffer {
  const hasher = HASHERS[name]()
  for (const piece of pieces) hasher.update(piece)
  return hasher.digest()
}

/** Bit by bit, from the definition. */
function slowly(name: CrcName, bytes: Uint8Array): string {
  const { polynomial, width } = POLYNOMIALS[name]
  const ones = (1n << BigInt(width)) - 1n
  let value = ones
  for (const byte of bytes) {
    value ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n
  }
  return (value ^ ones).toString(16).padStart(width / 4, '0')
}

for (const name of NAMES) {
  describe(name, () => {
    it('has the published check value', () => {
      assert.equal(crc(name, Buffer.from('123456789')).toString('hex'), CHECK[name])
    })

    it('is what the definition says, for every length and however the bytes are cut', () => {
      const bytes = randomBytes(70)
      for (let length = 0; length <= bytes.length; length++) {
        const some = bytes.subarray(0, length)
        const cut = Math.floor(length / 3)
        assert.equal(crc(name, some).toString('hex'), slowly(name, some))
        assert.equal(crc(name, some.subarray(0, cut), some.subarray(cut)).toString('hex'), slowly(name, some))
      }
    })

    it('combines from pieces of any size, none included', () => {
      const bytes = randomBytes(100_000)
      for (const cuts of [[0], [1], [50_000], [99_999, 100_000], [10, 20, 20, 30_000], [25_000, 50_000, 75_000]]) {
        const bounds = [0, ...cuts, bytes.length]
        const pieces = bounds.slice(1).map((end, at) => bytes.subarray(bounds[at], end))
        const combined = combineCrcs(
          name,
          pieces.map((piece) => ({ crc: crc(name, piece), size: piece.length })),
        )
        assert.deepEqual(combined, crc(name, bytes), `cut at ${cuts}`)
      }
    })
  })
}
