import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startServer, temporaryFolder } from '../test/cli/command.js'
import { until } from '../test/support/hook-scenario.js'
import { patch, post } from '../test/support/stack.js'
import { startRedis } from './support/server.js'

// The examples import 'holdfast' by its name, which is dist/.
const root = join(import.meta.dirname, '..')

interface Consumer {
  child: ChildProcess
  lines: () => string[]
  ended: Promise<unknown>
}

function consumer(test: TestContext, url: string, name: string): Consumer {
  const file = join(root, 'examples', 'redis-consumer.ts')
  const env = { ...process.env, REDIS: url, CONSUMER: name, IDLE: '1000' }
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let told = ''
  child.stdout.on('data', (chunk) => {
    told += chunk
  })
  test.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  return { child, lines: () => told.trim().split('\n'), ended }
}

test('examples/redis-consumer.ts takes the events of holdfast serve, shares them, and takes over what another one left', async (test) => {
  const redis = await startRedis(test)
  const stream = 'holdfast:events'
  const flags = ['--upload-dir', temporaryFolder(test)]
  const server = await startServer(test, ['serve', '--port', '0', ...flags], { HOLDFAST_HOOKS_REDIS: redis.url })
  for (let at = 0; at < 5; at++) {
    const created = await post(server, { 'Upload-Length': '10' })
    assert.equal((await patch(created.headers.get('Location')!, 0, Buffer.alloc(10))).status, 204)
  }
  await until('all are there', async () => (await redis.send('XLEN', stream)) === 10)
  // Somebody takes three of them, and is never seen again.
  await redis.send('XGROUP', 'CREATE', stream, 'workers', '0')
  await redis.send('XREADGROUP', 'GROUP', 'workers', 'lost', 'COUNT', '3', 'STREAMS', stream, '>')
  const both = [consumer(test, redis.url, 'a'), consumer(test, redis.url, 'b')]
  const events = (): string[] => both.flatMap(({ lines }) => lines()).filter((line) => / post-/.test(line))
  await until('all are done', () => events().length >= 10)
  const deliveries = events().map((line) => line.split(' ').at(-1))
  assert.equal(new Set(deliveries).size, 10)
  assert.equal(events().filter((line) => line.includes(' post-finish ')).length, 5)
  await until(
    'all are confirmed',
    async () => ((await redis.send('XPENDING', stream, 'workers')) as unknown[])[0] === 0,
  )
  await until('both listen', () => both.every(({ lines }) => lines()[0] === `listening on ${stream}`))
  for (const { child } of both) child.kill('SIGTERM')
  for (const { ended } of both) assert.deepEqual(await ended, [0, null])
})
