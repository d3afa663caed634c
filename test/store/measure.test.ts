import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { differences, measure, resumed } from '../../src/store/measure.js'

const bytes = Buffer.from('The quick brown fox jumps over the lazy dog')

async function* pieces(of: Buffer, size = 7): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < of.length; at += size) yield of.subarray(at, at + size)
}

async function all(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

test('content is measured as it is read', async () => {
  const sha256 = createHash('sha256').update(bytes).digest('base64')
  const told: number[] = []
  const found = await measure(pieces(bytes), { digests: { 'sha-256': '' }, checksums: { CRC64NVME: '' } }, (count) =>
    told.push(count),
  )
  assert.deepEqual([found.length, found.crc32, found.digests], [43, crc32(bytes), { 'sha-256': sha256 }])
  assert.match(found.checksums.CRC64NVME ?? '', /^[A-Za-z0-9+/]{11}=$/)
  assert.deepEqual([told.reduce((sum, count) => sum + count, 0), told.length], [43, 7])
})

test('each difference from what is known is told, and what is not known is none', async () => {
  const found = await measure(pieces(bytes), { digests: { 'sha-512': '' }, checksums: { CRC32C: '' } })
  assert.deepEqual(differences({ offset: 43, crc32: undefined, digests: undefined }, found), [])
  const known = { offset: 42, crc32: 1, digests: { 'sha-512': 'x' }, checksums: { CRC32C: 'AAAAAA==' } }
  assert.deepEqual(
    differences(known, found).map(({ code }) => code),
    ['content-other-size', 'content-other-crc32', 'content-other-digest', 'content-other-checksum'],
  )
})

test('content that breaks off is gone on with where it broke off', async () => {
  const opened: number[] = []
  const open = async (first: number): Promise<AsyncIterable<Uint8Array>> => {
    opened.push(first)
    return (async function* () {
      yield* pieces(bytes.subarray(first, first + 5))
      if (first + 5 < bytes.length) throw new Error('cut')
    })()
  }
  assert.equal(await all(resumed(43, open)), bytes.toString())
  assert.deepEqual(opened, [0, 5, 10, 15, 20, 25, 30, 35, 40])
})

test('content that never comes is given up, and what ends early ends', async () => {
  let tries = 0
  const never = async (): Promise<never> => {
    tries++
    throw new Error('never')
  }
  await assert.rejects(all(resumed(43, never)), /never/)
  assert.equal(tries, 4)
  assert.equal(await all(resumed(99, async (first) => pieces(bytes.subarray(first)))), bytes.toString())
})
