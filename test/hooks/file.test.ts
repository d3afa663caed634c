import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UploadError } from '../../src/errors.js'
import { type FileHooksOptions, fileHooks } from '../../src/hooks/file.js'
import type { HookMessage } from '../../src/hooks/message.js'
import { context, createEvent, deliveredEvent, finishEvent, uploadEvent } from '../support/hook-events.js'
import { until } from '../support/hook-scenario.js'

/** A folder of hooks: texts of programs by name. */
function folderOf(test: TestContext, programs: Record<string, string>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-hooks-')))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), 0o755)
  }
  return folder
}

const ALL = [
  'pre-create',
  'post-create',
  'post-receive',
  'pre-finish',
  'post-finish',
  'pre-terminate',
  'post-terminate',
] as const

function hooksOf(test: TestContext, programs: Record<string, string>, options: Partial<FileHooksOptions> = {}) {
  const directory = folderOf(test, programs)
  return { directory, hooks: fileHooks({ directory, events: ALL, ...options }) }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // One that has ended and that nobody waited for is no process any more.
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('a program gets the message on stdin, and ID, size and offset in its environment, and runs in its folder', async (test) => {
  const { directory, hooks } = hooksOf(
    test,
    {
      'post-finish':
        '#!/bin/sh\ncat > message\nprintf "%s|%s|%s|%s|%s|%s" "$TUS_ID" "$TUS_SIZE" "$TUS_OFFSET" "$TUS_DELIVERY_ID" "$MINE" "$PWD" > variables\n',
    },
    { environment: { PATH: process.env.PATH, MINE: 'yes' } },
  )
  await hooks.onFinished!(deliveredEvent(), context())
  const message = JSON.parse(readFileSync(join(directory, 'message'), 'utf8')) as HookMessage
  assert.equal(message.Type, 'post-finish')
  assert.equal(message.Event.Upload.ID, 'a1')
  assert.equal(message.DeliveryID, 'delivery-1')
  assert.equal(readFileSync(join(directory, 'variables'), 'utf8'), `a1|10|10|delivery-1|yes|${directory}`)
})

test('what it writes to stdout decides, in any language', async (test) => {
  const { hooks } = hooksOf(test, {
    'pre-create': `#!${process.execPath}
      let text = ''
      process.stdin.on('data', (chunk) => { text += chunk }).on('end', () => {
        const { Upload } = JSON.parse(text).Event
        const RejectUpload = Upload.MetaData.filename !== 'good.txt'
        console.log(JSON.stringify(RejectUpload
          ? { RejectUpload, HTTPResponse: { StatusCode: 422, Body: Upload.MetaData.filename } }
          : { ChangeFileInfo: { ID: 'good/1' } }))
      })`,
    'pre-finish': `#!/bin/sh\necho '{"HTTPResponse":{"Header":{"Link":"</x>"}}}'\n`,
  })
  const refused = async () => hooks.onCreate!(createEvent(), context())
  await assert.rejects(refused, { status: 422, body: 'a.txt' })
  const decision = await hooks.onCreate!(createEvent({ metadata: { filename: 'good.txt' } }), context())
  assert.equal(decision?.id, 'good/1')
  assert.deepEqual(await hooks.onFinish!(finishEvent(), context()), { headers: { Link: '</x>' } })
})

test('a program that is not there has nothing to say, and one that says nothing neither', async (test) => {
  const { hooks } = hooksOf(test, { 'pre-terminate': '#!/bin/sh\n' })
  assert.deepEqual(await hooks.onCreate!(createEvent(), context()), { answer: undefined })
  await hooks.onTerminate!(uploadEvent(), context())
  await hooks.onFinished!(deliveredEvent(), context())
})

const failures: [rule: string, text: string, says: RegExp][] = [
  ['ends with a code', '#!/bin/sh\necho hunter2; exit 3\n', /it ended with code 3$/],
  ['is killed', '#!/bin/sh\nkill -9 $$\n', /it was ended by SIGKILL$/],
  ['writes no JSON', '#!/bin/sh\necho hunter2\n', /the answer is not JSON$/],
  ['writes too much', '#!/bin/sh\nwhile :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n', /more than 65536 bytes$/],
  ['has an interpreter that is not there', '#!/no/such/interpreter\n', /it cannot be run \(ENOENT\)$/],
]
for (const [rule, text, says] of failures) {
  test(`a program that ${rule} is a failure: it has refused nothing`, async (test) => {
    const { hooks } = hooksOf(test, { 'pre-create': text })
    await assert.rejects(
      async () => hooks.onCreate!(createEvent(), context()),
      (error: UploadError) => {
        assert.match(error.message, says)
        assert.equal(error.status, undefined)
        assert.doesNotMatch(error.message, /hunter2/)
        return true
      },
    )
  })
}

test('a file that may not be executed, and a folder, are failures', async (test) => {
  const { directory, hooks } = hooksOf(test, { 'pre-create': '#!/bin/sh\n' })
  chmodSync(join(directory, 'pre-create'), 0o644)
  await assert.rejects(async () => hooks.onCreate!(createEvent(), context()), /cannot be executed \(EACCES\)/)
  mkdirSync(join(directory, 'post-create'))
  await assert.rejects(async () => hooks.onCreated!(deliveredEvent(), context()), /it cannot be run \(EACCES\)/)
})

test('a folder that went away does not let everything pass', async (test) => {
  const { directory, hooks } = hooksOf(test, { 'pre-create': '#!/bin/sh\n' })
  rmSync(directory, { recursive: true })
  await assert.rejects(async () => hooks.onCreate!(createEvent(), context()), /the folder of hooks is not there/)
  await assert.rejects(hooks.ready(), { code: 'ERR_INVALID_OPTIONS' })
})

test('a program that hangs is killed when its time is up, with all that it started', async (test) => {
  const text = '#!/bin/sh\nsleep 60 &\necho $! > child\necho $$ > self\nsleep 60\n'
  const { directory, hooks } = hooksOf(test, { 'pre-create': text }, { timeout: 1_500 })
  const started = performance.now()
  await assert.rejects(async () => hooks.onCreate!(createEvent(), context()), /no answer in time/)
  assert.ok(performance.now() - started < 6_000)
  for (const name of ['self', 'child']) {
    const pid = Number(readFileSync(join(directory, name), 'utf8'))
    await until(`${name} is gone`, () => !isAlive(pid), 2_000)
  }
})

test('the signal of the context ends it, too', async (test) => {
  const { directory, hooks } = hooksOf(test, { 'pre-finish': '#!/bin/sh\necho $$ > self\nexec sleep 60\n' })
  const stop = new AbortController()
  const asked = hooks.onFinish!(finishEvent(), { signal: stop.signal })
  await until('it runs', () => existsSync(join(directory, 'self')) && readFileSync(join(directory, 'self')).length > 0)
  stop.abort()
  await assert.rejects(async () => asked, /no answer in time/)
  await until('it is gone', () => !isAlive(Number(readFileSync(join(directory, 'self'), 'utf8'))), 2_000)
})

test('what a program leaves running is not waited for, and goes on', async (test) => {
  const text = '#!/bin/sh\nsleep 30 &\necho $! > later\necho "{}"\n'
  const { directory, hooks } = hooksOf(test, { 'pre-finish': text })
  const started = performance.now()
  await hooks.onFinish!(finishEvent(), context())
  assert.ok(performance.now() - started < 15_000)
  const pid = Number(readFileSync(join(directory, 'later'), 'utf8'))
  assert.ok(isAlive(pid))
  process.kill(pid, 'SIGKILL')
})

test('what it writes to stderr is told line by line, and no more than 200 of them', async (test) => {
  const lines: unknown[] = []
  const logger = { info: (fields: Record<string, unknown>) => void lines.push(fields) }
  const text = '#!/bin/sh\necho one >&2; printf two >&2\n'
  const noisy = '#!/bin/sh\nyes | head -n 5000 >&2\n'
  const { hooks } = hooksOf(test, { 'post-finish': text, 'post-create': noisy }, { logger })
  await hooks.onFinished!(deliveredEvent(), context())
  await until('both came', () => lines.length === 2)
  assert.deepEqual(lines, [
    { hook: 'post-finish', id: 'a1', line: 'one' },
    { hook: 'post-finish', id: 'a1', line: 'two' },
  ])
  await hooks.onCreated!(deliveredEvent(), context())
  await sleep(50)
  assert.equal(lines.length, 202)
})

test('a large message does not break a program that reads none of it', async (test) => {
  const { hooks } = hooksOf(test, { 'post-finish': '#!/bin/sh\nexec 0<&-\nsleep 0.1\n' })
  const event = deliveredEvent()
  const upload = { ...event.upload, metadata: { large: 'x'.repeat(1_000_000) } }
  await hooks.onFinished!({ ...event, upload }, context())
})

test('no more run at once than may, and all have their turn', async (test) => {
  const text = '#!/bin/sh\necho + >> log\nsleep 0.1\necho - >> log\n'
  const { directory, hooks } = hooksOf(test, { 'post-finish': text }, { concurrency: 2 })
  await Promise.all(Array.from({ length: 6 }, () => hooks.onFinished!(deliveredEvent(), context())))
  let running = 0
  let most = 0
  const marks = readFileSync(join(directory, 'log'), 'utf8').trim().split('\n')
  for (const mark of marks) {
    running += mark === '+' ? 1 : -1
    most = Math.max(most, running)
  }
  assert.deepEqual([marks.length, most], [12, 2])
})

test('whoever waits for its turn for too long is told so, and its place is free', async (test) => {
  const { hooks } = hooksOf(test, { 'post-finish': '#!/bin/sh\nsleep 0.6\n' }, { concurrency: 1 })
  const first = hooks.onFinished!(deliveredEvent(), context())
  await sleep(20)
  const late = async () => hooks.onFinished!(deliveredEvent(), { signal: AbortSignal.timeout(50) })
  await assert.rejects(late, /no answer in time/)
  await Promise.all([first, hooks.onFinished!(deliveredEvent(), context())])
})

const impossible: [rule: string, options: Partial<FileHooksOptions>, says: RegExp][] = [
  ['no such folder', { directory: '/no/such/folder' }, /^directory: there is no folder \/no\/such\/folder/],
  ['a file', { directory: import.meta.filename }, /^directory: there is no folder/],
  ['no turn', { concurrency: 0 }, /^concurrency: /],
  ['no time', { timeout: 0 }, /^timeout: /],
]
for (const [rule, options, says] of impossible) {
  test(`options are refused by name: ${rule}`, () => {
    assert.throws(() => fileHooks({ directory: tmpdir(), ...options }), { code: 'ERR_INVALID_OPTIONS', message: says })
  })
}
