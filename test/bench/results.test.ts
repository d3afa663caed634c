import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Failures } from '../../bench/speed/load.js'
import { figuresOf, type Round } from '../../bench/speed/results.js'
import type { Scenario } from '../../bench/speed/scenarios.js'

const MiB = 2 ** 20
const SMALL: Scenario = { name: 'small', unit: 'upload', size: 1_000, count: 4, atOnce: 2 }
const LARGE: Scenario = { name: 'large', unit: 'GiB', size: 512 * MiB, count: 2, atOnce: 1 }

function roundOf(scenario: Scenario, more: Partial<Round> = {}): Round {
  const { count, size } = scenario
  return {
    measured: { duration: 2_000, failures: {}, begun: count, done: count, posts: [1, 2], ends: [3], starts: [] },
    counts: { requests: { PutObject: 3 * count }, bytes: count * size, objects: { [size]: count }, firstBytes: [] },
    cpu: { server: 2, load: 1, sink: 0.5 },
    peak: 50,
    ...more,
  }
}

test('figures are of a unit: an upload, or a GiB', () => {
  const small = figuresOf(SMALL, 'Holdfast', [roundOf(SMALL)])
  assert.deepEqual([small.cpu, small.rate, small.requests], [[0.5], [2], { PutObject: 3 }])
  const large = figuresOf(LARGE, 'Holdfast', [roundOf(LARGE), roundOf(LARGE)])
  assert.deepEqual(
    [large.cpu, large.load, large.sink, large.rate],
    [
      [2, 2],
      [1, 1],
      [0.5, 0.5],
      [0.5, 0.5],
    ],
  )
  assert.deepEqual([large.uploads, large.amplification, large.peak], [4, 1, 50])
})

test('the time to the first byte is from the start of an upload to the byte with its number', () => {
  const round = roundOf(SMALL)
  const starts: [number, number][] = [[1, 100], [2, 200], [3, 300]] // biome-ignore format: one line
  const firstBytes: [number, number][] = [[2, 205], [1, 101], [9, 999]] // biome-ignore format: one line
  const told = figuresOf(SMALL, 'Holdfast', [
    { ...round, measured: { ...round.measured, starts }, counts: { ...round.counts, firstBytes } },
  ])
  assert.deepEqual(told.firstByte, [5, 5])
})

test('times are of the uploads of all rounds; what was never measured is null', () => {
  const round = roundOf(SMALL)
  const other = { ...round, measured: { ...round.measured, posts: [10], ends: [] } }
  const { post, end } = figuresOf(SMALL, 'Holdfast', [round, other])
  assert.deepEqual(
    [post, end],
    [
      [2, 10],
      [3, 3],
    ],
  )
  assert.deepEqual(figuresOf(SMALL, 'Holdfast', [{ ...other, measured: { ...other.measured, posts: [] } }]).post, [
    null,
    null,
  ])
})

test('a round in which nothing was done has no figures, also once it was kept in a file', () => {
  const round = roundOf(SMALL)
  const none = { ...round, measured: { ...round.measured, done: 0 }, peak: Number.NaN }
  const { cpu, rate, peak } = JSON.parse(JSON.stringify(figuresOf(SMALL, 'Holdfast', [none, round])))
  assert.deepEqual([cpu, rate, peak], [[null, 0.5], [null, 2], 50])
  assert.equal(figuresOf(SMALL, 'Holdfast', [none]).peak, null)
})

test('failures of all rounds are added up by what they say', () => {
  const round = roundOf(SMALL)
  const failed = {
    ...round,
    measured: { ...round.measured, done: 3, failures: { 'PATCH: 500 X': { times: 1, first: 0.5 } } },
  }
  const { failures } = figuresOf(SMALL, 'Holdfast', [failed, failed, round])
  assert.deepEqual(failures, { 'PATCH: 500 X': { times: 2, first: 0.5 } })
})

test('an upload that was answered as complete and has no object of its size has failed', () => {
  const round = roundOf(SMALL)
  const objects = { 1000: 3, 999: 1 }
  const { failures } = figuresOf(SMALL, 'Holdfast', [{ ...round, counts: { ...round.counts, objects } }])
  assert.deepEqual(failures, { 'answered 204, but no object of 1000 bytes': { times: 1, first: 2 } })
})

test('the floor makes an object of each PATCH, so its bytes are counted', () => {
  const round = roundOf(SMALL)
  const withObjects = (objects: Record<string, number>): Failures =>
    figuresOf(SMALL, 'floor', [{ ...round, counts: { ...round.counts, objects } }]).failures
  assert.deepEqual(withObjects({ 600: 4, 400: 4 }), {})
  assert.deepEqual(withObjects({ 600: 4, 400: 3 }), {
    'answered 204, but no object of 1000 bytes': { times: 1, first: 2 },
  })
})
