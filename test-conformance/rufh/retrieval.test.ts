/** Resumable Uploads for HTTP: Offset Retrieval. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { someBytes } from '../../test/support/bucket.js'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import { largeFor, limitsOf, NEWEST, offsetOf, problem, rufhClient, VERSIONS } from '../support/rufh.js'
import { held, MiB, patiently } from '../support/tus.js'

onEachGround('RUFH: Offset Retrieval', { maxSize: 64 * MiB }, ({ send, lose }, rule) => {
  onEachVersion(VERSIONS, (version) => {
    const { create, append, head, upload, content, offset, completeness } = rufhClient(send, version)

    rule(
      '[rufh-head-offset rufh-head-complete rufh-head-limit rufh-head-no-store] HEAD tells all of it, at 0, in between, and of a complete upload',
      async () => {
        const url = await create()
        for (const [at, isComplete, step] of [
          ['0', false, () => append(url, 0, false, 'ab')],
          ['2', false, () => append(url, 2, true, 'cde')],
          ['5', true, () => head(url)],
        ] as const) {
          const told = await head(url)
          assert.ok(told.status === 204 || told.status === 200)
          assert.equal(offsetOf(told), at)
          assert.equal(completeness(told), isComplete)
          assert.equal(limitsOf(told)?.['max-size'], 64 * MiB)
          assert.equal(told.headers.get('Cache-Control'), 'no-store')
          assert.ok((await step()).ok)
        }
      },
    )

    rule('[rufh-head-length] HEAD tells the length once an append that ends the upload has told it', async () => {
      const url = await create('ab')
      assert.equal((await head(url)).headers.get('Upload-Length'), null)
      await append(url, 2, true, 'cde')
      assert.equal((await head(url)).headers.get('Upload-Length'), '5')
    })

    rule(
      '[rufh-head-redirect rufh-append-redirect rufh-cancel-redirect] a slash at the end is answered, not redirected',
      async () => {
        const url = `${await create('ab')}/`
        for (const method of ['HEAD', 'PATCH', 'DELETE']) {
          const headers = { 'Upload-Draft-Interop-Version': String(version) }
          const answer = await send(url, { method, headers, redirect: 'manual' })
          assert.ok(answer.status < 300 || answer.status >= 400, `${method}: ${answer.status}`)
        }
      },
    )

    rule(
      '[rufh-offset-accepted rufh-offset-decreases rufh-outdated] each offset that is told is taken by the next append, and none is less than one before',
      async () => {
        const bytes = someBytes(largeFor(version, 6 * MiB))
        const url = await create()
        let last = 0
        for (const end of [1, 1_000, bytes.length - 5, bytes.length]) {
          const told = Number(await offset(url))
          assert.ok(told >= last)
          assert.ok((await append(url, told, false, bytes.subarray(told, end))).ok)
          last = end
        }
        assert.equal(await offset(url), String(bytes.length))
      },
    )

    rule('[rufh-get-told] GET of a complete upload tells what HEAD tells', async () => {
      const url = await upload('abc')
      const read = await send(url, { headers: { 'Upload-Draft-Interop-Version': String(version) } })
      assert.equal(read.status, 200)
      const told = await head(url)
      for (const name of ['Upload-Offset', 'Upload-Complete', 'Upload-Incomplete', 'Upload-Length', 'Upload-Limit']) {
        assert.equal(read.headers.get(name), told.headers.get(name), name)
      }
      assert.equal(await read.text(), 'abc')
    })

    rule('[rufh-head-preferred] GET of an unfinished upload is 409', async () => {
      const url = await create('ab')
      const answer = await send(url, { headers: { 'Upload-Draft-Interop-Version': String(version) } })
      await problem(answer, 409)
      assert.equal(completeness(answer), false)
    })

    rule(
      '[rufh-head-during rufh-terminates rufh-outdated rufh-offset-accepted] HEAD ends a request that stands still, tells what came of it, and the next append goes on there',
      async () => {
        await patiently(async (wait) => {
          const url = await create()
          const { body, sent, open } = held(['01234'])
          const first = append(url, 0, true, body).catch(() => undefined)
          await sent
          await sleep(wait)
          const told = await head(url)
          const at = Number(offsetOf(told))
          assert.equal(completeness(told), false)
          assert.equal(completeness(await append(url, at, true, '0123456789'.slice(at))), true)
          open()
          const answer = await first
          if (answer) assert.equal(answer.status, 409)
          assert.equal((await content(url)).toString(), '0123456789')
          return at === 5
        })
      },
    )
  })

  const { create, append, head, post } = rufhClient(send, NEWEST)

  rule(
    '[rufh-get-no-store] GET of a complete upload may be kept by one user, who asks before using it again',
    async () => {
      const read = await send((await post(true, 'abc')).headers.get('Location')!)
      assert.equal(read.headers.get('Cache-Control'), 'private, no-cache, no-transform')
      assert.notEqual(read.headers.get('ETag'), null)
    },
  )

  /** Half of it was stored, and is lost. */
  const robbed = async (bytes: Uint8Array): Promise<string> => {
    const url = await create(bytes.subarray(0, bytes.length / 2), { 'Upload-Length': String(bytes.length) })
    await lose(url.slice(url.lastIndexOf('/') + 1))
    const rest = await append(url, bytes.length / 2, true, bytes.subarray(bytes.length / 2))
    assert.ok(rest.status >= 400, String(rest.status))
    return url
  }

  rule(
    '[rufh-lost-state] an upload whose bytes were lost behind the back of the server takes none and gives none',
    async () => {
      const bytes = someBytes(12 * MiB)
      const url = await robbed(bytes)
      for (const at of [0, bytes.length / 2]) {
        assert.ok((await append(url, at, true, bytes.subarray(at))).status >= 400)
        assert.ok((await append(url, at, false, '')).status >= 400)
      }
      assert.ok((await send(url)).status >= 400)
    },
  )

  rule('[rufh-lost-state-head] its offset is not told any more', async () => {
    const told = await head(await robbed(someBytes(12 * MiB)))
    assert.ok(told.status >= 400, String(told.status))
  })
})
