import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UploadError } from '../../src/errors.js'
import { RedisLocker, type RedisLockerOptions } from '../../src/lockers/redis.js'

const SECRET = 'hunter2-secret'

const rows: [rule: string, options: RedisLockerOptions, says: RegExp][] = [
  ['neither client nor URL', {}, /either a client or a URL/],
  ['a URL of something else', { url: `http://:${SECRET}@localhost` }, /redis:\/\/ or rediss:\/\//],
  ['a URL that is none', { url: `redis://:${SECRET}@local host:x` }, /cannot be read/],
  ['a lease that is too short', { url: 'redis://localhost', ttl: 10 }, /at least 500/],
  ['a lease that is no number', { url: 'redis://localhost', ttl: Number.NaN }, /at least 500/],
]
for (const [rule, options, says] of rows) {
  test(`options are refused by name, without a secret: ${rule}`, () => {
    assert.throws(
      () => new RedisLocker(options),
      (error: UploadError) => {
        assert.equal(error.code, 'ERR_INVALID_OPTIONS')
        assert.match(error.message, /^locker: /)
        assert.match(error.message, says)
        assert.doesNotMatch(`${error.message} ${error.stack} ${JSON.stringify(error)}`, new RegExp(SECRET))
        return true
      },
    )
  })
}

test('without the package @redis/client it says what to install', (context) => {
  // A copy of dist/ in a folder above which there are no packages.
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bare-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const dist = join(import.meta.dirname, '..', '..', 'dist')
  mkdirSync(join(folder, 'lockers'))
  cpSync(join(dist, 'lockers'), join(folder, 'lockers'), { recursive: true })
  cpSync(join(dist, 'errors.js'), join(folder, 'errors.js'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(
    join(folder, 'main.js'),
    `import { RedisLocker } from './lockers/redis.js'
    const locker = new RedisLocker({ url: 'redis://127.0.0.1:1' })
    for (const attempt of [locker.ready(), locker.acquire('a', { timeout: 10, onReleaseRequested() {} })])
      await attempt.catch(({ code, message }) => console.log(code, message))
    await locker.close()`,
  )
  const printed = execFileSync(process.execPath, [join(folder, 'main.js')], { encoding: 'utf8', timeout: 20_000 })
  const line = 'ERR_INVALID_OPTIONS locker: it needs the package @redis/client; install it: npm install @redis/client\n'
  assert.equal(printed, line.repeat(2))
})

test('a server that cannot be reached: every try is refused soon, by a code, and nothing is left running', async () => {
  const locker = new RedisLocker({ url: 'redis://127.0.0.1:1', ttl: 1_000 })
  const started = performance.now()
  const isAway = ({ code, retryAfter }: UploadError): boolean =>
    code === 'ERR_LOCKER_UNAVAILABLE' && retryAfter === 1_000
  await assert.rejects(locker.ready(), (error: UploadError) => error.code === 'ERR_LOCKER_UNAVAILABLE')
  const tries = Array.from({ length: 20 }, (_, at) =>
    assert.rejects(locker.acquire(`a${at}`, { timeout: 5_000, onReleaseRequested: () => undefined }), isAway),
  )
  await Promise.all(tries)
  assert.ok(performance.now() - started < 2_500)
  await locker.close()
  await assert.rejects(locker.acquire('a', { timeout: 0, onReleaseRequested: () => undefined }), UploadError)
})
