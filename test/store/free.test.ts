import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freeNow } from '../../src/store/free.js'

const KiB = 1024

test('a chunk that has its memory for itself is empty afterwards, and its memory is given back', () => {
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 1_000; count++) {
    const chunk = Buffer.allocUnsafeSlow(1024 * KiB)
    freeNow(chunk)
    assert.equal(chunk.length, 0)
  }
  // No collection need have run: a thousand of them would be 1 GiB.
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * KiB)
})

test('a chunk that shares its memory is left alone', () => {
  const whole = Buffer.allocUnsafeSlow(64 * KiB).fill('a')
  const [first, rest] = [whole.subarray(0, 32 * KiB), whole.subarray(32 * KiB)]
  freeNow(first)
  freeNow(rest)
  assert.equal(whole.toString(), 'a'.repeat(64 * KiB))
})

test('a small chunk, a pooled one and shared memory are left alone', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(64 * KiB))
  for (const chunk of [Buffer.from('abc'), Buffer.allocUnsafe(100), Buffer.alloc(8 * KiB), shared]) {
    const { length } = chunk
    freeNow(chunk)
    assert.equal(chunk.length, length)
  }
})

test('freeing twice does nothing', () => {
  const chunk = Buffer.allocUnsafeSlow(64 * KiB)
  freeNow(chunk)
  freeNow(chunk)
  assert.equal(chunk.length, 0)
})
