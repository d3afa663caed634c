/** tus 1.0.0, Concatenation. */
import assert from 'node:assert/strict'
import { sha256, someBytes } from '../../test/support/bucket.js'
import { onEachGround } from '../support/grounds.js'
import { BYTES, base64, MiB, refused, tusClient, until } from '../support/tus.js'

const PARTIAL = { 'Upload-Concat': 'partial' }

onEachGround('tus 1.0.0: Concatenation', {}, ({ send, server }, rule) => {
  const { post, patch, head, create, upload, content, offset, extensions } = tusClient(send)
  const tidy = tusClient(server({ deletePartials: true }).send)
  const finalOf = (...urls: string[]) => ({ 'Upload-Concat': `final;${urls.join(' ')}` })
  const partial = (text: string): Promise<string> => upload(Buffer.from(text), PARTIAL)
  const text = async (url: string): Promise<string> => (await content(url)).toString()

  rule('[tus-concat-listed tus-concat-unfinished-listed] both extensions are offered', async () => {
    const offered = await extensions()
    assert.ok(offered.includes('concatenation'))
    assert.ok(offered.includes('concatenation-unfinished'))
  })

  rule(
    '[tus-concat-length tus-concat-order tus-concat-head-equal tus-concat-after] partial uploads are joined in the order of the list',
    async () => {
      const all = [someBytes(5 * MiB), someBytes(10), someBytes(6 * MiB + 1), someBytes(0)]
      const urls: string[] = []
      for (const bytes of all) urls.push(await upload(bytes, PARTIAL))
      const url = await create(finalOf(urls[2]!, urls[0]!, urls[3]!, urls[1]!))
      const expected = Buffer.concat([all[2]!, all[0]!, all[1]!])
      const told = await head(url)
      assert.equal(told.headers.get('Upload-Length'), String(expected.length))
      assert.equal(told.headers.get('Upload-Offset'), String(expected.length))
      assert.equal(sha256(await content(url)), sha256(expected))
    },
  )

  rule('[tus-concat-final-sent tus-concat-final-form] a list that is none is 400', async () => {
    const a = await partial('a')
    for (const bad of ['final', 'final;', 'final; ', `final ${a}`, `final,${a}`, `Final;${a}`, `finale;${a}`]) {
      await refused(post({ 'Upload-Concat': bad }), 400, 'ERR_INVALID_CONCAT')
    }
    await refused(post(finalOf(a, '/files/0123456789abcdef0123456789abcdef')), 400, 'ERR_INVALID_CONCAT')
    await refused(post(finalOf('http://elsewhere.example/files/a')), 400, 'ERR_INVALID_CONCAT')
  })

  rule('[tus-concat-no-length] a final upload with a length is 400', async () => {
    const a = await partial('abc')
    await refused(post({ ...finalOf(a), 'Upload-Length': '3' }), 400, 'ERR_INVALID_UPLOAD_LENGTH')
    await refused(post({ ...finalOf(a), 'Upload-Defer-Length': '1' }), 400, 'ERR_INVALID_UPLOAD_LENGTH')
  })

  rule(
    '[tus-concat-unfinished tus-concat-head-no-offset tus-concat-head-length] a final upload waits for its partial ones, tells no offset till then, and its length as soon as it is known',
    async () => {
      const a = await create({ ...PARTIAL, 'Upload-Length': '3' })
      const b = await create({ ...PARTIAL, 'Upload-Defer-Length': '1' })
      const url = await create(finalOf(a, b))
      const early = await head(url)
      assert.equal(early.headers.get('Upload-Offset'), null)
      assert.equal(early.headers.get('Upload-Length'), null)
      await patch(a, 0, 'abc')
      await patch(b, 0, 'd', { 'Upload-Length': '3' })
      const known = await head(url)
      assert.equal(known.headers.get('Upload-Length'), '6')
      assert.equal(known.headers.get('Upload-Offset'), null)
      await patch(b, 1, 'ef')
      await until(async () => (await offset(url)) === '6', 'the final upload')
      assert.equal(await text(url), 'abcdef')
    },
  )

  rule(
    '[tus-concat-metadata tus-concat-metadata-sent] a final upload has the metadata of its own creation alone',
    async () => {
      const named = await upload(Buffer.from('a'), { ...PARTIAL, 'Upload-Metadata': `filename ${base64('part')}` })
      const field = `filename ${base64('whole')}`
      const url = await create({ ...finalOf(named), 'Upload-Metadata': field })
      assert.equal((await head(url)).headers.get('Upload-Metadata'), field)
      const bare = await create(finalOf(named))
      assert.equal((await head(bare)).headers.get('Upload-Metadata'), null)
    },
  )

  rule(
    '[tus-concat-deletes] partial uploads stay, or are removed once they are joined, as the server is told',
    async () => {
      const stays = await partial('a')
      await create(finalOf(stays))
      assert.equal(await offset(stays), '1')
      const goes = await tidy.upload(Buffer.from('a'), PARTIAL)
      const url = await tidy.create(finalOf(goes))
      assert.ok([404, 410].includes((await tidy.head(goes)).status))
      assert.equal((await tidy.content(url)).toString(), 'a')
    },
  )

  rule(
    '[tus-concat-again tus-concat-twice tus-concat-several] a partial upload may be in one list twice, and in several',
    async () => {
      const [a, b] = [await partial('a'), await partial('b')]
      assert.equal(await text(await create(finalOf(a, b, a, a))), 'abaa')
      assert.equal(await text(await create(finalOf(b, a))), 'ba')
    },
  )

  rule(
    '[tus-concat-patch-403 tus-concat-patch-unchanged] PATCH of a final upload is 403 in each state, and changes nothing',
    async () => {
      const a = await create({ ...PARTIAL, 'Upload-Length': '3' })
      const url = await create(finalOf(a))
      await refused(patch(url, 0, 'xyz'), 403, 'ERR_MODIFY_FINAL')
      assert.equal(await offset(a), '0')
      await patch(a, 0, 'abc')
      await until(async () => (await offset(url)) === '3', 'the final upload')
      await refused(patch(url, 3, 'x'), 403, 'ERR_MODIFY_FINAL')
      await refused(patch(url, 0, 'xyz'), 403, 'ERR_MODIFY_FINAL')
      assert.equal(await text(url), 'abc')
      assert.equal(await text(a), 'abc')
      await refused(post({ ...finalOf(a), ...BYTES }, 'x'), 403, 'ERR_MODIFY_FINAL')
    },
  )

  rule(
    '[tus-concat-head-partial tus-concat-head-field] HEAD tells the offset of a partial upload, and Upload-Concat of both kinds as received',
    async () => {
      const a = await create({ ...PARTIAL, 'Upload-Length': '3' })
      assert.equal(await offset(a), '0')
      await patch(a, 0, 'ab')
      const told = await head(a)
      assert.equal(told.headers.get('Upload-Offset'), '2')
      assert.equal(told.headers.get('Upload-Concat'), 'partial')
      await patch(a, 2, 'c')
      for (const field of [`final;${a}`, `final;${new URL(a).pathname} ${a}`]) {
        assert.equal((await head(await create({ 'Upload-Concat': field }))).headers.get('Upload-Concat'), field)
      }
    },
  )

  rule('[tus-concat-partial-sent] what was not created as a partial upload cannot be joined', async () => {
    const plain = await upload(Buffer.from('abc'))
    await refused(post(finalOf(plain)), 400, 'ERR_INVALID_CONCAT')
    const final = await create(finalOf(await partial('a')))
    await refused(post(finalOf(final)), 400, 'ERR_INVALID_CONCAT')
  })

  rule('[tus-concat-partial-form] Upload-Concat of a partial upload is `partial`', async () => {
    for (const bad of ['Partial', 'partial;', 'part', '']) {
      await refused(post({ 'Upload-Concat': bad, 'Upload-Length': '3' }), 400, 'ERR_INVALID_CONCAT')
    }
  })

  rule('[tus-concat-urls] absolute URLs and paths, with a slash at their end, name the same upload', async () => {
    const a = await partial('a')
    const { pathname } = new URL(a)
    assert.equal(
      await text(await create(finalOf(a, pathname, `${pathname}/`, `./files/${pathname.split('/').at(-1)}`))),
      'aaaa',
    )
  })

  rule('[tus-concat-urls] a space before the first URL is no URL', async () => {
    assert.equal(await text(await create({ 'Upload-Concat': `final; ${await partial('a')}` })), 'a')
  })

  rule('[tus-concat-urls-spaces] a space ends a URL', async () => {
    const a = await partial('a')
    await refused(post({ 'Upload-Concat': `final;${a.slice(0, -4)} ${a.slice(-4)}` }), 400, 'ERR_INVALID_CONCAT')
    assert.equal(await text(await create({ 'Upload-Concat': `final;${a} ${a}` })), 'aa')
  })
})
