/**
 * What Holdfast is meant to reach, as ratios within one run, and what a run reached. Pure.
 * @module
 */
import { FLOOR, requestsOf } from './report.js'
import type { Figures, Results } from './results.js'
import type { ScenarioName } from './scenarios.js'
import { ratioOf, type Series } from './statistics.js'

export interface Target {
  text: string
  /** The bound in words. */
  bound: string
  /** Undefined where this run did not measure it. */
  reached: string | undefined
  isMet: boolean | undefined
}

type Find = (scenario: ScenarioName, server: string) => Figures | undefined

const LARGE: ScenarioName = '256 MiB, 4 at once'
const SMALL: ScenarioName = '64 KiB, 16 at once'
const ONE: ScenarioName = '1 GiB, 1 at once'
const FAR: ScenarioName = '1 GiB, 1 at once, S3 30 ms away'
const SLOW: ScenarioName = '2,000 slow clients (64 KiB/s), 1 MiB each'
const CHUNKS: ScenarioName = '64 MiB in PATCHes of 5 MiB, 4 at once'
const SMALL_CHUNKS: ScenarioName = '32 MiB in PATCHes of 1 MiB, 4 at once'

interface Rule {
  text: string
  /** At most, or at least. */
  bound: ['≤' | '<' | '≥' | '>' | '=', number]
  unit?: string
  digits: number
  value(find: Find): number | undefined
}

const OURS = 'Holdfast'

/** The median of the ratios of the rounds. */
const ratio = (of: Series | undefined, to: Series | undefined): number | undefined =>
  of && to && ratioOf(of, to)?.median

const failuresOf = ({ failures }: Figures): number => Object.values(failures).reduce((sum, { times }) => sum + times, 0)

const RULES: readonly Rule[] = [
  {
    text: `processor time of large uploads (${LARGE}), to the floor`,
    bound: ['≤', 1.4],
    unit: ' times',
    digits: 2,
    value: (find) => ratio(find(LARGE, OURS)?.cpu, find(LARGE, FLOOR)?.cpu),
  },
  {
    text: 'the same, of `@tus/server` to Holdfast',
    bound: ['≥', 4],
    unit: ' times',
    digits: 2,
    value: (find) => ratio(find(LARGE, '@tus/server')?.cpu, find(LARGE, OURS)?.cpu),
  },
  {
    text: 'the same, of tusd to Holdfast',
    bound: ['>', 1],
    unit: ' times',
    digits: 2,
    value: (find) => ratio(find(LARGE, 'tusd')?.cpu, find(LARGE, OURS)?.cpu),
  },
  {
    text: 'the same, of tusd without hashes to Holdfast',
    bound: ['>', 1],
    unit: ' times',
    digits: 2,
    value: (find) => ratio(find(LARGE, 'tusd, no hashes')?.cpu, find(LARGE, OURS)?.cpu),
  },
  {
    text: `processor time of small uploads (${SMALL}), to the floor`,
    bound: ['≤', 4],
    unit: ' times',
    digits: 2,
    value: (find) => ratio(find(SMALL, OURS)?.cpu, find(SMALL, FLOOR)?.cpu),
  },
  {
    text: 'rate of small uploads, to `@tus/server`',
    bound: ['≥', 8],
    unit: ' times',
    digits: 1,
    value: (find) => ratio(find(SMALL, OURS)?.rate, find(SMALL, '@tus/server')?.rate),
  },
  {
    text: 'requests to S3 for a small upload',
    bound: ['=', 3],
    digits: 2,
    value: (find) => read(find(SMALL, OURS), requestsOf),
  },
  {
    text: 'throughput of one upload of 1 GiB with S3 30 ms away, to that without',
    bound: ['≥', 0.9],
    unit: ' times',
    digits: 2,
    value: (find) => ratio(find(FAR, OURS)?.rate, find(ONE, OURS)?.rate),
  },
  {
    text: '2,000 slow clients: memory',
    bound: ['≤', 400],
    unit: ' MB',
    digits: 0,
    value: (find) => read(find(SLOW, OURS), ({ peak }) => (peak === null ? undefined : peak / 1e6)),
  },
  {
    text: '2,000 slow clients: failures',
    bound: ['=', 0],
    digits: 0,
    value: (find) => read(find(SLOW, OURS), failuresOf),
  },
  {
    text: 'memory of one upload of 1 GiB, to one of 256 MiB',
    bound: ['≤', 1.25],
    unit: ' times',
    digits: 2,
    value: (find) => ratio(read(find(ONE, OURS), peaks), read(find('256 MiB, 1 at once', OURS), peaks)),
  },
  {
    text: 'memory of one upload of 4 GiB, to one of 256 MiB',
    bound: ['≤', 1.25],
    unit: ' times',
    digits: 2,
    value: (find) => {
      return ratio(read(find('4 GiB, 1 at once', OURS), peaks), read(find('256 MiB, 1 at once', OURS), peaks))
    },
  },
  {
    text: 'bytes to S3 for each byte, with PATCHes of 5 MiB',
    bound: ['≤', 1.005],
    digits: 3,
    value: (find) => find(CHUNKS, OURS)?.amplification,
  },
  {
    text: 'bytes to S3 for each byte, with PATCHes of 1 MiB',
    bound: ['<', 2],
    digits: 2,
    value: (find) => find(SMALL_CHUNKS, OURS)?.amplification,
  },
  {
    text: 'requests to S3 for each PATCH of 1 MiB',
    bound: ['≤', 4],
    digits: 2,
    value: (find) => read(find(SMALL_CHUNKS, OURS), (figures) => requestsOf(figures) / PATCHES),
  },
]

/** Of the scenario with PATCHes of 1 MiB. */
const PATCHES = 32

const peaks = ({ peak }: Figures): Series => [peak]

const read = <Value>(figures: Figures | undefined, from: (figures: Figures) => Value): Value | undefined =>
  figures && from(figures)

const HOLDS: Record<Rule['bound'][0], (value: number, bound: number) => boolean> = {
  '≤': (value, bound) => value <= bound,
  '≥': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '>': (value, bound) => value > bound,
  '=': (value, bound) => value === bound,
}

export function targetsOf({ results }: Results): Target[] {
  const find: Find = (name, server) => results.find(({ scenario }) => scenario.name === name)?.figures[server]
  return RULES.map(({ text, bound: [sign, bound], unit = '', digits, value }) => {
    const reached = value(find)
    const isKnown = reached !== undefined && Number.isFinite(reached)
    return {
      text,
      bound: `${sign} ${bound}${unit}`,
      reached: isKnown ? `${reached.toFixed(digits)}${unit}` : undefined,
      isMet: isKnown ? HOLDS[sign](reached, bound) : undefined,
    }
  })
}

export function targetTable(results: Results): string {
  const rows = targetsOf(results).map(({ text, bound, reached, isMet }) => {
    return `| ${text} | ${bound} | ${reached ?? 'not measured in this run'} | ${isMet === undefined ? '' : isMet ? 'yes' : 'no'} |`
  })
  return ['| target | wanted | reached | met |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
