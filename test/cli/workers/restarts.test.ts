import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Restarts } from '../../../src/cli/workers/restarts.js'

const LONG = 10_000

test('after a long life another is started at once, however often', () => {
  const restarts = new Restarts()
  for (let times = 0; times < 10; times++) assert.equal(restarts.ended({ served: true, lifetime: LONG }), 0)
})

test('those that serve and end soon are started later and later, within 5 seconds, and for ever', () => {
  const restarts = new Restarts()
  const pauses = Array.from({ length: 9 }, () => restarts.ended({ served: true, lifetime: LONG - 1 }))
  assert.deepEqual(pauses, [0, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000])
  assert.equal(restarts.ended({ served: true, lifetime: LONG }), 5_000, 'the last one was started late')
  assert.equal(restarts.ended({ served: true, lifetime: 1 }), 0)
})

test('six in a row that end before they can serve are enough; one that serves begins the count anew', () => {
  const restarts = new Restarts()
  const never = { served: false, lifetime: 100 }
  for (let times = 0; times < 5; times++) assert.notEqual(restarts.ended(never), undefined)
  assert.notEqual(restarts.ended({ served: true, lifetime: 100 }), undefined)
  for (let times = 0; times < 5; times++) assert.notEqual(restarts.ended(never), undefined)
  assert.equal(restarts.ended(never), undefined)
})
