/** Resumable Uploads for HTTP: Upload Append. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256, someBytes } from '../../test/support/bucket.js'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import {
  appending,
  completing,
  largeFor,
  NEWEST,
  offsetOf,
  PARTIAL,
  problem,
  rufhClient,
  speaking,
  VERSIONS,
} from '../support/rufh.js'
import { MiB, patiently, pieces } from '../support/tus.js'

onEachGround('RUFH: Upload Append', {}, ({ send }, rule) => {
  onEachVersion(VERSIONS, (version) => {
    const { post, create, append, head, content, offset, completeness } = rufhClient(send, version)

    rule(
      '[rufh-append-complete rufh-append-records] pieces of any size in order, the last of which says so, are the upload',
      async () => {
        const bytes = someBytes(largeFor(version, 11 * MiB + 3))
        const url = await create()
        const half = bytes.length >> 1
        const ends = [1, half, half + 7, bytes.length]
        let at = 0
        for (const end of ends) {
          const answer = await append(url, at, end === bytes.length, bytes.subarray(at, end))
          assert.ok(answer.ok, await answer.text())
          assert.equal(completeness(answer), end === bytes.length)
          at = end
        }
        assert.equal((await head(url)).headers.get('Upload-Length'), String(bytes.length))
        assert.equal(sha256(await content(url)), sha256(bytes))
      },
    )

    rule('[rufh-append-complete] an append of nothing completes the upload, if it says so', async () => {
      const url = await create('abc')
      const answer = await append(url, 3, true, '')
      assert.ok(answer.ok)
      assert.equal(completeness(answer), true)
      assert.equal((await content(url)).toString(), 'abc')
    })

    rule('[rufh-append-offset-sent] an append without Upload-Offset is 400', async () => {
      const url = await create('ab')
      const { 'Upload-Offset': _, ...headers } = appending(version, 0, true)
      const answer = await send(url, { method: 'PATCH', headers, body: 'x' })
      assert.equal(completeness(answer), false)
      await problem(answer, 400)
      assert.equal(await offset(url), '2')
    })

    rule(
      '[rufh-append-409 rufh-append-409-offset rufh-append-offset-recent rufh-409-members] an append elsewhere is 409, with where it should be, and changes nothing',
      async () => {
        const url = await create('01234')
        for (const wrong of [0, 3, 6, 999_999_999_999_999]) {
          const answer = await append(url, wrong, true, 'xx')
          assert.equal(completeness(answer), false)
          assert.equal(offsetOf(answer), '5')
          const found = await problem(answer, 409, 'mismatching-upload-offset')
          assert.equal(found['expected-offset'], 5)
          assert.equal(found['provided-offset'], wrong)
        }
        assert.equal(completeness(await append(url, 5, true, '56789')), true)
        assert.equal((await content(url)).toString(), '0123456789')
      },
    )

    rule(
      '[rufh-append-final rufh-append-final-complete] what completes the upload is answered as a creation with all of it',
      async () => {
        const created = await post(true, '0123456789')
        const url = await create('01234')
        const completed = await append(url, 5, true, '56789')
        assert.equal(completed.status, created.status)
        const named = [...created.headers.keys()].filter((name) => name !== 'date')
        assert.deepEqual(
          [...completed.headers.keys()].filter((name) => name !== 'date'),
          named,
        )
        const ofTheRequest = ['location', 'x-request-id']
        for (const name of named.filter((name) => !ofTheRequest.includes(name))) {
          assert.equal(completed.headers.get(name), created.headers.get(name), name)
        }
        assert.equal(completed.headers.get('Location'), url)
        assert.equal(completeness(completed), true)
      },
    )

    rule('[rufh-append-final-complete] a completion that fails says that the upload has come to its end', async () => {
      const digest = `sha-256=:${createHash('sha256').update('0123456789').digest('base64')}:`
      const url = await create('01234', { 'Repr-Digest': digest })
      const answer = await append(url, 5, true, '56780')
      assert.equal(completeness(answer), true)
      await problem(answer, 400, 'digest-mismatched-values')
      assert.ok((await head(url)).status >= 400)
    })

    rule(
      '[rufh-append-keeps rufh-append-cut] of an append that is cut off its bytes stay, without a gap, and it is incomplete, though it said that these are all',
      async () => {
        const bytes = someBytes(largeFor(version, 6 * MiB))
        const all = Buffer.concat([Buffer.from('01'), bytes, Buffer.from('abcd')])
        await patiently(async (wait) => {
          const url = await create('01')
          await append(url, 2, true, pieces([bytes, 'ab'], wait)).catch(() => undefined)
          const told = await head(url)
          assert.equal(completeness(told), false)
          const at = Number(offsetOf(told))
          assert.equal(completeness(await append(url, at, true, all.subarray(at))), true)
          assert.equal(sha256(await content(url)), sha256(all))
          return at === all.length - 2
        })
      },
    )

    rule.raw(
      '[rufh-append-cut rufh-append-keeps] so it is where the body was announced, or comes in chunks (raw socket)',
      async (connect) => {
        for (const isChunked of [false, true]) {
          const url = await create()
          let at = 0
          await patiently(async (wait) => {
            const client = connect()
            const sized = isChunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(10 - at) }
            client.begin('PATCH', url, { ...appending(version, at, true), ...sized })
            const bytes = Buffer.from('01234').subarray(at)
            if (isChunked) client.chunk(bytes)
            else client.write(bytes)
            await sleep(wait)
            client.close()
            const told = await head(url)
            assert.equal(completeness(told), false)
            at = Number(offsetOf(told))
            return at === 5
          })
          await append(url, 5, true, '56789')
          assert.equal((await content(url)).toString(), '0123456789')
        }
      },
    )

    rule('[rufh-append-complete] each failure says that the upload is incomplete', async () => {
      const url = await create('01234')
      const answers = [
        await append(url, 0, false, 'x'),
        await append(url, 5, true, 'x', { 'Content-Digest': 'sha-256=:AAAA:' }),
        await append('/files/0123456789abcdef0123456789abcdef', 0, false, 'x'),
      ]
      for (const answer of answers) {
        assert.ok(answer.status >= 400)
        assert.equal(completeness(answer), false)
      }
    })

    rule(
      '[rufh-append-complete] what ends with the content, and not with the length that Transfer-Encoding hides, is counted',
      async () => {
        const url = await create()
        const answer = await append(url, 0, true, pieces(['ab', 'c', 'de']))
        assert.equal(offsetOf(answer), '5')
        assert.equal((await content(url)).toString(), 'abcde')
      },
    )
  })

  onEachVersion([7, 8, 9], (version) => {
    const { create, offset, completeness } = rufhClient(send, version)

    rule('[rufh-append-complete-sent] an append that does not say whether it is the last is 400', async () => {
      const url = await create('ab')
      const headers = { ...speaking(version), 'Content-Type': PARTIAL, 'Upload-Offset': '2' }
      const answer = await send(url, { method: 'PATCH', headers, body: 'x' })
      assert.equal(completeness(answer), false)
      await problem(answer, 400)
      assert.equal(await offset(url), '2')
    })
  })

  onEachVersion([8, 9], (version) => {
    const { create, append, head, completeness } = rufhClient(send, version)

    rule(
      '[rufh-append-exceeds] more bytes than the length, without an announcement: refused, and the upload is void',
      async () => {
        for (const isLast of [true, false]) {
          const url = await create(undefined, { 'Upload-Length': '5' })
          const answer = await append(url, 0, isLast, pieces(['012345', '6']))
          assert.equal(completeness(answer), false)
          await problem(answer, 400, 'inconsistent-upload-length')
          assert.ok((await head(url)).status >= 400)
          assert.ok((await append(url, 0, true, '01234')).status >= 400)
          assert.ok((await append(url, 5, true, '')).status >= 400)
          assert.ok((await send(url)).status >= 400)
        }
      },
    )
  })

  const { create, append, content, completeness } = rufhClient(send, NEWEST)

  rule('[rufh-append-records] a length that an append tells is held against later ones', async () => {
    const url = await create('ab')
    await append(url, 2, false, 'cd', { 'Upload-Length': '6' })
    await problem(append(url, 4, true, 'e'), 400, 'inconsistent-upload-length')
    await problem(append(url, 4, true, 'efg'), 400, 'inconsistent-upload-length')
    assert.equal(completeness(await append(url, 4, true, 'ef')), true)
    assert.equal((await content(url)).toString(), 'abcdef')
  })

  rule('[rufh-append-final] the answer that was lost is given again', async () => {
    const url = await create('ab')
    const first = await append(url, 2, true, 'cd')
    const again = await append(url, 4, true, '')
    assert.equal(again.status, first.status)
    assert.equal(completeness(again), true)
    assert.equal(again.headers.get('Location'), first.headers.get('Location'))
  })

  rule('[rufh-append-final] having all bytes is not enough: somebody must say that these are all', async () => {
    const url = await create('abcde', { 'Upload-Length': '5' })
    assert.equal((await send(url)).status, 409)
    const headers = { ...speaking(NEWEST), ...completing(NEWEST, true), 'Content-Type': PARTIAL, 'Upload-Offset': '5' }
    assert.equal(completeness(await send(url, { method: 'PATCH', headers })), true)
    assert.equal((await content(url)).toString(), 'abcde')
  })
})
