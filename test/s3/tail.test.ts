import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { UploadError } from '../../src/errors.js'
import type { Call } from '../../src/s3/call/call.js'
import { keysOf, prefixes } from '../../src/s3/keys.js'
import { MemoryBytes } from '../../src/s3/parts/bytes.js'
import { readSegments } from '../../src/s3/tail.js'

const stored = Buffer.from('the bytes that were committed')
const segment = { slot: 0, length: stored.length, etag: '"e"', crc32: crc32(stored) }
const keys = keysOf(prefixes(), 'id')

/** S3 that answers every GetObject with these bytes, whatever was stored. */
const giving = (bytes: Buffer): Call =>
  (async () => ({
    etag: '"e"',
    length: bytes.length,
    body: (async function* () {
      yield bytes
    })(),
  })) as unknown as Call

test('a segment is read as it was committed', async () => {
  const into = new MemoryBytes()
  await readSegments(giving(stored), keys, [segment], into)
  assert.deepEqual(Buffer.concat(into.chunks() as Uint8Array[]), stored)
})

test('small segments are read at once, a few at a time, and stand in order', async () => {
  const tail = Array.from({ length: 40 }, (_, slot) => {
    const bytes = Buffer.from(`segment ${slot} `)
    return { bytes, slot, length: bytes.length, etag: `"${slot}"`, crc32: crc32(bytes) }
  })
  let running = 0
  let most = 0
  const call = (async (_: string, { ifMatch }: { ifMatch: string }) => {
    most = Math.max(most, ++running)
    // The first answers last.
    await new Promise((resolve) => setTimeout(resolve, 20 - (Number(ifMatch.slice(1, -1)) % 20)))
    running--
    return { body: [tail.find(({ etag }) => etag === ifMatch)!.bytes] }
  }) as unknown as Call
  const into = new MemoryBytes()
  await readSegments(call, keys, tail, into)
  assert.deepEqual(Buffer.concat(into.chunks()), Buffer.concat(tail.map(({ bytes }) => bytes)))
  assert.equal(most, 16)
})

test('large segments are read one after the other', async () => {
  const large = Buffer.alloc(3 * 1024 * 1024, 'x')
  const tail = [0, 1, 2].map((slot) => ({ slot, length: large.length, etag: '"e"', crc32: crc32(large) }))
  let running = 0
  const call = (async () => {
    assert.equal(++running, 1)
    return {
      body: (async function* () {
        await new Promise((resolve) => setTimeout(resolve, 5))
        running--
        yield large
      })(),
    }
  }) as unknown as Call
  const into = new MemoryBytes()
  await readSegments(call, keys, tail, into)
  assert.equal(Buffer.concat(into.chunks()).length, 3 * large.length)
})

for (const [name, bytes, code] of [
  ['other bytes', Buffer.from(stored).fill('x', 3, 4), 'ERR_STORE_CORRUPT'],
  ['more bytes', Buffer.concat([stored, stored]), 'ERR_STORE_CORRUPT'],
  ['fewer bytes', stored.subarray(1), 'ERR_STORE_UNAVAILABLE'],
] as const) {
  test(`a segment that comes back with ${name} is refused`, async () => {
    const reading = readSegments(giving(bytes), keys, [segment], new MemoryBytes())
    await assert.rejects(reading, (error: unknown) => error instanceof UploadError && error.code === code)
  })
}
