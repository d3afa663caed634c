/** tus 1.0.0, Termination. */
import assert from 'node:assert/strict'
import { onEachGround } from '../support/grounds.js'
import { held, MiB, tusClient } from '../support/tus.js'

onEachGround('tus 1.0.0: Termination', {}, ({ send, server }, rule) => {
  const { patch, head, create, upload, get, remove, extensions } = tusClient(send)
  const without = tusClient(server({ disableTermination: true }).send)
  const isGone = async (answer: Promise<Response>): Promise<void> =>
    assert.ok([404, 410].includes((await answer).status))

  rule('[tus-terminate-listed] it is offered, unless it is switched off', async () => {
    assert.ok((await extensions()).includes('termination'))
    assert.ok(!(await without.extensions()).includes('termination'))
    const url = await without.create({ 'Upload-Length': '1' })
    assert.ok((await without.remove(url)).status >= 400)
    assert.equal(await without.offset(url), '0')
  })

  rule(
    '[tus-terminate-204 tus-terminate-gone] DELETE is 204 in each state, and all that follows 404 or 410',
    async () => {
      const fresh = await create({ 'Upload-Length': '10' })
      const open = await create({ 'Upload-Length': String(12 * MiB) })
      await patch(open, 0, Buffer.alloc(6 * MiB))
      const deferred = await create({ 'Upload-Defer-Length': '1' })
      const done = await upload(Buffer.from('abc'))
      const partial = await upload(Buffer.from('abc'), { 'Upload-Concat': 'partial' })
      const final = await create({ 'Upload-Concat': `final;${partial}` })
      for (const url of [fresh, open, deferred, done, final, partial]) {
        assert.equal((await remove(url)).status, 204)
        await isGone(head(url))
        await isGone(get(url))
        await isGone(patch(url, 0, 'x'))
        await isGone(remove(url))
      }
    },
  )

  rule('[tus-terminate-gone] DELETE of what was never there is 404', async () => {
    assert.equal((await remove('/files/0123456789abcdef0123456789abcdef')).status, 404)
  })

  rule(
    '[tus-terminate-frees tus-terminate-gone] DELETE stops who is writing, and nothing comes back after it',
    async () => {
      const url = await create({ 'Upload-Length': '10' })
      const { body, sent, open } = held(['01234'])
      const writing = patch(url, 0, body).catch(() => undefined)
      await sent
      assert.equal((await remove(url)).status, 204)
      open()
      await writing
      await isGone(head(url))
      await isGone(patch(url, 5, '56789'))
    },
  )
})
