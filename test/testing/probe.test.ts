import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type DevelopmentBucket, startBucket } from '../../src/testing/bucket/index.js'
import { BEHAVIOURS, runProbe } from '../../src/testing/probe/index.js'

describe('the development bucket behaves like S3', () => {
  let directory: string
  let bucket: DevelopmentBucket
  const errors: unknown[] = []

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-probe-'))
    bucket = await startBucket({ directory, onRequest: ({ error }) => error && errors.push(error) })
  })

  after(async () => {
    await bucket.close()
    await rm(directory, { recursive: true })
  })

  for (const { id, rule, informational, slow } of BEHAVIOURS) {
    // Few servers have lifecycle rules; this one is to have them as S3 does.
    const isLeftOut = informational && !id.startsWith('lifecycle')
    if (isLeftOut || (slow && id !== 'part-list-limit')) continue
    it(`${id}: ${rule}`, async () => {
      const [row] = await runProbe({ ...bucket, bucket: 'probe' }, { only: new RegExp(`^${id}$`) })
      assert.equal(row?.ok, true, row?.detail)
      assert.deepEqual(errors, [])
    })
  }
})

describe('the probe', () => {
  it('says of each behaviour that a server has not what came instead, and goes on', async () => {
    // A server that would take anything is not at hand; one that refuses everything is.
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-probe-'))
    const bucket = await startBucket({ directory, buckets: ['probe'] })
    bucket.intercept = ({ operation }) =>
      operation === 'PutObject' ? { action: 'status', status: 503, code: 'SlowDown' } : undefined
    const rows = await runProbe({ ...bucket, bucket: 'probe' }, { only: /^(put-describes|put-if-none-match|abort)$/ })
    assert.deepEqual(
      rows.map(({ id, ok }) => [id, ok]),
      [
        ['put-describes', false],
        ['put-if-none-match', false],
        ['abort', true],
      ],
    )
    assert.match(rows[0]!.detail, /SlowDown/)
    await bucket.close()
    await rm(directory, { recursive: true })
  })

  it('gives each behaviour an ID of its own', () => {
    assert.equal(new Set(BEHAVIOURS.map(({ id }) => id)).size, BEHAVIOURS.length)
  })
})
