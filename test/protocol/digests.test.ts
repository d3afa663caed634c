import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { parseContentDigest, parseReprDigest, reprDigestFields } from '../../src/protocol/digests.js'
import type { UploadInfo } from '../../src/store/info.js'

const sha256 = createHash('sha256').update('a').digest('base64')
const sha512 = createHash('sha512').update('a').digest('base64')

test('Content-Digest: the strongest algorithm that is known counts', () => {
  const both = `sha-256=:${sha256}:, sha-512=:${sha512}:, md5=:AAAA:`
  assert.deepEqual(parseContentDigest(both)?.algorithm, 'sha512')
  const { algorithm, digest } = parseContentDigest(`sha-256=:${sha256}:;x=1`)!
  assert.equal(algorithm, 'sha256')
  assert.equal(Buffer.from(digest).toString('base64'), sha256)
})

test('Repr-Digest: all algorithms that are known count', () => {
  assert.deepEqual(parseReprDigest(`sha-512=:${sha512}:, sha-256=:${sha256}:`), {
    'sha-512': sha512,
    'sha-256': sha256,
  })
})

for (const field of [
  undefined,
  '',
  'sha-256',
  `sha-256="${sha256}"`,
  `sha-256=:${sha256}`,
  'md5=:AAAA:',
  `sha-256=(:${sha256}:)`,
]) {
  test(`what says nothing that is known is ignored: ${field}`, () => {
    assert.equal(parseContentDigest(field), undefined)
    assert.equal(parseReprDigest(field), undefined)
  })
}

for (const field of ['sha-256=:AAAA:', `sha-512=:${sha256}:`, 'sha-256=::']) {
  test(`a digest that its algorithm cannot give is refused: ${field}`, () => {
    assert.throws(() => parseContentDigest(field), { code: 'ERR_INVALID_DIGEST', status: 400 })
    assert.throws(() => parseReprDigest(field), { code: 'ERR_INVALID_DIGEST' })
  })
}

test('Repr-Digest tells what was verified, and the CRC32 in network order, of complete uploads alone', () => {
  const info = { state: 'complete', digests: { 'sha-256': sha256 }, crc32: 0x01020304 } as unknown as UploadInfo
  assert.deepEqual(reprDigestFields(info), { 'Repr-Digest': `sha-256=:${sha256}:, crc32=:AQIDBA==:` })
  assert.deepEqual(reprDigestFields({ ...info, state: 'open' }), {})
  assert.deepEqual(reprDigestFields({ ...info, digests: undefined, crc32: undefined }), {})
})

for (const [wanted, told] of [
  ['crc32=10, sha-256=1', ['crc32', 'sha-256', 'sha-512']],
  ['sha-256=10', ['sha-256', 'sha-512', 'crc32']],
  ['sha-512=0, crc32=0', ['sha-256']],
  ['sha-512=0, sha-256=0, crc32=0', []],
  ['md5=10', ['sha-512', 'sha-256', 'crc32']],
  ['sha-512=11, sha-256=x, crc32="0"', ['sha-512', 'sha-256', 'crc32']],
  ['sha-512=0,', ['sha-512', 'sha-256', 'crc32']],
] as const) {
  test(`Want-Repr-Digest: ${wanted} is told ${told.join(', ') || 'nothing'}`, () => {
    const digests = { 'sha-256': sha256, 'sha-512': sha512 }
    const info = { state: 'complete', digests, crc32: 1 } as unknown as UploadInfo
    const field = reprDigestFields(info, wanted)['Repr-Digest']
    assert.deepEqual(field?.split(', ').map((member) => member.split('=')[0]) ?? [], told)
  })
}
