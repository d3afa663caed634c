/** tus 1.0.0, Expiration. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { onEachGround } from '../support/grounds.js'
import { BYTES, refused, tusClient } from '../support/tus.js'

const HOUR = 60 * 60 * 1000
/** Milliseconds; the fields tell whole seconds. */
const SHORT = 1_500

onEachGround('tus 1.0.0: Expiration', { expiresAfter: HOUR }, ({ send, server }, rule) => {
  const { post, patch, head, create, extensions } = tusClient(send)
  const short = tusClient(server({ expiresAfter: SHORT }).send)
  const expires = ({ headers }: Response): string | null => headers.get('Upload-Expires')
  const inAnHour = (field: string | null): boolean => Math.abs(Date.parse(field ?? '') - Date.now() - HOUR) < 60_000

  // They mostly wait.
  describe('at the same time', { concurrency: true }, () => {
    rule('[tus-expire-listed] it is offered', async () => {
      assert.ok((await extensions()).includes('expiration'))
    })

    rule('[tus-expire-post tus-expire-date] a creation tells when the upload expires, as an HTTP date', async () => {
      const answers = [
        await post({ 'Upload-Length': '5' }),
        await post({ 'Upload-Defer-Length': '1' }),
        await post({ 'Upload-Length': '5', ...BYTES }, 'ab'),
        await post({ 'Upload-Length': '5', 'Upload-Concat': 'partial' }),
      ]
      for (const answer of answers) {
        assert.equal(answer.status, 201)
        assert.match(
          expires(answer) ?? '',
          /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
        )
        assert.ok(inAnHour(expires(answer)))
      }
    })

    rule('[tus-expire-patch] each PATCH of an unfinished upload tells it', async () => {
      const url = await create({ 'Upload-Length': '5' })
      for (const at of [0, 1, 2]) assert.ok(inAnHour(expires(await patch(url, at, 'x'))))
    })

    rule('[tus-expire-heeded] HEAD tells it, as long as the upload is not finished', async () => {
      const url = await create({ 'Upload-Length': '5' })
      assert.ok(inAnHour(expires(await head(url))))
      await patch(url, 0, 'abcde')
      assert.equal(expires(await head(url)), null)
    })

    rule(
      '[tus-expire tus-expire-missing tus-expire-410] an upload that is too old is 410, whatever is asked of it',
      async () => {
        const url = await short.create({ 'Upload-Length': '5' })
        await short.patch(url, 0, 'ab')
        await sleep(SHORT + 1_100)
        assert.equal((await short.head(url)).status, 410)
        await refused(short.patch(url, 2, 'cde'), 410)
        await refused(short.get(url), 410)
      },
    )

    rule('[tus-expire-stays] a finished upload does not expire', async () => {
      const url = await short.upload(Buffer.from('abc'))
      await sleep(SHORT + 1_100)
      assert.equal((await short.content(url)).toString(), 'abc')
      assert.equal(await short.offset(url), '3')
    })

    rule('[tus-expire-changes] bytes that are stored put it off', async () => {
      const url = await create({ 'Upload-Length': '5' })
      const first = Date.parse(expires(await head(url)) ?? '')
      await sleep(1_100)
      const later = Date.parse(expires(await patch(url, 0, 'ab')) ?? '')
      assert.ok(later > first, `${later} is after ${first}`)
    })
  })
})
