import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterwards, runCommand, startCommand, startServer, temporaryFolder } from './command.js'

const TUS = { 'Tus-Resumable': '1.0.0' }

async function create(url: string, length: number): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers: { ...TUS, 'Upload-Length': String(length) } })
  assert.equal(response.status, 201)
  return response.headers.get('location')!
}

test('serves uploads into a folder, and says where', async (context) => {
  const folder = temporaryFolder(context)
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', folder])
  assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+\/files\/$/)
  await create(server.url, 5)
  assert.ok(readdirSync(folder).length > 0)
})

test('the environment configures it as flags do', async (context) => {
  const environment = {
    HOLDFAST_PORT: '0',
    HOLDFAST_UPLOAD_DIR: temporaryFolder(context),
    HOLDFAST_BASE_PATH: '/up',
    HOLDFAST_MAX_SIZE: '10',
  }
  const server = await startServer(context, ['serve'], environment)
  assert.match(server.url, /\/up\/$/)
  const response = await fetch(server.url, { method: 'POST', headers: { ...TUS, 'Upload-Length': '11' } })
  assert.equal(response.status, 413)
})

test('other paths: health, the page, and nothing', async (context) => {
  const folder = temporaryFolder(context)
  const server = await startServer(context, ['serve', '--port', '0', '--ui', '--upload-dir', folder])
  await server.waitFor(/Or open http:\/\/127\.0\.0\.1:\d+\/ and drop a file/)
  const at = (path: string): Promise<Response> => fetch(new URL(path, server.url))
  assert.equal((await at('/healthz')).status, 200)
  const page = await at('/')
  assert.match(await page.text(), /<meta name="holdfast-endpoint" content="\/files\/"/)
  assert.match(page.headers.get('content-security-policy')!, /default-src 'self'/)
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
  for (const path of ['/app.js', '/style.css', '/icon.svg']) assert.equal((await at(path)).status, 200, path)
  for (const path of ['/nothing', '/filesystem', '/..%2fpackage.json', '/app.js.map']) {
    assert.equal((await at(path)).status, 404, path)
  }
  const { status } = await fetch(new URL('/nothing', server.url), { method: 'POST', body: 'x'.repeat(100_000) })
  assert.equal(status, 404)
})

test('without --ui there is no page', async (context) => {
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', temporaryFolder(context)])
  assert.equal((await fetch(new URL('/', server.url))).status, 404)
})

test('a client that asks before it sends is told 100, or the refusal', async (context) => {
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', temporaryFolder(context)])
  const location = await create(server.url, 5)
  const headers = { ...TUS, 'Content-Type': 'application/offset+octet-stream', Expect: '100-continue' }
  const ask = (offset: number): Promise<{ continued: boolean; status: number | undefined }> =>
    new Promise((resolve, reject) => {
      const fields = { ...headers, 'Upload-Offset': String(offset), 'Content-Length': '5' }
      const request = http.request(location, { method: 'PATCH', headers: fields })
      let continued = false
      request.on('continue', () => {
        continued = true
        request.end('hello')
      })
      request.on('response', ({ statusCode: status }) => resolve({ continued, status }))
      request.on('error', reject)
      request.flushHeaders()
    })
  assert.deepEqual(await ask(3), { continued: false, status: 409 })
  assert.deepEqual(await ask(0), { continued: true, status: 204 })
})

// tus-java-client sends such a PATCH at the end of an empty file, and of one of exactly 10, 20, … MiB.
test('a complete upload invites a body of no announced length, and takes an empty one alone', async (context) => {
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', temporaryFolder(context)])
  const location = await create(server.url, 0)
  const ask = (body: string): Promise<{ continued: boolean; status: number | undefined }> =>
    new Promise((resolve, reject) => {
      const type = { 'Content-Type': 'application/offset+octet-stream', 'Transfer-Encoding': 'chunked' }
      const headers = { ...TUS, ...type, 'Upload-Offset': '0', Expect: '100-continue' }
      const request = http.request(location, { method: 'PATCH', headers })
      let continued = false
      request.on('continue', () => {
        continued = true
        request.end(body)
      })
      request.on('response', ({ statusCode: status }) => resolve({ continued, status }))
      request.on('error', reject)
      request.flushHeaders()
    })
  assert.deepEqual(await ask(''), { continued: true, status: 204 })
  assert.deepEqual(await ask('more'), { continued: true, status: 413 })
  assert.equal((await fetch(location)).headers.get('Content-Length'), '0')
})

test('what is no HTTP is answered with 400', async (context) => {
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', temporaryFolder(context)])
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.end('hello\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += chunk
  assert.match(text, /^HTTP\/1\.1 400 /)
})

test('a port that another process has is one sentence and exit code 1', async (context) => {
  const folder = temporaryFolder(context)
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', folder])
  const { port } = new URL(server.url)
  const { code, stderr } = await runCommand(['serve', '--port', port, '--upload-dir', folder])
  assert.equal(code, 1)
  assert.match(
    stderr,
    new RegExp(`^holdfast: Another process listens on 127\\.0\\.0\\.1:${port}; choose another --port\\.$`, 'm'),
  )
  assert.doesNotMatch(stderr, /^ +at /m)
})

test('a server whose log nobody reads any more still serves, and ends when it is told to', async (context) => {
  const folder = temporaryFolder(context)
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', folder, '--verbose'])
  server.child.stdout.destroy()
  server.child.stderr.destroy()
  await create(server.url, 5)
  server.child.kill('SIGTERM')
  const ended = new Promise((resolve) => server.child.once('exit', resolve))
  assert.equal(await Promise.race([ended, sleep(5_000, 'it still runs')]), 0)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: what came of an upload is committed, its request is answered 503, and the exit code is 0`, async (context) => {
    const folder = temporaryFolder(context)
    const args = ['serve', '--port', '0', '--upload-dir', folder]
    const server = await startServer(context, args)
    const location = await create(server.url, 10)
    const status = await new Promise((resolve, reject) => {
      const headers = {
        ...TUS,
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': '0',
        'Content-Length': 10,
      }
      const request = http.request(location, { method: 'PATCH', headers })
      request.on('response', (response) => resolve(response.statusCode))
      request.on('error', reject)
      request.write('hello')
      setTimeout(() => server.child.kill(signal), 300)
    })
    assert.equal(status, 503)
    assert.equal(await server.ended, 0)
    const again = await startServer(context, args)
    const moved = new URL(new URL(location).pathname, again.url)
    const head = await fetch(moved, { method: 'HEAD', headers: TUS })
    assert.equal(head.headers.get('upload-offset'), '5')
  })
}

test('a second signal ends it at once with exit code 1', async (context) => {
  const server = await startServer(context, ['serve', '--port', '0', '--ui', '--upload-dir', temporaryFolder(context)])
  // A request without an end keeps the first stop waiting for its farewell.
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n')
  afterwards(context, () => socket.destroy())
  await sleep(100)
  server.child.kill('SIGTERM')
  await sleep(100)
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 1)
})

test('a bucket that cannot be reached fails requests, not the server; the log says why and holds no secret', async (context) => {
  const environment = { AWS_ACCESS_KEY_ID: 'someone', AWS_SECRET_ACCESS_KEY: 'very-secret-key' }
  const args = [
    'serve',
    '--port',
    '0',
    '--s3-bucket',
    'b',
    '--s3-endpoint',
    'http://127.0.0.1:1',
    '--log-format',
    'json',
  ]
  const server = await startServer(context, args, environment)
  const response = await fetch(server.url, { method: 'POST', headers: { ...TUS, 'Upload-Length': '5' } })
  assert.equal(response.status, 503)
  await sleep(100)
  const lines = server.stderr.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  assert.ok(lines.some(({ level, status }) => level === 'error' && status === 503))
  assert.doesNotMatch(server.stderr, /very-secret-key/)
  assert.equal((await fetch(new URL('/healthz', server.url))).status, 200)
})

test('dev: ready with a bucket, keeps its data, and takes another port if its own is taken', async (context) => {
  const folder = temporaryFolder(context)
  const first = startCommand(['dev', '--port', '0', '--directory', folder])
  afterwards(context, () => first.child.kill('SIGKILL'))
  const [, origin] = await first.waitFor(
    /Holdfast is ready: open (\S+)\/ and drop a file[\s\S]+AWS_SECRET_ACCESS_KEY=\S+/,
  )
  const location = await create(`${origin}/files/`, 5)
  first.child.kill('SIGTERM')
  assert.equal(await first.ended, 0)
  const taken = net.createServer().listen(0, '127.0.0.1')
  afterwards(context, () => taken.close())
  await sleep(50)
  const { port } = taken.address() as net.AddressInfo
  const second = await startServer(context, ['dev', '--port', String(port), '--directory', folder])
  assert.match(second.stdout, new RegExp(`Port ${port} is taken; this is \\d+ instead\\.`))
  const moved = new URL(new URL(location).pathname, second.url)
  assert.equal((await fetch(moved, { method: 'HEAD', headers: TUS })).headers.get('upload-offset'), '0')
  const third = await runCommand(['dev', '--port', '0', '--directory', folder])
  assert.equal(third.code, 1)
  assert.match(third.stderr, /^holdfast: The development bucket cannot start in /m)
})

test('connections are kept as long as --keep-alive-timeout says, and metadata are bounded by --max-metadata-size', async (context) => {
  const args = ['--keep-alive-timeout', '3s', '--header-timeout', '1s', '--max-metadata-size', '10B']
  const server = await startServer(context, ['serve', '--port', '0', '--upload-dir', temporaryFolder(context), ...args])
  const headers = { ...TUS, 'Upload-Length': '1', 'Upload-Metadata': 'name dmFsdWU=' }
  const response = await fetch(server.url, { method: 'POST', headers })
  assert.equal(response.headers.get('keep-alive'), 'timeout=3')
  assert.match(await response.text(), /^ERR_METADATA_TOO_LARGE/)
})
