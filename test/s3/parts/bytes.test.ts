import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BLOCK, spareBytes, takeBlock } from '../../../src/s3/parts/blocks.js'
import { MemoryBytes } from '../../../src/s3/parts/bytes.js'

const chunksOf = (bytes: Buffer, sizeOf: (index: number) => number): Buffer[] => {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunks.at(-1)!.length) {
    // A buffer of its own, as a socket gives it.
    const chunk = bytes.subarray(at, at + sizeOf(chunks.length))
    chunks.push(Buffer.from(new Uint8Array(chunk).buffer))
  }
  return chunks
}

const filled = (chunks: readonly Uint8Array[], isOurs = false): MemoryBytes => {
  const bytes = new MemoryBytes()
  for (const chunk of chunks) bytes.add(chunk, isOurs)
  return bytes
}

const SIZES: Record<string, (index: number) => number> = {
  'of 64 KiB': () => 64 * 1024,
  'of one byte, and large ones between': (index) => (index % 7 === 0 ? 9_000 : 1),
  'around the sizes that matter': (index) =>
    [4_095, 4_096, 4_097, 16_383, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3][index % 9]!,
  'larger than a block': () => 3 * BLOCK + 17,
}
for (const [name, sizeOf] of Object.entries(SIZES)) {
  for (const isOurs of [true, false]) {
    test(`what goes in as chunks ${name} comes out, as often as asked${isOurs ? ', if the chunks are ours' : ''}`, () => {
      const sent = randomBytes(5 * BLOCK + 123)
      const bytes = filled(chunksOf(sent, sizeOf), isOurs)
      for (const skip of [0, 1, 100, BLOCK, 2 * BLOCK + 1, sent.length]) {
        assert.ok(Buffer.concat(bytes.chunks(skip)).equals(sent.subarray(skip)), `without the first ${skip}`)
      }
    })
  }
}

test('what is added while earlier bytes are lent does not change those', () => {
  const bytes = filled(chunksOf(Buffer.alloc(2 * BLOCK, 'a'), () => 10_000))
  const lent = Buffer.concat(bytes.chunks())
  const views = bytes.chunks()
  bytes.add(Buffer.alloc(2 * BLOCK, 'b'))
  assert.ok(Buffer.concat(views).equals(lent))
})

test('chunks of one byte cost little more than their bytes', () => {
  const bytes = filled(Array.from({ length: 100_000 }, () => Buffer.from('x')))
  assert.ok(bytes.chunks().length < 20)
})

test('chunks that are not ours are never emptied', () => {
  const chunks = chunksOf(randomBytes(4 * BLOCK), () => 64 * 1024)
  filled(chunks)
  assert.ok(chunks.every((chunk) => chunk.length === 64 * 1024))
})

test('chunks that are ours are emptied once they were copied', () => {
  const chunks = chunksOf(randomBytes(4 * BLOCK), () => 64 * 1024)
  filled(chunks, true)
  assert.deepEqual(
    chunks.map(({ length }) => length),
    [...Array<number>(4).fill(64 * 1024), ...Array<number>(12).fill(0)],
  )
})

test('blocks are used again when what was lent is returned, and not before', () => {
  const sent = randomBytes(5 * BLOCK)
  const bytes = filled(chunksOf(sent, () => 64 * 1024))
  const [first, second] = [bytes.chunks(), bytes.chunks()]
  const before = spareBytes()
  bytes.discard()
  bytes.returned()
  assert.equal(spareBytes(), before)
  // Another upload gets other memory: a request that was given up may still read this one.
  filled(chunksOf(Buffer.alloc(20 * BLOCK), () => 64 * 1024))
  assert.ok(Buffer.concat(first).equals(sent) && Buffer.concat(second).equals(sent))
  bytes.returned()
  assert.equal(spareBytes() - Math.max(0, before - 19 * BLOCK), 4 * BLOCK)
})

test('blocks that nobody asked to have back are not used again before the bytes are discarded', () => {
  const bytes = filled(chunksOf(randomBytes(3 * BLOCK), () => 64 * 1024))
  const before = spareBytes()
  bytes.chunks()
  bytes.returned()
  assert.equal(spareBytes(), before)
  bytes.discard()
  assert.equal(spareBytes(), before + 2 * BLOCK)
})

test('blocks that nobody needs for a while are freed', async () => {
  const bytes = filled(chunksOf(Buffer.alloc(40 * BLOCK), () => 64 * 1024))
  bytes.discard()
  assert.ok(spareBytes() >= 39 * BLOCK)
  const block = takeBlock()
  for (let tries = 0; spareBytes() > 0 && tries < 100; tries++) await sleep(100)
  assert.equal(spareBytes(), 0)
  assert.equal(block.length, BLOCK)
})
