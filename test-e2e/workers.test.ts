import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Upload } from 'tus-js-client'
import { temporaryFolder } from '../test/cli/command.js'
import { s3Args, s3Environment } from '../test/support/mortal-server.js'
import { startWorkers, type WorkersServer } from '../test/support/workers.js'
import { seededDigest, seededFile } from './data.js'
import { idOf, objectDigest, openBucket } from './server.js'

const MiB = 1024 * 1024
const COUNT = 6
const SIZE = 48 * MiB

/** Milliseconds between two deaths, and how many there are: fewer than would end the server. */
const LIFE = 700
const DEATHS = 9

test('6 uploads in chunks, through 3 workers of which one after the other is killed, arrive whole', async (context) => {
  const bucket = await openBucket(context, temporaryFolder(context))
  const server = await startWorkers(context, ['--workers', '3', ...s3Args(bucket)], s3Environment(bucket))
  const uploads = Promise.all(Array.from({ length: COUNT }, (_, seed) => upload(server.url, seed)))
  const deaths = await killOneByOne(context, server, uploads)
  const urls = await uploads
  for (const [seed, url] of urls.entries()) {
    const expected = { digest: seededDigest(seed, SIZE), size: SIZE }
    assert.deepEqual(await objectDigest(bucket, idOf(url)), expected, `upload ${seed}`)
  }
  assert.deepEqual(server.servedBy(), [1, 2, 3])
  assert.ok(deaths >= 2, `${deaths} deaths`)
  console.log(`${COUNT} × 48 MiB in chunks: ${deaths} workers were killed`)
})

/** Until all is uploaded, or enough have died. */
async function killOneByOne(context: TestContext, server: WorkersServer, uploads: Promise<unknown>): Promise<number> {
  let isOver = false
  const over = uploads.then(() => {
    isOver = true
  })
  context.after(() => {
    isOver = true
  })
  for (let deaths = 0; ; deaths++) {
    await Promise.race([over, sleep(LIFE)])
    if (isOver || deaths === DEATHS) return deaths
    const pid = (await server.counters()).pids.get(1 + (deaths % 3))
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  }
}

/** In chunks that are neither a part nor divide one, so that tails go from worker to worker. */
function upload(endpoint: string, seed: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new Upload({} as never, {
      endpoint,
      fileReader: seededFile(seed, SIZE),
      chunkSize: 3 * MiB,
      headers: { Connection: 'close' },
      retryDelays: Array.from({ length: 200 }, () => 200),
      onSuccess: () => resolve(client.url!),
      onError: reject,
    })
    client.start()
  })
}
