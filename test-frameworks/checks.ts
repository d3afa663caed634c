/**
 * What uploads must get done behind each framework, over real connections to an example that runs. One table for all.
 * @module
 */
import assert from 'node:assert/strict'
import http, { type IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { PATCH_TYPE, sha256, someBytes } from '../test/support/stack.js'
import { upload } from '../test/support/tus-js-client.js'
import { append, ask, create, offsetAt, stall, until } from '../test/support/workers.js'
import { type App, PATH } from './app.js'
import type { Framework } from './frameworks.js'

const MiB = 1024 * 1024

export type Check = (app: App, framework: Framework) => Promise<void>

/** The draft's fields of a request that carries the whole upload. */
const WHOLE = { 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1', 'Content-Type': 'video/mp4' }

interface Sending {
  readonly request: http.ClientRequest
  readonly interim: { status: number; headers: IncomingHttpHeaders }[]
  readonly answer: Promise<{ status: number; headers: IncomingHttpHeaders; content: Buffer }>
}

/** A request whose body is written by hand. */
function send(url: string, method: string, headers: Record<string, string | number> = {}): Sending {
  const request = http.request(url, { method, headers, agent: false })
  const interim: Sending['interim'] = []
  request.on('information', ({ statusCode: status, headers }) => interim.push({ status, headers }))
  const answer = new Promise<Awaited<Sending['answer']>>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', async (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk))
      const { statusCode: status = 0, headers } = response
      response.on('end', () => resolve({ status, headers, content: Buffer.concat(chunks) }))
    })
  })
  answer.catch(() => undefined)
  return { request, interim, answer }
}

function get(url: string, headers: Record<string, string> = {}): Sending['answer'] {
  const { request, answer } = send(url, 'GET', headers)
  request.end()
  return answer
}

async function store(app: App, bytes: Buffer, fields: Record<string, string> = {}): Promise<string> {
  const { status, headers } = await ask(app.endpoint, 'POST', { 'Upload-Length': `${bytes.length}`, ...fields })
  assert.equal(status, 201)
  assert.equal((await append(headers.location!, 0, bytes)).status, 204)
  return headers.location!
}

const patchOf = (offset: number, length: number): Record<string, string | number> => ({
  ...PATCH_TYPE,
  'Upload-Offset': offset,
  'Content-Length': length,
})

async function isWhole(app: App, url: string, bytes: Buffer): Promise<void> {
  assert.equal(await offsetAt(url), bytes.length)
  assert.equal(sha256(app.stored(url)), sha256(bytes))
  assert.equal(sha256((await get(url)).content), sha256(bytes))
}

async function sendsInChunks(app: App): Promise<void> {
  const bytes = someBytes(9 * MiB)
  const { url, offsets } = await upload(bytes, { endpoint: app.endpoint, chunkSize: 2 * MiB })
  assert.deepEqual(
    offsets,
    [0, 2, 4, 6, 8].map((offset) => offset * MiB),
  )
  await isWhole(app, url, bytes)
}

async function stopsAndGoesOn(app: App): Promise<void> {
  const bytes = someBytes(9 * MiB)
  const { url, offsets } = await upload(bytes, { endpoint: app.endpoint }, [3 * MiB, 6 * MiB])
  assert.equal(offsets.length, 3)
  assert.ok(offsets[1]! > 0, 'what arrived was not sent again')
  await isWhole(app, url, bytes)
}

async function sendsAtOnce(app: App): Promise<void> {
  const bytes = someBytes(40 * MiB)
  await isWhole(app, await store(app, bytes), bytes)
}

/** Of chunked requests only the end says how long they are. */
async function sendsChunked(app: App): Promise<void> {
  const bytes = someBytes(3 * MiB)
  const url = await create(app.endpoint, bytes.length)
  const { request, answer } = send(url, 'PATCH', { ...PATCH_TYPE, 'Upload-Offset': 0, 'Transfer-Encoding': 'chunked' })
  for (let at = 0; at < bytes.length; at += MiB) request.write(bytes.subarray(at, at + MiB))
  request.end()
  assert.equal((await answer).status, 204)
  await isWhole(app, url, bytes)
}

/** An append of the draft that only says that the upload is complete. */
async function completesWithNothing(app: App): Promise<void> {
  const draft = { 'Upload-Draft-Interop-Version': '6', 'Content-Type': 'video/mp4' }
  for (const framing of [{ 'Content-Length': 0 }, { 'Transfer-Encoding': 'chunked' }]) {
    const first = send(app.endpoint, 'POST', { ...draft, 'Upload-Complete': '?0', 'Content-Length': 3 })
    first.request.end('abc')
    const url = (await first.answer).headers.location!
    const type = { 'Content-Type': 'application/partial-upload', 'Upload-Offset': 3 }
    const last = send(url, 'PATCH', { ...WHOLE, ...type, ...framing })
    last.request.end()
    assert.equal((await last.answer).headers['upload-complete'], '?1', Object.keys(framing)[0])
    assert.equal(app.stored(url).toString(), 'abc')
  }
}

async function asksFirst(app: App): Promise<void> {
  const bytes = someBytes(MiB)
  const url = await create(app.endpoint, bytes.length)
  const { request, answer } = send(url, 'PATCH', { ...patchOf(0, bytes.length), Expect: '100-continue' })
  request.flushHeaders()
  await new Promise((resolve) => request.once('continue', resolve))
  request.end(bytes)
  assert.equal((await answer).status, 204)
  await isWhole(app, url, bytes)
}

const leavingBy = (how: 'an end' | 'a reset'): Check => {
  return async (app) => {
    const bytes = someBytes(8 * MiB)
    const url = await create(app.endpoint, bytes.length)
    const { request } = send(url, 'PATCH', patchOf(0, bytes.length))
    await new Promise<void>((resolve) => request.write(bytes.subarray(0, 3 * MiB), () => resolve()))
    // What is on its way when the client leaves may be lost; this has arrived.
    await sleep(500)
    if (how === 'a reset') request.socket!.resetAndDestroy()
    else request.destroy()
    assert.equal(await offsetAt(url), 3 * MiB)
    assert.equal((await append(url, 3 * MiB, bytes.subarray(3 * MiB))).status, 204)
    await isWhole(app, url, bytes)
  }
}

/** At each point of a request, by an end of the connection or a reset of it. */
async function manyLeave(app: App): Promise<void> {
  const bytes = someBytes(4 * MiB)
  const url = await store(app, bytes)
  const leave = async (sending: Sending, time: number, index: number): Promise<void> => {
    await sleep(time)
    if (index % 2 === 0) sending.request.socket?.resetAndDestroy()
    sending.request.destroy()
  }
  const times = [0, 1, 2, 5, 10, 20, 50, 100]
  for (const [index, time] of [...times, ...times.slice(1), 0].entries()) {
    const other = await create(app.endpoint, bytes.length)
    const patch = send(other, 'PATCH', patchOf(0, bytes.length))
    patch.request.write(bytes.subarray(0, MiB))
    const post = send(app.endpoint, 'POST', { ...WHOLE, 'Content-Length': bytes.length })
    post.request.write(bytes.subarray(0, MiB))
    const read = send(url, 'GET')
    read.request.end()
    await Promise.all([patch, post, read].map((sending) => leave(sending, time, index)))
  }
  await sleep(200)
  app.mustBeWell()
  assert.equal((await get(url)).content.length, bytes.length)
}

async function drafts(app: App, { interim }: Framework): Promise<void> {
  const bytes = someBytes(9 * MiB)
  const sending = send(app.endpoint, 'POST', { ...WHOLE, 'Content-Length': bytes.length })
  sending.request.write(bytes.subarray(0, MiB))
  await sleep(200)
  sending.request.end(bytes.subarray(MiB))
  const { status, headers } = await sending.answer
  assert.equal(status, 201)
  assert.equal(headers['upload-complete'], '?1')
  const told = sending.interim.find(({ headers }) => headers.location !== undefined)
  assert.deepEqual([told?.status, told?.headers.location], interim ? [104, headers.location] : [undefined, undefined])
  assert.equal(sha256(app.stored(headers.location!)), sha256(bytes))
}

/** A client that must learn where its upload is creates it first, where no 104 can tell. */
async function draftsResume(app: App, { interim }: Framework): Promise<void> {
  const bytes = someBytes(5 * MiB)
  const draft = { 'Upload-Draft-Interop-Version': '6' }
  let url: string
  if (interim) {
    const { request, interim: told } = send(app.endpoint, 'POST', { ...WHOLE, 'Content-Length': bytes.length })
    request.write(bytes.subarray(0, 2 * MiB))
    await until(() => told.length > 0)
    url = told[0]!.headers.location!
    await sleep(500)
    request.destroy()
  } else {
    const created = send(app.endpoint, 'POST', { ...draft, 'Upload-Complete': '?0', 'Content-Length': 0 })
    created.request.end()
    url = (await created.answer).headers.location!
    const { request } = send(url, 'PATCH', {
      ...WHOLE,
      'Upload-Offset': 0,
      'Content-Type': 'application/partial-upload',
      'Content-Length': bytes.length,
    })
    request.write(bytes.subarray(0, 2 * MiB))
    await sleep(500)
    request.destroy()
  }
  const head = send(url, 'HEAD', draft)
  head.request.end()
  const at = Number((await head.answer).headers['upload-offset'])
  assert.equal(at, 2 * MiB)
  const rest = {
    'Upload-Offset': at,
    'Content-Type': 'application/partial-upload',
    'Content-Length': bytes.length - at,
  }
  const last = send(url, 'PATCH', { ...WHOLE, ...rest })
  last.request.end(bytes.subarray(at))
  assert.ok([200, 201, 204].includes((await last.answer).status))
  assert.equal(sha256(app.stored(url)), sha256(bytes))
}

async function yields(app: App): Promise<void> {
  const bytes = someBytes(2 * MiB)
  const url = await create(app.endpoint, bytes.length)
  const standing = await stall(url, 0, bytes.length, bytes.subarray(0, MiB))
  await sleep(300)
  const since = performance.now()
  assert.equal(await offsetAt(url), MiB)
  assert.ok(performance.now() - since < 2_000, 'at once')
  assert.equal((await standing.answer)?.status, 409)
  assert.equal((await append(url, MiB, bytes.subarray(MiB))).status, 204)
  await isWhole(app, url, bytes)
}

async function ranges(app: App, { chunked }: Framework): Promise<void> {
  const bytes = someBytes(3 * MiB)
  const url = await store(app, bytes)
  const part = (range: string): Sending['answer'] => get(url, { Range: range })
  const middle = await part('bytes=1000000-2000000')
  assert.equal(middle.status, 206)
  assert.equal(middle.headers['content-range'], `bytes 1000000-2000000/${bytes.length}`)
  assert.equal(middle.headers['content-length'], chunked ? undefined : '1000001')
  assert.equal(sha256(middle.content), sha256(bytes.subarray(1_000_000, 2_000_001)))
  assert.equal(sha256((await part('bytes=-10')).content), sha256(bytes.subarray(-10)))
  assert.equal((await part(`bytes=${bytes.length}-`)).status, 416)
}

/** Whatever is compressed on the way: ranges, digests and lengths are of the bytes as they are stored. */
async function isNotTransformed(app: App, { chunked }: Framework): Promise<void> {
  const bytes = Buffer.from('All work and no play makes Jack a dull boy.\n'.repeat(50_000))
  const url = await store(app, bytes, { 'Upload-Metadata': `filetype ${Buffer.from('text/plain').toString('base64')}` })
  for (const [range, expected] of [
    [undefined, bytes],
    ['bytes=1000-20000', bytes.subarray(1_000, 20_001)],
  ] as const) {
    const { headers, content } = await get(url, { 'Accept-Encoding': 'gzip, br', ...(range ? { Range: range } : {}) })
    assert.equal(headers['content-encoding'], undefined)
    assert.equal(headers['content-length'], chunked ? undefined : String(expected.length))
    assert.equal(sha256(content), sha256(expected))
  }
}

async function locates(app: App): Promise<void> {
  const locationOf = async (fields: Record<string, string>, url = app.endpoint): Promise<string> => {
    const { status, headers } = await ask(url, 'POST', { 'Upload-Length': '1', ...fields })
    assert.equal(status, 201)
    return headers.location!
  }
  const path = `${PATH}/[\\w-]{20,}$`
  assert.match(await locationOf({}), new RegExp(`^${app.origin}${path}`))
  assert.match(await locationOf({}, app.endpoint.slice(0, -1)), new RegExp(`^${app.origin}${path}`))
  const proxied = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'files.example', 'X-Forwarded-For': '192.0.2.1' }
  assert.match(await locationOf(proxied), new RegExp(`^https://files\\.example${path}`))
}

/** Frameworks answer OPTIONS and HEAD by themselves where nobody says that he does. */
async function tellsWhatItCan(app: App): Promise<void> {
  for (const url of [app.endpoint, app.endpoint.slice(0, -1), `${app.endpoint}some-id`]) {
    const { status, headers } = await ask(url, 'OPTIONS')
    assert.equal(status, 204)
    assert.equal(headers['tus-version'], '1.0.0')
    assert.match(String(headers['tus-extension']), /creation,.*termination/)
  }
  const preflight = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PATCH' }
  const { headers } = await ask(app.endpoint, 'OPTIONS', preflight)
  assert.equal(headers['access-control-allow-origin'], '*')
  assert.match(String(headers['access-control-allow-methods']), /PATCH/)
  const missing = `${app.endpoint}there-is-none`
  for (const method of ['HEAD', 'GET', 'DELETE']) assert.equal((await ask(missing, method)).status, 404, method)
  const url = await create(app.endpoint, 10)
  assert.equal((await ask(url, 'DELETE')).status, 204)
  assert.equal((await ask(url, 'HEAD')).status, 404)
}

async function leavesOthersAlone(app: App): Promise<void> {
  const page = await fetch(app.origin)
  assert.match(await page.text(), /Upload to/)
  assert.equal((await fetch(`${app.origin}/nothing-here`)).status, 404)
  assert.equal((await fetch(`${app.origin}/api/filesystem`)).status, 404)
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"parsed":true}' }
  for (const path of ['/echo', '/api/echo']) {
    const echo = await fetch(`${app.origin}${path}`, init)
    if (echo.ok) return assert.deepEqual(await echo.json(), { parsed: true })
  }
  assert.fail('the framework parses bodies of its own')
}

/** The draft's creation has the type of the file, and so one that frameworks parse. */
async function takesAllTypes(app: App): Promise<void> {
  const texts = {
    'application/json': '{ "a": [1, 2,  3] }',
    'text/plain; charset=utf-8': 'Grüße',
    'application/x-www-form-urlencoded': 'a=1&b=%20',
    'multipart/form-data; boundary=x': '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
    'application/octet-stream': '\0\x01',
    'video/mp4': 'moov',
  }
  for (const [type, text] of Object.entries(texts)) {
    const sending = send(app.endpoint, 'POST', {
      ...WHOLE,
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(text),
    })
    sending.request.end(text)
    const { status, headers } = await sending.answer
    assert.equal(status, 201, type)
    assert.equal(app.stored(headers.location!).toString(), text)
  }
}

async function waitsForBodies(app: App, { runsOn }: Framework): Promise<void> {
  if (runsOn === undefined) assert.equal(app.requestTimeout(), 0)
}

/** In this order: one process goes through all of them. */
export const CHECKS: readonly [rule: string, check: Check][] = [
  ['tus-js-client sends 9 MiB by five requests, and SHA-256 is that of what is stored', sendsInChunks],
  ['tus-js-client stops twice in the middle of a request, and goes on', stopsAndGoesOn],
  ['40 MiB in one request are within no limit on bodies', sendsAtOnce],
  ['a body of unknown length (chunked) comes whole', sendsChunked],
  ['an upload is completed by an empty body, also by one of unknown length', completesWithNothing],
  ['a client that asks first (Expect: 100-continue) is invited', asksFirst],
  ['a client leaves by an end in the middle of a PATCH: HEAD tells what arrived, and it goes on', leavingBy('an end')],
  [
    'a client leaves by a reset in the middle of a PATCH: HEAD tells what arrived, and it goes on',
    leavingBy('a reset'),
  ],
  ['48 clients leave at all points of requests, and the process goes on', manyLeave],
  ['a client of the draft sends 9 MiB in one request, with 104 where that can be sent', drafts],
  ['a client of the draft leaves, and resumes', draftsResume],
  ['HEAD has a PATCH yield that stands still', yields],
  ['GET gives ranges', ranges],
  ['a text is given out as it is stored, although the client takes gzip', isNotTransformed],
  ['Location has the whole path, and the scheme and host that a proxy tells', locates],
  ['OPTIONS, HEAD and DELETE are answered by Holdfast', tellsWhatItCan],
  ['bodies of types that frameworks parse are stored as they are', takesAllTypes],
  ['a request may take as long as its client sends (requestTimeout of Node is 0)', waitsForBodies],
  ['the process is well, and has told of no failure', async (app) => app.mustBeWell()],
  // Some frameworks print each 404 of their own.
  ['other routes and what is nowhere are answered by the framework, and its body parsers work', leavesOthersAlone],
]

/** SIGTERM while a client sends; afterwards the same is started again over the same folder. */
export async function closes(app: App, restart: () => Promise<App>): Promise<void> {
  const bytes = someBytes(2 * MiB)
  const url = await create(app.endpoint, bytes.length)
  const standing = await stall(url, 0, bytes.length, bytes.subarray(0, MiB))
  await sleep(300)
  const { code, duration } = await app.end()
  assert.equal((await standing.answer)?.status, 503, 'the client is told to try again')
  assert.ok(code === 0 || code === 143, `it ended with ${code}`)
  assert.ok(duration < 5_000, `it took ${duration} ms`)
  const again = await restart()
  const there = `${again.endpoint}${url.split('/').at(-1)}`
  assert.equal(await offsetAt(there), MiB)
  assert.equal((await append(there, MiB, bytes.subarray(MiB))).status, 204)
  await isWhole(again, there, bytes)
}
