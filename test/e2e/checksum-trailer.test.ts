/** tus 1.0.0, checksum-trailer: a body whose checksum follows it counts whole or not at all. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import http from 'node:http'
import http2 from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { sha256, someBytes } from '../support/bucket.js'
import { type Running, run, STORES } from '../support/matrix.js'

const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = 'application/offset+octet-stream'
const MiB = 1024 * 1024
const PROMISE = { Trailer: 'Upload-Checksum' }

type Fields = Record<string, string>
interface Request {
  method: string
  fields: Fields
  body: Uint8Array
  trailers?: Fields | undefined
  /** Leaves in the middle of the body. */
  leaves?: boolean
}
interface Answer {
  status: number | undefined
  text: string
  location?: string | undefined
}
type Send = (url: string, request: Request) => Promise<Answer>

/** In chunks, with fields after them. */
const overHttp: Send = (url, { method, fields, body, trailers, leaves }) =>
  new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers: { ...TUS, 'Transfer-Encoding': 'chunked', ...fields } })
    request.on('error', (error) => (leaves ? resolve({ status: undefined, text: '' }) : reject(error)))
    request.on('response', (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode, text, location: response.headers.location }))
    })
    request.write(body.subarray(0, body.length >> 1))
    if (leaves) return setTimeout(() => request.destroy(), 200)
    request.write(body.subarray(body.length >> 1))
    if (trailers) request.addTrailers(trailers)
    request.end()
  })

const overHttp2: Send = (url, { method, fields, body, trailers, leaves }) =>
  new Promise((resolve, reject) => {
    const { origin, pathname } = new URL(url)
    const session = http2.connect(origin)
    const head = { ':method': method, ':path': pathname, ...TUS, ...fields }
    const stream = session.request(head, { waitForTrailers: trailers !== undefined })
    const answer: Answer = { status: undefined, text: '' }
    stream.on('error', reject)
    stream.on('response', (told) => {
      answer.status = told[':status']
      answer.location = told.location
    })
    stream.on('data', (chunk) => {
      answer.text += chunk
    })
    stream.on('close', () => {
      session.destroy()
      resolve(answer)
    })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}))
    if (leaves) {
      stream.write(body.subarray(0, body.length >> 1))
      setTimeout(() => stream.destroy(), 200)
    } else stream.end(body)
  })

const digestsOf = (bytes: Uint8Array): string[] => {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  const hashes = ['sha1', 'sha256', 'sha512', 'md5'].map(
    (name) => `${name} ${createHash(name).update(bytes).digest('base64')}`,
  )
  return [...hashes, `crc32 ${sum.toString('base64')}`]
}

for (const store of STORES) {
  for (const [adapter, send] of [
    ['node', overHttp],
    ['http2', overHttp2],
  ] as const) {
    describe(`checksum-trailer on ${store} through ${adapter}`, () => {
      let running: Running
      before(async () => {
        running = await run(store, adapter)
      })
      after(() => running.close())

      const create = async (length: number): Promise<string> => {
        const headers = { ...TUS, 'Upload-Length': String(length) }
        return (await running.send('/files', { method: 'POST', headers })).headers.get('Location')!
      }
      const offset = async (url: string): Promise<string | null> =>
        (await running.send(url, { method: 'HEAD', headers: TUS })).headers.get('Upload-Offset')
      const patch = (url: string, at: number, body: Uint8Array, trailers?: Fields, more: Fields = PROMISE) =>
        send(url, {
          method: 'PATCH',
          fields: { 'Content-Type': BYTES, 'Upload-Offset': String(at), ...more },
          body,
          trailers,
        })
      const read = async (url: string): Promise<string> =>
        sha256(new Uint8Array(await (await running.send(url)).arrayBuffer()))

      test('it is advertised', async () => {
        const { headers } = await running.send('/files', { method: 'OPTIONS' })
        assert.ok(headers.get('Tus-Extension')!.split(',').includes('checksum-trailer'))
      })

      test('each algorithm: 460 leaves offset and bytes as they were, the right bytes are taken after that', async () => {
        const bytes = someBytes(6 * MiB)
        for (const field of digestsOf(bytes)) {
          const url = await create(bytes.length + 10)
          await running.send(url, {
            method: 'PATCH',
            headers: { ...TUS, 'Content-Type': BYTES, 'Upload-Offset': '0' },
            body: Buffer.from('0123456789'),
          })
          const broken = Buffer.from(bytes)
          broken[5 * MiB]! ^= 1
          const refused = await patch(url, 10, broken, { 'Upload-Checksum': field })
          assert.equal(refused.status, 460, `${field}: ${refused.text}`)
          assert.equal(await offset(url), '10')
          const taken = await patch(url, 10, bytes, { 'Upload-Checksum': field })
          assert.equal(taken.status, 204, `${field}: ${taken.text}`)
          assert.equal(await read(url), sha256(Buffer.concat([Buffer.from('0123456789'), bytes])))
        }
      })

      const wrong: [rule: string, trailers: Fields | undefined, code: string][] = [
        ['does not come', undefined, 'ERR_INVALID_CHECKSUM'],
        ['is another field', { 'X-A': '1' }, 'ERR_INVALID_CHECKSUM'],
        ['is malformed', { 'Upload-Checksum': 'sha1 nothing' }, 'ERR_INVALID_CHECKSUM'],
        ['is of an unknown algorithm', { 'Upload-Checksum': 'sha3 AAAA' }, 'ERR_UNSUPPORTED_CHECKSUM_ALGORITHM'],
      ]
      for (const [rule, trailers, code] of wrong) {
        test(`one that was announced and ${rule} is 400, and nothing of the body counts`, async () => {
          const url = await create(6 * MiB)
          const bytes = someBytes(6 * MiB)
          const refused = await patch(url, 0, bytes, trailers)
          assert.equal(refused.status, 400)
          assert.match(refused.text, new RegExp(`^${code}: `))
          assert.equal(await offset(url), '0')
          assert.equal((await patch(url, 0, bytes, { 'Upload-Checksum': digestsOf(bytes)[0]! })).status, 204)
          assert.equal(await read(url), sha256(bytes))
        })
      }

      test('one that nobody announced is not looked at', async () => {
        const url = await create(3)
        const wrongOne = { 'Upload-Checksum': digestsOf(Buffer.from('abd'))[0]! }
        assert.equal((await patch(url, 0, Buffer.from('abc'), wrongOne, {})).status, 204)
      })

      test('beside one before the body: that suffices, and the later one must be true if it comes', async () => {
        const bytes = someBytes(100_000)
        const [sha1, sha256Field, , md5] = digestsOf(bytes)
        const more = { ...PROMISE, 'Upload-Checksum': sha1! }
        const rows: [before: string, later: string | undefined, status: number][] = [
          [sha1!, undefined, 204],
          [sha1!, sha1, 204],
          [sha1!, md5, 204],
          [sha1!, digestsOf(Buffer.from('abc'))[0], 460],
          [sha1!, digestsOf(Buffer.from('abc'))[3], 460],
          [digestsOf(Buffer.from('abc'))[0]!, sha1, 460],
          [sha256Field!, 'md5 nothing', 400],
        ]
        for (const [first, later, status] of rows) {
          const url = await create(bytes.length)
          const trailers = later === undefined ? undefined : { 'Upload-Checksum': later }
          const answer = await patch(url, 0, bytes, trailers, { ...more, 'Upload-Checksum': first })
          assert.equal(answer.status, status, `${first}, ${later}: ${answer.text}`)
          assert.equal(await offset(url), status === 204 ? String(bytes.length) : '0')
        }
      })

      test('creation-with-upload: taken with the right one, and nothing is created with a wrong one', async () => {
        const bytes = someBytes(1_000)
        const [field] = digestsOf(bytes)
        const creation = (body: Uint8Array): Promise<Answer> =>
          send(`${running.origin}/files`, {
            method: 'POST',
            fields: { 'Content-Type': BYTES, 'Upload-Length': '1000', ...PROMISE },
            body,
            trailers: { 'Upload-Checksum': field! },
          })
        const refused = await creation(someBytes(1_000))
        assert.deepEqual([refused.status, refused.location], [460, undefined])
        const created = await creation(bytes)
        assert.equal(created.status, 201)
        assert.equal(await read(created.location!), sha256(bytes))
      })

      test('a body without bytes has a checksum, too', async () => {
        const url = await create(3)
        const empty = new Uint8Array()
        assert.equal((await patch(url, 0, empty, { 'Upload-Checksum': digestsOf(Buffer.from('a'))[0]! })).status, 460)
        assert.equal((await patch(url, 0, empty, { 'Upload-Checksum': digestsOf(empty)[0]! })).status, 204)
      })

      test('a client that leaves midway has sent nothing that counts', async () => {
        const url = await create(6 * MiB)
        const fields = { 'Content-Type': BYTES, 'Upload-Offset': '0', ...PROMISE }
        await send(url, { method: 'PATCH', fields, body: someBytes(6 * MiB), leaves: true })
        assert.equal(await offset(url), '0')
      })
    })
  }

  test(`checksum-trailer on ${store} through fetch: not advertised, and refused before its body is read`, async () => {
    const running = await run(store, 'fetch')
    const { headers } = await running.send('/files', { method: 'OPTIONS' })
    assert.doesNotMatch(headers.get('Tus-Extension')!, /checksum-trailer/)
    const created = await running.send('/files', { method: 'POST', headers: { ...TUS, 'Upload-Length': '3' } })
    const url = created.headers.get('Location')!
    let wasRead = false
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          wasRead = true
          controller.enqueue(Buffer.from('abc'))
          controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    const refused = await running.send(url, {
      method: 'PATCH',
      headers: { ...TUS, ...PROMISE, 'Content-Type': BYTES, 'Upload-Offset': '0' },
      body,
      duplex: 'half',
    } as RequestInit)
    assert.equal(refused.status, 501)
    assert.match(await refused.text(), /^ERR_NOT_IMPLEMENTED: /)
    assert.equal(wasRead, false)
    await running.close()
  })
}
