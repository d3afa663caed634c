/** Resumable Uploads for HTTP: header fields, lengths and limits. */
import assert from 'node:assert/strict'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import { completing, limitsOf, NEWEST, offsetOf, problem, rufhClient, speaking, VERSIONS } from '../support/rufh.js'
import { MiB, pieces } from '../support/tus.js'

const MAX = 64 * MiB

onEachGround('RUFH: fields, lengths, limits', { maxSize: MAX }, ({ send, store, server }, rule) => {
  const open = server({})
  const small = server({ maxSize: 100 })
  const { post, create, append, head, offset, content, cancel, completeness } = rufhClient(send, NEWEST)

  onEachVersion([4, 5, 6, 7, 8, 9], (version) => {
    const client = rufhClient(send, version)

    rule(
      '[rufh-complete-malformed] Upload-Complete that is no boolean is no Upload-Complete: a creation is then none',
      async () => {
        for (const bad of ['true', '1', '?2', '"?1"', '?1, ?1', '1.0', '?1 x', '']) {
          const headers = { ...speaking(version), 'Upload-Complete': bad }
          await problem(send('/files', { method: 'POST', headers, body: 'x' }), 400)
        }
        const url = await client.create('x', { 'Upload-Complete': '?0;reason="more follows"' })
        assert.equal(await client.offset(url), '1')
      },
    )
  })

  onEachVersion(VERSIONS, (version) => {
    const client = rufhClient(send, version)

    rule('[rufh-offset-malformed] Upload-Offset that is no non-negative integer is no Upload-Offset', async () => {
      const url = await client.create('01234')
      for (const bad of ['-1', '"5"', '5.0', '5a', '1e3', '?1', '5, 5', '1234567890123456', '']) {
        await problem(client.append(url, 5, false, 'x', { 'Upload-Offset': bad }), 400)
      }
      assert.equal(await client.offset(url), '5')
      assert.ok((await client.append(url, 5, false, 'x', { 'Upload-Offset': '5;a=b' })).ok)
      assert.equal(await client.offset(url), '6')
    })

    rule('[rufh-length-malformed] Upload-Length that is no non-negative integer is no Upload-Length', async () => {
      for (const bad of ['-3', '"5"', '5.0', 'x', '5, 5', '']) {
        const url = await client.create('01234', { 'Upload-Length': bad })
        const told = await client.head(url)
        assert.equal(told.headers.get('Upload-Length'), null, bad)
        assert.equal(offsetOf(told), '5')
      }
    })

    rule('[rufh-options-limit rufh-limits] OPTIONS tells the limits', async () => {
      assert.equal(limitsOf(await client.options())?.['max-size'], MAX)
    })

    rule('[rufh-options-no-limit] where there is none, it says `min-size=0`', async () => {
      const { headers } = await rufhClient(open.send, version).options()
      // A store in S3 has the largest object as its limit.
      assert.match(headers.get('Upload-Limit')!, store === 's3' ? /^max-size=\d+$/ : /^min-size=0$/)
    })

    rule(
      '[rufh-options-looser rufh-limits-steady rufh-limits-max rufh-limits-min] what OPTIONS tells is what the upload has, all its life',
      async () => {
        const announced = limitsOf(await client.options())
        const created = await client.post(false)
        const url = created.headers.get('Location')!
        const answers = [
          created,
          await client.head(url),
          await client.append(url, 0, false, 'ab'),
          await client.head(url),
          await client.append(url, 2, true, 'cd'),
          await client.head(url),
        ]
        for (const answer of answers) {
          const limits = limitsOf(answer)
          assert.equal(limits?.['max-size'], announced?.['max-size'])
          assert.equal(limits?.['min-size'], announced?.['min-size'])
        }
      },
    )

    rule(
      '[rufh-limit-violated rufh-create-limits] a request that is refused for the largest size tells it',
      async () => {
        const limited = rufhClient(small.send, version)
        const url = await limited.create(Buffer.alloc(90))
        const answers = [
          await limited.post(true, Buffer.alloc(101)),
          await limited.post(false, pieces([Buffer.alloc(101)])),
          await limited.append(url, 90, false, Buffer.alloc(11)),
        ]
        for (const answer of answers) {
          assert.equal(answer.status, 413, await answer.text())
          assert.equal(limitsOf(answer)?.['max-size'], 100)
        }
      },
    )
  })

  rule('[rufh-complete-resume] to a complete upload nothing is added', async () => {
    const done = await post(true, 'abc')
    const url = done.headers.get('Location')!
    for (const answer of [
      await append(url, 3, true, 'd'),
      await append(url, 3, false, 'd'),
      await append(url, 0, true, 'x'),
    ]) {
      assert.ok(answer.status >= 400, String(answer.status))
    }
    assert.equal((await content(url)).toString(), 'abc')
  })

  rule('[rufh-length-early] the length may come with any request, and is told from then on', async () => {
    const url = await create('ab')
    assert.equal((await head(url)).headers.get('Upload-Length'), null)
    await append(url, 2, false, 'cd', { 'Upload-Length': '6' })
    assert.equal((await head(url)).headers.get('Upload-Length'), '6')
    assert.equal(completeness(await append(url, 4, true, 'ef')), true)
  })

  rule('[rufh-length-match] two lengths in one request that differ are 400, and nothing comes of it', async () => {
    for (const length of ['4', '6']) {
      const answer = await post(true, '01234', { 'Upload-Length': length })
      assert.equal(completeness(answer), false)
      assert.equal(answer.headers.get('Location'), null)
      await problem(answer, 400, 'inconsistent-upload-length')
    }
    const url = await create('ab')
    await problem(append(url, 2, true, 'cd', { 'Upload-Length': '5' }), 400, 'inconsistent-upload-length')
    assert.equal(await offset(url), '2')
    assert.equal(completeness(await append(url, 2, true, 'cd', { 'Upload-Length': '4' })), true)
  })

  rule('[rufh-length-consistent] a length that is known does not change, and the upload goes on with it', async () => {
    const url = await create(undefined, { 'Upload-Length': '10' })
    for (const answer of [
      append(url, 0, true, '01234'),
      append(url, 0, false, '01234', { 'Upload-Length': '11' }),
      append(url, 0, true, '0123456789x'),
    ]) {
      await problem(answer, 400, 'inconsistent-upload-length')
    }
    const told = await head(url)
    assert.equal(told.headers.get('Upload-Length'), '10')
    assert.equal(offsetOf(told), '0')
    assert.equal(completeness(await append(url, 0, true, '0123456789')), true)
    assert.equal((await content(url)).toString(), '0123456789')
  })

  rule(
    '[rufh-length-consistent] a body in chunks that ends before the length does not complete the upload',
    async () => {
      const url = await create(undefined, { 'Upload-Length': '10' })
      await problem(append(url, 0, true, pieces(['01234'])), 400, 'inconsistent-upload-length')
      assert.equal(completeness(await head(url)), false)
      assert.equal(await offset(url), '5')
      assert.equal(completeness(await append(url, 5, true, '56789')), true)
    },
  )

  rule(
    '[rufh-interop-sent] a request without a version, or with one that is not spoken, is served by the newest rules',
    async () => {
      for (const fields of [{}, speaking(2), speaking(10), { 'Upload-Draft-Interop-Version': 'nine' }]) {
        const headers = { ...fields, ...completing(NEWEST, false) }
        const created = await send('/files', { method: 'POST', headers, body: 'ab' })
        assert.equal(created.status, 201)
        const url = created.headers.get('Location')!
        const told = await send(url, { method: 'HEAD', headers: fields })
        assert.equal(offsetOf(told), '2')
        assert.equal(told.headers.get('Upload-Complete'), '?0')
        const sent = {
          ...fields,
          ...completing(NEWEST, true),
          'Upload-Offset': '2',
          'Content-Type': 'application/partial-upload',
        }
        const last = await send(url, { method: 'PATCH', headers: sent, body: 'cd' })
        assert.equal(last.headers.get('Upload-Complete'), '?1')
        assert.equal((await content(url)).toString(), 'abcd')
      }
    },
  )

  rule(
    '[rufh-unique rufh-not-reused rufh-unguessable] each upload has a URI of 128 random bits, which is not used again',
    async () => {
      const urls: string[] = []
      for (let count = 0; count < 20; count++) urls.push(await create())
      for (const url of urls) assert.match(url, /\/files\/[0-9a-f]{32}$/)
      // Neither counted nor of one time: each position takes many digits.
      for (let at = 1; at <= 32; at++) assert.ok(new Set(urls.map((url) => url.at(-at))).size > 4, `position ${at}`)
      for (const url of urls) assert.equal((await cancel(url)).status, 204)
      for (let count = 0; count < 20; count++) urls.push(await create())
      assert.equal(new Set(urls).size, urls.length)
      assert.equal((await head(urls[0]!)).status, 404)
    },
  )

  rule('[rufh-uri-leaks] a URI is the path of the server and the random bits, and nothing else', async () => {
    for (const url of [
      await create(),
      (await post(true, 'x', { 'Content-Disposition': 'inline; filename="secret"' })).headers.get('Location')!,
    ]) {
      assert.match(new URL(url, 'http://x').pathname, /^\/files\/[0-9a-f]{32}$/)
      assert.equal(new URL(url, 'http://x').search, '')
    }
  })
})
