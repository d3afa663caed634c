/**
 * What tusd sends to its hooks: the golden file that ours are compared with (test/hooks) is what it says. And a service that was
 * made for its hooks by gRPC answers ours.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { startServer, temporaryFolder } from '../test/cli/command.js'
import { play, startReceiver, until } from '../test/support/hook-scenario.js'
import { head, patch, post } from '../test/support/stack.js'
import { buildOnce, startTusdOnDisk, TUSD } from './tusd.js'

const GOLDEN = join(import.meta.dirname, '..', 'test', 'hooks', 'golden', `tusd-${TUSD[2].version}.json`)

test(`tusd ${TUSD[2].version} sends what the golden file has`, async (test) => {
  const receiver = await startReceiver()
  // One progress for each body: tusd tells it at the first interval, also when the request has ended.
  const hooks = ['-hooks-http', receiver.url, '-hooks-enabled-events=', '-progress-hooks-interval', '200ms']
  const tusd = await startTusdOnDisk(2, temporaryFolder(test), hooks)
  try {
    const messages = await play(tusd.url, receiver)
    if (process.env.HOLDFAST_WRITE_GOLDEN) await writeFile(GOLDEN, `${JSON.stringify(messages, null, 2)}\n`)
    assert.deepEqual(messages, JSON.parse(await readFile(GOLDEN, 'utf8')))
  } finally {
    await tusd.stop()
    await receiver.close()
  }
})

test(`a service made of the code that tusd ${TUSD[2].version} has for hooks by gRPC is called, understood, and answers`, async (test) => {
  const source = await readFile(join(import.meta.dirname, 'hook-service', 'main.go'), 'utf8')
  // Another source is another program.
  const name = `hook-service-${createHash('sha256').update(source).digest('hex').slice(0, 8)}`
  const service = spawn(await buildOnce(2, name, '.', source), { stdio: ['ignore', 'pipe', 'inherit'] })
  test.after(() => void service.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: service.stdout }).on('line', (line) => lines.push(line))
  await until('it listens', () => lines.length > 0)
  const endpoint = lines.shift()!.replace('listening on ', '')
  const flags = ['--upload-dir', temporaryFolder(test), '--hooks-grpc', endpoint, '--hooks-enabled-events', '']
  const server = await startServer(test, ['serve', '--port', '0', ...flags])
  const created = await post(server, { 'Upload-Length': '10', 'Upload-Metadata': 'filename YQ==' })
  assert.equal(created.status, 201)
  assert.equal(created.headers.get('X-Go'), '1')
  const url = created.headers.get('Location')!
  assert.ok(url.endsWith('/from-go'))
  assert.equal((await head(url)).headers.get('Upload-Metadata'), 'by Z28=')
  const patched = await patch(url, 0, Buffer.alloc(10))
  assert.deepEqual([patched.status, await patched.text()], [200, 'done'])
  await until('all are told', () => lines.length >= 5)
  const messages = lines.map((line) => JSON.parse(line))
  const types = ['post-create', 'post-finish', 'post-receive', 'pre-create', 'pre-finish']
  assert.deepEqual(messages.map(({ type }) => type).sort(), types)
  const finished = messages.find(({ type }) => type === 'post-finish')
  const { storage, ...upload } = finished.event.upload
  assert.deepEqual(upload, { id: 'from-go', size: 10, offset: 10, metaData: { by: 'go' } })
  assert.equal(storage.Type, 'filestore')
  assert.equal(finished.event.httpRequest.method, 'PATCH')
  assert.equal(finished.event.httpRequest.header['Upload-Offset'], '0')
})
