/**
 * A real server under thousands of hostile connections: each is answered or closed, no answer is a failure of the server,
 * and uploads of others are neither changed nor told.
 */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { BACKENDS, type Front, openFront } from './front.js'
import { type Heard, play } from './play.js'
import { MINUTES, SEED } from './seed.js'
import { type Script, type Step, script } from './wire.js'

/** Milliseconds for each store. */
const DURATION = MINUTES === undefined ? 3_000 : MINUTES * 30_000
/** Uploads to begin with, of every kind. */
const created = (more: string, body = ''): Step => ({
  send: `POST /files HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0\r\n${more}\r\n\r\n${body}`,
})
const BODY = '\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 5'
const BEGINNING: Script = [
  ...['Upload-Length: 10', 'Upload-Defer-Length: 1', 'Upload-Concat: partial\r\nUpload-Length: 3'].map((more) =>
    created(more),
  ),
  ...['Upload-Length: 5', 'Upload-Length: 8', 'Upload-Concat: partial\r\nUpload-Length: 5'].map((more) =>
    created(more + BODY, 'hello'),
  ),
  { wait: 1_000 },
]

/** Connections at once. */
const AT_ONCE = 48
/** Connections that one seed stands for. */
const BATCH = 25
/** Milliseconds after its last step in which a connection must be over, on a busy machine. */
const PATIENCE = 10_000
/** Bytes by which the heap may grow from the first batches to the last. */
const GROWTH = 32 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Failures of the server that a client may bring about: a body that is too slow is told so in the words of tus. */
const ALLOWED = /^503 .*ERR_READ_TIMEOUT/s

describe('a hostile client', { concurrency: 1 }, () => {
  const rejections: unknown[] = []
  const note = (reason: unknown): void => void rejections.push(reason)
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
  after(() => {
    process.off('unhandledRejection', note)
    process.off('uncaughtException', note)
  })

  for (const name of Object.keys(BACKENDS) as (keyof typeof BACKENDS)[]) {
    test(`${name}: is answered or cut off, and reaches nothing but its own`, async (context) => {
      const front = await openFront(name)
      const own = new Uploads()
      own.hear((await play(front.port, BEGINNING, 0)).text)
      let [connections, batches, before] = [0, 0, 0]
      const deadline = performance.now() + DURATION
      try {
        do {
          const seed = SEED + batches
          for (const steps of fc.sample(script, { seed, numRuns: BATCH })) {
            await own.room()
            own.plays(playAndJudge(front, own.fill(steps, front), own, seed))
            connections++
          }
          assert.deepEqual(rejections.splice(0), [], `seed ${seed}: no rejection is unhandled`)
          if (++batches === 8) before = heapUsed()
        } while (performance.now() < deadline)
        await own.settled()
        await front.mustBeUntouched()
        const growth = batches > 16 ? heapUsed() - before : 0
        assert.ok(growth < GROWTH, `the heap grew by ${growth} bytes`)
        context.diagnostic(
          `${name}: ${connections} connections, ${own.known} uploads, seeds ${SEED} to ${SEED + batches - 1}`,
        )
        context.diagnostic(`${name}: the heap grew by ${Math.round(growth / 1024)} KiB; statuses ${own.statuses()}`)
      } finally {
        await front.close()
      }
    })
  }
})

function heapUsed(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** What the client has created, and what it was answered. */
class Uploads {
  readonly #ids: string[] = []
  readonly #statuses = new Map<string, number>()
  readonly #running = new Set<Promise<void>>()
  #failure: unknown

  get known(): number {
    return this.#ids.length
  }

  /** Puts IDs in place of their names. */
  fill(steps: Script, { canary }: Front): Script {
    const fill = (text: string): string =>
      text
        .replaceAll(/@(\d)@/g, (_, index) => this.#ids.at(-1 - Number(index)) ?? 'none')
        .replaceAll('@canary@', canary)
    return steps.map((step): Step => ('send' in step ? { send: fill(step.send) } : step))
  }

  plays(connection: Promise<void>): void {
    const running = connection.finally(() => this.#running.delete(running))
    this.#running.add(running)
    running.catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  /** Waits until one connection more may be opened. @throws what was wrong with an earlier one */
  async room(): Promise<void> {
    while (this.#running.size >= AT_ONCE) await Promise.race(this.#running).catch(() => undefined)
    if (this.#failure) throw this.#failure
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#running)
    if (this.#failure) throw this.#failure
  }

  hear(text: string): void {
    for (const [, id] of text.matchAll(/^Location: \S*\/files\/([0-9a-f]{32})\r$/gim)) this.#ids.push(id!)
    for (const status of statusesOf(text)) this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
  }

  statuses(): string {
    return [...this.#statuses]
      .sort()
      .map(([status, times]) => `${status}×${times}`)
      .join(' ')
  }
}

const answersOf = (text: string): string[] => text.split(/HTTP\/1\.1 (?=\d{3} )/).slice(1)
const statusesOf = (text: string): string[] => answersOf(text).map((answer) => answer.slice(0, 3))

async function playAndJudge(front: Front, steps: Script, own: Uploads, seed: number): Promise<void> {
  const heard = await play(front.port, steps, PATIENCE)
  own.hear(heard.text)
  try {
    judge(front, heard)
  } catch (error) {
    const { message } = error as Error
    const log = front.errors.at(-1) ?? 'nothing'
    const sent = JSON.stringify(steps).slice(0, 4_000)
    throw new Error(
      `${message}\nHOLDFAST_FUZZ_SEED=${seed}\nsent: ${sent}\nheard: ${JSON.stringify(heard.text.slice(0, 2_000))}\nlogged: ${log}`,
    )
  }
}

function judge(front: Front, { text, isClosed }: Heard): void {
  assert.ok(isClosed, 'the connection hangs')
  front.mustNotTell(text)
  for (const answer of answersOf(text)) {
    if (answer.startsWith('5')) assert.match(answer, ALLOWED, 'an answer is a failure of the server')
  }
}
