/** Hooks through the whole: `holdfast serve` as a process, real endpoints, and clients that see what comes of it. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { verifyWebhook } from '../../src/hooks/http.js'
import type { HookMessage, HookReply } from '../../src/hooks/message.js'
import { type Command, startServer, temporaryFolder } from '../cli/command.js'
import { startGrpcServer } from '../support/grpc-server.js'
import { play, type Receiver, type Respond, startReceiver, until } from '../support/hook-scenario.js'
import { head, offsetOf, patch, post, TUS } from '../support/stack.js'

type Serving = Command & { url: string; folder: string }

async function serve(
  test: Pick<TestContext, 'after'>,
  flags: readonly string[],
  { folder = temporaryFolder(test), ...environment }: Record<string, string> = {},
): Promise<Serving> {
  const args = ['serve', '--port', '0', '--upload-dir', folder, ...flags]
  return Object.assign(await startServer(test, args, environment), { folder })
}

const ALL = ['--hooks-enabled-events', '']
const ten = Buffer.from('0123456789')

/** Creates an upload of ten bytes. @returns its URL */
async function create(server: Serving, fields: Record<string, string> = {}): Promise<string> {
  const created = await post(server, { 'Upload-Length': '10', ...fields })
  assert.equal(created.status, 201, await created.text())
  return created.headers.get('Location')!
}

test('what is sent is what tusd 2.10.0 sends in the life of the same uploads, field by field', async (test) => {
  const golden = JSON.parse(
    readFileSync(join(import.meta.dirname, 'golden', 'tusd-2.10.0.json'), 'utf8'),
  ) as HookMessage[]
  const receiver = await startReceiver()
  test.after(() => receiver.close())
  const { url } = await serve(test, ['--hooks-http', receiver.url, ...ALL, '--progress-hooks-interval', '200ms'])
  const messages = await play(url, receiver)
  assert.equal(messages.length, golden.length)
  for (const [at, { DeliveryID, ...message }] of messages.entries()) {
    assert.deepEqual(message, asOurs(golden[at]!), `message ${at}`)
  }
})

/** The differences, as docs/hooks.md lists them. */
function asOurs({ Type, Event: { Upload, HTTPRequest } }: HookMessage): Omit<HookMessage, 'DeliveryID'> {
  const method = HTTPRequest.Header['X-Http-Method-Override']?.[0] ?? HTTPRequest.Method
  const isUnknown = Upload.IsFinal && Type === 'pre-create'
  const isJoined = Upload.IsFinal && Type === 'post-create'
  return {
    Type,
    Event: {
      Upload: {
        ...Upload,
        ...(isUnknown ? { Size: 0, SizeIsDeferred: true } : {}),
        ...(isJoined ? { Offset: Upload.Size } : {}),
      },
      HTTPRequest: { ...HTTPRequest, Method: method, RemoteAddr: '127.0.0.1' },
    },
  }
}

describe('an application by HTTP', () => {
  let receiver: Receiver
  let server: Serving
  let answers: Respond = () => ({})
  const cleanups: (() => unknown)[] = []
  before(async () => {
    receiver = await startReceiver((one, response) => answers(one, response))
    const flags = ['--hooks-http', receiver.url, ...ALL, '--hooks-http-backoff', '10ms', '--hooks-http-retry', '3']
    const suite = { after: (fn: () => unknown) => void cleanups.push(fn) } as unknown as TestContext
    server = await serve(suite, [...flags, '--progress-hooks-interval', '10ms', '--sweep-interval', '0s'])
  })
  after(async () => {
    for (const cleanup of cleanups) await cleanup()
    await receiver.close()
  })

  /** Answers one type of message so, and all others with nothing. */
  function answering(type: string, reply: HookReply | Respond): void {
    answers = (one, response) => {
      if (one.message.Type !== type) return {}
      return typeof reply === 'function' ? reply(one, response) : reply
    }
  }

  test('rejects an upload: status, body and fields reach the client', async () => {
    const Header = { 'Content-Type': 'application/json', 'X-Reason': 'quota', 'Tus-Resumable': '9' }
    answering('pre-create', { RejectUpload: true, HTTPResponse: { StatusCode: 402, Body: '{"pay":1}', Header } })
    const refused = await post(server, { 'Upload-Length': '10' })
    assert.equal(refused.status, 402)
    assert.equal(refused.headers.get('Content-Type'), 'application/json')
    assert.equal(refused.headers.get('X-Reason'), 'quota')
    assert.equal(refused.headers.get('Tus-Resumable'), '1.0.0')
    assert.equal(await refused.text(), '{"pay":1}')
    answering('pre-create', { RejectUpload: true })
    const plain = await post(server, { 'Upload-Length': '10' })
    assert.equal(plain.status, 400)
    assert.equal(await plain.text(), 'ERR_UPLOAD_REJECTED: The server has rejected this upload.\n')
  })

  test('changes ID and metadata, and adds to the answer', async () => {
    answering('pre-create', {
      ChangeFileInfo: { ID: 'in/here-1', MetaData: { name: 'ü' } },
      HTTPResponse: { Header: { 'X-Added': '1' } },
    })
    const created = await post(server, { 'Upload-Length': '10', 'Upload-Metadata': 'other YQ==' })
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('X-Added'), '1')
    const url = created.headers.get('Location')!
    assert.equal(url, `${server.url}in/here-1`)
    assert.equal((await head(url)).headers.get('Upload-Metadata'), 'name w7w=')
    assert.equal((await post(server, { 'Upload-Length': '10' })).status, 409, 'a taken ID')
  })

  test('an ID that is none is told to the log, and not to the client', async () => {
    answering('pre-create', { ChangeFileInfo: { ID: '/outside/' } })
    const failed = await post(server, { 'Upload-Length': '10' })
    assert.equal(failed.status, 503)
    assert.doesNotMatch(await failed.text(), /outside|ID/)
    await until('it is told', () => /must not begin or end with a slash.*outside/.test(server.stderr))
  })

  test('adds to the answer of the last request, and it is told again to HEAD', async () => {
    answering('pre-finish', { HTTPResponse: { Header: { Link: '</files/1>' }, Body: 'done' } })
    const url = await create(server)
    const patched = await patch(url, 0, ten)
    assert.equal(patched.status, 200)
    assert.equal(await patched.text(), 'done')
    for (const answer of [patched, await head(url)]) assert.equal(answer.headers.get('Link'), '</files/1>')
  })

  test('refuses an upload at its end: its client is told so, then and later', async () => {
    answering('pre-finish', { RejectUpload: true, HTTPResponse: { StatusCode: 422, Body: 'a virus' } })
    const url = await create(server)
    const refused = await patch(url, 0, ten)
    assert.equal(refused.status, 422)
    assert.equal(await refused.text(), 'a virus')
    assert.equal((await head(url)).status, 422)
    assert.equal((await fetch(url)).status === 200, false)
  })

  test('is away at the end: HEAD never says complete before it has accepted, and then does', async () => {
    answering('pre-finish', (_, response) => response.writeHead(500).end())
    const url = await create(server)
    assert.equal((await patch(url, 0, ten)).status, 503)
    for (let round = 0; round < 3; round++) {
      const asked = await head(url)
      assert.ok(asked.status === 503 || offsetOf(asked) < 10, `${asked.status} at ${offsetOf(asked)}`)
    }
    assert.equal((await fetch(url)).status, 409)
    answering('pre-finish', {})
    await until(
      'it is complete',
      async () => (await patch(url, 0, ten)).status === 204 || offsetOf(await head(url)) === 10,
    )
    assert.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), ten)
  })

  test('is away at the start: the client is told to come again, and then uploads', async () => {
    answering('pre-create', (_, response) => response.writeHead(500).end())
    const failed = await post(server, { 'Upload-Length': '10' })
    assert.equal(failed.status, 503)
    assert.equal(failed.headers.get('Retry-After'), '1')
    answering('', {})
    assert.equal((await patch(await create(server), 0, ten)).status, 204)
  })

  test('answers 500 twice and then 200: nobody notices', async () => {
    let tries = 0
    answering('pre-create', (_, response) => (++tries < 3 ? response.writeHead(500).end() : {}))
    await create(server)
    assert.equal(tries, 3)
  })

  test('stops an upload: its client is told so in the midst of its body, and the upload is gone', async () => {
    answering('post-receive', { StopUpload: true, HTTPResponse: { StatusCode: 402, Body: 'enough' } })
    const created = await post(server, { 'Upload-Length': '100000000' })
    const url = created.headers.get('Location')!
    const endless = new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        controller.enqueue(new Uint8Array(10_000))
      },
    })
    const fields = { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' }
    const init = { method: 'PATCH', headers: fields, body: endless, duplex: 'half' } as RequestInit
    const stopped = await fetch(url, init)
    assert.equal(stopped.status, 402)
    assert.equal(await stopped.text(), 'enough')
    assert.ok([404, 410].includes((await head(url)).status))
    const id = url.slice(url.lastIndexOf('/') + 1)
    await until('it is told', () => receiver.of('post-terminate').some(({ Event }) => Event.Upload.ID === id))
  })

  test('keeps an upload from being terminated', async () => {
    answering('pre-terminate', { RejectTermination: true, HTTPResponse: { StatusCode: 403 } })
    const url = await create(server)
    assert.equal((await fetch(url, { method: 'DELETE', headers: TUS })).status, 403)
    assert.equal((await head(url)).status, 200)
    answering('', {})
    assert.equal((await fetch(url, { method: 'DELETE', headers: TUS })).status, 204)
  })
})

test('an event that a killed server did not deliver is delivered by the next one, with the same ID', async (test) => {
  let isUp = false
  const receiver = await startReceiver((_, response) => (isUp ? {} : response.writeHead(500).end()))
  test.after(() => receiver.close())
  const flags = ['--hooks-http', receiver.url, '--hooks-enabled-events', 'post-finish', '--hooks-http-retry', '1']
  const server = await serve(test, [...flags, '--sweep-interval', '0s'])
  const url = await create(server)
  assert.equal((await patch(url, 0, ten)).status, 204)
  await until('it was tried', () => receiver.of('post-finish').length > 0)
  server.child.kill('SIGKILL')
  await server.ended
  isUp = true
  const tried = receiver.received.length
  // Nobody takes the event of a process that may still live: it must have been left for a while.
  for (const name of readdirSync(server.folder).filter((one) => one.endsWith('.info'))) {
    const before = Date.now() / 1_000 - 3_600
    utimesSync(join(server.folder, name), before, before)
  }
  await serve(test, [...flags, '--sweep-interval', '200ms'], { folder: server.folder })
  await until('it is delivered', () => receiver.received.length > tried)
  const [first, last] = [receiver.received[0]!, receiver.received.at(-1)!]
  assert.equal(last.message.DeliveryID, first.message.DeliveryID)
  assert.equal(last.message.Event.Upload.Offset, 10)
})

test('messages are signed, several secrets at once; nothing secret is in the log', async (test) => {
  const secrets = [1, 2].map((byte) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`)
  const receiver = await startReceiver(({ message }, response) =>
    message.Type === 'pre-create' ? {} : response.writeHead(500).end('hunter2'),
  )
  test.after(() => receiver.close())
  const url = receiver.url.replace('//', '//user:hunter2@')
  const server = await serve(test, ['--verbose', ...ALL], {
    HOLDFAST_HOOKS_HTTP: `${url}?token=hunter2`,
    HOLDFAST_HOOKS_HTTP_SECRET: secrets.join(','),
    HOLDFAST_HOOKS_HTTP_RETRY: '1',
  })
  const upload = await create(server, { Authorization: 'Bearer hunter2', Cookie: 'hunter2' })
  assert.equal((await patch(upload, 0, ten)).status, 503)
  await until('all were tried', () => receiver.of('post-create').length > 0 && receiver.of('pre-finish').length > 0)
  for (const { body, headers } of receiver.received) {
    assert.equal(headers.authorization, `Basic ${Buffer.from('user:hunter2').toString('base64')}`)
    for (const one of secrets) verifyWebhook({ body, headers, secrets: one })
    assert.throws(() => verifyWebhook({ body: body.replace('a', 'b'), headers, secrets }), /signature/)
  }
  server.child.kill('SIGTERM')
  await server.ended
  assert.match(server.stderr, /the endpoint answered 500/)
  for (const secret of ['hunter2', ...secrets, ...secrets.map((one) => one.slice(6))]) {
    assert.ok(!`${server.stderr}${server.stdout}`.includes(secret), secret)
  }
})

test('an application of programs in a folder: what they say counts, and one that hangs is ended with its time', async (test) => {
  const programs = temporaryFolder(test)
  const write = (name: string, text: string): void => {
    writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(programs, name), 0o755)
  }
  const server = await serve(test, ['--hooks-dir', programs, ...ALL, '--hook-timeout', '2s'])
  write('pre-create', 'echo "asked" >&2; echo \'{"RejectUpload":true,"HTTPResponse":{"StatusCode":403,"Body":"no"}}\'')
  const refused = await post(server, { 'Upload-Length': '10' })
  assert.deepEqual([refused.status, await refused.text()], [403, 'no'])
  assert.match(server.stderr, /hook says.*hook=pre-create.*line=asked/)
  write('pre-create', 'exit 1')
  assert.equal((await post(server, { 'Upload-Length': '10' })).status, 503)
  write('pre-create', 'echo $$ > pid; exec sleep 60')
  const started = performance.now()
  assert.equal((await post(server, { 'Upload-Length': '10' })).status, 503)
  assert.ok(performance.now() - started < 10_000)
  const pid = readFileSync(join(programs, 'pid'), 'utf8').trim()
  await until(
    'it is gone',
    () => !existsSync(`/proc/${pid}/cmdline`) || readFileSync(`/proc/${pid}/cmdline`).length === 0,
  )
  write('pre-create', ':')
  write('post-finish', 'echo $TUS_ID > finished')
  const url = await create(server)
  assert.equal((await patch(url, 0, ten)).status, 204)
  await until(
    'it is told',
    () =>
      existsSync(join(programs, 'finished')) && url.endsWith(readFileSync(join(programs, 'finished'), 'utf8').trim()),
  )
})

test('an application by gRPC, and another by HTTP: both are asked, and each may refuse', async (test) => {
  let refuses = ''
  const service = await startGrpcServer(test, () => ({ reply: { rejectUpload: refuses === 'gRPC' } }))
  const receiver = await startReceiver(() => ({ RejectUpload: refuses === 'HTTP' }))
  test.after(() => receiver.close())
  const server = await serve(test, ['--hooks-grpc', service.endpoint, '--hooks-http', receiver.url])
  for (const [who, status] of [
    ['', 201],
    ['gRPC', 400],
    ['HTTP', 400],
  ] as const) {
    refuses = who
    assert.equal((await post(server, { 'Upload-Length': '10' })).status, status, who)
  }
  assert.equal(receiver.of('pre-create').length, 3)
  await until('both are told', () => receiver.of('post-create').length === 1)
  assert.deepEqual(service.received.map(({ request }) => request.type).sort(), [
    'post-create',
    'pre-create',
    'pre-create',
  ])
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 0)
})
