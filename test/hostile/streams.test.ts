/** HTTP/2 under hostile heads, resets and frames: each stream is answered or closed, none by a failure of the server, and the process lives. */
import assert from 'node:assert/strict'
import http2 from 'node:http2'
import net from 'node:net'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc, { type Arbitrary } from 'fast-check'
import { BACKENDS, openFront } from './front.js'
import { head } from './heads.js'
import { parameters } from './seed.js'

/** Milliseconds in which every stream must be over, on a busy machine. */
const PATIENCE = 10_000

type Ending = 'end' | 'reset' | 'nothing'
const body: Arbitrary<readonly [bytes: number, ending: Ending]> = fc.tuple(
  fc.constantFrom(0, 3, 5, 11, 100_000),
  fc.constantFrom<Ending[]>('end', 'end', 'end', 'reset', 'nothing'),
)

/** The head as far as the client of node lets it out. */
function begin(
  session: http2.ClientHttp2Session,
  { method, target, fields }: typeof head extends Arbitrary<infer H> ? H : never,
  id: string,
) {
  const headers: http2.OutgoingHttpHeaders = {
    ':method': method || 'GET',
    ':path': target.replace('/files/a', `/files/${id}`),
  }
  for (const [name, value] of Object.entries(fields)) {
    if (!['host', 'transfer-encoding'].includes(name)) headers[name] = value
  }
  try {
    return session.request(headers, { endStream: false })
  } catch {
    return undefined
  }
}

async function over(
  stream: http2.ClientHttp2Stream,
  bytes: number,
  ending: Ending,
): Promise<{ status: number; text: string }> {
  let [status, text] = [0, '']
  stream.on('response', (fields) => {
    status = Number(fields[':status'])
    text += JSON.stringify(fields)
  })
  stream.on('data', (chunk) => {
    text += String(chunk)
  })
  stream.on('error', () => undefined)
  const closed = new Promise((resolve) => stream.once('close', resolve))
  if (bytes > 0) stream.write(Buffer.alloc(bytes, 'x'))
  if (ending === 'end') stream.end()
  if (ending === 'reset') setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 20)
  const late = sleep(PATIENCE, 'late', { ref: false })
  const sent = JSON.stringify([stream.sentHeaders, bytes, ending]).slice(0, 3_000)
  assert.ok((await Promise.race([closed, late])) !== 'late', `the stream hangs; sent ${sent}, heard ${status} ${text}`)
  return { status, text }
}

describe('a hostile client of HTTP/2', { concurrency: 1 }, () => {
  const failures: unknown[] = []
  const note = (reason: unknown): void => void failures.push(reason)
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) process.on(event, note)
  after(() => {
    for (const event of ['unhandledRejection', 'uncaughtException'] as const) process.off(event, note)
  })

  for (const name of Object.keys(BACKENDS) as (keyof typeof BACKENDS)[]) {
    test(`${name}: each stream is answered or closed, and reaches nothing but its own`, async (context) => {
      const front = await openFront(name, {}, { h2c: true })
      context.after(front.close)
      const origin = `http://127.0.0.1:${front.port}`
      let answered = 0
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(head, body), { minLength: 8, maxLength: 16 }), async (batch) => {
          const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': '10' }
          const created = await fetch(`${origin}/files`, { method: 'POST', headers })
          const own = created.headers.get('location')!.split('/').at(-1)!
          const session = http2.connect(origin)
          session.on('error', () => undefined)
          const all = batch.map(async ([asked, [bytes, ending]]) => {
            const stream = begin(session, asked, own)
            if (!stream) return
            const { status, text } = await over(stream, bytes, ending)
            const isFailure = status >= 500 && !text.includes('ERR_READ_TIMEOUT')
            assert.ok(!isFailure, `${status} ${text} ${front.errors.at(-1)}`)
            front.mustNotTell(text)
            if (status > 0) answered++
          })
          await Promise.all(all).finally(() => session.destroy())
          assert.deepEqual(failures.splice(0), [])
        }),
        parameters(12),
      )
      await front.mustBeUntouched()
      context.diagnostic(`${name}: ${answered} streams answered`)
    })
  }

  test('streams that are opened and reset by the thousand leave nothing behind', async (context) => {
    const front = await openFront('disk', {}, { h2c: true })
    context.after(front.close)
    const session = http2.connect(`http://127.0.0.1:${front.port}`)
    session.on('error', () => undefined)
    for (let round = 0; round < 100 && !session.destroyed; round++) {
      for (let index = 0; index < 20; index++) {
        const stream = session.request({
          ':method': 'PATCH',
          ':path': '/files/none',
          'tus-resumable': '1.0.0',
          'upload-offset': '0',
        })
        stream.on('error', () => undefined)
        stream.close(http2.constants.NGHTTP2_CANCEL)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    session.destroy()
    const { status } = await fetch(`http://127.0.0.1:${front.port}/healthz`)
    assert.equal(status, 200)
    assert.equal(front.holdfast.active, 0)
    assert.deepEqual(failures.splice(0), [])
  })

  test('frames of any kind and any bytes end their connection at most', async (context) => {
    const front = await openFront('disk', {}, { h2c: true })
    context.after(front.close)
    const frame = fc
      .tuple(
        fc.nat({ max: 12 }),
        fc.nat({ max: 255 }),
        fc.constantFrom(0, 1, 2, 3, 0x7fffffff),
        fc.uint8Array({ maxLength: 64 }),
        fc.option(fc.nat({ max: 0xffffff }), { freq: 6 }),
      )
      .map(([type, flags, stream, payload, length]) => {
        const text = Buffer.alloc(9)
        text.writeUIntBE(length ?? payload.length, 0, 3)
        text.writeUInt8(type, 3)
        text.writeUInt8(flags, 4)
        text.writeUInt32BE(stream, 5)
        return Buffer.concat([text, payload])
      })
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 8 }), fc.boolean(), async (frames, greets) => {
        const socket = net.connect(front.port, '127.0.0.1')
        socket.on('error', () => undefined).resume()
        const closed = new Promise((resolve) => socket.once('close', resolve))
        const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
        socket.write(
          Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), ...(greets ? [settings] : []), ...frames]),
        )
        await Promise.race([closed, sleep(15)])
        socket.destroy()
        await closed
        assert.deepEqual(failures.splice(0), [])
      }),
      parameters(100),
    )
    assert.equal((await fetch(`http://127.0.0.1:${front.port}/healthz`)).status, 200)
    await front.mustBeUntouched()
  })
})
