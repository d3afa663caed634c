import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededBytes } from '../../test/support/body.js'
import { create, finish, head, offsetOf, patch, read } from './client.js'
import { openWorld, PART } from './world.js'

/** A generator whose whole run follows from its seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const UPLOADS = 12

for (const count of [2, 3]) {
  test(`requests of one upload go to any of ${count} servers, also two at once, and the object is what was sent`, async (context) => {
    const world = await openWorld(context, { servers: count })
    for (let seed = 1; seed <= UPLOADS; seed++) {
      const random = randomOf(seed * 7 + count)
      const any = () => world.servers[random(count)]!
      const bytes = Buffer.from(seededBytes(seed, 1 + random(8 * PART)))
      const id = await create(any(), bytes.length)
      let told = 0
      for (let turn = 0; turn < 12 && told < bytes.length; turn++) {
        const asked = await head(any(), id)
        assert.equal(asked.status, 200)
        assert.ok(offsetOf(asked) >= told, `seed ${seed}: ${told} was told before ${offsetOf(asked)}`)
        told = offsetOf(asked)
        const some = bytes.subarray(told, told + random(3 * PART))
        const cut = random(4) === 0 ? random(some.length + 1) : undefined
        const answers = await Promise.all(
          Array.from({ length: 1 + (random(3) === 0 ? 1 : 0) }, () => patch(any(), id, told, some, cut)),
        )
        for (const answer of answers) {
          assert.ok([0, 204, 400, 409, 423].includes(answer.status), `seed ${seed}: ${answer.status} ${answer.body}`)
          if (answer.status === 204) told = Math.max(told, offsetOf(answer))
        }
      }
      const last = await finish(any(), id, bytes)
      assert.deepEqual([last.status, offsetOf(last)], [200, bytes.length])
      assert.ok((await world.bytes(id))?.equals(bytes), `seed ${seed}: the object is what was sent`)
      assert.ok((await read(any(), id)).body.equals(bytes), 'what is read is what was sent')
      assert.deepEqual(Object.keys(await world.listing(id)), [id, `${id}.info`])
    }
  })
}
