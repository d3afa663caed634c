/** tus 1.0.0, Concatenation, over HTTP: both stores, both adapters. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sha256, someBytes } from '../support/bucket.js'
import { ADAPTERS, type Running, run, STORES } from '../support/matrix.js'

const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = 'application/offset+octet-stream'
const MiB = 1024 * 1024
const METADATA = 'filename YS5iaW4='

for (const store of STORES) {
  for (const adapter of ADAPTERS) {
    describe(`concatenation on ${store} through ${adapter}`, () => {
      let running: Running
      /** Removes partial uploads, takes four of them, and 20 MiB at most. */
      let tidy: Running
      before(async () => {
        running = await run(store, adapter)
        tidy = await run(store, adapter, { deletePartials: true, maxConcatParts: 4, maxSize: 20 * MiB })
      })
      after(async () => {
        await running.close()
        await tidy.close()
      })

      const clientOf = (server: () => Running) => {
        const post = (fields: Record<string, string>): Promise<Response> =>
          server().send('/files', { method: 'POST', headers: { ...TUS, ...fields } })
        const create = async (fields: Record<string, string>): Promise<string> => {
          const created = await post(fields)
          assert.equal(created.status, 201, await created.text())
          return created.headers.get('Location')!
        }
        const patch = (url: string, offset: number, body: Uint8Array, fields: Record<string, string> = {}) =>
          server().send(url, {
            method: 'PATCH',
            headers: { ...TUS, 'Content-Type': BYTES, 'Upload-Offset': String(offset), ...fields },
            body,
          })
        return {
          post,
          create,
          patch,
          head: (url: string): Promise<Response> => server().send(url, { method: 'HEAD', headers: TUS }),
          delete: (url: string): Promise<Response> => server().send(url, { method: 'DELETE', headers: TUS }),
          get: async (url: string): Promise<string> => {
            const read = await server().send(url)
            assert.equal(read.status, 200)
            return sha256(new Uint8Array(await read.arrayBuffer()))
          },
          /** Finished, with these bytes. */
          async partial(bytes: Uint8Array, fields: Record<string, string> = {}): Promise<string> {
            const url = await create({ 'Upload-Length': String(bytes.length), 'Upload-Concat': 'partial', ...fields })
            if (bytes.length > 0) assert.equal((await patch(url, 0, bytes)).status, 204)
            return url
          },
        }
      }
      const client = clientOf(() => running)
      const tidyClient = clientOf(() => tidy)
      const finalOf = (...urls: string[]) => ({ 'Upload-Concat': `final;${urls.join(' ')}` })
      const refused = async (answer: Promise<Response>, status: number, code: string): Promise<string> => {
        const { status: found, text } = await answer.then(async (response) => ({
          status: response.status,
          text: await response.text(),
        }))
        assert.equal(found, status, text)
        assert.ok(text.startsWith(`${code}:`), text)
        return text
      }

      test('OPTIONS offers both extensions', async () => {
        const { headers } = await running.send('/files', { method: 'OPTIONS' })
        const offered = headers.get('Tus-Extension')!.split(',')
        assert.ok(offered.includes('concatenation') && offered.includes('concatenation-unfinished'))
      })

      test('the bytes of partial uploads are joined in the order of the list, with the metadata of the final one alone', async () => {
        const contents = [someBytes(6 * MiB), someBytes(1_000), someBytes(7 * MiB + 3)]
        const urls = await Promise.all(
          contents.map((bytes) => client.partial(bytes, { 'Upload-Metadata': 'part MQ==' })),
        )
        const list = `final;${new URL(urls[0]!).pathname} ${urls[1]} ${urls[2]}/ ${urls[1]}`
        const url = await client.create({ 'Upload-Concat': list, 'Upload-Metadata': METADATA })
        const told = await client.head(url)
        const whole = Buffer.concat([...contents, contents[1]!])
        assert.equal(told.headers.get('Upload-Concat'), list, 'as received')
        assert.equal(told.headers.get('Upload-Length'), String(whole.length))
        assert.equal(told.headers.get('Upload-Offset'), String(whole.length))
        assert.equal(told.headers.get('Upload-Metadata'), METADATA)
        assert.equal(await client.get(url), sha256(whole))
        for (const [index, partial] of urls.entries()) {
          const { headers } = await client.head(partial)
          assert.equal(headers.get('Upload-Concat'), 'partial')
          assert.equal(headers.get('Upload-Offset'), String(contents[index]!.length))
        }
        assert.equal(await client.get(urls[0]!), sha256(contents[0]!), 'a partial upload stays')
      })

      test('concatenation-unfinished: HEAD tells no offset, and the length once it is known; then HEAD completes it', async () => {
        const [first, second] = [someBytes(3_000), someBytes(2_000)]
        const sized = await client.create({ 'Upload-Length': '3000', 'Upload-Concat': 'partial' })
        const deferred = await client.create({ 'Upload-Defer-Length': '1', 'Upload-Concat': 'partial' })
        const url = await client.create(finalOf(sized, deferred))
        const unknown = await client.head(url)
        assert.equal(unknown.status, 200)
        assert.equal(unknown.headers.get('Upload-Offset'), null)
        assert.equal(unknown.headers.get('Upload-Length'), null)
        assert.equal(unknown.headers.get('Upload-Defer-Length'), '1')
        assert.equal(unknown.headers.get('Upload-Concat'), finalOf(sized, deferred)['Upload-Concat'])
        await refused(running.send(url), 409, 'ERR_INCOMPLETE_UPLOAD')
        assert.equal((await client.patch(sized, 0, first)).status, 204)
        assert.equal(
          (await client.patch(deferred, 0, second.subarray(0, 500), { 'Upload-Length': '2000' })).status,
          204,
        )
        const known = await client.head(url)
        assert.equal(known.headers.get('Upload-Length'), '5000')
        assert.equal(known.headers.get('Upload-Offset'), null)
        assert.equal((await client.patch(deferred, 500, second.subarray(500))).status, 204)
        const done = await client.head(url)
        assert.equal(done.headers.get('Upload-Length'), '5000')
        assert.equal(done.headers.get('Upload-Offset'), '5000')
        assert.equal(await client.get(url), sha256(Buffer.concat([first, second])))
      })

      test('GET of a final upload whose partial uploads were finished later completes it, too', async () => {
        const partial = await client.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial' })
        const url = await client.create(finalOf(partial))
        assert.equal((await client.patch(partial, 0, Buffer.from('bytes'))).status, 204)
        assert.equal(await (await running.send(url)).text(), 'bytes')
      })

      test('PATCH of a final upload is 403 and changes nothing, before and after', async () => {
        const partial = await client.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial' })
        const url = await client.create(finalOf(partial))
        await refused(client.patch(url, 0, Buffer.from('other')), 403, 'ERR_MODIFY_FINAL')
        assert.equal((await client.patch(partial, 0, Buffer.from('bytes'))).status, 204)
        assert.equal((await client.head(url)).headers.get('Upload-Offset'), '5')
        await refused(client.patch(url, 5, Buffer.from('other')), 403, 'ERR_MODIFY_FINAL')
        await refused(
          running.send('/files', {
            method: 'POST',
            headers: { ...TUS, 'Content-Type': BYTES, ...finalOf(partial) },
            body: 'other',
          }),
          403,
          'ERR_MODIFY_FINAL',
        )
        assert.equal(await (await running.send(url)).text(), 'bytes')
      })

      test('what cannot be joined is refused', async () => {
        const partial = await client.partial(Buffer.from('bytes'))
        const ordinary = await client.create({ 'Upload-Length': '5' })
        const final = await client.create(finalOf(partial))
        const ended = await client.partial(Buffer.from('bytes'))
        assert.equal((await client.delete(ended)).status, 204)
        const unknown = ordinary.replace(/[^/]+$/, 'unknown')
        const rows: [string, RegExp][] = [
          [unknown, /Upload 2 .*does not exist/],
          [ended, /Upload 2 .*does not exist/],
          [ordinary, /Upload 2 .*is not a partial upload/],
          [final, /Upload 2 .*is not a partial upload/],
          [unknown.replace(/[^/]+$/, '%2e%2e%2fsecret'), /URL 2|Upload 2/],
          ['https://elsewhere.example/files/x', /URL 2/],
          ['/elsewhere/x', /URL 2/],
        ]
        for (const [url, sentence] of rows) {
          assert.match(await refused(client.post(finalOf(partial, url)), 400, 'ERR_INVALID_CONCAT'), sentence)
        }
        for (const field of ['', 'final', 'final;', 'both']) {
          await refused(client.post({ 'Upload-Concat': field }), 400, 'ERR_INVALID_CONCAT')
        }
        const sized = { 'Upload-Length': '5', ...finalOf(partial) }
        await refused(client.post(sized), 400, 'ERR_INVALID_UPLOAD_LENGTH')
      })

      test('a partial upload that ends makes the final one 410, with the reason', async () => {
        const [kept, ended] = [
          await client.partial(Buffer.from('bytes')),
          await client.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial' }),
        ]
        const url = await client.create(finalOf(kept, ended))
        assert.equal((await client.delete(ended)).status, 204)
        assert.equal((await client.head(url)).status, 410)
        const text = await refused(running.send(url), 410, 'ERR_UPLOAD_GONE')
        assert.match(text, /Upload 2 in Upload-Concat does not exist/)
        await refused(client.patch(url, 0, Buffer.from('x')), 403, 'ERR_MODIFY_FINAL')
        assert.equal((await client.delete(url)).status, 204)
        assert.equal((await client.head(kept)).headers.get('Upload-Offset'), '5')
      })

      test('DELETE of a final upload leaves its partial uploads, unfinished or finished', async () => {
        const open = await client.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial' })
        const waiting = await client.create(finalOf(open))
        assert.equal((await client.delete(waiting)).status, 204)
        assert.ok([404, 410].includes((await client.head(waiting)).status))
        assert.equal((await client.patch(open, 0, Buffer.from('bytes'))).status, 204)
        const done = await client.create(finalOf(open, open))
        assert.equal((await client.delete(done)).status, 204)
        assert.ok([404, 410].includes((await client.head(done)).status))
        assert.equal(await (await running.send(open)).text(), 'bytes')
      })

      test('empty partial uploads make an empty object', async () => {
        const empty = await client.partial(new Uint8Array())
        const url = await client.create(finalOf(empty, empty))
        const { headers } = await client.head(url)
        assert.deepEqual([headers.get('Upload-Length'), headers.get('Upload-Offset')], ['0', '0'])
        assert.equal(await client.get(url), sha256(new Uint8Array()))
      })

      test('maxSize counts for the final upload, also while its partial uploads are not finished', async () => {
        const large = await tidyClient.partial(someBytes(11 * MiB))
        await refused(tidyClient.post(finalOf(large, large)), 413, 'ERR_MAX_SIZE_EXCEEDED')
        const open = await tidyClient.create({ 'Upload-Length': String(15 * MiB), 'Upload-Concat': 'partial' })
        await refused(tidyClient.post(finalOf(large, open)), 413, 'ERR_MAX_SIZE_EXCEEDED')
        const deferred = await tidyClient.create({ 'Upload-Defer-Length': '1', 'Upload-Concat': 'partial' })
        const url = await tidyClient.create(finalOf(large, deferred))
        assert.equal(
          (await tidyClient.patch(deferred, 0, someBytes(1), { 'Upload-Length': String(10 * MiB) })).status,
          204,
        )
        const gone = await refused(tidy.send(url), 410, 'ERR_UPLOAD_GONE')
        assert.match(gone, /larger together/)
      })

      test('maxConcatParts: more are refused', async () => {
        const partial = await tidyClient.partial(Buffer.from('12'))
        const four = Array(4).fill(partial)
        await refused(tidyClient.post(finalOf(...four, partial)), 400, 'ERR_INVALID_CONCAT')
        assert.equal((await tidyClient.post(finalOf(...four))).status, 201)
      })

      test('deletePartials: they are gone once the final upload is complete, and not before', async () => {
        const [first, second] = [
          await tidyClient.partial(someBytes(100)),
          await tidyClient.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial' }),
        ]
        const url = await tidyClient.create(finalOf(first, second, first))
        assert.equal((await tidyClient.head(url)).headers.get('Upload-Offset'), null)
        assert.equal((await tidyClient.head(first)).status, 200)
        assert.equal((await tidyClient.patch(second, 0, Buffer.from('bytes'))).status, 204)
        assert.equal((await tidyClient.head(url)).headers.get('Upload-Offset'), '205')
        for (const gone of [first, second]) assert.ok([404, 410].includes((await tidyClient.head(gone)).status))
        assert.equal((await (await tidy.send(url)).arrayBuffer()).byteLength, 205)
      })
    })

    test(`disableConcatenation on ${store} through ${adapter}: neither offered nor taken`, async () => {
      const without = await run(store, adapter, { disableConcatenation: true })
      const { headers } = await without.send('/files', { method: 'OPTIONS' })
      assert.doesNotMatch(headers.get('Tus-Extension')!, /concat/)
      for (const field of ['partial', 'final;/files/x']) {
        const sized: Record<string, string> = field === 'partial' ? { 'Upload-Length': '5' } : {}
        const answer = await without.send('/files', {
          method: 'POST',
          headers: { ...TUS, ...sized, 'Upload-Concat': field },
        })
        assert.equal(answer.status, 400)
        assert.match(await answer.text(), /^ERR_CONCATENATION_UNSUPPORTED:/)
      }
      await without.close()
    })
  }
}
