import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Upload } from 'tus-js-client'
import { temporaryFolder } from '../test/cli/command.js'
import { MortalServer, s3Args, s3Environment } from '../test/support/mortal-server.js'
import { seededDigest, seededFile } from './data.js'
import { idOf, objectDigest, openBucket } from './server.js'

const MB = 1_000_000
const COUNT = 200
const SIZE = 20 * 1024 * 1024

test('200 uploads of 20 MiB at once arrive whole, in less than 300 MB of memory', async (context) => {
  const folder = temporaryFolder(context)
  const bucket = await openBucket(context, folder)
  const args = ['serve', ...s3Args(bucket), '--buffer-memory', '64MiB']
  const server = new MortalServer(context, args, s3Environment(bucket))
  await server.start()
  const started = performance.now()
  const urls = await Promise.all(Array.from({ length: COUNT }, (_, seed) => upload(server.url, seed)))
  const seconds = (performance.now() - started) / 1000
  const peak = server.peak
  console.log(`${COUNT} × 20 MiB: ${seconds.toFixed(1)} s, peak RSS ${Math.round(peak / MB)} MB`)
  for (const [seed, url] of urls.entries()) {
    const expected = { digest: seededDigest(seed, SIZE), size: SIZE }
    assert.deepEqual(await objectDigest(bucket, idOf(url)), expected, `upload ${seed}`)
  }
  assert.ok(peak < 300 * MB, `peak RSS ${peak}`)
})

function upload(endpoint: string, seed: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new Upload({} as never, {
      endpoint,
      fileReader: seededFile(seed, SIZE),
      retryDelays: [100, 500, 1000, 2000, 5000],
      onSuccess: () => resolve(client.url!),
      onError: reject,
    })
    client.start()
  })
}
