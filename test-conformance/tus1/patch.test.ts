/** tus 1.0.0, Core Protocol: PATCH, and what becomes of requests that are cut off. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256, someBytes } from '../../test/support/bucket.js'
import { onEachGround } from '../support/grounds.js'
import { BYTES, held, MiB, patiently, pieces, refused, TUS, tusClient, until } from '../support/tus.js'

onEachGround('tus 1.0.0: PATCH', {}, ({ send, server }, rule) => {
  const impatient = server({ idleTimeout: 1_000 })
  const { patch, head, create, upload, content, offset, remove } = tusClient(send)

  rule('[tus-patch] bytes of several requests of any size are put in order, on an upload of any age', async () => {
    const bytes = someBytes(11 * MiB + 17)
    const url = await create({ 'Upload-Length': String(bytes.length) })
    for (const [from, to] of [
      [0, 1],
      [1, 5 * MiB + 3],
      [5 * MiB + 3, 5 * MiB + 4],
      [5 * MiB + 4, bytes.length],
    ] as const) {
      assert.equal((await patch(url, from, bytes.subarray(from, to))).status, 204)
    }
    assert.equal(sha256(await content(url)), sha256(bytes))
  })

  rule(
    '[tus-patch-type-sent tus-patch-type-415] a PATCH of another type, or of none, is 415 and stores nothing',
    async () => {
      const url = await create({ 'Upload-Length': '3' })
      for (const type of [
        'application/octet-stream',
        'text/plain',
        'application/offset',
        'application/partial-upload',
        '',
      ]) {
        await refused(patch(url, 0, Buffer.from('abc'), { 'Content-Type': type }), 415, 'ERR_INVALID_CONTENT_TYPE')
      }
      assert.equal(await offset(url), '0')
    },
  )

  rule('[tus-patch-offset-sent] a PATCH without Upload-Offset is 400', async () => {
    const url = await create({ 'Upload-Length': '3' })
    const answer = send(url, { method: 'PATCH', headers: { ...TUS, ...BYTES }, body: 'abc' })
    await refused(answer, 400, 'ERR_INVALID_OFFSET')
    assert.equal(await offset(url), '0')
  })

  rule('[tus-patch-parallel] partial uploads that are written at the same time become one file', async () => {
    const halves = [someBytes(100_000), someBytes(70_000)]
    const urls = await Promise.all(halves.map((bytes) => upload(bytes, { 'Upload-Concat': 'partial' })))
    const url = await create({ 'Upload-Concat': `final;${urls.join(' ')}` })
    assert.equal(sha256(await content(url)), sha256(Buffer.concat(halves)))
  })

  rule('[tus-patch-409] another offset than the present one is 409, and changes nothing', async () => {
    const url = await create({ 'Upload-Length': '10' })
    await patch(url, 0, '01234')
    for (const wrong of [0, 4, 6, 10, 11, Number.MAX_SAFE_INTEGER]) {
      await refused(patch(url, wrong, 'xxxxx'), 409, 'ERR_MISMATCHED_OFFSET')
      assert.equal(await offset(url), '5')
    }
    await patch(url, 5, '56789')
    assert.equal((await content(url)).toString(), '0123456789')
    await refused(patch(url, 0, '0123456789'), 409)
  })

  rule('[tus-patch-many] forty requests of a few bytes each make one file', async () => {
    const bytes = someBytes(400)
    const url = await create({ 'Upload-Length': '400' })
    for (let at = 0; at < 400; at += 10) {
      assert.equal((await patch(url, at, bytes.subarray(at, at + 10))).headers.get('Upload-Offset'), String(at + 10))
    }
    assert.deepEqual(await content(url), bytes)
  })

  rule(
    '[tus-patch-204 tus-patch-offset tus-patch-sum] a PATCH is 204 with the offset after its bytes, however few',
    async () => {
      const url = await create({ 'Upload-Length': '6' })
      for (const [at, body, after] of [
        [0, 'ab', '2'],
        [2, '', '2'],
        [2, 'c', '3'],
        [3, 'def', '6'],
        [6, '', '6'],
      ] as const) {
        const answer = await patch(url, at, body)
        assert.equal(answer.status, 204)
        assert.equal(answer.headers.get('Upload-Offset'), after)
        assert.equal(await offset(url), after)
      }
    },
  )

  rule(
    '[tus-patch-sum] a body without a length counts by its bytes, and ends at the length of the upload',
    async () => {
      const url = await create({ 'Upload-Length': '10' })
      const answer = await patch(url, 0, pieces(['ab', 'cd', 'e']))
      assert.equal(answer.status, 204)
      assert.equal(answer.headers.get('Upload-Offset'), '5')
      await refused(patch(url, 5, pieces(['fghij', 'surplus'])), 413, 'ERR_UPLOAD_SIZE_EXCEEDED')
      assert.equal(await offset(url), '10')
      assert.equal((await content(url)).toString(), 'abcdefghij')
    },
  )

  rule('[tus-patch-sum] of a body that is announced as too long, nothing is stored', async () => {
    const url = await create({ 'Upload-Length': '10' })
    await refused(patch(url, 0, Buffer.alloc(11)), 413, 'ERR_UPLOAD_SIZE_EXCEEDED')
    assert.equal(await offset(url), '0')
  })

  rule('[tus-patch-missing] PATCH of what is not there is 404', async () => {
    await refused(patch('/files/0123456789abcdef0123456789abcdef', 0, 'x'), 404, 'ERR_UPLOAD_NOT_FOUND')
    const url = await create({ 'Upload-Length': '3' })
    await remove(url)
    await refused(patch(url, 0, 'x'), 404)
  })

  rule(
    '[tus-patch-errors tus-patch-keeps] of a client that goes away, what it sent stays, and another request goes on',
    async () => {
      const bytes = someBytes(6 * MiB)
      const all = Buffer.concat([bytes, Buffer.from('01234')])
      await patiently(async (wait) => {
        const url = await create({ 'Upload-Length': String(all.length) })
        await patch(url, 0, pieces([bytes, '01'], wait)).catch(() => undefined)
        const at = Number(await offset(url))
        assert.equal((await patch(url, at, all.subarray(at))).status, 204)
        assert.equal(sha256(await content(url)), sha256(all))
        return at === all.length - 3
      })
    },
  )

  rule(
    '[tus-patch-errors] a request whose client is believed gone yields to a HEAD, and writes nothing after it',
    async () => {
      await patiently(async (wait) => {
        const url = await create({ 'Upload-Length': '10' })
        const { body, sent, open } = held(['01234'])
        const first = patch(url, 0, body).catch(() => undefined)
        await sent
        await sleep(wait)
        const at = Number(await offset(url))
        assert.equal((await patch(url, at, '0123456789'.slice(at))).status, 204)
        open()
        const answer = await first
        if (answer) await refused(answer, 409)
        assert.equal((await content(url)).toString(), '0123456789')
        return at === 5
      })
    },
  )

  rule(
    '[tus-patch-timeout tus-patch-keeps] a body that stands still is given up, and what came of it stays',
    async () => {
      const url = await tusClient(impatient.send).create({ 'Upload-Length': '10' })
      const { body, open } = held(['01234'])
      const answer = await tusClient(impatient.send).patch(url, 0, body).finally(open)
      await refused(answer, 503, 'ERR_READ_TIMEOUT')
      assert.equal(await tusClient(impatient.send).offset(url), '5')
    },
  )

  rule.raw('[tus-patch-timeout tus-patch-timeout-close] its connection is closed then (raw socket)', async () => {
    const url = await tusClient(impatient.send).create({ 'Upload-Length': '10' })
    const client = impatient.raw()
    client.begin('PATCH', url, { ...TUS, ...BYTES, 'Upload-Offset': '0', 'Content-Length': '10' })
    client.write('01234')
    const answer = await client.final()
    assert.equal(answer.status, 503)
    assert.equal(answer.fields.connection, 'close')
    await client.until(() => client.isClosed, 'the end of the connection')
    client.close()
    assert.equal(await tusClient(impatient.send).offset(url), '5')
  })

  rule.raw(
    '[tus-patch-errors tus-patch-keeps] a connection that breaks in the middle of an announced body leaves its bytes (raw socket)',
    async (connect) => {
      const url = await create({ 'Upload-Length': '1000' })
      const client = connect()
      client.begin('PATCH', url, { ...TUS, ...BYTES, 'Upload-Offset': '0', 'Content-Length': '1000' })
      client.write(Buffer.alloc(700, 'x'))
      await sleep(100)
      client.close()
      await until(async () => (await offset(url)) === '700', 'the offset 700')
      assert.equal((await patch(url, 700, Buffer.alloc(300, 'y'))).headers.get('Upload-Offset'), '1000')
      assert.equal((await content(url)).toString(), 'x'.repeat(700) + 'y'.repeat(300))
    },
  )

  rule.raw(
    '[tus-patch-keeps] a body in chunks that is cut off is not taken for a whole one (raw socket)',
    async (connect) => {
      await patiently(async (wait) => {
        const url = await create({ 'Upload-Defer-Length': '1' })
        const client = connect()
        const fields = { 'Upload-Offset': '0', 'Transfer-Encoding': 'chunked', 'Upload-Length': '9' }
        client.begin('PATCH', url, { ...TUS, ...BYTES, ...fields })
        client.chunk(Buffer.from('01234'))
        await sleep(wait)
        client.close()
        const at = Number((await head(url)).headers.get('Upload-Offset'))
        const rest = await patch(url, at, '012345678'.slice(at), { 'Upload-Length': '9' })
        assert.equal(rest.headers.get('Upload-Offset'), '9')
        assert.equal((await content(url)).toString(), '012345678')
        return at === 5
      })
    },
  )
})
