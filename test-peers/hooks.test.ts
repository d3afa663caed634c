/** What tusd sends to its hooks: the golden file that ours are compared with (test/hooks/golden.test.ts) is what it says. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../test/cli/command.js'
import { play, startReceiver } from '../test/support/hook-scenario.js'
import { startTusdOnDisk, TUSD } from './tusd.js'

const GOLDEN = join(import.meta.dirname, '..', 'test', 'hooks', 'golden', `tusd-${TUSD[2].version}.json`)

test(`tusd ${TUSD[2].version} sends what the golden file has`, async (test) => {
  const receiver = await startReceiver()
  // One progress for each body: tusd tells it at the first interval, also when the request has ended.
  const hooks = ['-hooks-http', receiver.url, '-hooks-enabled-events=', '-progress-hooks-interval', '200ms']
  const tusd = await startTusdOnDisk(2, temporaryFolder(test), hooks)
  try {
    const messages = await play(tusd.url, receiver)
    if (process.env.HOLDFAST_WRITE_GOLDEN) await writeFile(GOLDEN, `${JSON.stringify(messages, null, 2)}\n`)
    assert.deepEqual(messages, JSON.parse(await readFile(GOLDEN, 'utf8')))
  } finally {
    await tusd.stop()
    await receiver.close()
  }
})
