/** `holdfast serve` on a Unix socket, from a configuration file. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PlainError } from '../../src/cli/failure.js'
import { listenAtSocket, removeStale } from '../../src/cli/unix-socket.js'
import { sha256, someBytes } from '../support/stack.js'
import { afterwards, type Command, startCommand, startServer, temporaryFolder } from './command.js'

interface Answer {
  readonly status: number | undefined
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** A request over the socket, on a connection of its own. */
async function ask(
  socketPath: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Uint8Array,
): Promise<Answer> {
  const fields = { Host: 'up.example', 'Tus-Resumable': '1.0.0', ...headers }
  const request = http.request({ socketPath, method, path, headers: fields, agent: false })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const text = await response.setEncoding('utf8').reduce((all, piece) => all + piece, '')
  return { status: response.statusCode, headers: response.headers, text: text as string }
}

async function upload(socket: string, bytes: Buffer): Promise<string> {
  const created = await ask(socket, 'POST', '/up/', { 'Upload-Length': String(bytes.length) })
  assert.equal(created.status, 201, created.text)
  const { origin, pathname } = new URL(created.headers.location!)
  assert.equal(origin, 'http://up.example')
  const type = { 'Content-Type': 'application/offset+octet-stream' }
  for (const offset of [0, 100_000]) {
    const chunk = bytes.subarray(offset, offset === 0 ? 100_000 : undefined)
    const patched = await ask(socket, 'PATCH', pathname, { ...type, 'Upload-Offset': String(offset) }, chunk)
    assert.equal(patched.status, 204, patched.text)
  }
  return pathname.split('/').at(-1)!
}

async function start(
  context: TestContext,
  args: readonly string[] = [],
  extra = '',
): Promise<{ folder: string; socket: string; data: string; server: Command & { url: string } }> {
  const folder = temporaryFolder(context)
  const [socket, data, file] = [join(folder, 's.sock'), join(folder, 'data'), join(folder, 'holdfast.yaml')]
  const text = `unix-sock:\n  perms: 660\nunixSock: ${socket}\nbase-path: /up\nupload-dir: ${data}\nfile-perms: "600"\n${extra}`
  writeFileSync(file, text)
  return { folder, socket, data, server: await startServer(context, ['serve', '--config', file, ...args]) }
}

async function stopInOrder({ server, socket }: { server: Command; socket: string }): Promise<void> {
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 0, server.stderr)
  assert.equal(existsSync(socket), false, 'the socket is removed')
}

describe('serve on a Unix socket', { skip: process.platform === 'win32' && 'there are none' }, () => {
  for (const workers of ['1', '2']) {
    test(`with ${workers} worker(s), by a file: takes an upload, has its permissions, and removes the socket at its end`, async (context) => {
      const started = await start(context, [], `workers: ${workers}\n`)
      const { socket, data, server } = started
      assert.equal(server.url, `http://unix:${socket}:/up/`)
      assert.equal(statSync(socket).mode & 0o777, 0o660)
      const bytes = someBytes(200_000)
      const id = await upload(socket, bytes)
      assert.equal(sha256(readFileSync(join(data, id))), sha256(bytes))
      for (const name of readdirSync(data).filter((name) => name.startsWith(id))) {
        assert.equal(statSync(join(data, name)).mode & 0o777, 0o600, name)
      }
      await stopInOrder(started)
    })
  }

  test('a socket that a crash left is taken over; one that is served, and a file, are not', async (context) => {
    const { folder, socket, server } = await start(context)
    const again = await startServer(context, ['serve', '--unix-sock', socket, '--upload-dir', folder]).catch(String)
    assert.match(String(again), /Another process listens on the socket/)
    server.child.kill('SIGKILL')
    await server.ended
    assert.equal(existsSync(socket), true)
    const next = await startServer(context, ['serve', '--unix-sock', socket, '--upload-dir', folder])
    assert.equal((await ask(socket, 'GET', '/healthz')).status, 200)
    await stopInOrder({ server: next, socket })
    writeFileSync(socket, 'a file')
    for (const workers of ['1', '2']) {
      const args = ['serve', '--unix-sock', socket, '--upload-dir', folder, '--workers', workers]
      const refused = await startServer(context, args).catch(String)
      assert.match(String(refused), /ended with 1: holdfast: .* is no socket/)
    }
    assert.equal(readFileSync(socket, 'utf8'), 'a file')
  })

  test('a folder that is not there is told in a sentence', async (context) => {
    const path = join(temporaryFolder(context), 'none', 's')
    await removeStale(path)
    await assert.rejects(listenAtSocket(createServer(), { path, perms: undefined }), (error) => {
      assert.ok(error instanceof PlainError)
      assert.match(error.message, /^Cannot listen on the socket .*EACCES|ENOENT/)
      return true
    })
  })

  test('a socket whose server accepts nothing for the moment counts as served', async (context) => {
    const path = join(temporaryFolder(context), 's')
    const server = createServer()
    afterwards(context, () => server.close())
    await listenAtSocket(server, { path, perms: 0o600 })
    await assert.rejects(removeStale(path), PlainError)
    assert.equal(existsSync(path), true)
  })
})

test('greets whoever asks for /, if told to, and tells nothing at its start, if told to', async (context) => {
  const socket = join(temporaryFolder(context), 's')
  const args = ['serve', '--unix-sock', socket, '--upload-dir', temporaryFolder(context), '--show-greeting']
  const quiet = startCommand([...args, '--show-startup-logs', 'false'])
  afterwards(context, async () => {
    quiet.child.kill('SIGKILL')
    await quiet.ended
  })
  let greeting: Answer | undefined
  while (greeting === undefined && quiet.child.exitCode === null) {
    await sleep(20)
    greeting = await ask(socket, 'GET', '/').catch(() => undefined)
  }
  assert.deepEqual(
    [greeting?.status, greeting?.text],
    [200, 'This is Holdfast, a server for resumable uploads. They live under /files/\n'],
  )
  assert.equal((await ask(socket, 'POST', '/')).status, 404)
  assert.equal(quiet.stdout, '')
})
