import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { sha256, someBytes } from '../support/bucket.js'
import { ADAPTERS, type Running, run, STORES } from '../support/matrix.js'

const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = 'application/offset+octet-stream'
const MiB = 1024 * 1024

for (const store of STORES) {
  for (const adapter of ADAPTERS) {
    describe(`tus 1.0.0 on ${store} through ${adapter}`, () => {
      let running: Running
      before(async () => {
        running = await run(store, adapter, { maxSize: 64 * MiB })
      })
      after(() => running.close())

      const post = (fields: Record<string, string>, body?: Uint8Array): Promise<Response> =>
        running.send('/files', { method: 'POST', headers: { ...TUS, ...fields }, ...(body ? { body } : {}) })
      const create = async (fields: Record<string, string>): Promise<string> => {
        const created = await post(fields)
        assert.equal(created.status, 201, await created.text())
        return created.headers.get('Location')!
      }
      const patch = (url: string, offset: number | string, body: Uint8Array, fields: Record<string, string> = {}) =>
        running.send(url, {
          method: 'PATCH',
          headers: { ...TUS, 'Content-Type': BYTES, 'Upload-Offset': String(offset), ...fields },
          body,
        })
      const head = (url: string): Promise<Response> => running.send(url, { method: 'HEAD', headers: TUS })
      const offset = async (url: string): Promise<string | null> => (await head(url)).headers.get('Upload-Offset')

      test('creation: 201 with an absolute Location, then HEAD tells length, offset 0 and metadata as sent', async () => {
        const field = 'filename w7xtbMOkdXQudHh0,empty,b64 AP8='
        const url = await create({ 'Upload-Length': '10', 'Upload-Metadata': field })
        assert.match(url, /^http:\/\/127\.0\.0\.1(:\d+)?\/files\/[0-9a-f]{32}$/)
        const told = await head(url)
        assert.equal(told.status, 200)
        assert.equal(told.headers.get('Upload-Length'), '10')
        assert.equal(told.headers.get('Upload-Offset'), '0')
        assert.equal(told.headers.get('Upload-Metadata'), field)
        assert.equal(told.headers.get('Cache-Control'), 'no-store')
        assert.equal(told.headers.get('Tus-Resumable'), '1.0.0')
      })

      test('checksum: each algorithm; 460 leaves offset and bytes as they were', async () => {
        const bytes = someBytes(7 * MiB)
        const digests = {
          ...Object.fromEntries(
            ['sha1', 'sha256', 'sha512', 'md5'].map((name) => [name, createHash(name).update(bytes)]),
          ),
        }
        const sum = Buffer.alloc(4)
        sum.writeUInt32BE(crc32(bytes))
        const fields = Object.entries(digests).map(([name, hash]) => `${name} ${hash.digest('base64')}`)
        for (const field of [...fields, `crc32 ${sum.toString('base64')}`]) {
          const url = await create({ 'Upload-Length': String(bytes.length) })
          const broken = Buffer.from(bytes)
          broken[5 * MiB]! ^= 1
          const refused = await patch(url, 0, broken, { 'Upload-Checksum': field })
          assert.equal(refused.status, 460, `${field}: ${await refused.text()}`)
          assert.equal(await offset(url), '0')
          assert.equal((await patch(url, 0, bytes, { 'Upload-Checksum': field })).status, 204)
          const read = await running.send(url)
          assert.equal(sha256(new Uint8Array(await read.arrayBuffer())), sha256(bytes))
        }
      })

      test('checksum: on creation-with-upload, and on an empty body', async () => {
        const bytes = someBytes(1_000)
        const field = `sha1 ${createHash('sha1').update(bytes).digest('base64')}`
        const sent = { 'Upload-Length': '1000', 'Content-Type': BYTES, 'Upload-Checksum': field }
        assert.equal((await post(sent, someBytes(1_000))).status, 460)
        const created = await post(sent, bytes)
        assert.equal(created.status, 201)
        assert.equal(created.headers.get('Upload-Offset'), '1000')
        const empty = await create({ 'Upload-Length': '10' })
        assert.equal((await patch(empty, 0, new Uint8Array(), { 'Upload-Checksum': field })).status, 460)
        assert.equal(await offset(empty), '0')
      })

      test('OPTIONS lists checksum and its algorithms', async () => {
        const { headers } = await running.send('/files', { method: 'OPTIONS' })
        assert.ok(headers.get('Tus-Extension')!.split(',').includes('checksum'))
        assert.equal(headers.get('Tus-Checksum-Algorithm'), 'sha1,sha256,sha512,md5,crc32')
      })

      test('an upload in several requests is read back as it was sent', async () => {
        const bytes = someBytes(12 * MiB + 345)
        const url = await create({ 'Upload-Length': String(bytes.length), 'Upload-Metadata': 'filetype aW1hZ2UvcG5n' })
        for (let at = 0, next = 0; at < bytes.length; at = next) {
          next = Math.min(bytes.length, at + 4 * MiB + 11)
          const answer = await patch(url, at, bytes.subarray(at, next))
          assert.equal(answer.status, 204, await answer.text())
          assert.equal(answer.headers.get('Upload-Offset'), String(next))
        }
        const read = await running.send(url)
        assert.equal(read.status, 200)
        assert.equal(read.headers.get('Content-Type'), 'image/png')
        assert.equal(read.headers.get('X-Content-Type-Options'), 'nosniff')
        assert.equal(sha256(new Uint8Array(await read.arrayBuffer())), sha256(bytes))
        const range = await running.send(url, { headers: { Range: `bytes=${5 * MiB - 3}-${5 * MiB + 3}` } })
        assert.equal(range.status, 206)
        assert.equal(range.headers.get('Content-Range'), `bytes ${5 * MiB - 3}-${5 * MiB + 3}/${bytes.length}`)
        assert.deepEqual(Buffer.from(await range.arrayBuffer()), bytes.subarray(5 * MiB - 3, 5 * MiB + 4))
        const etag = read.headers.get('ETag')!
        assert.equal((await running.send(url, { headers: { 'If-None-Match': etag } })).status, 304)
        const beyond = await running.send(url, { headers: { Range: `bytes=${bytes.length}-` } })
        assert.equal(beyond.status, 416)
        assert.equal(beyond.headers.get('Content-Range'), `bytes */${bytes.length}`)
      })

      test('creation-with-upload: the offset is told, and the rest follows by PATCH', async () => {
        const created = await post({ 'Upload-Length': '10', 'Content-Type': BYTES }, Buffer.from('01234'))
        assert.equal(created.status, 201)
        assert.equal(created.headers.get('Upload-Offset'), '5')
        const url = created.headers.get('Location')!
        assert.equal((await patch(url, 5, Buffer.from('56789'))).status, 204)
        assert.equal(await (await running.send(url)).text(), '0123456789')
      })

      test('creation with another Content-Type takes no bytes', async () => {
        const created = await post({ 'Upload-Length': '5', 'Content-Type': 'text/plain' }, Buffer.from('01234'))
        assert.equal(created.status, 201)
        assert.equal(created.headers.get('Upload-Offset'), null)
        assert.equal(await offset(created.headers.get('Location')!), '0')
      })

      test('an empty upload is finished by its creation', async () => {
        const url = await create({ 'Upload-Length': '0' })
        assert.equal(await offset(url), '0')
        const read = await running.send(url)
        assert.equal(read.status, 200)
        assert.equal((await read.arrayBuffer()).byteLength, 0)
      })

      test('creation-defer-length: told as deferred, declared by a PATCH, then finished', async () => {
        const url = await create({ 'Upload-Defer-Length': '1' })
        assert.equal((await head(url)).headers.get('Upload-Defer-Length'), '1')
        assert.equal((await head(url)).headers.get('Upload-Length'), null)
        assert.equal((await patch(url, 0, Buffer.from('01234'))).status, 204)
        assert.equal((await patch(url, 5, Buffer.from('567'), { 'Upload-Length': '8' })).status, 204)
        const told = await head(url)
        assert.equal(told.headers.get('Upload-Defer-Length'), null)
        assert.equal(told.headers.get('Upload-Length'), '8')
        assert.equal(await (await running.send(url)).text(), '01234567')
      })

      test('creation-defer-length: declared with nothing more to send', async () => {
        const url = await create({ 'Upload-Defer-Length': '1' })
        await patch(url, 0, Buffer.from('01234'))
        assert.equal((await patch(url, 5, new Uint8Array(), { 'Upload-Length': '5' })).status, 204)
        assert.equal(await (await running.send(url)).text(), '01234')
      })

      test('a declared length cannot be changed, nor be less than what is stored', async () => {
        const url = await create({ 'Upload-Defer-Length': '1' })
        await patch(url, 0, Buffer.from('01234'))
        assert.equal((await patch(url, 5, Buffer.from(''), { 'Upload-Length': '3' })).status, 400)
        assert.equal((await patch(url, 5, Buffer.from('5'), { 'Upload-Length': '8' })).status, 204)
        assert.equal((await patch(url, 6, Buffer.from('6'), { 'Upload-Length': '9' })).status, 400)
        assert.equal(await offset(url), '6')
      })

      test('a wrong offset is 409, told with the right one, and changes nothing', async () => {
        const url = await create({ 'Upload-Length': '10' })
        await patch(url, 0, Buffer.from('01234'))
        for (const wrong of [0, 4, 6, 10, 11]) {
          const answer = await patch(url, wrong, Buffer.from('x'))
          assert.equal(answer.status, 409, String(wrong))
          assert.equal(answer.headers.get('Upload-Offset'), '5')
        }
        assert.equal(await offset(url), '5')
      })

      test('more bytes than the length are 413, and nothing of an announced surplus is stored', async () => {
        const url = await create({ 'Upload-Length': '10' })
        assert.equal((await patch(url, 0, Buffer.alloc(11))).status, 413)
        assert.equal(await offset(url), '0')
        assert.equal((await post({ 'Upload-Length': '3', 'Content-Type': BYTES }, Buffer.alloc(4))).status, 413)
      })

      test('larger than the server takes is 413', async () => {
        assert.equal((await post({ 'Upload-Length': String(64 * MiB + 1) })).status, 413)
        const url = await create({ 'Upload-Defer-Length': '1' })
        const declared = await patch(url, 0, new Uint8Array(), { 'Upload-Length': String(64 * MiB + 1) })
        assert.equal(declared.status, 413)
      })

      test('a PATCH of a finished upload at its end is 204, anywhere else or with more bytes refused', async () => {
        const url = await create({ 'Upload-Length': '3' })
        await patch(url, 0, Buffer.from('abc'))
        assert.equal((await patch(url, 3, new Uint8Array())).status, 204)
        assert.equal((await patch(url, 3, Buffer.from('d'))).status, 413)
        assert.equal((await patch(url, 0, Buffer.from('abc'))).status, 409)
        assert.equal(await (await running.send(url)).text(), 'abc')
      })

      test('reading an unfinished upload is refused', async () => {
        const url = await create({ 'Upload-Length': '3' })
        assert.equal((await running.send(url)).status, 409)
      })

      test('termination: unfinished and finished uploads are gone afterwards', async () => {
        const open = await create({ 'Upload-Length': '10' })
        await patch(open, 0, Buffer.from('01234'))
        const done = await create({ 'Upload-Length': '3' })
        await patch(done, 0, Buffer.from('abc'))
        for (const url of [open, done]) {
          assert.equal((await running.send(url, { method: 'DELETE', headers: TUS })).status, 204)
          assert.ok([404, 410].includes((await head(url)).status))
          assert.ok([404, 410].includes((await running.send(url)).status))
          assert.ok([404, 410].includes((await patch(url, 0, Buffer.from('x'))).status))
          assert.ok([404, 410].includes((await running.send(url, { method: 'DELETE', headers: TUS })).status))
        }
      })

      test('unknown uploads are 404, whatever is asked and however it is spelled', async () => {
        const names = [
          '0123456789abcdef0123456789abcdef',
          '%2e%2e%2fetc%2fpasswd',
          'a%00b',
          'x.info',
          'a+b',
          '..%5c..',
          'é',
        ]
        for (const name of names) {
          assert.equal((await head(`/files/${name}`)).status, 404, name)
          assert.equal((await patch(`/files/${name}`, 0, Buffer.from('x'))).status, 404, name)
          assert.equal((await running.send(`/files/${name}`)).status, 404, name)
        }
      })

      test('OPTIONS tells version, extensions and the largest size', async () => {
        const told = await running.send('/files', { method: 'OPTIONS' })
        assert.equal(told.status, 204)
        assert.equal(told.headers.get('Tus-Version'), '1.0.0')
        assert.equal(
          told.headers.get('Tus-Extension'),
          `creation,creation-with-upload,checksum,${adapter === 'fetch' ? '' : 'checksum-trailer,'}expiration,creation-defer-length,termination,concatenation,concatenation-unfinished`,
        )
        assert.equal(told.headers.get('Tus-Max-Size'), String(64 * MiB))
      })

      test('another version of tus is 412 with the versions spoken', async () => {
        const answer = await running.send('/files', {
          method: 'POST',
          headers: { 'Tus-Resumable': '0.2.2', 'Upload-Length': '1' },
        })
        assert.equal(answer.status, 412)
        assert.equal(answer.headers.get('Tus-Version'), '1.0.0')
      })

      test('X-HTTP-Method-Override is the method', async () => {
        const url = await create({ 'Upload-Length': '3' })
        const answer = await running.send(url, {
          method: 'POST',
          headers: { ...TUS, 'X-HTTP-Method-Override': 'PATCH', 'Content-Type': BYTES, 'Upload-Offset': '0' },
          body: Buffer.from('abc'),
        })
        assert.equal(answer.status, 204)
        assert.equal(await offset(url), '3')
      })

      for (const bad of ['1e3', '0x10', '+5', '-1', '5 5', '', '1,1', '99999999999999999999', '1.0', 'NaN']) {
        test(`a length or offset of '${bad}' is 400`, async () => {
          assert.equal((await post({ 'Upload-Length': bad })).status, 400)
          const url = await create({ 'Upload-Length': '10' })
          assert.equal((await patch(url, bad, Buffer.from('x'))).status, 400)
        })
      }

      test('a PATCH of another Content-Type is 415', async () => {
        const url = await create({ 'Upload-Length': '3' })
        assert.equal((await patch(url, 0, Buffer.from('abc'), { 'Content-Type': 'text/plain' })).status, 415)
        assert.equal(await offset(url), '0')
      })

      test('a browser of any origin may upload', async () => {
        const preflight = await running.send('/files', {
          method: 'OPTIONS',
          headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PATCH' },
        })
        assert.ok(['*', 'https://app.example'].includes(preflight.headers.get('Access-Control-Allow-Origin') ?? ''))
        assert.match(preflight.headers.get('Access-Control-Allow-Methods') ?? '', /PATCH/)
        assert.match(preflight.headers.get('Access-Control-Allow-Headers') ?? '', /Upload-Offset/i)
        const failed = await running.send('/files/nothing', {
          method: 'HEAD',
          headers: { ...TUS, Origin: 'https://app.example' },
        })
        assert.equal(failed.status, 404)
        assert.ok(failed.headers.get('Access-Control-Allow-Origin'), 'failures too')
        assert.match(failed.headers.get('Access-Control-Expose-Headers') ?? '', /Upload-Offset/i)
      })

      test('malformed metadata is 400', async () => {
        for (const bad of ['filename *', 'a b c', ',', 'a YQ==,a YQ==', 'é YQ==']) {
          if (bad === 'é YQ==' && adapter === 'node') continue
          assert.equal(
            (await post({ 'Upload-Length': '1', 'Upload-Metadata': bad }).catch(() => ({ status: 400 }))).status,
            400,
            bad,
          )
        }
      })

      test('many uploads at once do not mix', async () => {
        const sums = await Promise.all(
          Array.from({ length: 20 }, async () => {
            const bytes = someBytes(300_000)
            const url = await create({ 'Upload-Length': String(bytes.length) })
            await patch(url, 0, bytes.subarray(0, 100_000))
            await patch(url, 100_000, bytes.subarray(100_000))
            const read = await running.send(url)
            return [sha256(bytes), sha256(new Uint8Array(await read.arrayBuffer()))]
          }),
        )
        for (const [sent, read] of sums) assert.equal(read, sent)
      })
    })
  }
}
