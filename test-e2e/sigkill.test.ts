import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Upload } from 'tus-js-client'
import { temporaryFolder } from '../test/cli/command.js'
import { MortalServer, s3Args, s3Environment } from '../test/support/mortal-server.js'
import { seededDigest, seededFile } from './data.js'
import { idOf, objectDigest, openBucket } from './server.js'

const MB = 1_000_000
const SIZE = 1024 * 1024 * 1024
const SEED = 1

/** Shares of the file at which the server is killed. */
const DEATHS = [0.2, 0.5, 0.8]

test('1 GiB through a server that is killed three times arrives whole, in less than 250 MB of memory', async (context) => {
  const folder = temporaryFolder(context)
  const bucket = await openBucket(context, folder)
  const server = new MortalServer(context, ['serve', ...s3Args(bucket)], s3Environment(bucket))
  await server.start()
  const started = performance.now()
  const url = await upload(server)
  const seconds = (performance.now() - started) / 1000
  const peak = server.peak
  console.log(`1 GiB, ${server.deaths} deaths: ${seconds.toFixed(1)} s, peak RSS ${Math.round(peak / MB)} MB`)
  assert.equal(server.deaths, DEATHS.length)
  assert.deepEqual(await objectDigest(bucket, idOf(url)), { digest: seededDigest(SEED, SIZE), size: SIZE })
  assert.ok(peak < 250 * MB, `peak RSS ${peak}`)
})

function upload(server: MortalServer): Promise<string> {
  const deaths = [...DEATHS]
  let isRestarting = false
  return new Promise((resolve, reject) => {
    const client = new Upload({} as never, {
      endpoint: server.url,
      fileReader: seededFile(SEED, SIZE),
      retryDelays: Array.from({ length: 200 }, () => 200),
      onProgress(sent) {
        if (isRestarting || sent < SIZE * (deaths[0] ?? Number.POSITIVE_INFINITY)) return
        deaths.shift()
        isRestarting = true
        server.killAndRestart().then(() => {
          isRestarting = false
        }, reject)
      },
      onSuccess: () => resolve(client.url!),
      onError: reject,
    })
    client.start()
  })
}
