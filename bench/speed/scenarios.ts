/**
 * What is measured: rows of a table. Counts and seconds are of one round, so that a round takes the slowest server some seconds.
 * @module
 */
import type { Load } from './load.js'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

export interface Scenario extends Omit<Load, 'url' | 'patience'> {
  readonly name: string
  /** Small uploads are told by their number, large ones by their bytes. */
  readonly unit: 'upload' | 'GiB'
  /** Milliseconds that S3 waits before each answer. */
  readonly latency?: number
  /** S3 by TLS. */
  readonly tls?: boolean
  /** Neighbours of the same group take turns in each round, to be compared. */
  readonly group?: string
  /** One round is enough: it is long, or measured for its memory. */
  readonly once?: boolean
  /** With `--quick`, too. */
  readonly quick?: boolean
  /** Without `--all` of Holdfast alone, or not at all. */
  readonly long?: 'Holdfast' | 'nobody'
}

/** As many as come in these seconds: the quickest server does fifty times as many as the slowest. */
const small = { unit: 'upload', size: 64 * KiB, count: 100_000, seconds: 1.5 } as const

export const SCENARIOS = [
  { name: '64 KiB, 1 at once', ...small, atOnce: 1 },
  { name: '64 KiB, 16 at once', ...small, atOnce: 16, quick: true },
  { name: '64 KiB, 256 at once', ...small, atOnce: 256 },
  { name: '64 KiB, 16 at once, S3 30 ms away', ...small, atOnce: 16, latency: 30 },
  { name: '5 MiB, 16 at once', unit: 'GiB', size: 5 * MiB, count: 64, atOnce: 16 },
  { name: '256 MiB, 1 at once', unit: 'GiB', size: 256 * MiB, count: 1, atOnce: 1 },
  { name: '256 MiB, 4 at once', unit: 'GiB', size: 256 * MiB, count: 4, atOnce: 4, quick: true },
  { name: '256 MiB, 4 at once, S3 by TLS', unit: 'GiB', size: 256 * MiB, count: 4, atOnce: 4, tls: true },
  {
    name: '64 MiB in PATCHes of 5 MiB, 4 at once',
    unit: 'GiB',
    size: 64 * MiB,
    chunk: 5 * MiB,
    count: 8,
    atOnce: 4,
    quick: true,
  },
  { name: '32 MiB in PATCHes of 1 MiB, 4 at once', unit: 'GiB', size: 32 * MiB, chunk: MiB, count: 4, atOnce: 4 },
  { name: '1 GiB, 1 at once', unit: 'GiB', size: GiB, count: 1, atOnce: 1, group: '1 GiB' },
  { name: '1 GiB, 1 at once, S3 30 ms away', unit: 'GiB', size: GiB, count: 1, atOnce: 1, latency: 30, group: '1 GiB' },
  { name: '4 GiB, 1 at once', unit: 'GiB', size: 4 * GiB, count: 1, atOnce: 1, long: 'nobody', once: true },
  { name: '16 MiB, 256 at once', unit: 'GiB', size: 16 * MiB, count: 256, atOnce: 256, once: true },
  {
    name: '2,000 slow clients (64 KiB/s), 1 MiB each',
    unit: 'GiB',
    size: MiB,
    rate: 64 * KiB,
    count: 2_000,
    atOnce: 2_000,
    long: 'Holdfast',
    once: true,
  },
] as const satisfies readonly Scenario[]

export type ScenarioName = (typeof SCENARIOS)[number]['name']

/** What the guard measures: of the same names, so that ratios can be compared, with smaller counts. */
export const GUARDED: readonly Scenario[] = (
  [
    ['64 KiB, 16 at once', 100_000],
    ['256 MiB, 4 at once', 4],
    ['64 MiB in PATCHes of 5 MiB, 4 at once', 4],
    ['32 MiB in PATCHes of 1 MiB, 4 at once', 4],
  ] as const
).map(([wanted, count]) => ({ ...SCENARIOS.find(({ name }) => name === wanted)!, count }))
