/** tus 1.0.0, Creation: POST, metadata, lengths that are deferred. */
import assert from 'node:assert/strict'
import { onEachGround } from '../support/grounds.js'
import { base64, MiB, refused, TUS, tusClient } from '../support/tus.js'

onEachGround('tus 1.0.0: Creation', { maxSize: 64 * MiB, maxMetadataSize: 1024 }, ({ send, server }, rule) => {
  const { post, patch, head, create, upload, get, content, offset, extensions } = tusClient(send)
  const relative = tusClient(server({ relativeLocation: true }).send)
  const malformed = (field: string): Promise<Response> =>
    refused(post({ 'Upload-Length': '1', 'Upload-Metadata': field }), 400, 'ERR_INVALID_METADATA')
  const told = async (field: string): Promise<string | null> =>
    (await head(await create({ 'Upload-Length': '1', 'Upload-Metadata': field }))).headers.get('Upload-Metadata')

  rule(
    '[tus-creation tus-creation-listed tus-post-201 tus-post-location] POST makes an upload at offset 0, 201 with its URL',
    async () => {
      assert.ok((await extensions()).includes('creation'))
      const created = await post({ 'Upload-Length': '100' })
      assert.equal(created.status, 201)
      const url = created.headers.get('Location')!
      assert.equal(await offset(url), '0')
      const another = await create({ 'Upload-Length': '100' })
      assert.notEqual(another, url)
    },
  )

  rule('[tus-post-location-form] Location is absolute, or relative by an option, and leads to the upload', async () => {
    assert.match(await create({ 'Upload-Length': '1' }), /^http:\/\/127\.0\.0\.1(:\d+)?\/files\/[0-9a-f]{32}$/)
    const path = await relative.create({ 'Upload-Length': '1' })
    assert.match(path, /^\/files\/[0-9a-f]{32}$/)
    assert.equal(await relative.offset(path), '0')
  })

  rule('[tus-post-then-core] what was created is written by PATCH and found by HEAD', async () => {
    const url = await create({ 'Upload-Length': '5' })
    assert.equal((await patch(url, 0, 'ab')).status, 204)
    assert.equal(await offset(url), '2')
    assert.equal((await patch(url, 2, 'cde')).status, 204)
    assert.equal((await content(url)).toString(), 'abcde')
  })

  rule('[tus-post] the collection takes no other method', async () => {
    for (const method of ['PATCH', 'DELETE', 'GET', 'PUT']) {
      const answer = await send('/files', { method, headers: TUS })
      assert.equal(answer.status, 405, method)
      assert.match(answer.headers.get('Allow') ?? '', /POST/)
    }
  })

  rule('[tus-post-length] a creation without a length is 400', async () => {
    await refused(post({}), 400, 'ERR_INVALID_UPLOAD_LENGTH')
  })

  rule('[tus-defer-400 tus-defer-sent] Upload-Defer-Length is 1 and alone, or the answer is 400', async () => {
    for (const value of ['0', '2', 'true', '01', '']) {
      await refused(post({ 'Upload-Defer-Length': value }), 400, 'ERR_INVALID_UPLOAD_LENGTH_DEFER')
    }
    await refused(post({ 'Upload-Defer-Length': '1', 'Upload-Length': '5' }), 400, 'ERR_AMBIGUOUS_UPLOAD_LENGTH')
  })

  rule(
    '[tus-defer-head tus-defer-value tus-defer-omitted tus-defer-listed] a deferred length is told as 1 until it is known',
    async () => {
      assert.ok((await extensions()).includes('creation-defer-length'))
      const url = await create({ 'Upload-Defer-Length': '1' })
      assert.equal((await head(url)).headers.get('Upload-Defer-Length'), '1')
      await patch(url, 0, '01234')
      assert.equal((await head(url)).headers.get('Upload-Defer-Length'), '1')
      await patch(url, 5, '5', { 'Upload-Length': '8' })
      assert.equal((await head(url)).headers.get('Upload-Defer-Length'), null)
      await patch(url, 6, '67')
      assert.equal((await head(url)).headers.get('Upload-Defer-Length'), null)
      assert.equal((await head(await create({ 'Upload-Length': '1' }))).headers.get('Upload-Defer-Length'), null)
    },
  )

  rule(
    '[tus-defer-declared] a PATCH declares the length, with the last bytes or after them, and only then the upload ends',
    async () => {
      const url = await create({ 'Upload-Defer-Length': '1' })
      await patch(url, 0, '01234')
      assert.equal((await get(url)).status, 409)
      assert.equal((await patch(url, 5, '567', { 'Upload-Length': '8' })).status, 204)
      assert.equal((await content(url)).toString(), '01234567')
      const after = await create({ 'Upload-Defer-Length': '1' })
      await patch(after, 0, '01234')
      assert.equal((await patch(after, 5, '', { 'Upload-Length': '5' })).status, 204)
      assert.equal((await content(after)).toString(), '01234')
    },
  )

  rule('[tus-length-fixed] a length that is known cannot change, nor be less than what is stored', async () => {
    const url = await create({ 'Upload-Defer-Length': '1' })
    await patch(url, 0, '01234')
    await refused(patch(url, 5, '', { 'Upload-Length': '3' }), 400)
    assert.equal((await patch(url, 5, '5', { 'Upload-Length': '8' })).status, 204)
    for (const other of ['7', '9'])
      await refused(patch(url, 6, '6', { 'Upload-Length': other }), 400, 'ERR_LENGTH_ALREADY_DECLARED')
    const fixed = await create({ 'Upload-Length': '5' })
    await refused(patch(fixed, 0, '0', { 'Upload-Length': '6' }), 400, 'ERR_LENGTH_ALREADY_DECLARED')
    assert.equal((await head(url)).headers.get('Upload-Length'), '8')
    assert.equal(await offset(url), '6')
  })

  rule('[tus-empty] an upload of no bytes is complete with its creation', async () => {
    const url = await create({ 'Upload-Length': '0' })
    assert.equal(await offset(url), '0')
    assert.equal((await content(url)).length, 0)
  })

  rule(
    '[tus-max-size-413] longer than the largest size is 413: at the creation, when it is declared, and by its bytes',
    async () => {
      await refused(post({ 'Upload-Length': String(64 * MiB + 1) }), 413, 'ERR_MAX_SIZE_EXCEEDED')
      assert.equal((await post({ 'Upload-Length': String(64 * MiB) })).status, 201)
      const url = await create({ 'Upload-Defer-Length': '1' })
      await refused(patch(url, 0, '', { 'Upload-Length': String(64 * MiB + 1) }), 413, 'ERR_MAX_SIZE_EXCEEDED')
      const limited = tusClient(small.send)
      const deferred = await limited.create({ 'Upload-Defer-Length': '1' })
      assert.equal((await limited.patch(deferred, 0, Buffer.alloc(90))).status, 204)
      await refused(limited.patch(deferred, 90, Buffer.alloc(11)), 413, 'ERR_MAX_SIZE_EXCEEDED')
      assert.equal(await limited.offset(deferred), '90')
    },
  )
  const small = server({ maxSize: 100 })

  rule(
    '[tus-metadata-sent tus-metadata-head tus-metadata-told] HEAD tells metadata as it was sent, byte for byte',
    async () => {
      for (const field of [
        'filename w7xtbMOkdXQudHh0,empty,b64 AP8=',
        `a ${base64('1')}`,
        '__proto__ eA==,constructor',
        'z eg==,a YQ==',
      ]) {
        assert.equal(await told(field), field)
      }
      const url = await create({ 'Upload-Length': '3', 'Upload-Metadata': 'k dg==' })
      await patch(url, 0, 'abc')
      assert.equal((await head(url)).headers.get('Upload-Metadata'), 'k dg==')
      assert.equal((await head(await create({ 'Upload-Length': '1' }))).headers.get('Upload-Metadata'), null)
    },
  )

  rule('[tus-metadata-pairs] what is no list of pairs is 400', async () => {
    for (const bad of [',', 'a YQ==,', ',a YQ==', 'a YQ==,,b YQ==']) await malformed(bad)
  })

  rule('[tus-metadata-space] one space is between key and value', async () => {
    for (const bad of ['a b c', 'a  YQ==', 'a YQ== b']) await malformed(bad)
  })

  rule('[tus-metadata-key] a key without characters is 400', async () => {
    for (const bad of ['a YQ==, ', 'a YQ==,,']) await malformed(bad)
  })

  rule('[tus-metadata-key-ascii] a key of other characters than ASCII is 400', async () => {
    await malformed('\u00e9 YQ==')
  })

  rule('[tus-metadata-base64] a value that is no Base64 is 400', async () => {
    for (const bad of ['a *', 'a YQ', 'a YQ=', 'a YQ===', 'a Y-_=', 'a YR==']) await malformed(bad)
  })

  rule('[tus-metadata-unique] a key that comes twice is 400', async () => {
    for (const bad of ['a YQ==,a YQ==', 'a,b,a']) await malformed(bad)
  })

  rule(
    '[tus-metadata-empty tus-metadata-space-left-out] a value may be empty, with the space before it and without',
    async () => {
      assert.equal(await told('a,b YQ=='), 'a,b YQ==')
      assert.equal(await told('a ,b YQ=='), 'a ,b YQ==')
    },
  )

  rule('[tus-metadata-used] metadata describe a download; more of them than the server takes is 431', async () => {
    const url = await upload(Buffer.from('x'), {
      'Upload-Metadata': `filename ${base64('a.png')},filetype ${base64('image/png')}`,
    })
    const { headers } = await get(url)
    assert.equal(headers.get('Content-Type'), 'image/png')
    assert.match(headers.get('Content-Disposition') ?? '', /filename="a\.png"/)
    const large = `k ${base64('x'.repeat(1024))}`
    await refused(post({ 'Upload-Length': '1', 'Upload-Metadata': large }), 431, 'ERR_METADATA_TOO_LARGE')
  })

  rule('[tus-metadata-sanitized] no name and no type of a file ends a field or adds one', async () => {
    const evil = 'a"\r\nX-Injected: 1\r\n\r\n<script>.html'
    const sent = `filename ${base64(evil)},filetype ${base64('text/html\r\nX-Injected: 1')}`
    const read = await get(await upload(Buffer.from('x'), { 'Upload-Metadata': sent }))
    assert.equal(read.status, 200)
    assert.equal(read.headers.get('X-Injected'), null)
    assert.equal(read.headers.get('Content-Type'), 'application/octet-stream')
    assert.match(read.headers.get('Content-Disposition') ?? '', /^attachment; filename="[^"\r\n]*"/)
    assert.equal(await read.text(), 'x')
    const active = await get(await upload(Buffer.from('x'), { 'Upload-Metadata': `filetype ${base64('text/html')}` }))
    assert.match(active.headers.get('Content-Disposition') ?? '', /^attachment/)
  })
})
