/** Resumable Uploads for HTTP, versions 6 to 8 (and RFC 9530, for all of them): digests. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { someBytes } from '../../test/support/bucket.js'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import { largeFor, problem, rufhClient } from '../support/rufh.js'
import { MiB, pieces } from '../support/tus.js'

const digestOf = (bytes: Uint8Array, name = 'sha-256'): string =>
  `${name}=:${createHash(name.replace('-', '')).update(bytes).digest('base64')}:`

onEachGround('RUFH: digests', {}, ({ send }, rule) => {
  onEachVersion([6, 7, 8, 9], (version) => {
    const { post, create, append, head, offset, completeness } = rufhClient(send, version)
    const bytes = someBytes(largeFor(version, 6 * MiB))
    const other = Buffer.from(bytes)
    other[3]! ^= 1

    rule(
      '[rufh-old-repr-digest] content that has the digest of its creation is complete, and the digest is told',
      async () => {
        for (const name of ['sha-256', 'sha-512']) {
          const digest = digestOf(bytes, name)
          const url = await create(bytes.subarray(0, 100), { 'Repr-Digest': digest })
          const done = await append(url, 100, true, bytes.subarray(100))
          assert.equal(completeness(done), true)
          for (const answer of [done, await head(url)]) {
            assert.ok(answer.headers.get('Repr-Digest')?.includes(digest))
          }
        }
      },
    )

    rule(
      '[rufh-old-repr-digest-differs] content that differs from it is refused in the end, and never given out',
      async () => {
        const digest = { 'Repr-Digest': digestOf(bytes) }
        await problem(post(true, other, digest), 400, 'digest-mismatched-values')
        const url = await create(other.subarray(0, 100), digest)
        await problem(append(url, 100, true, other.subarray(100)), 400, 'digest-mismatched-values')
        assert.ok((await head(url)).status >= 400)
        assert.ok((await send(url)).status >= 400)
      },
    )

    rule(
      '[rufh-old-want rufh-old-want-answered] a digest that is wanted and was not sent is not made; CRC32 is told',
      async () => {
        const created = await post(true, 'hello', { 'Want-Repr-Digest': 'sha-256=10' })
        assert.ok(created.ok)
        assert.equal(created.headers.get('Repr-Digest'), 'crc32=:NhCmhg==:')
      },
    )

    rule('[rufh-old-content-digest] content with its digest is appended', async () => {
      const created = await post(false, bytes.subarray(0, 10), { 'Content-Digest': digestOf(bytes.subarray(0, 10)) })
      assert.equal(created.status, 201)
      const url = created.headers.get('Location')!
      const rest = bytes.subarray(10)
      assert.ok((await append(url, 10, true, pieces([rest]), { 'Content-Digest': digestOf(rest, 'sha-512') })).ok)
    })

    rule(
      '[rufh-old-content-digest-differs] content that differs from its digest is not, and the upload goes on',
      async () => {
        const url = await create('ab')
        const digest = { 'Content-Digest': digestOf(bytes) }
        await problem(append(url, 2, true, other, digest), 400, 'digest-mismatched-values')
        assert.equal(await offset(url), '2')
        await append(url, 2, true, pieces([bytes.subarray(0, 10)], 100), digest).catch(() => undefined)
        assert.equal(await offset(url), '2')
        assert.equal(completeness(await append(url, 2, true, bytes, digest)), true)
      },
    )
  })
})
