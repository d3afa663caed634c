/** Resumable Uploads for HTTP: what interop versions 3 to 8 demand beyond version 9. */
import assert from 'node:assert/strict'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import { completing, limitsOf, offsetOf, PARTIAL, problem, rufhClient, speaking } from '../support/rufh.js'
import { MiB, pieces } from '../support/tus.js'

onEachGround('RUFH: older versions', { maxSize: 64 * MiB }, ({ send, server }, rule) => {
  const lasting = server({ disableTermination: true })
  const small = server({ maxSize: 100 })

  onEachVersion([3, 4, 5, 6], (version) => {
    const { post, create, append, head, upload, cancel, content, offset, completeness } = rufhClient(send, version)

    rule('[rufh-old-methods] uploads are created by POST; other methods are 405', async () => {
      for (const method of ['PUT', 'PATCH']) {
        const headers = { ...speaking(version), ...completing(version, true) }
        const answer = await send('/files', { method, headers, body: Buffer.from('x') })
        assert.equal(answer.status, 405, method)
        assert.match(answer.headers.get('Allow') ?? '', /POST/)
      }
    })

    rule('[rufh-old-create-offset] Upload-Offset in a creation has no meaning', async () => {
      const url = await create('abc', { 'Upload-Offset': '7' })
      assert.equal(await offset(url), '3')
    })

    rule(
      '[rufh-old-create-location rufh-old-offset-success rufh-old-offset-value rufh-old-partial-201 rufh-old-complete-2xx rufh-old-complete-201 rufh-old-complete-contradicted] each success is 201, with its offset and whether the upload is complete',
      async () => {
        const answers: [Response, string, boolean][] = [
          [await post(false), '0', false],
          [await post(false, 'abc'), '3', false],
          [await post(true, 'abc'), '3', true],
        ]
        for (const [answer] of answers) assert.ok(answer.headers.get('Location'))
        const url = await create()
        answers.push([await append(url, 0, false, 'ab'), '2', false])
        answers.push([await append(url, 2, false, ''), '2', false])
        answers.push([await append(url, 2, true, 'cd'), '4', true])
        for (const [answer, at, isComplete] of answers) {
          assert.equal(answer.status, 201)
          assert.equal(offsetOf(answer), at)
          assert.equal(completeness(answer), isComplete)
        }
      },
    )

    rule('[rufh-old-offset-failure] a failure that the upload itself causes tells its offset', async () => {
      const url = await create('01234')
      for (const wrong of [0, 4, 6]) {
        const answer = await append(url, wrong, true, 'x')
        assert.equal(answer.status, 409)
        assert.equal(offsetOf(answer), '5')
      }
      const limited = rufhClient(small.send, version)
      const full = await limited.append(await limited.create('01234'), 5, false, pieces([Buffer.alloc(95), 'x']))
      assert.equal(full.status, 413)
      assert.equal(offsetOf(full), '100')
    })

    rule('[rufh-old-offset-failure-early] a request that cannot be read is 400 and tells no offset', async () => {
      const url = await create('01234')
      const answer = await append(url, 5, true, 'x', { 'Content-Digest': 'sha-256=:AAAA:' })
      assert.equal(offsetOf(answer), null)
      await problem(answer, 400)
      assert.equal(await offset(url), '5')
    })

    rule(
      '[rufh-old-metadata rufh-old-metadata-of-append] the type and the name of the creation count, not those of an append',
      async () => {
        const url = await create(undefined, {
          'Content-Type': 'image/png',
          'Content-Disposition': 'inline; filename="a.png"',
        })
        const last = version < 6 ? { 'Content-Type': 'text/html' } : {}
        await append(url, 0, true, 'x', { ...last, 'Content-Disposition': 'inline; filename="b.html"' })
        const { headers } = await send(url)
        assert.equal(headers.get('Content-Type'), 'image/png')
        assert.match(headers.get('Content-Disposition') ?? '', /filename="a\.png"/)
      },
    )

    rule(
      '[rufh-old-head-400 rufh-old-cancel-400] HEAD and DELETE that repeat the fields of the creation are answered',
      async () => {
        const url = await create('01234')
        const repeated = {
          'Upload-Offset': '3',
          ...completing(version, true),
          'Content-Type': 'video/mp4',
          'X-Custom': 'y',
        }
        const told = await head(url, repeated)
        assert.equal(told.status, 204)
        assert.equal(offsetOf(told), '5')
        assert.equal(completeness(told), false)
        assert.equal((await cancel(url, repeated)).status, 204)
      },
    )

    rule(
      '[rufh-old-head-404 rufh-old-append-404 rufh-old-cancel-404] what was never there, or was cancelled, is 404',
      async () => {
        const gone = await create('abc')
        await cancel(gone)
        for (const url of ['/files/0123456789abcdef0123456789abcdef', gone]) {
          assert.equal((await head(url)).status, 404)
          assert.equal((await append(url, 0, true, 'x')).status, 404)
          assert.equal((await cancel(url)).status, 404)
        }
      },
    )

    rule('[rufh-old-two-appends] one offset is good for one append', async () => {
      const url = await create()
      const at = Number(await offset(url))
      assert.ok((await append(url, at, false, 'ab')).ok)
      await problem(append(url, at, false, 'ab'), 409)
      assert.equal(await offset(url), '2')
    })

    rule('[rufh-old-cancel-405] where uploads cannot be cancelled, DELETE is 405', async () => {
      const client = rufhClient(lasting.send, version)
      const url = await client.create('ab')
      const answer = await client.cancel(url)
      assert.equal(answer.status, 405)
      assert.doesNotMatch(answer.headers.get('Allow') ?? 'DELETE', /DELETE/)
      assert.equal(await client.offset(url), '2')
    })

    rule('[rufh-old-complete-contradicted] a complete upload is told as complete', async () => {
      const url = await upload('abc')
      assert.equal(completeness(await head(url)), true)
      assert.equal((await content(url)).toString(), 'abc')
    })
  })

  onEachVersion([3], (version) => {
    const { create, head, content, completeness } = rufhClient(send, version)

    rule('[rufh-old-append-false rufh-old-head-iff] an append without Upload-Incomplete is the last one', async () => {
      const url = await create('ab')
      assert.equal((await head(url)).headers.get('Upload-Incomplete'), '?1')
      const headers = { ...speaking(version), 'Upload-Offset': '2' }
      const answer = await send(url, { method: 'PATCH', headers, body: Buffer.from('cd') })
      assert.equal(answer.status, 201)
      assert.equal(completeness(answer), true)
      assert.equal((await head(url)).headers.get('Upload-Incomplete'), '?0')
      assert.equal((await content(url)).toString(), 'abcd')
    })
  })

  onEachVersion([3, 4], (version) => {
    const { create, append, head, completeness } = rufhClient(send, version)

    rule(
      '[rufh-old-head-204 rufh-old-head-iff] HEAD is 204, and says complete if and only if a request said so that was received whole',
      async () => {
        const url = await create('ab')
        await append(url, 2, true, pieces(['cd'], 100)).catch(() => undefined)
        const cut = await head(url)
        assert.equal(cut.status, 204)
        assert.equal(completeness(cut), false)
        await append(url, Number(offsetOf(cut)), true, '')
        const done = await head(url)
        assert.equal(done.status, 204)
        assert.equal(completeness(done), true)
      },
    )
  })

  onEachVersion([5, 6], (version) => {
    const { create, upload, head } = rufhClient(send, version)

    rule('[rufh-old-head-2xx] HEAD is 204 or 200', async () => {
      for (const url of [await create('ab'), await upload('ab')])
        assert.ok([200, 204].includes((await head(url)).status))
    })
  })

  onEachVersion([4, 5, 6], (version) => {
    const { post, create, append, head, offset, completeness } = rufhClient(send, version)

    rule('[rufh-old-create-records] the length of a creation with all of the upload is recorded', async () => {
      const created = await post(true, 'abc')
      assert.equal((await head(created.headers.get('Location')!)).headers.get('Upload-Length'), '3')
    })

    rule('[rufh-old-length-400] an append that would end elsewhere than at the recorded length is 400', async () => {
      const url = await create('ab')
      // An append that says it is the last, and is cut off, has told the length.
      const { promise, told } = cutAt(url, version)
      await promise
      assert.equal((await head(url)).headers.get('Upload-Length'), told)
      const at = Number(await offset(url))
      const answer = await append(url, at, true, 'x')
      assert.equal(completeness(answer), false)
      await problem(answer, 400, 'inconsistent-upload-length')
    })
  })

  /** An append at 2 that announces ten bytes, as the last ones, and gives three. */
  function cutAt(url: string, version: number): { promise: Promise<unknown>; told: string } {
    const headers = {
      ...speaking(version),
      ...completing(version, true),
      'Content-Type': PARTIAL,
      'Upload-Offset': '2',
    }
    const body = pieces(['cde'], 100)
    const init = {
      method: 'PATCH',
      headers: { ...headers, 'Content-Length': '10' },
      body,
      duplex: 'half',
    } as RequestInit
    return { promise: send(url, init).catch(() => undefined), told: '12' }
  }

  onEachVersion([6], (version) => {
    const { create, append, head, completeness } = rufhClient(send, version)

    rule('[rufh-old-append-type] an append of another type is 415, with the one that is taken', async () => {
      const url = await create('ab')
      for (const type of ['video/mp4', 'application/offset+octet-stream', '']) {
        const answer = await append(url, 2, true, 'x', { 'Content-Type': type })
        assert.equal(answer.headers.get('Accept-Patch'), PARTIAL)
        await problem(answer, 415)
      }
      assert.equal(completeness(await append(url, 2, true, 'x', { 'Content-Type': `${PARTIAL}; a=b` })), true)
    })

    rule('[rufh-old-completed-said] all bytes of a length that was declared complete the upload', async () => {
      const url = await create('ab', { 'Upload-Length': '4' })
      assert.equal(completeness(await head(url)), false)
      assert.equal(completeness(await append(url, 2, false, 'cd')), true)
    })
  })

  onEachVersion([6, 7], (version) => {
    const { create, append, head, options, completeness, offset } = rufhClient(send, version)

    rule('[rufh-old-exceeds] more bytes than the length are refused, and none of them is stored past it', async () => {
      const url = await create(undefined, { 'Upload-Length': '5' })
      const announced = await append(url, 0, false, '012345')
      assert.equal(completeness(announced), false)
      await problem(announced, 400, 'inconsistent-upload-length')
      const answer = await append(url, 0, false, pieces(['0123', '456']))
      await problem(answer, 400, 'inconsistent-upload-length')
      const told = await head(url)
      assert.ok(told.status >= 400 || Number(offsetOf(told)) <= 5)
      if (told.ok) assert.equal(await offset(url), '5')
    })

    rule('[rufh-old-limits-change] limits are the same all the time', async () => {
      const announced = limitsOf(await options())
      const url = await create()
      for (const answer of [
        await head(url),
        await append(url, 0, false, 'a'),
        await append(url, 1, true, 'b'),
        await head(url),
      ]) {
        assert.deepEqual(limitsOf(answer), announced)
      }
    })
  })

  onEachVersion([6, 7, 8], (version) => {
    const { upload, append, content, completeness } = rufhClient(send, version)

    rule(
      '[rufh-old-completed-changed rufh-old-completed-400] an append to a complete upload, of something or nothing, is 400 and changes nothing',
      async () => {
        const url = await upload('abc')
        for (const [isLast, body] of [
          [true, ''],
          [false, ''],
          [true, 'd'],
          [false, 'd'],
          [true, pieces(['d'])],
        ] as const) {
          const answer = await append(url, 3, isLast, body)
          assert.equal(completeness(answer), false)
          await problem(answer, 400)
        }
        await problem(append(url, 0, true, 'xyz'), 409)
        assert.equal((await content(url)).toString(), 'abc')
      },
    )
  })

  onEachVersion([7, 8], (version) => {
    const { post, create, append, completeness } = rufhClient(send, version)

    rule('[rufh-old-false] each answer to a request that did not complete the upload says so', async () => {
      const limited = rufhClient(small.send, version)
      const url = await create('ab')
      const answers = [
        await post(false, 'ab'),
        await append(url, 2, false, 'c'),
        await append(url, 0, false, 'c'),
        await append(url, 3, true, 'x', { 'Content-Type': 'text/plain' }),
        await append(url, 3, true, 'x', { 'Upload-Offset': 'x' }),
        await append(url, 3, true, 'x', { 'Upload-Complete': 'x' }),
        await append(url, 3, true, 'x', { 'Upload-Length': '9' }),
        await limited.append(await limited.create('ab'), 2, true, pieces([Buffer.alloc(99)])),
      ]
      for (const answer of answers) assert.equal(completeness(answer), false, String(answer.status))
    })
  })

  onEachVersion([3, 4, 5, 6, 7], (version) => {
    const { create, upload, cancel } = rufhClient(send, version)

    rule('[rufh-old-cancel-204] DELETE is 204 in each state', async () => {
      for (const url of [await create(), await create('ab'), await upload('ab')])
        assert.equal((await cancel(url)).status, 204)
    })

    rule('[rufh-old-redirect] HEAD and DELETE with a slash more are not redirected', async () => {
      const url = `${await create('ab')}/`
      for (const method of ['HEAD', 'DELETE']) {
        const answer = await send(url, { method, headers: speaking(version), redirect: 'manual' })
        assert.ok(answer.status < 300 || answer.status >= 400)
      }
    })
  })

  onEachVersion([8], (version) => {
    const { options, upload, head, completeness } = rufhClient(send, version)

    rule('[rufh-old-accept-patch] OPTIONS says which type an append has', async () => {
      const told = await options()
      assert.ok((told.headers.get('Accept-Patch') ?? '').split(', ').includes(PARTIAL))
    })

    rule('[rufh-old-kept] a complete upload is found, and told as complete', async () => {
      assert.equal(completeness(await head(await upload('abc'))), true)
    })
  })
})
