/** tus 1.0.0, Checksum. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { sha256, someBytes } from '../../test/support/bucket.js'
import { onEachGround } from '../support/grounds.js'
import { BYTES, MiB, pieces, refused, TUS, tusClient } from '../support/tus.js'

const fieldOf = (algorithm: string, bytes: Uint8Array): string => {
  if (algorithm !== 'crc32') return `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return `crc32 ${sum.toString('base64')}`
}

onEachGround('tus 1.0.0: Checksum', {}, ({ send, adapter }, rule) => {
  const { post, patch, create, content, offset, options, extensions } = tusClient(send)
  const algorithms = async (): Promise<string[]> => (await options()).headers.get('Tus-Checksum-Algorithm')!.split(',')
  const flipped = (bytes: Uint8Array): Buffer => {
    const other = Buffer.from(bytes)
    other[other.length >> 1]! ^= 1
    return other
  }

  rule(
    '[tus-checksum tus-checksum-listed tus-checksum-options tus-checksum-list tus-checksum-names] OPTIONS offers checksums and lists the algorithms',
    async () => {
      assert.ok((await extensions()).includes('checksum'))
      const listed = await algorithms()
      assert.ok(listed.length > 0)
      for (const name of listed) assert.match(name, /^[\x21-\x40\x5b-\x7e]+$/)
    },
  )

  rule(
    '[tus-checksum-verified tus-checksum-204 tus-checksum-460 tus-checksum-unchanged tus-checksum-discarded] each algorithm: other bytes are 460 and change nothing, the right ones 204',
    async () => {
      const bytes = someBytes(6 * MiB)
      for (const algorithm of await algorithms()) {
        const checksum = { 'Upload-Checksum': fieldOf(algorithm, bytes) }
        const url = await create({ 'Upload-Length': String(bytes.length) })
        assert.equal((await patch(url, 0, flipped(bytes), checksum)).status, 460, algorithm)
        assert.equal(await offset(url), '0')
        const right = await patch(url, 0, bytes, checksum)
        assert.equal(right.status, 204, algorithm)
        assert.equal(right.headers.get('Upload-Offset'), String(bytes.length))
        assert.equal(sha256(await content(url)), sha256(bytes))
      }
    },
  )

  rule('[tus-checksum-sha1] sha1 is among them, and verified', async () => {
    assert.ok((await algorithms()).includes('sha1'))
    const url = await create({ 'Upload-Length': '11' })
    const checksum = { 'Upload-Checksum': 'sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=' }
    assert.equal((await patch(url, 0, 'hello World', checksum)).status, 460)
    assert.equal((await patch(url, 0, 'hello world', checksum)).status, 204)
  })

  rule('[tus-checksum-sent] a PATCH with a checksum and one without go together', async () => {
    const url = await create({ 'Upload-Length': '6' })
    assert.equal((await patch(url, 0, 'abc')).status, 204)
    const checksum = { 'Upload-Checksum': fieldOf('sha256', Buffer.from('def')) }
    assert.equal((await patch(url, 3, pieces(['d', 'ef']), checksum)).status, 204)
    assert.equal((await content(url)).toString(), 'abcdef')
  })

  rule(
    '[tus-checksum-460 tus-checksum-unchanged tus-checksum-discarded] what was stored before stays, in the middle of an upload as well',
    async () => {
      const url = await create({ 'Upload-Length': '9' })
      await patch(url, 0, 'abc')
      const checksum = { 'Upload-Checksum': fieldOf('sha1', Buffer.from('def')) }
      assert.equal((await patch(url, 3, 'xyz', checksum)).status, 460)
      assert.equal(await offset(url), '3')
      assert.equal((await patch(url, 3, 'def', checksum)).status, 204)
      assert.equal((await patch(url, 6, 'ghi')).status, 204)
      assert.equal((await content(url)).toString(), 'abcdefghi')
    },
  )

  rule(
    '[tus-checksum-verified] a body that was cut off is not taken for the whole one, though what came has the checksum',
    async () => {
      const url = await create({ 'Upload-Length': '10' })
      const checksum = { 'Upload-Checksum': fieldOf('sha1', Buffer.from('01234')) }
      await patch(url, 0, pieces(['01234'], 100), checksum).catch(() => undefined)
      assert.equal(await offset(url), '0')
    },
  )

  rule(
    '[tus-checksum-400 tus-checksum-unchanged tus-checksum-discarded] an algorithm that is not there is 400 and changes nothing',
    async () => {
      const url = await create({ 'Upload-Length': '3' })
      for (const name of ['sha3', 'blake3', 'crc64']) {
        await refused(
          patch(url, 0, 'abc', { 'Upload-Checksum': `${name} AAAA` }),
          400,
          'ERR_UNSUPPORTED_CHECKSUM_ALGORITHM',
        )
      }
      assert.equal(await offset(url), '0')
    },
  )

  rule('[tus-checksum-form] what is not a name, a space and a digest is 400', async () => {
    const url = await create({ 'Upload-Length': '3' })
    for (const bad of ['sha1', 'sha1 *', 'sha1 AAAA', 'sha1:AAAA', '', 'Kq5sNclPz7QV2+lfQIuc6R7oRu0=']) {
      await refused(patch(url, 0, 'abc', { 'Upload-Checksum': bad }), 400)
    }
    assert.equal(await offset(url), '0')
  })

  rule('[tus-checksum-verified tus-checksum-460] bytes that come with a creation are verified as well', async () => {
    const sent = { 'Upload-Length': '3', ...BYTES, 'Upload-Checksum': fieldOf('sha1', Buffer.from('abc')) }
    assert.equal((await post(sent, 'abd')).status, 460)
    const created = await post(sent, 'abc')
    assert.equal(created.status, 201)
    assert.equal((await content(created.headers.get('Location')!)).toString(), 'abc')
  })

  rule(
    '[tus-checksum-trailer-listed] trailers are offered where the server can see them, and refused elsewhere',
    async () => {
      const isOffered = (await extensions()).includes('checksum-trailer')
      assert.equal(isOffered, adapter === 'node')
      if (isOffered) return
      const url = await create({ 'Upload-Length': '3' })
      assert.equal((await patch(url, 0, 'abc', { Trailer: 'Upload-Checksum' })).status, 501)
      assert.equal(await offset(url), '0')
    },
  )

  rule.raw(
    '[tus-checksum-trailer] a checksum that comes after the body is verified: 204 or 460 (raw socket)',
    async (connect) => {
      const url = await create({ 'Upload-Length': '6' })
      const sent = async (at: number, body: string, trailer: string): Promise<number> => {
        const client = connect()
        const fields = { 'Upload-Offset': String(at), 'Transfer-Encoding': 'chunked', Trailer: 'Upload-Checksum' }
        client.begin('PATCH', url, { ...TUS, ...BYTES, ...fields })
        client.chunk(Buffer.from(body.slice(0, 1)))
        client.chunk(Buffer.from(body.slice(1)))
        client.end({ 'Upload-Checksum': trailer })
        return (await client.final()).status
      }
      const right = fieldOf('sha1', Buffer.from('abc'))
      assert.equal(await sent(0, 'abd', right), 460)
      assert.equal(await offset(url), '0')
      assert.equal(await sent(0, 'abc', right), 204)
      assert.equal(await sent(3, 'def', 'sha3 AAAA'), 400)
      assert.equal(await offset(url), '3')
      assert.equal(await sent(3, 'def', fieldOf('sha256', Buffer.from('def'))), 204)
      assert.equal((await content(url)).toString(), 'abcdef')
    },
  )
})
