/**
 * The pace of one upload of many parts to an S3 that is simulated: its latency, what all its connections and what one of them
 * takes a second, and noise. Time is simulated too, so thousands of parts take milliseconds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from '../../../src/s3/call/pace.js'

interface World {
  /** Milliseconds before an answer. */
  latency: number
  /** MB a second, of all connections, of one, and of the client. */
  total?: number
  connection?: number
  client?: number
  /** Standard deviation of the logarithm of what a part's connection takes a second, and of its latency. */
  noise?: number
}

interface Flight {
  /** MB to be sent, and when the answer comes after that. */
  left: number
  answersAt: number
  speed: number
  slowness: number
}

const PART = 8.388608

/** Reproducible numbers from 0 to 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** @param most the limit; `fixed` leaves the pace out  @returns MB a second, and places at the end and on average */
function upload(world: World, parts: number, { most = 32, seed = 1, fixed = 0, slowDownAt = -1 } = {}) {
  const { latency, total = 1_000, connection = 1e6, client = 1_000, noise = 0 } = world
  const next = random(seed)
  const factor = () => {
    const normal = Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next())
    return Math.exp(noise * normal - noise ** 2 / 2)
  }
  let now = 0
  const pace = new Pace(most, () => now)
  const places = () => fixed || pace.places
  let flights: Flight[] = []
  let filled = 0
  let begun = 0
  let sum = 0
  let highest = 0
  for (let done = 0; done < parts; ) {
    const sending = flights.filter(({ left }) => left > 0)
    const rateOf = ({ speed }: Flight) => Math.min(connection * speed, total / sending.length) / 1_000
    const isFilling = begun < parts && flights.length < places()
    const steps = [
      ...sending.map((flight) => flight.left / rateOf(flight)),
      ...flights.filter(({ left }) => left === 0).map(({ answersAt }) => answersAt - now),
      ...(isFilling ? [((PART - filled) / client) * 1_000] : []),
    ]
    const step = Math.max(1e-6, Math.min(...steps))
    const sent = sending.map(rateOf)
    sending.forEach((flight, index) => {
      flight.left -= sent[index]! * step
      if (flight.left > 1e-9) return
      flight.left = 0
      flight.answersAt = now + step + latency * flight.slowness
    })
    if (isFilling) filled += (client * step) / 1_000
    now += step
    sum += pace.places * step
    for (const flight of flights.filter(({ left, answersAt }) => left === 0 && answersAt <= now + 1e-9)) {
      pace.succeeded(PART, flights.length >= places())
      flights = flights.filter((other) => other !== flight)
      if (++done === slowDownAt) pace.slowDown()
      highest = Math.max(highest, pace.places)
    }
    if (isFilling && filled >= PART - 1e-9) {
      flights.push({ left: PART, answersAt: 0, speed: factor(), slowness: factor() })
      filled = 0
      begun++
    }
  }
  return { rate: (parts * PART * 1_000) / now, places: pace.places, mean: sum / now, highest }
}

const GiB = 128
const near = { latency: 1, total: 800 }

for (const noise of [0, 0.3, 0.6]) {
  test(`S3 that is near and fast: it stays with the first places (noise ${noise})`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { mean, rate } = upload({ ...near, noise }, 16 * GiB, { seed })
      assert.ok(mean < 10, `${mean} places on average`)
      assert.ok(rate > 0.99 * upload({ ...near, noise }, 16 * GiB, { seed, fixed: 32 }).rate)
    }
  })

  test(`connections of 20 MB/s: it takes more, up to the limit (noise ${noise})`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = { latency: 20, connection: 20, noise }
      const { rate, highest } = upload(world, 16 * GiB, { seed })
      assert.ok(highest === 32, `${highest} places`)
      assert.ok(rate > 1.6 * upload(world, 16 * GiB, { seed, fixed: 8 }).rate)
    }
  })

  test(`S3 that is 200 ms away: it takes more than twice as many (noise ${noise})`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = { latency: 200, total: 800, noise }
      const { rate, highest } = upload(world, 16 * GiB, { seed })
      assert.ok(highest >= 18, `${highest} places`)
      assert.ok(rate > 1.5 * upload(world, 16 * GiB, { seed, fixed: 8 }).rate)
    }
  })

  test(`no world loses throughput against the first places (noise ${noise})`, () => {
    for (const [latency, total, connection] of [
      [1, 800, 1e6],
      [30, 800, 1e6],
      [100, 400, 60],
      [20, 1_000, 20],
      [10, 100, 1e6],
      [5, 200, 90],
    ] as const) {
      for (let seed = 1; seed <= 5; seed++) {
        const world = { latency, total, connection, noise }
        const { rate } = upload(world, 4 * GiB, { seed })
        const first = upload(world, 4 * GiB, { seed, fixed: 8 }).rate
        assert.ok(rate > 0.96 * first, `${rate} of ${first} MB/s at ${latency} ms, ${total} and ${connection} MB/s`)
      }
    }
  })
}

test('30 ms of latency cost a GiB less than a tenth', () => {
  const there = upload({ latency: 30, total: 800 }, GiB)
  assert.ok(there.rate > 0.9 * upload(near, GiB).rate, `${there.rate} MB/s`)
})

test('a slow client needs no more places', () => {
  const { highest } = upload({ latency: 200, client: 50, noise: 0.5 }, 4 * GiB)
  assert.equal(highest, 8)
})

test('the limit is kept, also below the first places', () => {
  assert.equal(upload({ latency: 200, connection: 10 }, 2 * GiB, { most: 3 }).highest, 3)
  assert.equal(upload({ latency: 20, connection: 20 }, 16 * GiB, { most: 12 }).highest, 12)
})

test('SlowDown halves them, and they come back', () => {
  let now = 0
  const pace = new Pace(8, () => now)
  pace.slowDown()
  assert.equal(pace.places, 4)
  pace.slowDown()
  assert.equal(pace.places, 4, 'those that come together count as one')
  now = 2_000
  pace.slowDown()
  now = 4_000
  pace.slowDown()
  now = 6_000
  pace.slowDown()
  assert.equal(pace.places, 1, 'one stays')
  for (let count = 0; count < 40; count++) pace.succeeded(PART, true)
  assert.equal(pace.places, 8)
})

test('after a SlowDown in the middle it grows again to what S3 takes', () => {
  const world = { latency: 20, connection: 20, noise: 0.3 }
  const { highest, places } = upload(world, 32 * GiB, { slowDownAt: 8 * GiB })
  assert.equal(highest, 32)
  assert.ok(places >= 21, `${places} places at the end`)
})
