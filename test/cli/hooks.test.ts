import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openHooks } from '../../src/cli/hooks.js'
import { createLog } from '../../src/cli/log.js'
import { type Flags, readOptions } from '../../src/cli/read-options.js'
import { runCommand, temporaryFolder } from './command.js'

const log = createLog({ verbose: false, format: 'text', write: () => undefined })

function open(flags: Record<string, string>) {
  const given: Flags = Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, [value]]))
  return openHooks(readOptions('serve', given, {}), log)
}

const impossible: [flags: Record<string, string>, says: RegExp][] = [
  [
    { 'hooks-enabled-events': 'pre-create, post-everything' },
    /--hooks-enabled-events: there is no hook post-everything/,
  ],
  [{ 'hooks-http': 'hunter2' }, /--hooks-http: hooks need a URL/],
  [{ 'hooks-http': 'http://x/', 'hooks-http-secret': 'hunter2' }, /--hooks-http-secret: must be 'whsec_'/],
  [{ 'hooks-http': 'http://x/', 'hooks-http-forward-headers': 'Host' }, /--hooks-http-forward-headers: Host cannot/],
  [{ 'hooks-dir': '/no/such' }, /--hooks-dir: there is no folder \/no\/such/],
  [{ 'hooks-grpc': 'http://x' }, /--hooks-grpc: must be host:port/],
  [
    { 'hooks-grpc': 'x:1', 'hooks-grpc-client-tls-key': '/no/such' },
    /--hooks-grpc-client-tls-key: \/no\/such cannot be read/,
  ],
  [
    { 'hooks-grpc': 'x:1', 'hooks-grpc-server-tls-certificate': import.meta.filename },
    /--hooks-grpc-secure: certificates are of no use without it/,
  ],
  [{ 'hooks-redis': 'http://:hunter2@x' }, /--hooks-redis: must begin with redis:/],
]
for (const [flags, says] of impossible) {
  test(`--${Object.keys(flags).join(' --')} that cannot be is refused by the name of the flag, without a secret`, async () => {
    await assert.rejects(open(flags), (error: Error) => {
      assert.equal(error.name, 'UsageError')
      assert.match(error.message, says)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    })
  })
}

test('hooks that cannot be end the command at its start', async (test) => {
  const args = ['--port=0', `--upload-dir=${temporaryFolder(test)}`, '--hooks-dir=/no/such']
  const { code, stderr } = await runCommand(['serve', ...args])
  assert.deepEqual([code, stderr], [2, 'holdfast: --hooks-dir: there is no folder /no/such.\n'])
})

const namesOf = async (test: TestContext, flags: Record<string, string>): Promise<string[]> => {
  const { hooks, close } = await open(flags)
  test.after(close)
  return Object.keys(hooks ?? {}).sort()
}

test('without any of them there are no hooks', async (test) => {
  const { hooks } = await open({ 'hooks-enabled-events': '' })
  assert.equal(hooks, undefined)
  assert.deepEqual(await namesOf(test, {}), [])
})

test('the events are those of tusd, or those that are named, or all', async (test) => {
  const url = { 'hooks-http': 'http://127.0.0.1:1/' }
  const usual = ['onCreate', 'onCreated', 'onFinished', 'onProgress', 'onTerminated']
  assert.deepEqual(await namesOf(test, url), usual)
  assert.deepEqual(await namesOf(test, { ...url, 'hooks-enabled-events': 'pre-finish, post-finish' }), [
    'onFinish',
    'onFinished',
  ])
  assert.deepEqual(
    await namesOf(test, { ...url, 'hooks-enabled-events': '' }),
    [...usual, 'onFinish', 'onTerminate'].sort(),
  )
})

test('a stream is told what happened for good, and of that what is enabled', async (test) => {
  const url = { 'hooks-redis': 'redis://127.0.0.1:1' }
  assert.deepEqual(await namesOf(test, url), ['onCreated', 'onFinished', 'onTerminated'])
  assert.deepEqual(await namesOf(test, { ...url, 'hooks-enabled-events': 'pre-create,post-finish' }), ['onFinished'])
})
