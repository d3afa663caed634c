/** `holdfast sweep` asks and tells hooks as the server does. */
import assert from 'node:assert/strict'
import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand, startServer, temporaryFolder } from '../cli/command.js'
import { startReceiver, until } from '../support/hook-scenario.js'
import { patch, post } from '../support/stack.js'

const MANY = 40

/** As if nothing had been written for an hour. */
function age(folder: string): void {
  const before = Date.now() / 1_000 - 3_600
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.info'))) {
    utimesSync(join(folder, name), before, before)
  }
}

test('holdfast sweep delivers all events that a killed server left, and the next one finds none', async (test) => {
  let isUp = false
  const receiver = await startReceiver((_, response) => (isUp ? {} : response.writeHead(500).end()))
  test.after(() => receiver.close())
  const folder = temporaryFolder(test)
  const flags = ['--upload-dir', folder, '--hooks-http', receiver.url, '--hooks-enabled-events', 'post-finish']
  const server = await startServer(test, ['serve', '--port', '0', ...flags, '--hooks-http-retry', '1'])
  const bytes = Buffer.from('0123456789')
  for (let at = 0; at < MANY; at++) {
    const created = await post(server, { 'Upload-Length': '10' })
    assert.equal((await patch(created.headers.get('Location')!, 0, bytes)).status, 204)
  }
  server.child.kill('SIGKILL')
  await server.ended
  isUp = true
  age(folder)
  const before = receiver.received.length
  const sweep = async (): Promise<Record<string, number>> => {
    const { code, stdout, stderr } = await runCommand(['sweep', ...flags, '--json'])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout)
  }
  assert.equal((await sweep()).delivered, MANY)
  await until('all came', () => receiver.received.length >= before + MANY, 1_000)
  const ids = receiver.received.slice(before).map(({ message }) => message.Event.Upload.ID)
  assert.equal(new Set(ids).size, MANY)
  age(folder)
  assert.equal((await sweep()).delivered, 0)
  assert.equal(receiver.received.length, before + MANY)
})
