import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChunkedDecoder } from '../../../src/testing/bucket/chunked.js'

const FRAMED = Buffer.from(
  '4\r\nwiki\r\n5\r\npedia\r\nE\r\n in \r\n\r\nchunks\r\n0\r\nx-amz-checksum-crc32: AAAA\r\n\r\n',
)
const DECODED = 'wikipedia in \r\n\r\nchunks'

function decode(...pieces: Buffer[]) {
  const decoder = new ChunkedDecoder()
  const text = pieces.flatMap((piece) => decoder.push(piece)).join('')
  decoder.finish()
  return { text, trailers: Object.fromEntries(decoder.trailers) }
}

describe('aws-chunked', () => {
  it('gives the same bytes and trailers wherever the framed bytes are cut in three', () => {
    for (let first = 0; first <= FRAMED.length; first++) {
      for (let second = first; second <= FRAMED.length; second++) {
        const pieces = [FRAMED.subarray(0, first), FRAMED.subarray(first, second), FRAMED.subarray(second)]
        assert.deepEqual(decode(...pieces), { text: DECODED, trailers: { 'x-amz-checksum-crc32': 'AAAA' } })
      }
    }
  })

  it('takes a body that ends without the last empty line', () => {
    assert.equal(decode(Buffer.from('1\r\nx\r\n0\r\n')).text, 'x')
  })

  it('refuses a body that is cut anywhere before its last chunk', () => {
    const end = FRAMED.indexOf('0\r\nx-amz') + 3
    for (let length = 0; length < end; length++) {
      assert.throws(() => decode(FRAMED.subarray(0, length)), { code: 'IncompleteBody' }, `cut at ${length}`)
    }
  })

  for (const [what, framed] of [
    ['a size that is no number', 'x\r\n'],
    ['a chunk longer than its size', '1\r\nxy\r\n0\r\n\r\n'],
    ['lines without CR', '1\nx\n0\n\n'],
    ['a line without end', '1'.repeat(2000)],
    ['a signature where none is expected', `1;chunk-signature=${'a'.repeat(64)}\r\nx\r\n0\r\n\r\n`],
    ['bytes after the end', '0\r\n\r\nmore\r\n'],
    ['a trailer that is none', '0\r\nnonsense\r\n\r\n'],
    ['more trailers than anybody sends', `0\r\n${Array.from({ length: 40 }, (_, at) => `t${at}:x\r\n`).join('')}\r\n`],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decode(Buffer.from(framed)), { code: 'IncompleteBody' })
    })
  }
})
