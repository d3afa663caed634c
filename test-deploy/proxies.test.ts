/** The configurations of deploy/ in front of three nodes, as they are shipped. */
import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DefaultHttpStack } from 'tus-js-client'
import { sha256, someBytes, TUS } from '../test/support/stack.js'
import { type Options, upload } from '../test/support/tus-js-client.js'
import { committedOffset, idOf } from '../test-e2e/server.js'
import { ask, atOffset, create, open, PROTOCOLS, uploadByRufh } from './clients.js'
import { FRONT_NAMES, type Front, type FrontName, startFront } from './fronts.js'
import { type Nodes, startNodes } from './nodes.js'
import { isChosen } from './tools.js'

const MiB = 1024 * 1024

/** What each must do, and where they differ. */
const KNOWN: Record<FrontName, { passes104: boolean }> = {
  nginx: { passes104: false },
  haproxy: { passes104: true },
  caddy: { passes104: true },
}

/** Until it says so, for half a minute at most. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await holds()) return
    await sleep(100)
  }
  assert.fail(`not within half a minute: ${what}`)
}

for (const name of FRONT_NAMES.filter((front) => isChosen(front))) {
  describe(`${name}, as deploy/${name} has it`, () => {
    const cleanups: (() => unknown)[] = []
    const suite = { after: (fn: () => unknown) => void cleanups.push(fn) } as unknown as TestContext
    let nodes: Nodes
    let front: Front
    before(async () => {
      nodes = await startNodes(suite, 3)
      front = await startFront(suite, name, nodes.addresses)
    })
    after(async () => {
      for (const cleanup of cleanups) await cleanup()
    })

    const stored = async (path: string): Promise<string> =>
      (await nodes.bucket.object(path.slice('/files/'.length))).sha256

    for (const protocol of PROTOCOLS) {
      test(`${protocol}: bytes are committed while their request still goes on, and 1 MiB is no limit`, async () => {
        const bytes = someBytes(20 * MiB)
        const path = await create(protocol, front, bytes.length)
        const request = open(protocol, front, 'PATCH', path, { ...atOffset(0), 'content-length': bytes.length })
        let isAnswered = false
        void request.answer.then(() => {
          isAnswered = true
        })
        // More than a part; and then little by little, since commits are made while bytes come.
        let sent = 12 * MiB
        void request.send(bytes.subarray(0, sent))
        await until('a part of a request is committed', async () => {
          void request.send(bytes.subarray(sent, sent + 1000))
          sent += 1000
          return (await committedOffset(nodes.bucket.bucket, idOf(front.origin + path))) > 0
        })
        assert.equal(isAnswered, false)
        request.end(bytes.subarray(sent))
        assert.equal((await request.answer).status, 204)
        assert.equal(await stored(path), sha256(bytes))
      })

      test(`${protocol}: what came of a request whose client vanished is kept`, async () => {
        const bytes = someBytes(3 * MiB)
        const path = await create(protocol, front, bytes.length)
        const request = open(protocol, front, 'PATCH', path, { ...atOffset(0), 'content-length': bytes.length })
        await request.send(bytes.subarray(0, 2 * MiB))
        request.vanish()
        await until('something of it is committed', async () => {
          return (await committedOffset(nodes.bucket.bucket, idOf(front.origin + path))) > 0
        })
        const { fields } = await ask(protocol, front, 'HEAD', path, TUS)
        const offset = Number(fields['upload-offset'])
        const rest = await ask(protocol, front, 'PATCH', path, atOffset(offset), bytes.subarray(offset))
        assert.equal(rest.status, 204)
        assert.equal(await stored(path), sha256(bytes))
      })

      test(`${protocol}: a refusal reaches a client that still sends`, async () => {
        const path = await create(protocol, front, 20 * MiB)
        const refused = await ask(protocol, front, 'PATCH', path, atOffset(5), someBytes(8 * MiB))
        assert.equal(refused.status, 409)
      })

      test(`${protocol}: Location is the URL that the client sees, whatever it claims itself`, async () => {
        const claims = { Forwarded: 'host=evil.example;proto=http', 'X-Forwarded-Host': 'evil.example' }
        const made = await ask(
          protocol,
          front,
          'POST',
          '/files/',
          { ...TUS, 'Upload-Length': 1, ...claims, 'X-Forwarded-Proto': 'http' },
          new Uint8Array(),
        )
        assert.equal(made.status, 201)
        assert.match(String(made.fields.location), new RegExp(`^${front.url}\\w+$`))
      })

      test(`${protocol}: fields as long as Holdfast takes them pass`, async () => {
        await create(protocol, front, 1, { Authorization: `Bearer ${'A'.repeat(28_000)}` })
      })

      test(`${protocol}: a finished upload is given out, and ranges of it`, async () => {
        const bytes = someBytes(3 * MiB)
        const path = await create(protocol, front, bytes.length)
        await ask(protocol, front, 'PATCH', path, atOffset(0), bytes)
        const whole = await ask(protocol, front, 'GET', path, {})
        assert.equal(sha256(whole.bytes), sha256(bytes))
        const range = await ask(protocol, front, 'GET', path, { Range: 'bytes=1000-1999' })
        assert.equal(range.status, 206)
        assert.deepEqual(range.bytes, bytes.subarray(1000, 2000))
      })

      test(`${protocol}: nothing but uploads is for the public`, async () => {
        for (const path of ['/', '/healthz', '/readyz', '/metrics', '/filesystem']) {
          assert.equal((await ask(protocol, front, 'GET', path, {})).status, 404, path)
        }
      })
    }

    test('clients of tus and of the draft upload while one node is killed and another restarted', async (context) => {
      const nodes = await startNodes(context, 3)
      const front = await startFront(context, name, nodes.addresses)
      const files = Array.from({ length: 5 }, () => someBytes(20 * MiB))
      const all = 5 * 20 * MiB
      const sent = files.map(() => 0)
      let killed: Promise<void> | undefined
      let restarted: Promise<number | NodeJS.Signals> | undefined
      const note = (file: number) => (offset: number) => {
        sent[file] = offset
        const total = sent.reduce((sum, bytes) => sum + bytes)
        if (total > all * 0.3) killed ??= nodes.kill(0)
        if (total > all * 0.6) restarted ??= nodes.restart(1)
      }
      const byTus = (file: number, chunkSize: number, protocol: Options['protocol']) =>
        upload(files[file]!, {
          endpoint: front.url,
          chunkSize,
          protocol: protocol!,
          httpStack: new DefaultHttpStack({ ca: front.ca }),
          retryDelays: Array.from({ length: 50 }, () => 100),
          onChunkComplete: (_, accepted) => note(file)(accepted),
        }).then(({ url, offsets }) => ({ path: new URL(url).pathname, patches: offsets.length }))
      const byRufh = (file: number, chunkSize: number) =>
        uploadByRufh(front, files[file]!, chunkSize, note(file)).then(({ path }) => ({ path, patches: 0 }))
      const done = await Promise.all([
        byTus(0, MiB, 'tus-v1'),
        byTus(1, 6 * MiB, 'tus-v1'),
        byTus(2, MiB, 'ietf-draft-05'),
        byRufh(3, MiB),
        byRufh(4, 6 * MiB),
      ])
      await killed
      assert.equal(await restarted, 0, 'SIGTERM ends it in order')
      for (const [file, { path }] of done.entries()) {
        const { sha256: digest } = await nodes.bucket.object(path.slice('/files/'.length))
        assert.equal(digest, sha256(files[file]!), `file ${file}`)
      }
      const patches = nodes.answered('PATCH')
      console.log(`${name}: PATCH requests answered by each node: ${patches}`)
      assert.ok(
        patches.every((count) => count > 0),
        `all nodes had a part in it: ${patches}`,
      )
    })

    test(`104 ${KNOWN[name].passes104 ? 'passes' : 'does not pass, and is not sent by itself'}`, async (context) => {
      const isOn = KNOWN[name].passes104
      const node = await startNodes(context, 1, isOn ? ['--interim-responses', 'on'] : [])
      const front = await startFront(context, name, node.addresses)
      const fields = { 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1' }
      for (const protocol of PROTOCOLS) {
        const heard = await ask(protocol, front, 'POST', '/files/', fields, someBytes(MiB))
        assert.equal(heard.status, 201)
        const [first] = heard.interim
        if (isOn) assert.deepEqual(first, { status: 104, location: heard.fields.location })
        else assert.equal(first, undefined)
      }
    })
  })
}
