/**
 * What a run found out, as it is kept in a file: made from what the rounds measured. Pure.
 * @module
 */
import type { Failures, Measured } from './load.js'
import type { Scenario } from './scenarios.js'
import type { SinkCounts } from './sink.js'
import { quantile, type Series } from './statistics.js'

/** One server in one round of one scenario. */
export interface Round {
  measured: Measured
  counts: SinkCounts
  /** Seconds of the processor. */
  cpu: { server: number; load: number; sink: number }
  /** Bytes. */
  peak: number
}

/** Milliseconds: the median upload, and the one at 95 of 100. */
export type Times = [median: number | null, late: number | null]

/** Series have a value for each round. A unit is a GiB or an upload, as the scenario says. */
export interface Figures {
  /** Seconds of the processor for each unit: the server, the clients, the S3 in front of which it stands. */
  cpu: Series
  load: Series
  sink: Series
  /** Units a second. */
  rate: Series
  /** Requests to S3 for each upload, by operation. */
  requests: Record<string, number>
  /** Bytes of bodies sent to S3 for each byte received. */
  amplification: number
  /** Until POST was answered. */
  post: Times
  /** From the beginning of the (first) PATCH to its first byte at S3. */
  firstByte: Times
  /** From the client's last byte to the final answer. */
  end: Times
  /** Bytes of resident memory, at most; null if it was never measured. */
  peak: number | null
  /** Of `uploads` in all. Seconds are those of its round. */
  failures: Failures
  uploads: number
}

export interface Result {
  scenario: Scenario
  /** By the name of the server, in the order of the tables. */
  figures: Record<string, Figures>
}

export interface Results {
  /** When, on what, with which versions. */
  machine: Record<string, string>
  versions: Record<string, string>
  /** How `npm run bench` was called. */
  command: string
  results: Result[]
}

/** Four digits say what a noisy machine can tell. */
const short = (value: number): number => Number(value.toPrecision(4))

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

export function figuresOf(scenario: Scenario, server: string, rounds: readonly Round[]): Figures {
  const { size } = scenario
  const unitsOf = ({ measured: { done } }: Round): number =>
    scenario.unit === 'upload' ? done : (done * size) / 2 ** 30
  const uploads = sum(rounds.map(({ measured }) => measured.begun))
  const series = (value: (round: Round) => number): Series =>
    rounds.map((round) => (round.measured.done > 0 ? short(value(round)) : null))
  const peaks = rounds.map(({ peak }) => peak).filter((peak) => peak > 0)
  const requests: Record<string, number> = {}
  const failures: Failures = {}
  for (const { counts, measured } of rounds) {
    for (const [operation, number] of Object.entries(counts.requests)) {
      requests[operation] = (requests[operation] ?? 0) + number
    }
    addFailures(failures, measured.failures)
    addFailures(failures, missing(server, size, measured, counts.objects))
  }
  for (const operation of Object.keys(requests)) requests[operation] = short(requests[operation]! / uploads)
  return {
    cpu: series((round) => round.cpu.server / unitsOf(round)),
    load: series((round) => round.cpu.load / unitsOf(round)),
    sink: series((round) => round.cpu.sink / unitsOf(round)),
    rate: series((round) => (unitsOf(round) / round.measured.duration) * 1_000),
    requests,
    amplification: short(sum(rounds.map(({ counts }) => counts.bytes)) / (uploads * size)),
    post: timesOf(rounds.flatMap(({ measured }) => measured.posts)),
    firstByte: timesOf(rounds.flatMap(firstBytesOf)),
    end: timesOf(rounds.flatMap(({ measured }) => measured.ends)),
    peak: peaks.length > 0 ? Math.max(...peaks) : null,
    failures,
    uploads,
  }
}

function addFailures(to: Failures, more: Failures): void {
  for (const [text, { times, first }] of Object.entries(more)) {
    const before = to[text]
    to[text] = before ? { times: before.times + times, first: before.first } : { times, first: short(first) }
  }
}

/** Uploads that were answered as complete and whose object is not there. The floor makes an object of each PATCH. */
function missing(
  server: string,
  size: number,
  { done, duration }: Measured,
  objects: Record<string, number>,
): Failures {
  const all = sum(Object.entries(objects).map(([bytes, number]) => Number(bytes) * number))
  const stored = server === 'floor' ? Math.floor(all / size) : (objects[size] ?? 0)
  if (stored >= done) return {}
  return { [`answered 204, but no object of ${size} bytes`]: { times: done - stored, first: duration / 1_000 } }
}

function firstBytesOf({ measured: { starts }, counts: { firstBytes } }: Round): number[] {
  const came = new Map(firstBytes)
  return starts.flatMap(([serial, at]) => (came.has(serial) ? [came.get(serial)! - at] : []))
}

function timesOf(values: readonly number[]): Times {
  const told = (share: number): number | null => {
    const value = quantile(values, share)
    return value === undefined ? null : short(value)
  }
  return [told(0.5), told(0.95)]
}
