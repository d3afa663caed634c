import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Model } from '../../test/properties/model.js'
import type { Answer } from '../../test/properties/request.js'
import { create, finish, offsetOf, patch } from './client.js'
import { type Gate, hold, type Moment, nameOf, openWorld, PART, quiet, type Server, type World } from './world.js'

interface Situation {
  length: number
  committed: number
  moments: Moment[]
}

const LENGTH = 4 * PART - 7
const SITUATIONS: Record<string, Situation> = {
  'parts of one multipart upload': {
    length: LENGTH,
    committed: PART + 1_000,
    moments: [
      { operation: 'UploadPart', partNumber: 2, where: 'before' },
      { operation: 'UploadPart', partNumber: 2, where: 'after' },
      { operation: 'UploadPart', partNumber: 4, where: 'before' },
      { operation: 'PutObject', target: 'record', where: 'before' },
      { operation: 'PutObject', target: 'record', where: 'after' },
      { operation: 'CompleteMultipartUpload', where: 'before' },
      { operation: 'CompleteMultipartUpload', where: 'after' },
    ],
  },
  'parts of two multipart uploads': {
    length: LENGTH,
    committed: 0,
    moments: [
      { operation: 'CreateMultipartUpload', where: 'after' },
      { operation: 'PutObject', target: 'record', where: 'before' },
      { operation: 'PutObject', target: 'record', where: 'after' },
      { operation: 'CompleteMultipartUpload', where: 'before' },
      { operation: 'CompleteMultipartUpload', where: 'after' },
    ],
  },
  'all of a small upload': {
    length: 30_000,
    committed: 0,
    moments: [
      { operation: 'PutObject', target: 'object', where: 'before' },
      { operation: 'PutObject', target: 'object', where: 'after' },
      { operation: 'PutObject', target: 'record', where: 'before' },
      { operation: 'PutObject', target: 'record', where: 'after' },
    ],
  },
}

/** What either is told: stored, overtaken, in the way, ended, or that what is stored contradicts what was committed. */
const ANSWERS = [204, 409, 410, 423, 500, 503]

describe('two clients send other bytes for the same range, to two servers at once', () => {
  const cleanups: (() => unknown)[] = []
  let world: World
  before(async () => {
    world = await openWorld({ after: (close) => void cleanups.push(close as () => unknown) }, { servers: 2 })
  })
  after(async () => {
    for (const close of cleanups) await close()
  })

  let seed = 0
  const failed = { loudly: 0, of: 0 }
  for (const [situation, { length, committed, moments }] of Object.entries(SITUATIONS)) {
    for (const first of moments) {
      for (const second of moments) {
        const name = `${situation}: one held ${nameOf(first)}, the other ${nameOf(second)}`
        test(`${name}: a finished object is what was committed, or there is none`, async () => {
          const [one, other] = world.servers as [Server, Server]
          const model = new Model(length, false, ++seed)
          const [x, y] = model.contents
          const id = await create(one, length)
          if (committed > 0) {
            model.attempt(0, 0, committed, false)
            model.stored(0, 0, offsetOf(await patch(one, id, 0, x.subarray(0, committed))))
          }
          const send = async (server: Server, variant: 0 | 1): Promise<Answer> => {
            model.attempt(variant, committed, length - committed, false)
            const answer = await patch(server, id, committed, (variant === 0 ? x : y).subarray(committed))
            assert.ok(ANSWERS.includes(answer.status), `${answer.status} ${answer.body}`)
            if (answer.status === 500) assert.match(String(answer.body), /^ERR_STORE_CORRUPT/)
            if (answer.status === 204) {
              assert.equal(offsetOf(answer), length)
              model.stored(variant, committed, length)
              await isGood(world, id, model)
            }
            return answer
          }
          const gates = [hold(one, first), hold(other, second)] as [Gate, Gate]
          const sent = [send(one, 0)]
          await Promise.race([gates[0].reached, sent[0]])
          sent.push(send(other, 1))
          await Promise.race([gates[1].reached, sent[1]])
          gates[0].release()
          // Who waits for the other's part in the meantime ends all the same.
          await sent[0]
          gates[1].release()
          await Promise.all(sent)
          await Promise.all([quiet(one), quiet(other)])
          const last = await finish(one, id, x)
          failed.of++
          if (last.status === 200) await isGood(world, id, model)
          else {
            failed.loudly++
            assert.ok([410, 500].includes(last.status), `${last.status}`)
            assert.equal(await world.bytes(id), undefined, 'nothing was made of it')
          }
        })
      }
    }
  }

  test('some of them ended in a loud failure, and most did not', () => {
    assert.ok(failed.loudly > 0 && failed.loudly < failed.of / 2, `${failed.loudly} of ${failed.of}`)
  })
})

/** Told as finished: the object is there, and made of what was committed. */
async function isGood(world: World, id: string, model: Model): Promise<void> {
  const object = await world.bytes(id)
  assert.notEqual(object, undefined, 'what is told as finished is there')
  model.check(object!)
}
