/** Resumable Uploads for HTTP: how long an unfinished upload lives. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import { limitsOf, problem, rufhClient } from '../support/rufh.js'
import { held } from '../support/tus.js'

/** Seconds. */
const HOUR = 60 * 60
/** Milliseconds; the field tells whole seconds. */
const SHORT = 1_500

onEachGround('RUFH: lifetime', { expiresAfter: HOUR * 1000 }, ({ send, server }, rule) => {
  const short = server({ expiresAfter: SHORT })

  // They mostly wait.
  describe('at the same time', { concurrency: true }, () => {
    onEachVersion([3, 4, 5, 6], (version) => {
      const { create, append, head, cancel } = rufhClient(short.send, version)

      rule('[rufh-old-ended-404] what has expired is 410, with the reason', async () => {
        const url = await create('ab')
        await sleep(SHORT + 1_100)
        assert.equal((await head(url)).status, 410)
        const { detail } = await problem(append(url, 2, true, 'cd'), 410)
        assert.match(String(detail), /expired/i)
        assert.equal((await cancel(url)).status, 204)
      })
    })

    onEachVersion([6, 7, 8, 9], (version) => {
      const { post, append, head } = rufhClient(send, version)
      const brief = rufhClient(short.send, version)
      // Version 6 calls it so.
      const key = version === 6 ? 'expires' : 'max-age'

      rule('[rufh-limits-age] the seconds that are left are told, and the end does not come nearer', async () => {
        const created = await post(false, 'ab')
        const url = created.headers.get('Location')!
        const ends: number[] = []
        const look = (answer: Response): void => {
          const left = limitsOf(answer)?.[key]
          assert.ok(left !== undefined && left > HOUR - 60 && left <= HOUR, String(left))
          ends.push(Date.now() + left * 1000)
        }
        look(created)
        await sleep(1_100)
        look(await head(url))
        // Counted from the answer, not from when a request began that took its time.
        const { body, sent, open } = held(['c', 'd'])
        const slow = append(url, 2, false, body)
        await sent
        await sleep(1_000)
        open()
        look(await slow)
        await sleep(1_100)
        look(await head(url))
        // Seconds are whole, and answers take time.
        for (const [index, end] of ends.entries()) assert.ok(end >= ends[0]! - 1_500, `answer ${index}`)
      })

      rule('[rufh-max-age] after that, whatever is asked of the upload is 410', async () => {
        const url = await brief.create('ab')
        await sleep(SHORT + 1_100)
        assert.equal((await brief.head(url)).status, 410)
        await problem(brief.append(url, 2, true, 'cd'), 410)
      })
    })
  })
})
