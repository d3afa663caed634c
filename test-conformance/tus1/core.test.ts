/** tus 1.0.0, Core Protocol: header fields, versions, HEAD and OPTIONS. */
import assert from 'node:assert/strict'
import { onEachGround } from '../support/grounds.js'
import { BYTES, MiB, refused, TUS, tusClient } from '../support/tus.js'

const NOT_INTEGERS = ['-1', '+5', '1e3', '0x10', '1.0', '5 5', '1,1', '', 'NaN', '99999999999999999999']

onEachGround('tus 1.0.0: fields, HEAD, OPTIONS', { maxSize: 64 * MiB }, ({ send }, rule) => {
  const { post, patch, head, create, upload, options, remove, get, content, offset } = tusClient(send)
  const NOWHERE = '/files/0123456789abcdef0123456789abcdef'

  rule('[tus-core] an upload is found by HEAD, continued by PATCH, and OPTIONS says how', async () => {
    const url = await create({ 'Upload-Length': '100' })
    assert.equal((await patch(url, 0, Buffer.alloc(70, 'a'))).status, 204)
    const told = await head(url)
    assert.equal(told.headers.get('Upload-Offset'), '70')
    assert.equal((await patch(url, 70, Buffer.alloc(30, 'b'))).headers.get('Upload-Offset'), '100')
    assert.equal((await content(url)).toString(), 'a'.repeat(70) + 'b'.repeat(30))
    assert.equal((await options()).status, 204)
  })

  rule('[tus-offset-told-integer tus-length-told-integer] offsets and lengths are told in digits', async () => {
    const url = await create({ 'Upload-Length': '10' })
    const appended = await patch(url, 0, 'abc')
    const told = await head(url)
    assert.equal(appended.headers.get('Upload-Offset'), '3')
    assert.equal(told.headers.get('Upload-Offset'), '3')
    assert.equal(told.headers.get('Upload-Length'), '10')
  })

  rule('[tus-offset-sent-integer] a PATCH whose Upload-Offset is no such integer is 400', async () => {
    const url = await create({ 'Upload-Length': '10' })
    for (const bad of NOT_INTEGERS) await refused(patch(url, bad, 'x'), 400, 'ERR_INVALID_OFFSET')
    assert.equal(await offset(url), '0')
  })

  rule('[tus-length-sent-integer] a creation whose Upload-Length is no such integer is 400', async () => {
    for (const bad of NOT_INTEGERS) await refused(post({ 'Upload-Length': bad }), 400, 'ERR_INVALID_UPLOAD_LENGTH')
  })

  rule('[tus-version-list tus-options-version] OPTIONS lists the versions', async () => {
    const told = await options()
    assert.ok([200, 204].includes(told.status))
    assert.deepEqual(told.headers.get('Tus-Version')?.split(','), ['1.0.0'])
  })

  rule('[tus-resumable-told tus-resumable-value] every kind of answer names the version', async () => {
    const url = await upload(Buffer.from('abc'))
    const answers = [
      await options(),
      await post({ 'Upload-Length': '1' }),
      await post({}),
      await head(url),
      await head(NOWHERE),
      await get(url),
      await get(url, { Range: 'bytes=1-' }),
      await get(url, { Range: 'bytes=9-' }),
      await get(NOWHERE),
      await patch(url, 3, ''),
      await patch(url, 0, 'x'),
      await patch(NOWHERE, 0, 'x'),
      await send(url, { method: 'PUT', headers: TUS, body: 'x' }),
      await send(url, { method: 'PATCH', headers: { 'Tus-Resumable': '2.0.0' }, body: 'x' }),
      await remove(url),
      await remove(url),
    ]
    const statuses = answers.map(({ status }) => status)
    assert.deepEqual(
      answers.map(({ headers }) => headers.get('Tus-Resumable')),
      statuses.map(() => '1.0.0'),
    )
    assert.ok(new Set(statuses).size >= 8, `many kinds: ${statuses}`)
  })

  rule(
    '[tus-resumable-sent] without Tus-Resumable, POST, PATCH and DELETE are 412, HEAD and GET are answered',
    async () => {
      const url = await upload(Buffer.from('abc'))
      await refused(
        send('/files', { method: 'POST', headers: { 'Upload-Length': '3' } }),
        412,
        'ERR_UNSUPPORTED_VERSION',
      )
      const sent = { ...BYTES, 'Upload-Offset': '3' }
      await refused(send(url, { method: 'PATCH', headers: sent, body: 'x' }), 412, 'ERR_UNSUPPORTED_VERSION')
      await refused(send(url, { method: 'DELETE' }), 412, 'ERR_UNSUPPORTED_VERSION')
      assert.equal((await head(url, {})).headers.get('Upload-Offset'), '3')
      assert.equal((await content(url)).toString(), 'abc')
    },
  )

  rule('[tus-version-412 tus-version-412-list] another version is 412, with the versions that are spoken', async () => {
    const url = await create({ 'Upload-Length': '3' })
    for (const version of ['0.2.2', '2.0.0', '1.0', 'foo']) {
      const other = { 'Tus-Resumable': version }
      const answers = [
        await send('/files', { method: 'POST', headers: { ...other, 'Upload-Length': '3' } }),
        await send(url, { method: 'PATCH', headers: { ...other, ...BYTES, 'Upload-Offset': '0' }, body: 'abc' }),
        await send(url, { method: 'DELETE', headers: other }),
        await head(url, other),
      ]
      for (const { status, headers } of answers) {
        assert.equal(status, 412, version)
        assert.equal(headers.get('Tus-Version'), '1.0.0')
      }
    }
  })

  rule('[tus-version-unprocessed] a PATCH or DELETE of another version changes nothing', async () => {
    const url = await create({ 'Upload-Length': '3' })
    const other = { 'Tus-Resumable': '0.2.2' }
    await send(url, { method: 'PATCH', headers: { ...other, ...BYTES, 'Upload-Offset': '0' }, body: 'abc' })
    await send(url, { method: 'DELETE', headers: other })
    const told = await head(url)
    assert.equal(told.status, 200)
    assert.equal(told.headers.get('Upload-Offset'), '0')
    const created = await send('/files', { method: 'POST', headers: { ...other, 'Upload-Length': '3' } })
    assert.equal(created.headers.get('Location'), null)
  })

  rule(
    '[tus-extension-list tus-detection tus-options-more] OPTIONS lists the extensions, and tells the largest size',
    async () => {
      const { headers } = await options()
      const listed = headers.get('Tus-Extension')!
      assert.match(listed, /^[a-z-]+(,[a-z-]+)*$/)
      assert.ok(listed.split(',').includes('creation'))
      assert.equal(headers.get('Tus-Max-Size'), String(64 * MiB))
    },
  )

  rule('[tus-max-size-integer tus-max-size-told tus-max-size-known] Tus-Max-Size is the limit in digits', async () => {
    assert.equal((await options()).headers.get('Tus-Max-Size'), String(64 * MiB))
  })

  rule(
    '[tus-override tus-override-ignores] X-HTTP-Method-Override is the method, whatever the real one is',
    async () => {
      for (const real of ['POST', 'PUT', 'DELETE']) {
        const url = await create({ 'Upload-Length': '3' })
        const sent = { ...TUS, ...BYTES, 'Upload-Offset': '0', 'X-HTTP-Method-Override': 'PATCH' }
        const answer = await send(url, { method: real, headers: sent, body: 'abc' })
        assert.equal(answer.status, 204, `${real}: ${await answer.text()}`)
        assert.equal(await offset(url), '3')
        assert.equal((await content(url)).toString(), 'abc')
      }
    },
  )

  rule('[tus-override-used] PATCH and DELETE can be had by POST', async () => {
    const url = await create({ 'Upload-Length': '3' })
    const by = (method: string, more: Record<string, string> = {}, body?: string) =>
      send(url, { method: 'POST', headers: { ...TUS, 'X-HTTP-Method-Override': method, ...more }, body: body ?? null })
    assert.equal((await by('PATCH', { ...BYTES, 'Upload-Offset': '0' }, 'ab')).headers.get('Upload-Offset'), '2')
    assert.equal((await by('DELETE')).status, 204)
    assert.ok([404, 410].includes((await head(url)).status))
  })

  rule('[tus-head-offset] HEAD tells the offset at 0, in between, and of a finished upload', async () => {
    const url = await create({ 'Upload-Length': '5' })
    assert.equal(await offset(url), '0')
    await patch(url, 0, 'ab')
    assert.equal(await offset(url), '2')
    await patch(url, 2, 'cde')
    assert.equal(await offset(url), '5')
    assert.equal(await offset(await create({ 'Upload-Length': '0' })), '0')
  })

  rule('[tus-head-length] HEAD tells the length as soon as it is known', async () => {
    assert.equal((await head(await create({ 'Upload-Length': '5' }))).headers.get('Upload-Length'), '5')
    const deferred = await create({ 'Upload-Defer-Length': '1' })
    assert.equal((await head(deferred)).headers.get('Upload-Length'), null)
    await patch(deferred, 0, 'ab', { 'Upload-Length': '7' })
    assert.equal((await head(deferred)).headers.get('Upload-Length'), '7')
  })

  rule('[tus-head-missing] HEAD of what is not there is 404 without an offset', async () => {
    for (const name of ['0123456789abcdef0123456789abcdef', 'x.info', 'a+b', '..%2f..%2fetc', 'a%00b']) {
      const told = await head(`/files/${name}`)
      assert.equal(told.status, 404, name)
      assert.equal(told.headers.get('Upload-Offset'), null)
    }
  })

  rule('[tus-head-status tus-head-no-store] a HEAD that succeeds is 200, and not to be stored', async () => {
    const url = await create({ 'Upload-Length': '5' })
    for (const step of [() => head(url), () => patch(url, 0, 'abcde').then(() => head(url))]) {
      const told = await step()
      assert.equal(told.status, 200)
      assert.equal(told.headers.get('Cache-Control'), 'no-store')
    }
  })

  rule('[tus-options] OPTIONS is answered at the collection and at an upload, and changes nothing', async () => {
    const url = await create({ 'Upload-Length': '5' })
    for (const target of ['/files', '/files/', url]) {
      const told = await send(target, { method: 'OPTIONS' })
      assert.ok([200, 204].includes(told.status), target)
      assert.equal(told.headers.get('Tus-Version'), '1.0.0')
    }
    assert.equal(await offset(url), '0')
  })

  rule(
    '[tus-options-resumable-sent tus-options-resumable-ignored] OPTIONS answers the same whatever Tus-Resumable says',
    async () => {
      const without = await options()
      for (const version of ['1.0.0', '0.2.2', 'foo']) {
        const told = await options({ 'Tus-Resumable': version })
        assert.equal(told.status, without.status)
        for (const name of ['Tus-Version', 'Tus-Extension', 'Tus-Max-Size', 'Tus-Checksum-Algorithm']) {
          assert.equal(told.headers.get(name), without.headers.get(name), name)
        }
      }
    },
  )
})
