import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Claims, type ToWorker, type Wish } from '../../src/lockers/claims.js'

/** A book, and what was told to whom: '1 granted 7' for worker 1 and its claim 7. */
function open(now = () => 5) {
  const told: string[] = []
  const grants: (ToWorker & { kind: 'granted' })[] = []
  const claims = new Claims((worker, message) => {
    told.push(`${worker} ${message.kind} ${message.claim}`)
    if (message.kind === 'granted') grants.push(message)
  }, now)
  return {
    claims,
    grants,
    claim: (worker: number, claim: number, wish: Wish = 'write', upload = 'a') =>
      claims.hear(worker, { kind: 'claim', claim, upload, wish }),
    release: (worker: number, claim: number) => claims.hear(worker, { kind: 'release', claim }),
    gone: (worker: number) => claims.gone(worker),
    /** What was told since it was last asked. */
    told: () => told.splice(0),
  }
}

type Book = ReturnType<typeof open>

/** One row is one course of events: what is heard, and what is told because of it. */
const rows: [rule: string, steps: [(book: Book) => void, ...told: string[]][]][] = [
  ['what nobody has is granted at once', [[(b) => b.claim(1, 1), '1 granted 1']]],
  [
    'claims on other uploads are left alone',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1, 'write', 'b'), '2 granted 1'],
    ],
  ],
  [
    'the holder is asked, and the newcomer has it when it was released',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1), '1 wanted 1'],
      [(b) => b.release(1, 1), '2 granted 1'],
      [(b) => b.release(2, 1)],
    ],
  ],
  [
    'two who wait have it one after the other, and the first of them is asked for it at once',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1), '1 wanted 1'],
      [(b) => b.claim(3, 1), '1 wanted 1'],
      [(b) => b.release(1, 1), '2 granted 1', '2 wanted 1'],
      [(b) => b.release(2, 1), '3 granted 1'],
    ],
  ],
  [
    'who waited for too long has it no more, whoever was asked',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1), '1 wanted 1'],
      [(b) => b.release(2, 1)],
      [(b) => b.release(1, 1)],
      [(b) => b.claim(3, 1), '3 granted 1'],
    ],
  ],
  [
    'a grant that crosses with the end of the wait is given back',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1), '1 wanted 1'],
      [(b) => b.release(1, 1), '2 granted 1'],
      [(b) => b.claim(3, 1), '2 wanted 1'],
      [(b) => b.release(2, 1), '3 granted 1'],
    ],
  ],
  [
    'a holder that dies has released it',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1), '1 wanted 1'],
      [(b) => b.gone(1), '2 granted 1'],
    ],
  ],
  [
    'who dies while it waits gets nothing, and who is behind it does',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1), '1 wanted 1'],
      [(b) => b.claim(3, 1), '1 wanted 1'],
      [(b) => b.gone(2)],
      [(b) => b.release(1, 1), '3 granted 1'],
    ],
  ],
  [
    'of a worker that dies as holder and while it waits, nothing is given to it',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(1, 2), '1 wanted 1'],
      [(b) => b.claim(2, 1), '1 wanted 1'],
      [(b) => b.gone(1), '2 granted 1'],
    ],
  ],
  [
    'a worker is told to give way to itself, too',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(1, 2), '1 wanted 1'],
      [(b) => b.release(1, 1), '1 granted 2'],
    ],
  ],
  [
    'quietly: the holder is not asked, and nobody waits',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1, 'quietly'), '2 refused 1'],
      [(b) => b.release(1, 1)],
      [(b) => b.claim(2, 2, 'quietly'), '2 granted 2'],
      [(b) => b.claim(1, 2), '2 wanted 2'],
    ],
  ],
  [
    'a look holds nothing',
    [[(b) => b.claim(1, 1, 'look'), '1 granted 1'], [(b) => b.claim(2, 1), '2 granted 1'], [(b) => b.release(1, 1)]],
  ],
  [
    'a look asks the holder, and is told when it has released; who is behind it has the upload',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1, 'look'), '1 wanted 1'],
      [(b) => b.claim(3, 1, 'look'), '1 wanted 1'],
      [(b) => b.claim(3, 2), '1 wanted 1'],
      [(b) => b.claim(2, 2, 'look'), '1 wanted 1'],
      [(b) => b.release(1, 1), '2 granted 1', '3 granted 1', '3 granted 2', '3 wanted 2'],
      [(b) => b.release(3, 2), '2 granted 2'],
      [(b) => b.claim(1, 2), '1 granted 2'],
    ],
  ],
  [
    'a look that was given up is not told',
    [
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.claim(2, 1, 'look'), '1 wanted 1'],
      [(b) => b.release(2, 1)],
      [(b) => b.release(1, 1)],
    ],
  ],
  [
    'what is released twice, or was never claimed, changes nothing',
    [
      [(b) => b.release(1, 1)],
      [(b) => b.claim(1, 1), '1 granted 1'],
      [(b) => b.release(1, 1)],
      [(b) => b.claim(2, 1), '2 granted 1'],
      [(b) => b.release(1, 1)],
      [(b) => b.claim(3, 1), '2 wanted 1'],
      [(b) => b.gone(4)],
    ],
  ],
]
for (const [rule, steps] of rows) {
  test(rule, () => {
    const book = open()
    for (const [step, ...told] of steps) {
      step(book)
      assert.deepEqual(book.told(), told)
    }
  })
}

test('a grant says whether another worker had the upload since', () => {
  const { claim, release, grants } = open()
  const has = (worker: number, number: number): boolean => {
    claim(worker, number)
    release(worker, number)
    return grants.at(-1)!.handedOver
  }
  assert.deepEqual([has(1, 1), has(1, 2), has(2, 1), has(2, 2), has(1, 3)], [false, false, true, false, true])
  claim(3, 1, 'look')
  assert.equal(has(1, 4), false, 'who only looked has changed nothing')
})

test('which worker had an upload is remembered of the last 10,000', () => {
  const { claim, release, grants } = open()
  const has = (worker: number, number: number, upload: string): boolean => {
    claim(worker, number, 'write', upload)
    release(worker, number)
    return grants.at(-1)!.handedOver
  }
  has(1, 1, 'old')
  for (let number = 2; number <= 10_000; number++) has(1, number, `upload ${number}`)
  assert.equal(has(2, 1, 'old'), true)
  has(1, 10_001, 'one more')
  has(1, 10_002, 'and another')
  assert.equal(has(2, 2, 'upload 2'), false)
  assert.equal(has(2, 3, 'upload 5'), true)
  assert.equal(has(1, 10_003, 'old'), true, 'it was used later than others')
})

test('the fencing token grows with each grant, also if the clock does not, and is at least the time in microseconds', () => {
  let now = 1_000
  const { claim, release, grants } = open(() => now)
  for (const time of [1_000, 1_000, 900, 2_000]) {
    now = time
    claim(1, time + grants.length)
    release(1, time + grants.length - 1)
  }
  assert.deepEqual(
    grants.map(({ fence }) => fence),
    [1_000_000, 1_000_001, 1_000_002, 2_000_000],
  )
})

/** A worker's next step, by chance. */
const step = fc.record({
  worker: fc.integer({ min: 1, max: 3 }),
  upload: fc.constantFrom('a', 'b'),
  wish: fc.constantFrom('write', 'quietly', 'look'),
  does: fc.constantFrom('claim', 'claim', 'release', 'gone'),
  which: fc.nat(5),
})

test('whatever happens: no upload has two holders, nobody is forgotten, and nothing is kept in the end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      interface Known {
        worker: number
        claim: number
        upload: string
        wish: string
        state: 'waits' | 'holds' | 'over'
        isWanted: boolean
      }
      const known: Known[] = []
      const find = (worker: number, claim: number) => known.find((one) => one.worker === worker && one.claim === claim)!
      const dead = new Set<number>()
      const claims = new Claims((worker, { kind, claim }) => {
        const one = find(worker, claim)
        assert.ok(!dead.has(worker), 'nothing is told to who is gone')
        if (kind === 'granted') {
          assert.equal(one.state, 'waits')
          one.state = one.wish === 'look' ? 'over' : 'holds'
        } else if (kind === 'refused') one.state = 'over'
        else one.isWanted = one.state === 'holds'
      })
      let next = 0
      for (const { worker, upload, wish, does, which } of steps) {
        const mine = known.filter((one) => one.worker === worker && one.state !== 'over')
        if (does === 'claim') {
          known.push({ worker, claim: next, upload, wish, state: 'waits', isWanted: false })
          claims.hear(worker, { kind: 'claim', claim: next++, upload, wish })
        } else if (does === 'release' && mine.length > 0) {
          const one = mine[which % mine.length]!
          one.state = 'over'
          claims.hear(worker, { kind: 'release', claim: one.claim })
        } else if (does === 'gone') {
          for (const one of mine) one.state = 'over'
          dead.add(worker)
          claims.gone(worker)
          dead.delete(worker)
        }
        for (const one of ['a', 'b']) {
          const holders = known.filter((each) => each.upload === one && each.state === 'holds')
          const waiting = known.filter((each) => each.upload === one && each.state === 'waits')
          assert.ok(holders.length <= 1, 'one holder')
          if (waiting.length > 0) assert.ok(holders[0]?.isWanted, 'who is waited for is asked')
        }
      }
      for (const worker of [1, 2, 3]) claims.gone(worker)
      assert.equal(claims.size, 0)
    }),
    { numRuns: 500 },
  )
})
