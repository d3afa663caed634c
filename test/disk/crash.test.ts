import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { DiskStore } from '../../src/disk/index.js'
import { seededBytes } from '../support/body.js'
import { contentOf, newUpload } from './support/content.js'
import { folderFor } from './support/folder.js'
import { startWriter } from './support/processes.js'

const MiB = 1024 * 1024

test('a writer killed again and again: no acknowledged byte is lost, and the content is what was sent', async (context) => {
  const directory = await folderFor(context)
  const size = 24 * MiB
  const task = { directory, id: 'killed', seed: 1, size, chunk: 64 * 1024, pause: 45 }
  const { info } = await new DiskStore({ directory }).create(newUpload('killed', size))
  let acknowledged = 0
  for (let kill = 0; kill < 10; kill += 1) {
    const writer = startWriter(task)
    await writer.line('at ')
    // A commit comes each second: some kills come soon after one, the others at any time, also in the midst of one.
    if (kill % 3 === 2) await writer.line('commit ')
    await sleep(Math.random() * (kill % 3 === 2 ? 200 : 1_300))
    writer.process.kill('SIGKILL')
    await writer.ended
    acknowledged = Math.max(acknowledged, writer.acknowledged())
    const { offset } = (await new DiskStore({ directory }).open(info.id)).info
    assert.ok(offset >= acknowledged, `${offset} is committed, ${acknowledged} was acknowledged`)
  }
  assert.ok(acknowledged > 0, 'something was acknowledged before a kill')
  const last = startWriter({ ...task, pause: 0 })
  assert.equal(await last.line('end '), `end ${size}`)
  await last.ended
  const upload = await new DiskStore({ directory }).open(info.id)
  await upload.finish()
  assert.ok((await contentOf(upload)).equals(seededBytes(1, size)))
  assert.equal(upload.info.crc32, crc32(seededBytes(1, size)))
  assert.deepEqual(readdirSync(directory).sort(), ['killed', 'killed.info'])
})

test('a lock whose holder died is taken over at once', async (context) => {
  const directory = await folderFor(context)
  await new DiskStore({ directory }).create(newUpload('stale', 1_000_000))
  const writer = startWriter({ directory, id: 'stale', seed: 2, size: 1_000_000, chunk: 1_000, pause: 50 })
  await writer.line('commit ')
  writer.process.kill('SIGKILL')
  await writer.ended
  assert.ok(readdirSync(directory).includes('stale.lock'), 'the dead holder left its lock')
  const began = performance.now()
  const upload = await new DiskStore({ directory, lockTimeout: 1_000 }).open('stale')
  await upload.terminate?.()
  assert.ok(performance.now() - began < 500)
  assert.deepEqual(readdirSync(directory), [])
})

test('a file that may not grow: ERR_STORE_UNAVAILABLE, and what was committed stays', async (context) => {
  const directory = await folderFor(context)
  const size = 8 * MiB
  await new DiskStore({ directory }).create(newUpload('limited', size))
  // bash counts the limit in KiB.
  const task = { directory, id: 'limited', seed: 3, size, chunk: 300_000, pause: 0 }
  const writer = startWriter(task, 'ulimit -f 3000; exec "$@"')
  await writer.ended
  assert.equal(writer.lines.at(-1), 'error ERR_STORE_UNAVAILABLE EFBIG')
  const upload = await new DiskStore({ directory }).open('limited')
  assert.equal(upload.info.offset, 3000 * 1024, 'all that found room is committed')
  const rest = startWriter(task)
  assert.equal(await rest.line('end '), `end ${size}`)
  await rest.ended
  const whole = await new DiskStore({ directory }).open('limited')
  assert.ok((await contentOf(whole)).equals(seededBytes(3, size)))
})
