import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hooks, UploadEvent } from '../../src/upload/hooks.js'
import { type Ground, KINDS, KiB, openGround, PART } from '../support/clocked.js'
import { head, idOf, offsetOf, PATCH_TYPE, patch, post, sha256, someBytes, TUS } from '../support/stack.js'

/** Waits until it holds, for at most some seconds. */
async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 200 && !holds(); tries++) await sleep(20)
  assert.ok(holds(), what)
}

const refusing = (status: number, message: string, more: object = {}): never => {
  throw Object.assign(new Error(message), { status, ...more })
}

const metadataOf = (fields: Record<string, string>): string =>
  Object.entries(fields)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')

const remove = (url: string): Promise<Response> => fetch(url, { method: 'DELETE', headers: TUS })

for (const kind of KINDS) {
  const on = (rule: string, run: (ground: Ground, context: TestContext) => Promise<void>): void => {
    test(`${kind}: ${rule}`, { timeout: 60_000 }, async (context) => run(await openGround(context, kind), context))
  }

  on('onCreate sees the upload and the request, and a creation that it rejects leaves nothing', async (ground) => {
    const seen: unknown[] = []
    const hooks: Hooks = {
      onCreate({ upload, request }) {
        seen.push([upload.length, upload.metadata, request.method, request.headers['x-user']])
        refusing(422, 'No more cats.', { headers: { 'X-Why': 'cats' }, body: '{"cats":true}' })
      },
    }
    const node = await ground.node({ hooks })
    const fields = { 'Upload-Length': '5', 'Upload-Metadata': metadataOf({ filename: 'cat.png' }), 'X-User': 'u1' }
    const answer = await post(node, fields)
    assert.deepEqual([answer.status, answer.headers.get('X-Why'), await answer.text()], [422, 'cats', '{"cats":true}'])
    assert.deepEqual(seen, [[5, { filename: 'cat.png' }, 'POST', 'u1']])
    assert.deepEqual(await ground.stored(''), [])
  })

  on('onCreate chooses the ID, the metadata, the deadline and what is added to the answer', async (ground) => {
    const hooks: Hooks = {
      onCreate: ({ upload }) => ({
        id: 'folder/chosen',
        metadata: { filename: `checked ${upload.metadata.filename}` },
        expiresAfter: 60_000,
        answer: { headers: { 'X-Ticket': '7', 'Upload-Offset': '9', 'Bad Name': 'x', 'X-Bad': 'a\r\nb: c' } },
      }),
    }
    const node = await ground.node({ hooks })
    const created = await post(node, { 'Upload-Length': '5', 'Upload-Metadata': metadataOf({ filename: 'a' }) })
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('Location'), `${node.url}folder/chosen`)
    assert.equal(created.headers.get('X-Ticket'), '7')
    assert.deepEqual(
      [created.headers.get('Upload-Offset'), created.headers.get('X-Bad'), created.headers.get('b')],
      [null, null, null],
    )
    const told = await head(`${node.url}folder/chosen`)
    assert.equal(told.headers.get('Upload-Metadata'), metadataOf({ filename: 'checked a' }))
    assert.ok(Math.abs(Date.parse(told.headers.get('Upload-Expires')!) - ground.now() - 60_000) < 3_000)
    assert.equal((await post(node, { 'Upload-Length': '5' })).status, 409, 'the ID is taken')
    const bytes = someBytes(5)
    assert.equal((await patch(`${node.url}folder/chosen`, 0, bytes)).status, 204)
    const got = await fetch(`${node.url}folder/chosen`)
    assert.equal(sha256(Buffer.from(await got.arrayBuffer())), sha256(bytes))
    assert.match(got.headers.get('Content-Disposition')!, /checked a/)
  })

  on('an ID that cannot be one is a mistake of the application, not of the client', async (ground) => {
    const node = await ground.node({ hooks: { onCreate: () => ({ id: '../etc/passwd' }) } })
    assert.equal((await post(node, { 'Upload-Length': '5' })).status, 500)
    assert.deepEqual(await ground.stored(''), [])
  })

  on('a hook that throws without a status, or takes too long, is 503, and nothing is lost', async (ground) => {
    let mode: 'throws' | 'hangs' | 'works' = 'throws'
    let aborted = false
    const hooks: Hooks = {
      async onCreate(_, { signal }) {
        if (mode === 'throws') throw new Error('the database is down')
        if (mode === 'hangs') await sleep(60_000, undefined, { signal }).catch(() => (aborted = signal.aborted))
      },
    }
    const node = await ground.node({ hooks, hookTimeout: 100 })
    const failed = await post(node, { 'Upload-Length': '5' })
    assert.equal(failed.status, 503)
    assert.match(await failed.text(), /^ERR_HOOK_FAILED: (?!.*database)/, 'the cause is not told to clients')
    mode = 'hangs'
    assert.equal((await post(node, { 'Upload-Length': '5' })).status, 503)
    assert.ok(aborted, 'the hook is told that its time is over')
    mode = 'works'
    assert.equal((await post(node, { 'Upload-Length': '5' })).status, 201)
  })

  for (const size of [0, 3 * KiB, 2 * PART + 5]) {
    on(`what onFinish says is added to the answer and told again on HEAD (${size} bytes)`, async (ground) => {
      const bytes = someBytes(size)
      const seen: string[] = []
      const hooks: Hooks = {
        async onFinish({ upload, read }) {
          const content: Uint8Array[] = []
          for await (const chunk of await read()) content.push(chunk)
          seen.push(sha256(Buffer.concat(content)))
          assert.notEqual(upload.state, 'complete')
          return { headers: { 'X-Scan': 'clean' }, body: `stored ${upload.id}` }
        },
      }
      const node = await ground.node({ hooks })
      const created = await post(node, { 'Upload-Length': String(size) })
      const url = created.headers.get('Location')!
      const answer = size === 0 ? created : await patch(url, 0, bytes)
      assert.equal(answer.status, size === 0 ? 201 : 200)
      assert.equal(answer.headers.get('X-Scan'), 'clean')
      assert.equal(await answer.text(), `stored ${idOf(url)}`)
      assert.deepEqual(seen, [sha256(bytes)])
      const fresh = await ground.node({ hooks })
      const told = await head(`${fresh.url}${idOf(url)}`)
      assert.deepEqual([told.status, offsetOf(told), told.headers.get('X-Scan')], [200, size, 'clean'])
      assert.equal(seen.length, 1, 'a complete upload is not asked about again')
    })
  }

  on('what onFinish refuses is told to the client and to whoever asks later, and none of it stays', async (ground) => {
    const hooks: Hooks = { onFinish: () => refusing(422, 'It is a virus.', { headers: { 'X-Virus': 'eicar' } }) }
    const node = await ground.node({ hooks })
    const url = (await post(node, { 'Upload-Length': '9000' })).headers.get('Location')!
    assert.equal((await patch(url, 0, someBytes(5_000))).status, 204)
    const last = await patch(url, 5_000, someBytes(4_000))
    assert.deepEqual([last.status, last.headers.get('X-Virus')], [422, 'eicar'])
    assert.match(await last.text(), /It is a virus\./)
    const fresh = await ground.node()
    for (const there of [url, `${fresh.url}${idOf(url)}`]) {
      const told = await head(there)
      assert.deepEqual(
        [told.status, told.headers.get('X-Virus'), told.headers.get('Upload-Offset')],
        [422, 'eicar', null],
      )
      assert.equal((await fetch(there)).status, 422)
      assert.equal((await patch(there, 9_000, new Uint8Array())).status, 422)
    }
    assert.equal((await ground.stored(idOf(url))).length, 1, 'only the record stays')
    const whole = await post(
      node,
      { 'Upload-Length': '4', 'Content-Type': 'application/offset+octet-stream' },
      someBytes(4),
    )
    assert.deepEqual([whole.status, whole.headers.get('X-Virus')], [422, 'eicar'])
    assert.equal((await ground.stored('')).length, 1, 'what nobody was told of leaves nothing')
  })

  on('while onFinish cannot say, HEAD tells no full offset; once it can, the upload is complete', async (ground) => {
    let isDown = true
    const hooks: Hooks = {
      onFinish() {
        if (isDown) throw new Error('the scanner is down')
      },
    }
    const node = await ground.node({ hooks })
    const bytes = someBytes(5_000)
    const url = (await post(node, { 'Upload-Length': '5000' })).headers.get('Location')!
    assert.equal((await patch(url, 0, bytes)).status, 503)
    const asked = await head(url)
    assert.equal(asked.status, 503)
    assert.notEqual(asked.headers.get('Upload-Offset'), '5000')
    isDown = false
    const told = await head(url)
    assert.deepEqual([told.status, offsetOf(told)], [200, 5_000])
    assert.equal(sha256(Buffer.from(await (await fetch(url)).arrayBuffer())), sha256(bytes))
  })

  on('onProgress is told of bytes that are committed, and stops an upload', async (ground) => {
    const seen: number[] = []
    const ended: string[] = []
    const hooks: Hooks = {
      onProgress({ upload }) {
        seen.push(upload.offset)
        if (upload.offset >= 3_000) refusing(402, 'Your quota is used up.')
      },
      onTerminated({ upload }) {
        ended.push(upload.id)
      },
    }
    const node = await ground.node({ hooks, progressInterval: 0 })
    const url = (await post(node, { 'Upload-Length': '9000' })).headers.get('Location')!
    assert.equal((await patch(url, 0, someBytes(2_000))).status, 204)
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(someBytes(2_000))
        await sleep(3_500)
        controller.enqueue(someBytes(1))
      },
    })
    const headers = { ...PATCH_TYPE, 'Upload-Offset': '2000' }
    const stopped = await fetch(url, { method: 'PATCH', headers, body, duplex: 'half' } as RequestInit)
    assert.equal(stopped.status, 402)
    assert.match(await stopped.text(), /^ERR_UPLOAD_STOPPED: Your quota is used up\./)
    assert.equal(seen[0], 2_000)
    await until(() => ended.length === 1, 'it is terminated')
    assert.ok([404, 410].includes((await head(url)).status))
  })

  on('onTerminate refuses a DELETE, which then changes nothing; otherwise onTerminated is told', async (ground) => {
    let mayGo = false
    const told: string[] = []
    const hooks: Hooks = {
      onTerminate: () => (mayGo ? undefined : refusing(403, 'It is under embargo.')),
      onTerminated({ upload, deliveryId }) {
        told.push(`${upload.id} ${deliveryId} ${upload.state}`)
      },
    }
    const node = await ground.node({ hooks })
    const url = (await post(node, { 'Upload-Length': '100' })).headers.get('Location')!
    await patch(url, 0, someBytes(50))
    const refused = await remove(url)
    assert.deepEqual(
      [refused.status, await refused.text()],
      [403, 'ERR_UPLOAD_TERMINATION_REJECTED: It is under embargo.\n'],
    )
    assert.equal(offsetOf(await head(url)), 50)
    mayGo = true
    assert.equal((await remove(url)).status, 204)
    const id = idOf(url)
    await until(() => told.length > 0, 'it is told')
    assert.deepEqual(told, [`${id} ${id}:terminated failed`])
    for (let tries = 0; tries < 100 && (await ground.stored(id)).length > 0; tries++) await sleep(20)
    assert.deepEqual(await ground.stored(id), [], 'once it was told, the record goes')
    assert.equal((await head(url)).status, 404)
  })

  on('the application terminates an upload without being asked, also one that is being written', async (ground) => {
    const told: string[] = []
    const node = await ground.node({
      disableTermination: true,
      hooks: {
        onTerminate: () => refusing(403, 'No.'),
        onTerminated: ({ upload, request }) => void told.push(`${upload.id} ${request}`),
      },
    })
    const url = (await post(node, { 'Upload-Length': '9000' })).headers.get('Location')!
    const body = new ReadableStream({ start: (controller) => controller.enqueue(someBytes(5_000)) })
    const headers = { ...PATCH_TYPE, 'Upload-Offset': '0' }
    const sending = fetch(url, { method: 'PATCH', headers, body, duplex: 'half' } as RequestInit)
    for (let tries = 0; tries < 100 && node.holdfast.active === 0; tries++) await sleep(10)
    await node.holdfast.terminate(idOf(url))
    assert.ok((await sending.catch(() => ({ status: 409 }))).status >= 400)
    await until(() => told.length === 1, 'it is told')
    assert.deepEqual(told, [`${idOf(url)} undefined`])
    for (let tries = 0; tries < 100 && (await ground.stored(idOf(url))).length > 0; tries++) await sleep(20)
    assert.deepEqual(await ground.stored(idOf(url)), [])
    await assert.rejects(node.holdfast.terminate('none'), { code: 'ERR_UPLOAD_NOT_FOUND' })
  })

  on('disableTerminationOfFinished refuses DELETE of what is complete, and of nothing else', async (ground) => {
    const node = await ground.node({ disableTerminationOfFinished: true })
    const [one, other] = await Promise.all(
      ['4', '4'].map(async (length) => (await post(node, { 'Upload-Length': length })).headers.get('Location')!),
    )
    await patch(one!, 0, someBytes(4))
    assert.equal((await remove(one!)).status, 403)
    assert.equal((await fetch(one!)).status, 200)
    assert.equal((await remove(other!)).status, 204)
  })

  on('onCreated and onFinished are told once each, in order, with the request behind them', async (ground) => {
    const told: string[] = []
    const tell =
      (name: string) =>
      ({ upload, request }: UploadEvent): void =>
        void told.push(`${name} ${upload.offset} ${request?.headers['x-user']}`)
    const node = await ground.node({ hooks: { onCreated: tell('created'), onFinished: tell('finished') } })
    const url = (await post(node, { 'Upload-Length': '4000', 'X-User': 'a' })).headers.get('Location')!
    await patch(url, 0, someBytes(1_000), { 'X-User': 'b' })
    await patch(url, 1_000, someBytes(3_000), { 'X-User': 'c' })
    await until(() => told.length >= 2, 'both are told')
    assert.deepEqual(told, ['created 0 a', 'finished 4000 c'])
    const store = ground.store()
    for (let tries = 0; tries < 100 && (await store.open(idOf(url))).info.outbox; tries++) await sleep(20)
    assert.equal((await store.open(idOf(url))).info.outbox, undefined, 'that they were is committed')
    ground.pass(3_600_000)
    await node.holdfast.sweep()
    await sleep(100)
    assert.equal(told.length, 2)
  })

  on(
    'an event that a process did not deliver is delivered by the sweep of another, with the same name',
    async (ground) => {
      const dying = await ground.node({
        hooks: {
          onFinished: () => {
            throw new Error('nobody listens')
          },
        },
      })
      const url = (await post(dying, { 'Upload-Length': '4' })).headers.get('Location')!
      assert.equal((await patch(url, 0, someBytes(4))).status, 204, 'the client does not wait for it')
      await dying.close()
      const told: string[] = []
      const hooks: Hooks = { onFinished: ({ deliveryId, request }) => void told.push(`${deliveryId} ${request}`) }
      const next = await ground.node({ hooks })
      assert.equal((await next.holdfast.sweep()).delivered, 0, 'it may be under way yet')
      ground.pass(600_000)
      assert.equal((await next.holdfast.sweep()).delivered, 1)
      await until(() => told.length === 1, 'it is delivered')
      assert.deepEqual(told, [`${idOf(url)}:finished undefined`])
      const store = ground.store()
      for (let tries = 0; tries < 100 && (await store.open(idOf(url))).info.outbox; tries++) await sleep(20)
      ground.pass(600_000)
      assert.equal((await next.holdfast.sweep()).delivered, 0)
    },
  )

  on('an upload that expires is told as terminated', async (ground) => {
    const told: string[] = []
    const hooks: Hooks = { onTerminated: ({ upload }) => void told.push(`${upload.id} ${upload.failure}`) }
    const node = await ground.node({ hooks, expiresAfter: 1_000 })
    const url = (await post(node, { 'Upload-Length': '4' })).headers.get('Location')!
    ground.pass(5_000)
    assert.equal((await node.holdfast.sweep()).expired, 1)
    await until(() => told.length === 1, 'it is told')
    assert.match(told[0]!, new RegExp(`^${idOf(url)} The upload has expired`))
    assert.equal((await head(url)).status, 410, 'its record stays for a while')
  })

  on('observers are told of creations, bytes, ends and requests, and cannot break anything', async (ground) => {
    const told: string[] = []
    const node = await ground.node({
      observers: [
        {
          requestEnded: () => {
            throw new Error('an observer is broken')
          },
        },
        {
          created: ({ length }) => told.push(`created ${length}`),
          appendBegan: ({ offset }) => told.push(`began ${offset}`),
          stored: (_, bytes) => told.push(`stored ${bytes}`),
          appendEnded: ({ offset }) => told.push(`ended ${offset}`),
          finished: ({ offset }) => told.push(`finished ${offset}`),
          terminated: () => told.push('terminated'),
          requestEnded: ({ method, status, code }) => told.push(`${method} ${status} ${code}`),
        },
      ],
    })
    const url = (await post(node, { 'Upload-Length': '30' })).headers.get('Location')!
    await patch(url, 0, someBytes(10))
    await patch(url, 10, someBytes(20))
    await patch(url, 10, someBytes(20))
    await remove(url)
    const requests = [
      'POST 201 undefined',
      'PATCH 204 undefined',
      'PATCH 204 undefined',
      'PATCH 409 ERR_MISMATCHED_OFFSET',
    ]
    assert.deepEqual(told, [
      ...['created 30', requests[0], 'began 0', 'stored 10', 'ended 10', requests[1]],
      ...['began 10', 'stored 20', 'ended 30', 'finished 30', requests[2], requests[3]],
      ...['terminated', 'DELETE 204 undefined'],
    ])
  })
}
