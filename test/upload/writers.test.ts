import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../../src/errors.js'
import { Writers } from '../../src/upload/writers.js'
import { bodyOf, thenSilence } from '../support/body.js'

const code = (expected: string) => (error: unknown) => error instanceof UploadError && error.code === expected

/** A writer that reads a body which never ends by itself. */
async function write(writers: Writers, id: string, log: string[], name: string): Promise<void> {
  await writers.exclusively(id, 1_000, async (writer) => {
    log.push(`${name} begins`)
    const body = bodyOf(thenSilence([Buffer.from('x')]))
    writer.reads(body)
    for await (const _ of body);
    await sleep(10)
    log.push(`${name} ends: ${writer.stopped}`)
  })
}

test('a newcomer waits until the present writer has stored what it has', async () => {
  const writers = new Writers()
  const log: string[] = []
  const first = write(writers, 'a', log, 'first')
  await sleep(5)
  const second = write(writers, 'a', log, 'second')
  await first
  await sleep(5)
  assert.deepEqual(log, ['first begins', 'first ends: yield', 'second begins'])
  await writers.close(1_000)
  await second
  assert.equal(log.at(-1), 'second ends: shutdown')
})

test('of newcomers in the same moment one begins, and yields to the next', async () => {
  const writers = new Writers()
  let present = 0
  const work = async (): Promise<void> => {
    assert.equal(++present, 1, 'alone')
    await sleep(2)
    present--
  }
  await Promise.all(Array.from({ length: 10 }, () => writers.exclusively('a', 1_000, work)))
})

test('writers of other uploads are left alone', async () => {
  const writers = new Writers()
  const log: string[] = []
  void write(writers, 'a', log, 'a')
  void write(writers, 'b', log, 'b')
  await sleep(20)
  assert.deepEqual(log, ['a begins', 'b begins'])
  assert.equal(writers.size, 2)
  assert.equal(await writers.close(1_000), true)
  assert.equal(writers.size, 0)
})

test('a writer that does not yield in time is told as locked', async () => {
  const writers = new Writers()
  const stubborn = writers.exclusively('a', 10, () => sleep(100))
  await assert.rejects(
    writers.exclusively('a', 20, async () => undefined),
    code('ERR_UPLOAD_LOCKED'),
  )
  await assert.rejects(writers.yielded('a', 20), code('ERR_UPLOAD_LOCKED'))
  await stubborn
  await writers.yielded('a', 20)
})

test('a writer asked to yield before it reads is stopped when it does', async () => {
  const writers = new Writers()
  const writing = writers.exclusively('a', 10, async (writer) => {
    await sleep(30)
    assert.ok(writer.signal.aborted)
    const body = bodyOf(thenSilence([]))
    writer.reads(body)
    for await (const _ of body);
    return body.ended
  })
  void writers.yielded('a', 1_000)
  assert.equal(await writing, 'stopped')
})

test('a writer that fails makes way', async () => {
  const writers = new Writers()
  await assert.rejects(
    writers.exclusively('a', 10, async () => {
      throw new Error('x')
    }),
  )
  assert.equal(await writers.exclusively('a', 10, async () => 'next'), 'next')
})

test('after closing nobody begins', async () => {
  const writers = new Writers()
  await writers.close(10)
  await assert.rejects(
    writers.exclusively('a', 10, async () => undefined),
    code('ERR_SERVER_SHUTDOWN'),
  )
})
