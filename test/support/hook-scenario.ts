/**
 * What hooks are sent in the life of some uploads, so that the messages of two servers can be compared field by field.
 * @module
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HookMessage, HookType } from '../../src/hooks/message.js'

export interface Received {
  message: HookMessage
  headers: http.IncomingHttpHeaders
  body: string
}

export type Respond = (received: Received, response: http.ServerResponse) => unknown

/** An endpoint for hooks. What `respond` returns is its answer as JSON, unless it has answered itself. */
export async function startReceiver(respond: Respond = () => ({}), options: { port?: number } = {}) {
  const received: Received[] = []
  const server = http.createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const one = { message: JSON.parse(body) as HookMessage, headers: request.headers, body }
    received.push(one)
    const reply = await respond(one, response)
    if (response.writableEnded || response.destroyed || reply === undefined) return
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(reply))
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/hooks`,
    received,
    of: (type: HookType): HookMessage[] => received.map(({ message }) => message).filter(({ Type }) => Type === type),
    async close(): Promise<void> {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>

/** Fields by names, in any spelling; a client of its own so that no field is added that is not here. */
function send(url: string, method: string, headers: Record<string, string | string[]>, body?: string) {
  return new Promise<{ status: number; location: string }>((resolve, reject) => {
    const request = http.request(url, { method, agent: false, headers: { 'User-Agent': 'scenario', ...headers } })
    request.on('error', reject)
    request.on('response', (response) => {
      response.resume().once('end', () => {
        resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? '' })
      })
    })
    request.end(body)
  })
}

const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }
const METADATA = 'filename d8O8cmZlbC50eHQ=,filetype dGV4dC9wbGFpbg==,empty'

/** Until `count` messages of a type have come: those that nobody waits for come later. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, patience = 15_000): Promise<void> {
  const end = performance.now() + patience
  while (!(await holds())) {
    assert.ok(performance.now() < end, `${what}, in time`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The chapters of the scenario: each is some requests, and how many messages there must be at its end. */
export async function play(base: string, receiver: Pick<Receiver, 'received'>): Promise<HookMessage[]> {
  const started = receiver.received.length
  let expected = started
  const told = async (count: number): Promise<void> => {
    expected += count
    await until(`${expected - started} messages`, () => receiver.received.length >= expected)
  }
  const create = async (fields: Record<string, string>): Promise<string> => {
    const { status, location } = await send(base, 'POST', { ...TUS, 'Content-Length': '0', ...fields })
    assert.equal(status, 201)
    return new URL(location, base).href
  }
  const patch = async (url: string, offset: number, body: string, fields: Record<string, string> = {}) => {
    const { status } = await send(url, 'PATCH', { ...BYTES, 'Upload-Offset': String(offset), ...fields }, body)
    assert.equal(status, 204)
  }

  // An upload with metadata and credentials, in one request, and its end.
  const secret = { Authorization: 'Bearer hunter2', Cookie: 'session=hunter2' }
  const whole = await create({ 'Upload-Length': '10', 'Upload-Metadata': METADATA, ...secret, 'x-odd-NAME': 'a' })
  await told(2)
  await patch(whole, 0, '0123456789', { 'Content-Length': '10', ...secret })
  await told(3)
  assert.equal((await send(whole, 'DELETE', TUS)).status, 204)
  await told(2)

  // The length comes later, and the method by another name; a body of unknown length.
  const deferred = await create({ 'Upload-Defer-Length': '1' })
  await told(2)
  const fields = { ...BYTES, 'Upload-Offset': '0', 'Upload-Length': '4', 'X-HTTP-Method-Override': 'PATCH' }
  const overridden = await send(deferred, 'POST', { ...fields, 'Transfer-Encoding': 'chunked' }, '0123')
  assert.equal(overridden.status, 204)
  await told(3)

  // Two partial uploads and what is made of them.
  const partials: string[] = []
  for (const text of ['abc', 'defg']) {
    const partial = await create({ 'Upload-Length': String(text.length), 'Upload-Concat': 'partial' })
    await told(2)
    await patch(partial, 0, text, { 'Content-Length': String(text.length) })
    await told(3)
    partials.push(partial)
  }
  const final = `final;${partials.map((url) => new URL(url).pathname).join(' ')}`
  await create({ 'Upload-Concat': final, 'Upload-Metadata': METADATA })
  await told(4)

  const ids = [whole, deferred, ...partials].map((url) => url.slice(url.lastIndexOf('/') + 1))
  return normalized(
    receiver.received.slice(started).map(({ message }) => message),
    ids,
  )
}

/** What differs between two runs of one server gets a name: IDs, ports, folders. In the order of hooks of one upload. */
function normalized(messages: readonly HookMessage[], ids: readonly string[]): HookMessage[] {
  let text = JSON.stringify(messages)
  const all = [...ids, ...messages.map(({ Event }) => Event.Upload.ID).filter((id) => id !== '' && !ids.includes(id))]
  for (const [at, id] of [...new Set(all)].entries()) text = text.replaceAll(id, `upload-${at}`)
  text = text
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:port')
    .replaceAll(/"(Info)?Path":"[^"]*\/(upload-\d+)/g, '"$1Path":"/folder/$2')
  const parsed = JSON.parse(text) as HookMessage[]
  // Those that nobody waits for come in any order among those of other uploads.
  const rank = ({ Type, Event: { Upload } }: HookMessage): string => {
    const order = ['pre-create', 'post-create', 'post-receive', 'pre-finish', 'post-finish', 'pre-terminate', 'post-te']
    const at = order.findIndex((name) => Type.startsWith(name))
    return `${Type === 'pre-create' ? '0' : '1'} ${Upload.ID} ${at}`
  }
  return parsed.sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0))
}
