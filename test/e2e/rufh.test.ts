/** Resumable Uploads for HTTP on both stores, through both adapters. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { sha256, someBytes } from '../support/bucket.js'
import { ADAPTERS, type Running, run, STORES } from '../support/matrix.js'

const MiB = 1024 * 1024
const PARTIAL = 'application/partial-upload'
const TUS = { 'Tus-Resumable': '1.0.0' }

for (const store of STORES) {
  for (const adapter of ADAPTERS) {
    describe(`the IETF draft on ${store} through ${adapter}`, () => {
      let running: Running
      before(async () => {
        running = await run(store, adapter, { maxSize: 64 * MiB })
      })
      after(() => running.close())

      const versioned = (version: number, fields: Record<string, string> = {}): Record<string, string> => ({
        'Upload-Draft-Interop-Version': String(version),
        ...fields,
      })
      /** Upload-Complete in the words of the version. */
      const complete = (version: number, value: boolean): Record<string, string> =>
        version === 3 ? { 'Upload-Incomplete': value ? '?0' : '?1' } : { 'Upload-Complete': value ? '?1' : '?0' }
      const create = (version: number, isLast: boolean, body?: Uint8Array, fields: Record<string, string> = {}) =>
        running.send('/files', {
          method: 'POST',
          headers: versioned(version, { ...complete(version, isLast), ...fields }),
          ...(body ? { body } : {}),
        })
      const patch = (
        version: number,
        url: string,
        offset: number,
        isLast: boolean,
        body: Uint8Array,
        fields: Record<string, string> = {},
      ): Promise<Response> =>
        running.send(url, {
          method: 'PATCH',
          headers: versioned(version, {
            ...complete(version, isLast),
            'Upload-Offset': String(offset),
            'Content-Type': PARTIAL,
            ...fields,
          }),
          body,
        })
      const head = (version: number, url: string): Promise<Response> =>
        running.send(url, { method: 'HEAD', headers: versioned(version) })
      const told = ({ headers }: Response) => ({
        offset: headers.get('Upload-Offset'),
        complete:
          headers.get('Upload-Complete') ?? { '?0': '?1', '?1': '?0' }[headers.get('Upload-Incomplete') ?? ''] ?? null,
        length: headers.get('Upload-Length'),
      })
      const read = async (url: string): Promise<string> =>
        sha256(new Uint8Array(await (await running.send(url)).arrayBuffer()))

      for (const version of [3, 4, 5, 6, 7, 8, 9]) {
        test(`version ${version}: the whole content in its creation`, async () => {
          const bytes = someBytes(6 * MiB + 11)
          const created = await create(version, true, bytes, { 'Content-Type': 'image/png' })
          assert.equal(created.status, 201, await created.text())
          assert.equal(created.headers.get('Upload-Draft-Interop-Version'), String(version))
          assert.deepEqual(told(created), {
            offset: String(bytes.length),
            complete: '?1',
            length: String(bytes.length),
          })
          const url = created.headers.get('Location')!
          assert.equal(await read(url), sha256(bytes))
          const got = await running.send(url)
          assert.equal(got.headers.get('Content-Type'), 'image/png')
          await got.body?.cancel()
        })

        test(`version ${version}: created empty, appended in pieces, completed by the last`, async () => {
          const bytes = someBytes(12 * MiB + 3)
          const created = await create(version, false)
          assert.equal(created.status, 201, await created.text())
          assert.deepEqual(told(created), { offset: '0', complete: '?0', length: null })
          assert.ok(created.headers.get('Upload-Limit')!.includes(`max-size=${64 * MiB}`))
          const url = created.headers.get('Location')!
          for (const [at, end] of [
            [0, 5 * MiB],
            [5 * MiB, 7 * MiB + 5],
          ] as const) {
            const answer = await patch(version, url, at, false, bytes.subarray(at, end))
            assert.equal(answer.status, version <= 6 ? 201 : 204, await answer.text())
            assert.deepEqual(told(answer), { offset: String(end), complete: '?0', length: null })
            const asked = await head(version, url)
            assert.equal(asked.status, 204)
            assert.equal(asked.headers.get('Cache-Control'), 'no-store')
            assert.deepEqual(told(asked), { offset: String(end), complete: '?0', length: null })
          }
          const last = await patch(version, url, 7 * MiB + 5, true, bytes.subarray(7 * MiB + 5))
          assert.equal(last.status, 201, await last.text())
          assert.deepEqual(told(last), { offset: String(bytes.length), complete: '?1', length: String(bytes.length) })
          assert.deepEqual(told(await head(version, url)).complete, '?1')
          assert.equal(await read(url), sha256(bytes))
        })

        test(`version ${version}: a wrong offset is 409 and told as a problem`, async () => {
          const url = (await create(version, false, Buffer.from('01234'))).headers.get('Location')!
          const answer = await patch(version, url, 3, true, Buffer.from('x'))
          assert.equal(answer.status, 409)
          assert.deepEqual(told(answer), { offset: '5', complete: '?0', length: null })
          assert.equal(answer.headers.get('Content-Type'), 'application/problem+json')
          const problem = (await answer.json()) as Record<string, unknown>
          assert.equal(problem.type, 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset')
          assert.equal(problem['expected-offset'], 5)
          assert.equal(problem['provided-offset'], 3)
          assert.equal(told(await head(version, url)).offset, '5')
        })

        test(`version ${version}: cancelled, and unknown afterwards`, async () => {
          const url = (await create(version, false, Buffer.from('01234'))).headers.get('Location')!
          assert.equal((await running.send(url, { method: 'DELETE', headers: versioned(version) })).status, 204)
          assert.equal((await head(version, url)).status, 404)
        })

        test(`version ${version}: all bytes, and not said to be all`, async () => {
          const lengths = version === 3 || version === 4 ? {} : { 'Upload-Length': '5' }
          const url = (await create(version, false, undefined, lengths)).headers.get('Location')!
          const answer = await patch(version, url, 0, false, Buffer.from('01234'))
          // Before version 7, clients that declared a length never say that they are done.
          const isDone = version === 5 || version === 6
          assert.equal(told(answer).complete, isDone ? '?1' : '?0')
          assert.equal(told(await head(version, url)).complete, isDone ? '?1' : '?0')
          if (isDone) return
          assert.equal((await running.send(url)).status, 409)
          const last = await patch(version, url, 5, true, new Uint8Array())
          assert.equal(told(last).complete, '?1', await last.text())
          assert.equal(await (await running.send(url)).text(), '01234')
        })
      }

      test('media type: needed from version 6 on', async () => {
        for (const [version, status] of [
          [3, 201],
          [5, 201],
          [6, 415],
          [9, 415],
        ] as const) {
          const url = (await create(version, false)).headers.get('Location')!
          const answer = await patch(version, url, 0, true, Buffer.from('x'), { 'Content-Type': 'video/mp4' })
          assert.equal(answer.status, status)
          if (status === 415) assert.equal(answer.headers.get('Accept-Patch'), PARTIAL)
        }
      })

      test('lengths that contradict each other are refused and nothing is damaged', async () => {
        const refused = await create(9, true, Buffer.from('01234'), { 'Upload-Length': '6' })
        assert.equal(refused.status, 400)
        assert.match(((await refused.json()) as { type: string }).type, /#inconsistent-upload-length$/)
        const url = (await create(9, false, undefined, { 'Upload-Length': '10' })).headers.get('Location')!
        assert.equal((await patch(9, url, 0, true, Buffer.from('01234'))).status, 400)
        assert.equal((await patch(9, url, 0, false, Buffer.from('01234'), { 'Upload-Length': '11' })).status, 400)
        assert.deepEqual(told(await head(9, url)), { offset: '0', complete: '?0', length: '10' })
        assert.equal((await patch(9, url, 0, true, Buffer.from('0123456789'))).status, 201)
        assert.equal(await (await running.send(url)).text(), '0123456789')
      })

      const stream = (...chunks: Uint8Array[]): RequestInit =>
        ({ body: new Blob(chunks).stream(), duplex: 'half' }) as RequestInit
      const patchStream = (version: number, url: string, isLast: boolean, ...chunks: Uint8Array[]): Promise<Response> =>
        running.send(url, {
          method: 'PATCH',
          headers: versioned(version, { ...complete(version, isLast), 'Upload-Offset': '0', 'Content-Type': PARTIAL }),
          ...stream(...chunks),
        })

      test('more bytes than the length, in a body that did not say so: refused; from version 8 on the upload has failed', async () => {
        for (const version of [5, 7, 8, 9]) {
          const url = (await create(version, false, undefined, { 'Upload-Length': '10' })).headers.get('Location')!
          const answer = await patchStream(version, url, false, Buffer.from('0123456789'), Buffer.from('more'))
          assert.equal(answer.status, 400)
          assert.match(((await answer.json()) as { type: string }).type, /#inconsistent-upload-length$/)
          const asked = await head(version, url)
          assert.equal(asked.status, version >= 8 ? 410 : 204, String(version))
        }
      })

      test('a body that is said to be the last, of no announced length, and ends before the length: refused, and stored', async () => {
        const url = (await create(9, false, undefined, { 'Upload-Length': '10' })).headers.get('Location')!
        const answer = await patchStream(9, url, true, Buffer.from('01234'))
        assert.equal(answer.status, 400)
        assert.match(((await answer.json()) as { type: string }).type, /#inconsistent-upload-length$/)
        assert.deepEqual(told(await head(9, url)), { offset: '5', complete: '?0', length: '10' })
      })

      test('a body of no announced length that is the last tells the length by its end', async () => {
        const url = (await create(9, false)).headers.get('Location')!
        const answer = await patchStream(9, url, true, Buffer.from('01234'), Buffer.from('567'))
        assert.deepEqual(told(answer), { offset: '8', complete: '?1', length: '8' })
        assert.equal(await (await running.send(url)).text(), '01234567')
      })

      test('an append to a complete upload: the last answer again in version 9, refused before; with bytes always', async () => {
        const done = await create(9, true, Buffer.from('abc'))
        const url = done.headers.get('Location')!
        const again = await patch(9, url, 3, true, new Uint8Array())
        assert.equal(again.status, done.status)
        assert.deepEqual(told(again), told(done))
        for (const version of [6, 7, 8]) {
          const refused = await patch(version, url, 3, true, new Uint8Array())
          assert.equal(refused.status, 400)
          assert.match(((await refused.json()) as { type: string }).type, /#completed-upload$/)
        }
        assert.ok((await patch(9, url, 3, true, Buffer.from('d'))).status >= 400)
        assert.equal((await patch(9, url, 0, true, Buffer.from('d'))).status, 409)
        assert.equal(await (await running.send(url)).text(), 'abc')
      })

      test('malformed fields count as absent', async () => {
        for (const field of ['true', '1', '?2', '?1, ?1', '']) {
          const answer = await running.send('/files', {
            method: 'POST',
            headers: versioned(9, { 'Upload-Complete': field }),
            body: Buffer.from('x'),
          })
          assert.equal(answer.status, 400, field)
        }
        const created = await create(9, false, Buffer.from('01234'), {
          'Upload-Complete': '?0;why="not"',
          'Upload-Length': '-3',
        })
        assert.deepEqual(told(created), { offset: '5', complete: '?0', length: null })
        const url = created.headers.get('Location')!
        for (const offset of ['-1', '"5"', '5.0', '05a', '']) {
          const answer = await patch(9, url, 0, false, Buffer.from('x'), { 'Upload-Offset': offset })
          assert.equal(answer.status, 400, offset)
        }
      })

      test('metadata: type and name of the creation', async () => {
        const created = await create(6, true, Buffer.from('x'), {
          'Content-Type': 'text/plain;charset=utf-8',
          'Content-Disposition': `inline; filename="a.txt"; filename*=UTF-8''%C3%A4.txt`,
        })
        const { headers } = await running.send(created.headers.get('Location')!)
        assert.equal(headers.get('Content-Type'), 'text/plain;charset=utf-8')
        assert.match(headers.get('Content-Disposition')!, /filename\*=UTF-8''%C3%A4\.txt/)
      })

      test('created with one protocol, resumed with the other', async () => {
        const bytes = someBytes(7 * MiB)
        const ours = await running.send('/files', {
          method: 'POST',
          headers: { ...TUS, 'Upload-Length': String(bytes.length) },
        })
        const url = ours.headers.get('Location')!
        assert.equal((await patch(6, url, 0, false, bytes.subarray(0, 6 * MiB))).status, 201)
        assert.equal(
          (await running.send(url, { method: 'HEAD', headers: TUS })).headers.get('Upload-Offset'),
          String(6 * MiB),
        )
        assert.equal((await patch(9, url, 6 * MiB, true, bytes.subarray(6 * MiB))).status, 201)
        assert.equal(await read(url), sha256(bytes))

        const theirs = (await create(9, false, bytes.subarray(0, MiB))).headers.get('Location')!
        const deferred = await running.send(theirs, { method: 'HEAD', headers: TUS })
        assert.equal(deferred.headers.get('Upload-Defer-Length'), '1')
        const rest = await running.send(theirs, {
          method: 'PATCH',
          headers: {
            ...TUS,
            'Content-Type': 'application/offset+octet-stream',
            'Upload-Offset': String(MiB),
            'Upload-Length': String(bytes.length),
          },
          body: bytes.subarray(MiB),
        })
        assert.equal(rest.status, 204, await rest.text())
        assert.equal(told(await head(9, theirs)).complete, '?1')
        assert.equal(await read(theirs), sha256(bytes))
      })

      test('Content-Digest: verified before any offset is told that includes its bytes', async () => {
        const bytes = someBytes(6 * MiB)
        const url = (await create(9, false)).headers.get('Location')!
        const digest = (algorithm: string, content: Uint8Array): string =>
          `sha-${algorithm.slice(3)}=:${createHash(algorithm).update(content).digest('base64')}:`
        const wrong = { 'Content-Digest': digest('sha256', bytes.subarray(1)) }
        const refused = await patch(9, url, 0, false, bytes, wrong)
        assert.equal(refused.status, 400)
        assert.match(((await refused.json()) as { type: string }).type, /#digest-mismatched-values$/)
        assert.equal(told(await head(9, url)).offset, '0')
        const short = await patch(9, url, 0, false, bytes, { 'Content-Digest': 'sha-256=:AAAA:' })
        assert.match(((await short.json()) as { type: string }).type, /#digest-invalid-values$/)
        const unknown = 'md5=:AAAA:, foo=:AAAA:'
        assert.equal((await patch(9, url, 0, false, bytes, { 'Content-Digest': unknown })).status, 204)
        const last = await patch(9, url, bytes.length, true, bytes, { 'Content-Digest': digest('sha512', bytes) })
        assert.equal(last.status, 201)
      })

      for (const pieces of [1, 3]) {
        test(`Repr-Digest: the whole upload in ${pieces} request(s), right and wrong`, async () => {
          const bytes = someBytes(9 * MiB)
          const field = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
          const created = await create(9, false, undefined, { 'Repr-Digest': field })
          const url = created.headers.get('Location')!
          const size = Math.ceil(bytes.length / pieces)
          const send = async (target: string, content: Uint8Array): Promise<Response> => {
            let answer!: Response
            for (let at = 0; at < content.length; at += size) {
              const isLast = at + size >= content.length
              answer = await patch(9, target, at, isLast, content.subarray(at, at + size))
            }
            return answer
          }
          const done = await send(url, bytes)
          assert.equal(done.status, 201, await done.text())
          assert.match(done.headers.get('Repr-Digest')!, new RegExp(`^${field.replaceAll(/[+/]/g, '\\$&')}, crc32=:`))
          assert.equal((await head(9, url)).headers.get('Repr-Digest'), done.headers.get('Repr-Digest'))
          const got = await running.send(url)
          assert.equal(got.headers.get('Repr-Digest'), done.headers.get('Repr-Digest'))
          await got.body?.cancel()

          const other = (await create(9, false, undefined, { 'Repr-Digest': field })).headers.get('Location')!
          const broken = Buffer.from(bytes)
          broken[5]! ^= 1
          const refused = await send(other, broken)
          assert.equal(refused.status, 400)
          assert.match(((await refused.json()) as { type: string }).type, /#digest-mismatched-values$/)
          assert.equal((await head(9, other)).status, 410)
          assert.equal((await running.send(other)).status, 410)
        })
      }

      test('Repr-Digest of a tus upload, and CRC32 of every upload', async () => {
        const bytes = someBytes(1_000)
        const field = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
        const fields = { ...TUS, 'Upload-Length': '1000', 'Content-Type': 'application/offset+octet-stream' }
        const right = await running.send('/files', {
          method: 'POST',
          headers: { ...fields, 'Repr-Digest': field },
          body: bytes,
        })
        assert.equal(right.status, 201)
        const told = await running.send(right.headers.get('Location')!, { method: 'HEAD', headers: TUS })
        assert.ok(told.headers.get('Repr-Digest')!.startsWith(`${field}, crc32=:`))
        const wrong = await running.send('/files', {
          method: 'POST',
          headers: { ...fields, 'Repr-Digest': field },
          body: someBytes(1_000),
        })
        assert.equal(wrong.status, 400)
      })

      test('OPTIONS is answered for both protocols', async () => {
        const { status, headers } = await running.send('/files', { method: 'OPTIONS' })
        assert.equal(status, 204)
        assert.equal(headers.get('Tus-Version'), '1.0.0')
        assert.equal(headers.get('Upload-Limit'), `max-size=${64 * MiB}`)
        assert.equal(headers.get('Accept-Patch'), PARTIAL)
      })

      test('without a version: answered by the newest rules; HEAD tells what both protocols want', async () => {
        const created = await running.send('/files', {
          method: 'POST',
          headers: { 'Upload-Complete': '?0' },
          body: Buffer.from('ab'),
        })
        assert.equal(created.status, 201, await created.text())
        const url = created.headers.get('Location')!
        const { headers } = await running.send(url, { method: 'HEAD' })
        assert.equal(headers.get('Upload-Complete'), '?0')
        assert.equal(headers.get('Tus-Resumable'), '1.0.0')
        assert.equal(headers.get('Upload-Offset'), '2')
      })
    })
  }
}

test('the draft can be switched off', async () => {
  const running = await run('disk', 'fetch', { rufh: false })
  const fields = { 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1' }
  const answer = await running.send('/files', { method: 'POST', headers: fields, body: Buffer.from('x') })
  assert.equal(answer.status, 412)
  await running.close()
})
