import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileTypeOf } from '../../src/cli/file-types.js'
import { lineOf } from '../../src/cli/progress.js'
import { fingerprintOf, statePath } from '../../src/cli/state.js'
import { DiskStore } from '../../src/disk/index.js'
import { nodeHandler } from '../../src/http/node.js'
import { createServer } from '../../src/server.js'
import { afterwards, runCommand, startCommand, temporaryFolder } from './command.js'

const MiB = 1024 * 1024

interface Tap {
  readonly url: string
  readonly requests: { method: string; offset: string | undefined; headers: IncomingMessage['headers'] }[]
  /** Milliseconds that each PATCH waits before it is served. */
  delay: number
  /** Answers so many requests with 503 first. */
  failures: number
}

/** A server in this process, which sees what the command asks for. */
async function startTap(context: TestContext, folder: string): Promise<Tap> {
  const holdfast = createServer({ store: new DiskStore({ directory: join(folder, 'data') }) })
  const handle = nodeHandler(holdfast)
  const requests: Tap['requests'] = []
  const listener = http.createServer(async (request, response) => {
    const { method = '', headers } = request
    requests.push({ method, headers, offset: headers['upload-offset'] as string | undefined })
    if (tap.failures > 0) {
      tap.failures--
      request.resume()
      return void response.writeHead(503).end()
    }
    if (method === 'PATCH') await sleep(tap.delay, undefined, { ref: false })
    handle(request, response)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  afterwards(context, async () => {
    listener.closeAllConnections()
    listener.close()
    await holdfast.close({ timeout: 1_000 })
  })
  const tap: Tap = {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/files/`,
    requests,
    delay: 0,
    failures: 0,
  }
  return tap
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function contentOf(url: string): Promise<string> {
  const response = await fetch(url)
  assert.equal(response.status, 200)
  return sha256(new Uint8Array(await response.arrayBuffer()))
}

function makeFile(folder: string, name: string, size: number): { path: string; digest: string } {
  const bytes = randomBytes(size)
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return { path, digest: sha256(bytes) }
}

test('uploads files several at once, prints their URLs on stdout, and sends names, types, metadata and headers', async (context) => {
  const folder = temporaryFolder(context)
  const tap = await startTap(context, folder)
  const files = ['talk.mp4', 'empty.txt', 'ümläut €.bin'].map((name, index) => makeFile(folder, name, index * MiB))
  const state = join(folder, 'a', 'b', 'state.json')
  const { code, stdout, stderr } = await runCommand([
    ...['upload', '--to', tap.url, '--state', state, '--parallel', '3'],
    ...['--metadata', 'album=a,b=c', '--metadata', 'filetype=video/x', '--header', 'X-Team: red: blue'],
    ...files.map(({ path }) => path),
  ])
  assert.equal(code, 0, stderr)
  const urls = stdout.trim().split('\n')
  assert.deepEqual((await Promise.all(urls.map(contentOf))).sort(), files.map(({ digest }) => digest).sort())
  const posts = tap.requests.filter(({ method }) => method === 'POST')
  assert.equal(posts.length, 3)
  const metadata = posts.map(({ headers }) => String(headers['upload-metadata']))
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  for (const { path } of files)
    assert.ok(metadata.some((text) => text.includes(`filename ${base64(path.split('/').at(-1)!)}`)))
  for (const text of metadata) {
    assert.ok(text.includes(`album ${base64('a,b=c')}`))
    assert.ok(text.includes(`filetype ${base64('video/x')}`))
  }
  for (const { method, headers } of tap.requests) if (method !== 'GET') assert.equal(headers['x-team'], 'red: blue')
  assert.equal(readFileSync(state, 'utf8'), '{}')
})

test('an upload whose process was killed goes on in the next one, and sends no committed byte again', async (context) => {
  const folder = temporaryFolder(context)
  const tap = await startTap(context, folder)
  const { path, digest } = makeFile(folder, 'large.bin', 20 * MiB)
  const environment = { XDG_STATE_HOME: join(folder, 'state') }
  const args = ['upload', path, '--to', tap.url, '--chunk-size', '1MiB']
  tap.delay = 50
  const first = startCommand(args, environment)
  while (tap.requests.filter(({ method }) => method === 'PATCH').length < 6) await sleep(10)
  first.child.kill('SIGKILL')
  assert.equal(await first.ended, 'SIGKILL')
  tap.delay = 0
  tap.requests.length = 0
  const { code, stdout, stderr } = await runCommand(args, environment)
  assert.equal(code, 0, stderr)
  assert.match(stderr, /large\.bin: resuming/)
  assert.deepEqual(
    tap.requests.slice(0, 2).map(({ method }) => method),
    ['HEAD', 'PATCH'],
  )
  assert.ok(Number(tap.requests[1]!.offset) >= 4 * MiB, `went on from ${tap.requests[1]!.offset}`)
  assert.equal(await contentOf(stdout.trim()), digest)
})

test('a file that changed since is uploaded anew', () => {
  const file = { path: '/a/b', size: 5, modified: 1_000 }
  const endpoint = 'http://127.0.0.1/files/'
  const prints = [
    fingerprintOf(file, endpoint),
    fingerprintOf({ ...file, size: 6 }, endpoint),
    fingerprintOf({ ...file, modified: 1_001 }, endpoint),
    fingerprintOf({ ...file, path: '/a/c' }, endpoint),
    fingerprintOf(file, `${endpoint}x/`),
  ]
  assert.equal(new Set(prints).size, prints.length)
  assert.equal(fingerprintOf({ ...file, path: '/a/x/../b' }, endpoint), prints[0])
})

test('Ctrl-C says how to resume', async (context) => {
  const folder = temporaryFolder(context)
  const tap = await startTap(context, folder)
  tap.delay = 10_000
  const { path } = makeFile(folder, 'large.bin', MiB)
  const command = startCommand(['upload', path, '--to', tap.url, '--state', join(folder, 'state')])
  while (!tap.requests.some(({ method }) => method === 'PATCH')) await sleep(10)
  command.child.kill('SIGINT')
  assert.equal(await command.ended, 1)
  assert.match(command.stderr, /Run the same command again to resume\./)
})

test('a server that is away for a moment is waited for', async (context) => {
  const folder = temporaryFolder(context)
  const tap = await startTap(context, folder)
  tap.failures = 2
  const { path, digest } = makeFile(folder, 'a.bin', 1000)
  const { code, stdout } = await runCommand(['upload', path, '--to', tap.url, '--state', join(folder, 'state')])
  assert.equal(code, 0)
  assert.equal(await contentOf(stdout.trim()), digest)
})

test('with --retries 0 it is not', async (context) => {
  const folder = temporaryFolder(context)
  const { path } = makeFile(folder, 'a.bin', 1000)
  const state = join(folder, 'state')
  const to = 'http://127.0.0.1:1/files/'
  const { code, stdout, stderr } = await runCommand(['upload', path, '--to', to, '--state', state, '--retries', '0'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /a\.bin: failed: connect ECONNREFUSED/)
})

test('a file that fails keeps no other from being sent, and the exit code is 1', async (context) => {
  const folder = temporaryFolder(context)
  const tap = await startTap(context, folder)
  const { path, digest } = makeFile(folder, 'a.bin', 1000)
  const state = join(folder, 'state')
  const { code, stdout, stderr } = await runCommand([
    'upload',
    join(folder, 'none'),
    folder,
    path,
    '--to',
    tap.url,
    '--state',
    state,
  ])
  assert.equal(code, 1)
  assert.match(stderr, /none: failed: ENOENT/)
  assert.match(stderr, /failed: it is not a file/)
  assert.equal(await contentOf(stdout.trim()), digest)
})

test('a state file that is broken is named, and nothing is sent', async (context) => {
  const folder = temporaryFolder(context)
  const { path } = makeFile(folder, 'a.bin', 10)
  const state = join(folder, 'state')
  writeFileSync(state, '{"half')
  const { code, stderr } = await runCommand(['upload', path, '--to', 'http://127.0.0.1:1/', '--state', state])
  assert.equal(code, 1)
  assert.match(stderr, /^holdfast: The state file \S+ cannot be used/m)
})

test('the state is where XDG says', () => {
  assert.equal(statePath({ XDG_STATE_HOME: '/x' }), '/x/holdfast/uploads.json')
  assert.match(statePath({}), /\/\.local\/state\/holdfast\/uploads\.json$/)
})

test('types are told by the ends of names', () => {
  assert.equal(fileTypeOf('a.MP4'), 'video/mp4')
  assert.equal(fileTypeOf('archive.tar.gz'), 'application/gzip')
  assert.equal(fileTypeOf('README'), 'application/octet-stream')
  assert.equal(fileTypeOf('x.constructor'), 'application/octet-stream')
})

test('progress is told with rate and time left', () => {
  const track = { name: 'a.bin', sent: 5e6, total: 10e6, note: '' }
  assert.equal(lineOf([track], 1e6), 'a.bin [############------------]  50 % of 10.0 MB, 1.0 MB/s, 5 s left')
  assert.equal(lineOf([track, { ...track, name: 'b' }], 0), '2 files [############------------]  50 % of 20.0 MB')
  assert.match(lineOf([{ ...track, note: 'trying again' }], 1e6), /, trying again$/)
  assert.match(lineOf([{ name: 'empty', sent: 0, total: 0, note: '' }], 0), /100 % of 0\.0 MB$/)
})
