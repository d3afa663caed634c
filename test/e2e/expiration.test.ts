import assert from 'node:assert/strict'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ground, HOUR, KINDS, KiB, MINUTE, openGround, type TestNode } from '../support/clocked.js'
import { head, idOf, offsetOf, PATCH_TYPE, patch, post, sha256, someBytes, TUS } from '../support/stack.js'

/** What Upload-Expires says, in milliseconds since the epoch; undefined if it is not there. */
function expiryOf(response: Response): number | undefined {
  const field = response.headers.get('Upload-Expires')
  if (field === null) return undefined
  assert.match(field, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, 'an HTTP date')
  return Date.parse(field)
}

/** An HTTP date has whole seconds. */
function isAbout(found: number | undefined, expected: number): void {
  assert.ok(found !== undefined && Math.abs(found - expected) <= 2_000, `${found} instead of ${expected}`)
}

async function create(node: TestNode, length: number, fields: Record<string, string> = {}): Promise<string> {
  const created = await post(node, { 'Upload-Length': String(length), ...fields })
  assert.equal(created.status, 201)
  return created.headers.get('Location')!
}

const remove = (url: string): Promise<Response> => fetch(url, { method: 'DELETE', headers: TUS })

for (const kind of KINDS) {
  const on = (rule: string, run: (ground: Ground, context: TestContext) => Promise<void>): void => {
    test(`${kind}: ${rule}`, { timeout: 60_000 }, async (context) => run(await openGround(context, kind), context))
  }

  on('OPTIONS lists every extension of tus that this server has, with default options', async (ground) => {
    const { url } = await ground.node()
    const answer = await fetch(url, { method: 'OPTIONS' })
    const listed = answer.headers.get('Tus-Extension')!.split(',')
    assert.ok(listed.includes('expiration'), listed.join())
  })

  on(
    'Upload-Expires is told by POST, PATCH and HEAD of an unfinished upload, and goes on with its bytes',
    async (ground) => {
      const node = await ground.node({ expiresAfter: HOUR })
      const bytes = someBytes(10 * KiB)
      const created = await post(node, { 'Upload-Length': String(bytes.length) })
      isAbout(expiryOf(created), ground.now() + HOUR)
      const url = created.headers.get('Location')!
      ground.pass(50 * MINUTE)
      isAbout(expiryOf(await head(url)), ground.now() + 10 * MINUTE)
      const patched = await patch(url, 0, bytes.subarray(0, 5 * KiB))
      assert.equal(patched.status, 204)
      isAbout(expiryOf(patched), ground.now() + HOUR)
      ground.pass(50 * MINUTE)
      isAbout(expiryOf(await head(url)), ground.now() + 10 * MINUTE)
      const last = await patch(url, 5 * KiB, bytes.subarray(5 * KiB))
      assert.equal(last.status, 204)
      assert.equal(expiryOf(last), undefined, 'a finished upload does not expire')
      assert.equal(expiryOf(await head(url)), undefined)
      ground.pass(100 * HOUR)
      const read = await fetch(url)
      assert.equal(sha256(Buffer.from(await read.arrayBuffer())), sha256(bytes))
    },
  )

  on('creation with upload tells Upload-Expires, unless that was all', async (ground) => {
    const node = await ground.node({ expiresAfter: HOUR })
    const type = { 'Content-Type': PATCH_TYPE['Content-Type'], 'Upload-Length': '1000' }
    isAbout(expiryOf(await post(node, type, someBytes(500))), ground.now() + HOUR)
    assert.equal(expiryOf(await post(node, type, someBytes(1_000))), undefined)
    assert.equal(expiryOf(await post(node, { 'Upload-Length': '0' })), undefined)
  })

  on('without expiresAfter nothing expires, and nothing is told', async (ground) => {
    const node = await ground.node()
    const url = await create(node, 10)
    assert.equal(expiryOf(await head(url)), undefined)
    ground.pass(10_000 * HOUR)
    assert.equal(expiryOf(await patch(url, 0, someBytes(5))), undefined)
    assert.equal((await head(url)).status, 200)
  })

  on("expiresFrom: 'creation': bytes do not put it off", async (ground) => {
    const node = await ground.node({ expiresAfter: HOUR, expiresFrom: 'creation' })
    const url = await create(node, 10)
    const end = ground.now() + HOUR
    ground.pass(50 * MINUTE)
    isAbout(expiryOf(await patch(url, 0, someBytes(5))), end)
    ground.pass(11 * MINUTE)
    assert.equal((await head(url)).status, 410)
  })

  on(
    'past its deadline an upload is 410 to HEAD, PATCH and GET, on any node, and DELETE removes it',
    async (ground) => {
      const one = await ground.node({ expiresAfter: HOUR })
      // It need not have the option: the record has the deadline.
      const other = await ground.node()
      const url = await create(one, 10 * KiB)
      assert.equal((await patch(url, 0, someBytes(7 * KiB))).status, 204)
      ground.pass(HOUR + 1)
      for (const node of [one, other]) {
        const there = node.url + idOf(url)
        assert.equal((await head(there)).status, 410)
        const patched = await patch(there, 7 * KiB, someBytes(KiB))
        assert.equal(patched.status, 410)
        assert.match(await patched.text(), /^ERR_UPLOAD_GONE: The upload has expired/)
        const read = await fetch(there)
        assert.equal(read.status, 410)
        assert.equal(read.headers.get('Cache-Control'), 'no-store')
      }
      assert.equal((await remove(other.url + idOf(url))).status, 204)
      assert.equal((await head(url)).status, 404)
      assert.deepEqual(await ground.stored(idOf(url)), [])
    },
  )

  on('what one node remembers does not expire an upload that another node went on with', async (ground) => {
    const one = await ground.node({ expiresAfter: HOUR })
    const other = await ground.node({ expiresAfter: HOUR })
    const url = await create(one, 20 * KiB)
    assert.equal((await patch(url, 0, someBytes(KiB))).status, 204)
    ground.pass(50 * MINUTE)
    assert.equal((await patch(other.url + idOf(url), KiB, someBytes(KiB))).status, 204)
    ground.pass(50 * MINUTE)
    const late = await patch(url, KiB, someBytes(KiB))
    assert.deepEqual([late.status, offsetOf(late)], [409, 2 * KiB], 'it is alive, only further than the client thinks')
    assert.equal((await patch(url, 2 * KiB, someBytes(KiB))).status, 204)
  })

  on('a PATCH under way when the deadline passes goes on to its end, and puts it off', async (ground) => {
    const node = await ground.node({ expiresAfter: HOUR })
    const url = await create(node, 10 * KiB)
    const headers = { ...PATCH_TYPE, 'Upload-Offset': '0', 'Content-Length': String(6 * KiB) }
    const request = http.request(url, { method: 'PATCH', headers })
    const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
      request.on('response', resolve).on('error', reject)
    })
    request.write(someBytes(5 * KiB))
    while (node.holdfast.active === 0) await sleep(2)
    await sleep(50)
    ground.pass(2 * HOUR)
    request.end(someBytes(KiB))
    const answer = await answered
    answer.resume()
    assert.equal(answer.statusCode, 204)
    isAbout(Date.parse(String(answer.headers['upload-expires'])), ground.now() + HOUR)
    assert.equal(offsetOf(await head(url)), 6 * KiB)
  })

  if (kind === 's3')
    on('an upload that has all its bytes does not expire, though its object is not made yet', async (ground) => {
      const { bucket } = ground.bucket!
      const node = await ground.node({ expiresAfter: HOUR })
      const bytes = someBytes(20 * KiB)
      const url = await create(node, bytes.length)
      bucket.intercept = ({ operation }) =>
        operation === 'CompleteMultipartUpload' ? { action: 'status', status: 500, code: 'InternalError' } : undefined
      assert.equal((await patch(url, 0, bytes)).status, 503)
      bucket.intercept = undefined
      ground.pass(100 * HOUR)
      const told = await head(url)
      assert.equal(told.status, 200)
      assert.equal(offsetOf(told), bytes.length)
    })

  on(
    'a partial upload expires as any other; a final one that waits is told when, and expires with it',
    async (ground) => {
      const node = await ground.node({ expiresAfter: HOUR })
      const partial = { 'Upload-Concat': 'partial' }
      const one = await create(node, KiB, partial)
      isAbout(expiryOf(await head(one)), ground.now() + HOUR)
      ground.pass(10 * MINUTE)
      const two = await create(node, KiB, partial)
      const created = await post(node, { 'Upload-Concat': `final;${one} ${two}` })
      assert.equal(created.status, 201)
      const final = created.headers.get('Location')!
      isAbout(expiryOf(created), ground.now() + 50 * MINUTE)
      assert.equal((await patch(one, 0, someBytes(KiB))).status, 204)
      isAbout(expiryOf(await head(final)), ground.now() + HOUR)
      ground.pass(50 * MINUTE)
      isAbout(expiryOf(await patch(two, 0, someBytes(100))), ground.now() + HOUR)
      ground.pass(50 * MINUTE)
      isAbout(expiryOf(await head(final)), ground.now() + 10 * MINUTE)
      ground.pass(11 * MINUTE)
      assert.equal((await head(two)).status, 410)
      assert.equal((await head(final)).status, 410)
      assert.equal((await head(one)).status, 200, 'a finished partial upload stays')
      const late = await post(node, { 'Upload-Concat': `final;${one} ${two}` })
      assert.equal(late.status, 400)
      assert.match(await late.text(), /Upload 2 in Upload-Concat has expired/)
    },
  )
}
