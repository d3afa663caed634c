import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { DiskStore } from '../../src/disk/index.js'
import { UploadError } from '../../src/errors.js'
import { bodyOf, seededBytes } from '../support/body.js'
import { contentOf, newUpload } from './support/content.js'
import { folderFor } from './support/folder.js'
import { startWriter } from './support/processes.js'

test('two processes that append at once: the content is of one of them', async (context) => {
  const directory = await folderFor(context)
  const size = 3_000_000
  for (const round of [1, 2, 3]) {
    const id = `race-${round}`
    await new DiskStore({ directory }).create(newUpload(id, size))
    const at = Date.now() + 1_500
    const writers = [10, 11, 12].map((seed) =>
      startWriter({ directory, id, seed, size, chunk: 50_000, pause: round === 1 ? 5 : 0, from: 0, at }),
    )
    await Promise.all(writers.map(({ ended }) => ended))
    const winners = writers.flatMap((writer, index) => (writer.acknowledged() > 0 ? [index] : []))
    assert.equal(winners.length, 1, JSON.stringify(writers.map(({ lines }) => lines)))
    for (const { lines } of writers.filter((_, index) => index !== winners[0])) {
      assert.match(lines.at(-1)!, /^(error ERR_(CONFLICT|UPLOAD_LOCKED|MISMATCHED_OFFSET)|stopped 0)/)
    }
    const content = seededBytes(10 + winners[0]!, size)
    const upload = await new DiskStore({ directory }).open(id)
    assert.equal(upload.info.offset, writers[winners[0]!]!.acknowledged())
    if (upload.info.offset < size)
      await upload.append(upload.info.offset, bodyOf([content.subarray(upload.info.offset)]))
    assert.ok((await contentOf(upload)).equals(content))
  }
})

test('a writer yields to one in another process within two seconds, and what it had is committed', async (context) => {
  const directory = await folderFor(context)
  const size = 10_000_000
  await new DiskStore({ directory }).create(newUpload('yields', size))
  const holder = startWriter({ directory, id: 'yields', seed: 4, size, chunk: 1_000, pause: 20 })
  await holder.line('commit ')
  const upload = await new DiskStore({ directory, lockTimeout: 2_000 }).open('yields')
  const began = performance.now()
  // The holder commits when it yields, so this handle is out of date by then: the client asks for the offset again.
  const { offset } = upload.info
  const first = await upload.append(offset, bodyOf([seededBytes(4, size).subarray(offset)])).catch((error) => error)
  assert.ok(performance.now() - began < 2_000, 'the lock is had within two seconds')
  assert.ok(first instanceof UploadError && first.code === 'ERR_CONFLICT', String(first))
  assert.match(await holder.line('stopped '), /^stopped \d+$/)
  await holder.ended
  const fresh = await new DiskStore({ directory }).open('yields')
  assert.equal(fresh.info.offset, holder.acknowledged())
  await fresh.append(fresh.info.offset, bodyOf([seededBytes(4, size).subarray(fresh.info.offset)]))
  assert.ok((await contentOf(fresh)).equals(seededBytes(4, size)))
  assert.deepEqual(readdirSync(directory).sort(), ['yields', 'yields.info'])
})

test('a holder that does not yield in time: ERR_UPLOAD_LOCKED, and nothing changes', async (context) => {
  const directory = await folderFor(context)
  await new DiskStore({ directory }).create(newUpload('stopped', 1_000_000))
  const holder = startWriter({ directory, id: 'stopped', seed: 5, size: 1_000_000, chunk: 8_000, pause: 20 })
  await holder.line('commit ')
  holder.process.kill('SIGSTOP')
  const upload = await new DiskStore({ directory, lockTimeout: 300 }).open('stopped')
  const { offset } = upload.info
  await assert.rejects(upload.append(offset, bodyOf([seededBytes(6, 10)])), { code: 'ERR_UPLOAD_LOCKED' })
  holder.process.kill('SIGCONT')
  assert.match(await holder.line('end '), /^end 1000000$/)
  await holder.ended
  const whole = await new DiskStore({ directory }).open('stopped')
  assert.ok((await contentOf(whole)).equals(seededBytes(5, 1_000_000)))
})
