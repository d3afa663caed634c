import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { ThreadHash } from '../../../src/testing/bucket/thread-hash.js'

const BATCH = 512 * 1024

async function hash(bytes: Buffer, step: number): Promise<Buffer[]> {
  const hashes = new ThreadHash(['md5', 'sha256'])
  for (let at = 0; at < bytes.length; at += step) await hashes.update(bytes.subarray(at, at + step))
  return hashes.finish()
}

describe('hashes on a thread', () => {
  for (const size of [0, 1, BATCH - 1, BATCH, BATCH + 1, 10 * BATCH, 10 * BATCH + 1]) {
    it(`are those of ${size} bytes, however they come`, async () => {
      const bytes = randomBytes(size)
      const wanted = ['md5', 'sha256'].map((name) => createHash(name).update(bytes).digest())
      for (const step of [65_536, 100_003, 3 * BATCH]) assert.deepEqual(await hash(bytes, step), wanted)
    })
  }

  it('keep several bodies apart, and forget those that are cancelled', async () => {
    const cancelled = new ThreadHash(['md5'])
    for (let at = 0; at < 20; at++) cancelled.update(Buffer.alloc(BATCH))
    cancelled.cancel()
    const bodies = Array.from({ length: 5 }, () => randomBytes(3 * BATCH))
    const found = await Promise.all(bodies.map((bytes) => hash(bytes, 70_000)))
    const wanted = bodies.map((bytes) => createHash('md5').update(bytes).digest())
    assert.deepEqual(
      found.map(([md5]) => md5),
      wanted,
    )
  })

  it('keep the process alive while one is awaited, and no longer', () => {
    const script = `
      import { ThreadHash } from ${JSON.stringify(new URL('../../../src/testing/bucket/thread-hash.ts', import.meta.url).href)}
      const hash = new ThreadHash(['md5'])
      hash.update(Buffer.alloc(${2 * BATCH}))
      hash.finish().then(([md5]) => console.log(md5.toString('hex')))`
    const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    assert.deepEqual(
      [stdout.trim(), status],
      [
        createHash('md5')
          .update(Buffer.alloc(2 * BATCH))
          .digest('hex'),
        0,
      ],
    )
  })
})
