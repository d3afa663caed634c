/** tus 1.0.0, Creation With Upload. */
import assert from 'node:assert/strict'
import { sha256, someBytes } from '../../test/support/bucket.js'
import { onEachGround } from '../support/grounds.js'
import { BYTES, MiB, pieces, refused, TUS, tusClient } from '../support/tus.js'

onEachGround('tus 1.0.0: Creation With Upload', { maxSize: 64 * MiB }, ({ send }, rule) => {
  const { post, patch, content, offset, extensions } = tusClient(send)

  rule('[tus-with-upload-listed tus-with-upload-needs-creation] it is offered, beside `creation`', async () => {
    const offered = await extensions()
    assert.ok(offered.includes('creation-with-upload'))
    assert.ok(offered.includes('creation'))
  })

  rule(
    '[tus-with-upload tus-with-upload-part tus-with-upload-offset tus-with-upload-offset-value] the beginning comes with the creation, the rest by PATCH',
    async () => {
      const created = await post({ 'Upload-Length': '10', ...BYTES }, '01234')
      assert.equal(created.status, 201)
      assert.equal(created.headers.get('Upload-Offset'), '5')
      const url = created.headers.get('Location')!
      assert.equal(await offset(url), '5')
      assert.equal((await patch(url, 5, '56789')).status, 204)
      assert.equal((await content(url)).toString(), '0123456789')
    },
  )

  rule('[tus-with-upload-part tus-with-upload-accepts] all of it may come with the creation, of any size', async () => {
    for (const size of [1, 5 * MiB, 11 * MiB + 3]) {
      const bytes = someBytes(size)
      const created = await post({ 'Upload-Length': String(size), ...BYTES }, bytes)
      assert.equal(created.status, 201)
      assert.equal(created.headers.get('Upload-Offset'), String(size))
      assert.equal(sha256(await content(created.headers.get('Location')!)), sha256(bytes))
    }
  })

  rule(
    '[tus-with-upload-offset tus-with-upload-offset-value] bytes without a known length, of an upload without one',
    async () => {
      const created = await post({ 'Upload-Defer-Length': '1', ...BYTES }, pieces(['ab', 'cd', 'e']))
      assert.equal(created.status, 201)
      assert.equal(created.headers.get('Upload-Offset'), '5')
      const url = created.headers.get('Location')!
      assert.equal((await patch(url, 5, 'f', { 'Upload-Length': '6' })).headers.get('Upload-Offset'), '6')
      assert.equal((await content(url)).toString(), 'abcdef')
    },
  )

  rule('[tus-with-upload-offset] a body of the right type and no bytes has an offset, too', async () => {
    const created = await post({ 'Upload-Length': '10', ...BYTES }, '')
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('Upload-Offset'), '0')
  })

  rule('[tus-with-upload-type] a body of another type is not taken', async () => {
    for (const type of ['text/plain', 'application/octet-stream']) {
      const created = await post({ 'Upload-Length': '5', 'Content-Type': type }, '01234')
      assert.equal(created.status, 201)
      assert.equal(created.headers.get('Upload-Offset'), null)
      assert.equal(await offset(created.headers.get('Location')!), '0')
    }
  })

  rule('[tus-with-upload-accepts] more than the length says is 413', async () => {
    await refused(post({ 'Upload-Length': '3', ...BYTES }, 'abcd'), 413, 'ERR_UPLOAD_SIZE_EXCEEDED')
  })

  rule.raw(
    '[tus-with-upload-expect] a creation that is refused is refused before its body, one that is taken is told to send (raw socket)',
    async (connect) => {
      const expecting = { ...TUS, ...BYTES, Expect: '100-continue' }
      const late = connect()
      late.begin('POST', '/files', { ...expecting, 'Upload-Length': String(64 * MiB + 1), 'Content-Length': '1000' })
      const refusal = await late.final()
      assert.equal(refusal.status, 413)
      assert.deepEqual(refusal.interim, [])
      const welcome = connect()
      welcome.begin('POST', '/files', { ...expecting, 'Upload-Length': '5', 'Content-Length': '5' })
      assert.equal((await welcome.response()).status, 100)
      welcome.write('01234')
      const created = await welcome.final()
      assert.equal(created.status, 201)
      assert.equal(created.fields['upload-offset'], '5')
    },
  )
})
