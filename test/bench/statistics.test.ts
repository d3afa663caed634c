import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, quantile, ratioOf, spreadOf } from '../../bench/speed/statistics.js'

test('a median is the middle value, of an even number the mean of the two in the middle, and the series stays as it was', () => {
  const values = [9, 1, 5]
  assert.equal(median(values), 5)
  assert.deepEqual(values, [9, 1, 5])
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([]), undefined)
})

test('a quantile is one of the values', () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1)
  assert.equal(quantile(values, 0.95), 96)
  assert.equal(quantile(values, 0.5), 51)
  assert.equal(quantile([7], 0.95), 7)
  assert.equal(quantile([], 0.5), undefined)
})

test('a ratio is taken in each round, so that a round in which all were slow does not count for one of them', () => {
  // The floor was measured twice as slow in the last round, and the server, too.
  const ratio = ratioOf([1.4, 1.5, 2.8], [1, 1, 2])
  assert.deepEqual(ratio, { median: 1.4, least: 1.4, greatest: 1.5 })
})

test('a round that only one of both finished gives no ratio', () => {
  assert.deepEqual(ratioOf([2, 4], [1]), { median: 2, least: 2, greatest: 2 })
  assert.equal(ratioOf([null], [1]), undefined)
  assert.equal(ratioOf([1], [null]), undefined)
  assert.deepEqual(ratioOf([null, 4], [1, 2]), { median: 2, least: 2, greatest: 2 })
  assert.equal(ratioOf([], []), undefined)
})

test('a spread has the least and the greatest', () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, greatest: 3 })
  assert.deepEqual(spreadOf([null, 1, 2]), { median: 1.5, least: 1, greatest: 2 })
  assert.equal(spreadOf([]), undefined)
})
