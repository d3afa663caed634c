/**
 * A process that takes and gives back locks, and says so on stdout. A file that can be created once is the witness: it
 * finds two holders at once by means that have nothing to do with Redis.
 *
 * Arguments: URL, ttl, ID, how many at once, how often each; then the witness's path. `hold` for the number: it takes the lock
 * and keeps it until it is ended.
 * @module
 */
import { appendFileSync, closeSync, openSync, unlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { RedisLocker } from '../../src/lockers/redis.js'

const [url, ttl, id, many, rounds, witness] = process.argv.slice(2) as [string, string, string, string, string, string]
const locker = new RedisLocker({ url, ttl: Number(ttl) })

async function contend(): Promise<void> {
  for (let round = 0; round < Number(rounds); round++) {
    const lease = await locker.acquire(id, { timeout: 60_000, onReleaseRequested: () => undefined })
    closeSync(openSync(witness, 'wx'))
    appendFileSync(`${witness}.fences`, `${lease.fence}\n`)
    await sleep(Math.random() * 4)
    unlinkSync(witness)
    await lease.release()
  }
}

async function hold(): Promise<void> {
  const lease = await locker.acquire(id, { timeout: 60_000, onReleaseRequested: () => console.log('asked') })
  lease.lost.addEventListener('abort', () => console.log('lost', lease.mayWrite()))
  console.log(`held ${lease.fence}`)
  await new Promise(() => setInterval(() => undefined, 60_000))
}

if (many === 'hold') await hold()
await Promise.all(Array.from({ length: Number(many) }, contend))
await locker.close()
console.log('done')
