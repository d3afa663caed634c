/**
 * A server that is stopped (SIGSTOP) at a moment of its PATCH, another that takes over, and the first that goes on.
 * @module
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Answer } from '../../test/properties/request.js'
import { seededBytes } from '../../test/support/body.js'
import { create, finish, head, offsetOf, patch, terminate } from './client.js'
import { goOn, hold, type Moment, nameOf, openWorld, PART, quiet, type Server, stop, type World } from './world.js'

interface Situation {
  /** Bytes of the upload, bytes that are committed before, and where the PATCH that is stopped ends. */
  length: number
  committed: number
  to: number
  moments: Moment[]
}

const both = (moment: Omit<Moment, 'where'>): Moment[] => [
  { ...moment, where: 'before' },
  { ...moment, where: 'after' },
]

const LENGTH = 5 * PART - 7
const SITUATIONS: Record<string, Situation> = {
  'its first bytes, in parts and a tail': {
    length: LENGTH,
    committed: 0,
    to: 2 * PART + 1_000,
    moments: [
      ...both({ operation: 'CreateMultipartUpload' }),
      ...both({ operation: 'UploadPart', partNumber: 1 }),
      ...both({ operation: 'UploadPart', partNumber: 2 }),
      ...both({ operation: 'PutObject', target: 'slot' }),
      ...both({ operation: 'PutObject', target: 'record' }),
    ],
  },
  'more bytes, after parts and a tail': {
    length: LENGTH,
    committed: PART + 1_000,
    to: 3 * PART + 500,
    moments: [
      ...both({ operation: 'UploadPart', partNumber: 2 }),
      ...both({ operation: 'UploadPart', partNumber: 3 }),
      ...both({ operation: 'PutObject', target: 'slot' }),
      ...both({ operation: 'PutObject', target: 'record' }),
    ],
  },
  'the last bytes, which end in a completion': {
    length: LENGTH,
    committed: 2 * PART + 1_000,
    to: LENGTH,
    moments: [
      ...both({ operation: 'UploadPart', partNumber: 3 }),
      ...both({ operation: 'UploadPart', partNumber: 5 }),
      ...both({ operation: 'PutObject', target: 'record' }),
      ...both({ operation: 'CompleteMultipartUpload' }),
      ...both({ operation: 'DeleteObjects' }),
      ...both({ operation: 'PutObject', target: 'record', nth: 2 }),
    ],
  },
  'all of a small upload': {
    length: 30_000,
    committed: 0,
    to: 30_000,
    moments: [
      ...both({ operation: 'PutObject', target: 'object' }),
      ...both({ operation: 'PutObject', target: 'record' }),
    ],
  },
  'the rest of a small upload, after a tail': {
    length: 30_000,
    committed: 9_000,
    to: 30_000,
    moments: [
      ...both({ operation: 'PutObject', target: 'object' }),
      ...both({ operation: 'PutObject', target: 'record' }),
      ...both({ operation: 'DeleteObjects' }),
      ...both({ operation: 'PutObject', target: 'record', nth: 2 }),
    ],
  },
}

/** What another server is asked to do meanwhile. */
const MEANWHILE = {
  'goes on': async (server: Server, id: string, bytes: Buffer) => {
    const offset = offsetOf(await head(server, id))
    if (offset < bytes.length) await patch(server, id, offset, bytes.subarray(offset, offset + PART + 300))
  },
  finishes: async (server: Server, id: string, bytes: Buffer) => {
    assert.equal(offsetOf(await finish(server, id, bytes)), bytes.length)
  },
  terminates: async (server: Server, id: string) => {
    assert.equal((await terminate(server, id)).status, 204)
  },
}

/** @param opaqueEtags whether the ETag of a part says nothing of its bytes */
export function suiteOfStopped(opaqueEtags: boolean): void {
  describe(`a server stopped in the middle of a PATCH${opaqueEtags ? ', where ETags are opaque' : ''}`, () => {
    const cleanups: (() => unknown)[] = []
    let world: World
    before(async () => {
      world = await openWorld(
        { after: (close) => void cleanups.push(close as () => unknown) },
        { servers: 2, opaqueEtags },
      )
    })
    after(async () => {
      for (const close of cleanups) await close()
    })

    let seed = 0
    for (const [situation, { length, committed, to, moments }] of Object.entries(SITUATIONS)) {
      for (const moment of moments) {
        for (const [what, meanwhile] of Object.entries(MEANWHILE)) {
          test(`with ${situation}, ${nameOf(moment)}: another ${what}, and the late one changes nothing`, async () => {
            const [late, other] = world.servers as [Server, Server]
            const bytes = Buffer.from(seededBytes(++seed, length))
            const id = await create(late, length)
            if (committed > 0) assert.equal((await patch(late, id, 0, bytes.subarray(0, committed))).status, 204)
            const gate = hold(late, moment)
            const stopped = patch(late, id, committed, bytes.subarray(committed, to))
            await Promise.race([gate.reached, stopped.then(({ status }) => assert.fail(`not held: ${status}`))])
            await stop(late)
            let seen: Record<string, string>
            let answer: Answer
            try {
              await meanwhile(other, id, bytes)
              await quiet(other)
              seen = await world.listing(id)
            } finally {
              gate.release()
              goOn(late)
              answer = await stopped
            }
            await quiet(late)
            const now = await world.listing(id)
            if (what === 'goes on') assert.equal(now[`${id}.info`], seen[`${id}.info`], 'the record')
            else assert.deepEqual(now, seen, 'the bucket')
            await isTruthful(world, other, id, bytes, answer, what === 'terminates')
            if (what !== 'terminates') await isWhole(world, other, id, bytes, opaqueEtags)
          })
        }
      }
    }
  })
}

/** The answer to the late one is an error, or what any other server says as well. */
async function isTruthful(
  world: World,
  other: Server,
  id: string,
  bytes: Buffer,
  answer: Answer,
  wasTerminated: boolean,
): Promise<void> {
  if (answer.status >= 400) return
  assert.equal(answer.status, 204)
  const now = await head(other, id)
  // It was stored, and then terminated.
  if (wasTerminated) return assert.equal(now.status, 404)
  assert.ok(offsetOf(now) >= offsetOf(answer), 'what was told is there')
  if (offsetOf(answer) === bytes.length) assert.ok((await world.bytes(id))?.equals(bytes), 'what was told is there')
}

async function isWhole(world: World, other: Server, id: string, bytes: Buffer, mayFail: boolean): Promise<void> {
  const last = await finish(other, id, bytes)
  // The late part has the same bytes, but S3 says nothing that would prove it: loudly, and nothing is made of it.
  if (mayFail && last.status !== 200) {
    assert.ok([410, 500].includes(last.status), `${last.status}`)
    assert.equal(await world.bytes(id), undefined)
    return
  }
  assert.deepEqual([last.status, offsetOf(last)], [200, bytes.length])
  assert.ok((await world.bytes(id))?.equals(bytes), 'the object is what was sent')
  assert.deepEqual(Object.keys(await world.listing(id)), [id, `${id}.info`])
}
