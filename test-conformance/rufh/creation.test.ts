/** Resumable Uploads for HTTP: Upload Creation. */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { sha256, someBytes } from '../../test/support/bucket.js'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import { largeFor, limitsOf, NEWEST, offsetOf, problem, rufhClient, VERSIONS } from '../support/rufh.js'
import { MiB, pieces } from '../support/tus.js'

const MAX = 64 * MiB

onEachGround('RUFH: Upload Creation', { maxSize: MAX }, ({ send, server }, rule) => {
  const small = server({ maxSize: 100 })
  onEachVersion(VERSIONS, (version) => {
    const { post, append, head, content, offset, completeness } = rufhClient(send, version)

    rule(
      '[rufh-create-location rufh-create-limit rufh-create-201 rufh-create-complete] a creation that is not all of the upload is 201, with its URL, its limits and that it is incomplete',
      async () => {
        for (const [body, at] of [
          [undefined, '0'],
          ['', '0'],
          ['01234', '5'],
        ] as const) {
          const created = await post(false, body)
          assert.equal(created.status, 201)
          const url = created.headers.get('Location')!
          assert.equal(limitsOf(created)?.['max-size'], MAX)
          assert.equal(completeness(created), false)
          assert.equal(await offset(url), at)
        }
      },
    )

    rule(
      '[rufh-create-complete rufh-create-records] a creation with all of the upload completes it, of any size, and its length is known',
      async () => {
        for (const size of [0, 1, largeFor(version, 6 * MiB + 1)]) {
          const bytes = someBytes(size)
          const created = await post(true, bytes)
          assert.ok(created.ok, await created.text())
          assert.equal(completeness(created), true)
          const url = created.headers.get('Location')!
          assert.equal((await head(url)).headers.get('Upload-Length'), String(size))
          assert.equal(sha256(await content(url)), sha256(bytes))
        }
      },
    )

    rule('[rufh-create-complete] a creation in chunks completes the upload at its end', async () => {
      const created = await post(true, pieces(['ab', 'cd', 'e']))
      assert.equal(completeness(created), true)
      assert.equal(offsetOf(created), '5')
      assert.equal((await content(created.headers.get('Location')!)).toString(), 'abcde')
    })

    rule('[rufh-create-limits] content past the largest size is refused', async () => {
      const limited = rufhClient(small.send, version)
      for (const body of [Buffer.alloc(101), pieces([Buffer.alloc(100), 'x'])]) {
        const answer = await limited.post(true, body)
        assert.equal(answer.status, 413)
        assert.equal(completeness(answer), false)
      }
      assert.ok((await limited.post(true, Buffer.alloc(100))).ok)
    })

    rule('[rufh-create-disposition] a download has the type and the name that came with the creation', async () => {
      const created = await post(true, 'x', {
        'Content-Type': 'image/png',
        'Content-Disposition': `inline; filename="file name.png"; filename*=UTF-8''file%20n%C3%A4me.png`,
      })
      const { headers } = await send(created.headers.get('Location')!)
      assert.equal(headers.get('Content-Type'), 'image/png')
      assert.match(headers.get('Content-Disposition') ?? '', /filename\*=UTF-8''file%20n%C3%A4me\.png/)
    })

    rule('[rufh-create-complete] content that is encoded is counted and kept as it comes', async () => {
      const bytes = gzipSync('hello hello hello hello')
      const created = await post(true, bytes, { 'Content-Encoding': 'gzip' })
      assert.equal(offsetOf(created), String(bytes.length))
      const read = await append(created.headers.get('Location')!, bytes.length + 1, true, 'x')
      assert.equal(offsetOf(read), String(bytes.length))
    })

    rule('[rufh-create-redirect] a slash more is answered, not redirected', async () => {
      const fields = version === 3 ? { 'Upload-Incomplete': '?1' } : { 'Upload-Complete': '?0' }
      const headers = { 'Upload-Draft-Interop-Version': String(version), ...fields }
      const answer = await send('/files/', { method: 'POST', headers, redirect: 'manual' })
      assert.equal(answer.status, 201)
    })
  })

  const newest = rufhClient(send, NEWEST)

  rule('[rufh-create-length] a length past the largest size is refused before any bytes', async () => {
    const answer = await newest.post(false, undefined, { 'Upload-Length': String(MAX + 1) })
    await problem(answer, 413)
    assert.equal(answer.headers.get('Location'), null)
    const created = await newest.post(false, undefined, { 'Upload-Length': '10' })
    assert.equal((await newest.head(created.headers.get('Location')!)).headers.get('Upload-Length'), '10')
  })

  rule(
    '[rufh-upgrade-length] an ordinary request that is made resumable by two fields is answered once it is stored',
    async () => {
      const created = await newest.post(true, '01234', { 'Upload-Length': '5', 'Content-Type': 'text/plain' })
      assert.equal(created.status, 201)
      assert.equal(newest.completeness(created), true)
      assert.equal((await newest.content(created.headers.get('Location')!)).toString(), '01234')
    },
  )

  rule('[rufh-create-complete] a creation that fails says that it is incomplete', async () => {
    const answers = [
      await newest.post(true, '01234', { 'Upload-Length': '6' }),
      await newest.post(false, undefined, { 'Upload-Length': String(MAX + 1) }),
      await newest.post(true, 'x', { 'Content-Digest': 'sha-256=:AAAA:' }),
    ]
    for (const answer of answers) {
      assert.ok(answer.status >= 400)
      assert.equal(newest.completeness(answer), false)
    }
  })
})
