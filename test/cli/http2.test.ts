import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { type Heard, hear } from '../http/streams.js'
import { makeCertificate } from '../support/certificate.js'
import { afterwards, runCommand, startServer, temporaryFolder } from './command.js'

const TUS = { 'tus-resumable': '1.0.0' }
const BYTES = 'application/offset+octet-stream'
const MiB = 1024 * 1024
const TIMEOUT = { timeout: 60_000 }

/** The command with TLS, or with HTTP/2 beside HTTP/1.1. */
async function serve(context: TestContext, kind: 'tls' | 'h2c') {
  const folder = temporaryFolder(context)
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  const use = (name: string): { cert: string; key: string } => {
    const pair = makeCertificate(name)
    writeFileSync(files.cert, pair.cert)
    writeFileSync(files.key, pair.key)
    return pair
  }
  const { cert } = use('first')
  const how = kind === 'tls' ? ['--tls-cert', files.cert, '--tls-key', files.key] : ['--h2c']
  const server = await startServer(context, [
    'serve',
    '--port',
    '0',
    '--upload-dir',
    join(folder, 'up'),
    '--ui',
    ...how,
  ])
  return { server, cert, use, files, origin: new URL(server.url).origin, port: Number(new URL(server.url).port) }
}

function connect(context: TestContext, origin: string, options: http2.SecureClientSessionOptions = {}) {
  const session = http2.connect(origin, options)
  session.on('error', () => undefined)
  afterwards(context, () => session.destroy())
  return session
}

async function send(
  session: http2.ClientHttp2Session,
  fields: http2.OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<Heard> {
  const stream = session.request({ ...TUS, ...fields }, { endStream: body === undefined })
  if (body) stream.end(body)
  return hear(stream).closed
}

async function uploads(session: http2.ClientHttp2Session, origin: string): Promise<void> {
  const bytes = Buffer.alloc(3 * MiB + 7, 'abc')
  const created = await send(session, { ':method': 'POST', ':path': '/files/', 'upload-length': bytes.length })
  assert.equal(created.status, 201)
  const location = created.fields.location!
  assert.ok(location.startsWith(`${origin}/files/`), `${location} is of ${origin}`)
  const path = new URL(location).pathname
  const fields = { ':method': 'PATCH', ':path': path, 'content-type': BYTES, 'upload-offset': 0 }
  assert.equal((await send(session, fields, bytes)).status, 204)
  const read = await send(session, { ':method': 'GET', ':path': path })
  assert.deepEqual([read.status, read.text === bytes.toString()], [200, true])
  assert.equal((await send(session, { ':method': 'GET', ':path': '/healthz' })).text, 'ok\n')
  assert.match((await send(session, { ':method': 'GET', ':path': '/' })).text, /holdfast-endpoint/)
  assert.equal((await send(session, { ':method': 'HEAD', ':path': '/' })).status, 200)
  assert.equal((await send(session, { ':method': 'POST', ':path': '/nothing' }, bytes)).status, 404)
}

test(
  '--tls-cert: HTTP/2 and HTTP/1.1 over TLS, as the client chooses, and https is printed',
  TIMEOUT,
  async (context) => {
    const { server, cert, origin } = await serve(context, 'tls')
    assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+\/files\/$/)
    const session = connect(context, origin, { ca: cert })
    await uploads(session, origin)
    const old = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = https.request(`${origin}/files/`, {
        method: 'POST',
        ca: cert,
        agent: false,
        headers: { ...TUS, 'Upload-Length': '1' },
      })
      request.on('response', (response) => resolve(response.resume()))
      request.on('error', reject)
      request.end()
    })
    assert.deepEqual([old.statusCode, old.httpVersion], [201, '1.1'])
    assert.ok(old.headers.location?.startsWith(`${origin}/files/`))
  },
)

test(
  '--tls-cert: at SIGHUP the certificate is read again, and one that is broken changes nothing',
  TIMEOUT,
  async (context) => {
    const { server, use, files, port } = await serve(context, 'tls')
    const nameNow = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN))
          socket.destroy()
        })
        socket.on('error', reject)
      })
    assert.equal(await nameNow(), 'first')
    use('second')
    server.child.kill('SIGHUP')
    for (let tries = 0; (await nameNow()) !== 'second'; tries++) {
      assert.ok(tries < 100, 'it still has the first certificate')
      await sleep(20)
    }
    writeFileSync(files.key, makeCertificate('third').key)
    server.child.kill('SIGHUP')
    for (let tries = 0; !server.stderr.includes('the certificate stays as it was'); tries++) {
      assert.ok(tries < 100, 'nothing is logged')
      await sleep(20)
    }
    assert.equal(await nameNow(), 'second')
  },
)

test('--tls-cert without what it needs is one sentence', TIMEOUT, async (context) => {
  const folder = temporaryFolder(context)
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  writeFileSync(cert, makeCertificate('a').cert)
  writeFileSync(key, makeCertificate('b').key)
  const run = (...args: string[]) => runCommand(['serve', '--port', '0', '--upload-dir', folder, ...args])
  const alone = await run('--tls-cert', cert)
  assert.deepEqual([alone.code, alone.stderr], [2, 'holdfast: --tls-cert and --tls-key need one another.\n'])
  const both = await run('--tls-cert', cert, '--tls-key', key, '--h2c')
  assert.equal(both.code, 2)
  assert.match(both.stderr, /^holdfast: --h2c is HTTP\/2 without TLS/)
  for (const [pair, reason] of [
    [[cert, key], /key values mismatch/],
    [[join(folder, 'nothing'), key], /ENOENT/],
  ] as const) {
    const { code, stderr } = await run('--tls-cert', pair[0], '--tls-key', pair[1])
    assert.equal(code, 1)
    assert.match(stderr, /^holdfast: The certificate .* cannot be used: [^\n]*\n$/)
    assert.match(stderr, reason)
  }
})

test('--h2c: HTTP/2 and HTTP/1.1 on one port, by their first bytes, however these come', TIMEOUT, async (context) => {
  const { origin, port } = await serve(context, 'h2c')
  await uploads(connect(context, origin), origin)
  // What a server of HTTP/2 says first is its settings: a frame of type 4.
  const pieces = net.connect(port, '127.0.0.1')
  afterwards(context, () => pieces.destroy())
  const said = new Promise<Buffer>((resolve) => pieces.once('data', resolve))
  for (const piece of ['P', 'RI * HTTP/2.0\r\n\r\nSM\r\n\r', '\n', '\0\0\0\x04\0\0\0\0\0']) {
    pieces.write(piece)
    await sleep(30)
  }
  assert.equal((await said)[3], 4)
  for (const [text, pause] of [
    ['GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n', 0],
    ['PRI * HTTP/1.1\r\nHost: h\r\n\r\n', 0],
    ['P,ATCH /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n,12345', 30],
    ['P,R,OPFIND /healthz HTTP/1.1\r\nHost: h\r\n\r\n', 30],
  ] as const) {
    const socket = net.connect(port, '127.0.0.1')
    afterwards(context, () => socket.destroy())
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk
    })
    for (const piece of text.split(',')) {
      socket.write(piece)
      await sleep(pause)
    }
    for (let tries = 0; !heard.includes('\r\n\r\n'); tries++) {
      assert.ok(tries < 100, `no answer to ${text}`)
      await sleep(20)
    }
    assert.match(heard, /^HTTP\/1\.1 (200|400|404) /, text)
  }
})

test('--h2c: HTTP/1.1 keeps its connections, and is invited when it asks', TIMEOUT, async (context) => {
  const { port } = await serve(context, 'h2c')
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  afterwards(context, () => agent.destroy())
  const ask = (method: string, path: string, headers: http.OutgoingHttpHeaders, body = '') =>
    new Promise<{ status: number | undefined; location: string | undefined; continued: boolean; local: unknown }>(
      (resolve, reject) => {
        let continued = false
        const request = http.request({ host: '127.0.0.1', port, agent, method, path, headers: { ...TUS, ...headers } })
        request.on('continue', () => {
          continued = true
          request.end(body)
        })
        request.on('response', (response) => {
          const { statusCode: status, headers: fields } = response
          const local = response.socket.localPort
          response.resume().on('end', () => resolve({ status, location: fields.location, continued, local }))
        })
        request.on('error', reject)
        if (headers.Expect) request.flushHeaders()
        else request.end(body)
      },
    )
  const created = await ask('POST', '/files/', { 'Upload-Length': '10' })
  const path = new URL(created.location!).pathname
  const patch = (offset: number) => ({
    'Content-Type': BYTES,
    'Upload-Offset': offset,
    'Content-Length': 5,
    Expect: '100-continue',
  })
  const first = await ask('PATCH', path, patch(0), 'hello')
  assert.deepEqual([first.status, first.continued, first.local], [204, true, created.local])
  const refused = await ask('PATCH', path, patch(0), 'hello')
  assert.deepEqual([refused.status, refused.continued], [409, false])
})

test(
  '--h2c: a client may send 1 MiB unasked on each of 100 streams, 8 MiB on the connection, and 32 KiB of fields',
  TIMEOUT,
  async (context) => {
    const { origin } = await serve(context, 'h2c')
    const session = connect(context, origin)
    await send(session, { ':method': 'GET', ':path': '/healthz' })
    const { initialWindowSize, maxConcurrentStreams, maxHeaderListSize } = session.remoteSettings
    assert.deepEqual([initialWindowSize, maxConcurrentStreams, maxHeaderListSize], [MiB, 100, 32 * 1024])
    assert.ok(session.state.remoteWindowSize! > 8 * MiB - 64 * 1024, `${session.state.remoteWindowSize}`)
    const heavy = await send(session, { ':method': 'GET', ':path': '/healthz', 'x-a': 'a'.repeat(40_000) })
    assert.notEqual(heavy.status, 200)
  },
)

for (const kind of ['tls', 'h2c'] as const) {
  test(
    `SIGTERM over ${kind}: GOAWAY, what came is committed, its request is answered 503, and the exit code is 0`,
    TIMEOUT,
    async (context) => {
      const { server, cert, origin } = await serve(context, kind)
      const session = connect(context, origin, { ca: cert })
      const idle = connect(context, origin, { ca: cert })
      const created = await send(session, { ':method': 'POST', ':path': '/files/', 'upload-length': 10 })
      await send(idle, { ':method': 'GET', ':path': '/healthz' })
      const closed = ['idle', 'busy'].map(
        (name, index) => new Promise((resolve) => [idle, session][index]!.once('close', () => resolve(name))),
      )
      let goneAway = 0
      for (const one of [session, idle]) one.once('goaway', () => goneAway++)
      const path = new URL(created.fields.location!).pathname
      const stream = session.request({
        ...TUS,
        ':method': 'PATCH',
        ':path': path,
        'content-type': BYTES,
        'upload-offset': 0,
      })
      const heard = hear(stream)
      stream.write('hello')
      await sleep(300)
      server.child.kill('SIGTERM')
      assert.equal(await server.ended, 0)
      await Promise.all(closed)
      assert.deepEqual([heard.status, goneAway], [503, 2])
    },
  )
}
