/** Resumable Uploads for HTTP: Upload Cancellation, Concurrency, Security. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256, someBytes } from '../../test/support/bucket.js'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import { appending, NEWEST, problem, rufhClient, VERSIONS } from '../support/rufh.js'
import { held, MiB, patiently } from '../support/tus.js'

onEachGround('RUFH: Cancellation, Concurrency, Security', {}, ({ send, server }, rule) => {
  const impatient = server({ idleTimeout: 1_000 })
  onEachVersion(VERSIONS, (version) => {
    const { create, append, head, upload, cancel, content, completeness } = rufhClient(send, version)
    const isEnded = (status: number): boolean => [404, 410].includes(status)

    rule('[rufh-cancel] DELETE ends an upload in each state, and nothing is found after it', async () => {
      for (const url of [
        await create(),
        await create('abc'),
        await create('ab', { 'Upload-Length': '9' }),
        await upload('abc'),
      ]) {
        assert.equal((await cancel(url)).status, 204)
        assert.ok(isEnded((await head(url)).status))
        assert.ok(isEnded((await append(url, 0, true, 'x')).status))
        assert.ok(isEnded((await cancel(url)).status))
      }
    })

    rule(
      '[rufh-cancel-terminates rufh-terminates rufh-terminates-abruptly rufh-races] DELETE ends a request that writes, which is told so, and nothing comes back',
      async () => {
        const url = await create()
        const { body, sent, open } = held(['01234'])
        const writing = append(url, 0, true, body).catch(() => undefined)
        await sent
        assert.equal((await cancel(url)).status, 204)
        open()
        const answer = await writing
        if (answer) assert.equal(answer.status, 409)
        assert.ok(isEnded((await head(url)).status))
        assert.ok(isEnded((await append(url, 5, true, '56789')).status))
      },
    )

    rule(
      '[rufh-parallel rufh-races rufh-offset-accepted] of four appends at one offset, the bytes of one are there, whole and unmixed',
      async () => {
        const url = await create('0123')
        const answers = await Promise.all(['aaaa', 'bbbb', 'cccc', 'dddd'].map((body) => append(url, 4, false, body)))
        const taken = answers.filter(({ ok }) => ok)
        assert.equal(taken.length, 1)
        for (const answer of answers)
          if (!answer.ok) assert.ok([409, 423].includes(answer.status), String(answer.status))
        assert.equal(completeness(await append(url, 8, true, '')), true)
        assert.match((await content(url)).toString(), /^0123(aaaa|bbbb|cccc|dddd)$/)
      },
    )

    rule(
      '[rufh-terminates rufh-races] an append that comes while another stands still goes on where that is',
      async () => {
        await patiently(async (wait) => {
          const url = await create()
          const { body, sent, open } = held(['01234'])
          const first = append(url, 0, true, body).catch(() => undefined)
          await sent
          await sleep(wait)
          // The client does not know how far the first one came.
          const guess = await append(url, 0, true, '0123456789')
          // Unless nothing of it had come.
          const at = guess.ok ? 0 : Number(guess.headers.get('Upload-Offset'))
          if (!guess.ok) {
            assert.equal(guess.status, 409)
            assert.equal(completeness(await append(url, at, true, '0123456789'.slice(at))), true)
          }
          open()
          await first
          assert.equal((await content(url)).toString(), '0123456789')
          return at === 5
        })
      },
    )
  })

  const { create, post, append, offset, content } = rufhClient(send, NEWEST)

  rule('[rufh-races] a large upload whose requests are overtaken again and again has each byte once', async () => {
    const bytes = someBytes(8 * MiB)
    const url = await create()
    const size = 1_500_000
    for (let at = 0; at < bytes.length; at = Number(await offset(url))) {
      const isLast = at + size >= bytes.length
      // The second takes the first one over, at the same place or after it.
      await Promise.all([
        append(url, at, isLast, bytes.subarray(at, at + size)).catch(() => undefined),
        append(url, at, isLast, bytes.subarray(at, at + size)).catch(() => undefined),
      ])
    }
    assert.equal(sha256(await content(url)), sha256(bytes))
  })

  rule('[rufh-slowloris] a body that stands still ends, and what came of it stays', async () => {
    const { create, append, offset } = rufhClient(impatient.send, NEWEST)
    const url = await create()
    const { body, open } = held(['01234'])
    const answer = await append(url, 0, true, body).finally(open)
    await problem(answer, 503)
    assert.equal(await offset(url), '5')
  })

  rule('[rufh-metadata] no type and no name can end a field, add one, or make a browser run the content', async () => {
    const created = await post(true, 'x', {
      'Content-Type': 'text/html',
      'Content-Disposition': `inline; filename*=UTF-8''a%0D%0AX-Injected%3A%201%22.html`,
    })
    const read = await send(created.headers.get('Location')!)
    assert.equal(read.status, 200)
    assert.equal(read.headers.get('X-Injected'), null)
    assert.match(read.headers.get('Content-Disposition') ?? '', /^attachment; filename="[^"\r\n]*"/)
    assert.match(read.headers.get('Content-Security-Policy') ?? '', /sandbox/)
    for (const odd of ['inline; filename', 'form-data; name=', '"', ';;;', `inline; filename*=UTF-8''%zz`]) {
      const made = await post(true, 'x', { 'Content-Disposition': odd, 'Content-Type': 'nonsense' })
      assert.equal(
        (await send(made.headers.get('Location')!)).headers.get('Content-Type'),
        'application/octet-stream',
        odd,
      )
    }
  })

  rule('[rufh-authorized rufh-toctou] whoever has the URI may use it, and nobody finds it by asking', async () => {
    const url = await create('ab')
    const headers = { ...appending(NEWEST, 2, true), Authorization: 'Bearer of-somebody-else' }
    assert.equal((await send(url, { method: 'PATCH', headers, body: 'cd' })).status, 201)
    assert.equal((await send('/files', { headers: { 'Upload-Draft-Interop-Version': '9' } })).status, 405)
  })

  rule.raw('[rufh-options-star] OPTIONS for the whole host is not answered for it (raw socket)', async (connect) => {
    const client = connect()
    client.begin('OPTIONS', '*', { 'Upload-Draft-Interop-Version': '9' })
    const answer = await client.final()
    assert.equal(answer.status, 404)
    assert.equal(answer.fields['upload-limit'], undefined)
  })
})
