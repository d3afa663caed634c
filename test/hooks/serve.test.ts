/** Hooks through the whole: `holdfast serve` as a process, real endpoints, and clients that see what comes of it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { HookMessage } from '../../src/hooks/message.js'
import { startServer, temporaryFolder } from '../cli/command.js'
import { play, startReceiver } from '../support/hook-scenario.js'

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, 'golden', 'tusd-2.10.0.json'), 'utf8'),
) as HookMessage[]

export function serve(test: TestContext, flags: readonly string[], environment: Record<string, string> = {}) {
  const folder = temporaryFolder(test)
  return startServer(test, ['serve', '--port', '0', '--upload-dir', folder, ...flags], environment)
}

test('what is sent is what tusd 2.10.0 sends in the life of the same uploads, field by field', async (test) => {
  const receiver = await startReceiver()
  test.after(() => receiver.close())
  const flags = ['--hooks-http', receiver.url, '--hooks-enabled-events', '', '--progress-hooks-interval', '200ms']
  const { url } = await serve(test, flags)
  const messages = await play(url, receiver)
  assert.equal(messages.length, golden.length)
  for (const [at, { DeliveryID, ...message }] of messages.entries()) assert.deepEqual(message, golden[at])
})
