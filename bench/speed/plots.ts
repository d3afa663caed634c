/**
 * Which charts are drawn of a run: names of files and their SVG. Pure.
 * @module
 */
import { FLOOR, requestsOf, unitsOf } from './report.js'
import type { Figures, Result, Results } from './results.js'
import { type Series, spreadOf } from './statistics.js'
import { type Bar, barChart } from './svg.js'

export interface Plot {
  file: string
  title: string
  svg: string
}

interface Kind {
  file: string
  title: string
  subtitle: string
  unit: 'upload' | 'GiB' | 'both'
  values(figures: Figures, result: Result): Series
  digits: number
}

/** Told apart by those who do not see all colours (after Okabe and Ito), and seen on white and on black. */
const COLOURS: Record<string, string> = {
  [FLOOR]: '#8a8f98',
  Holdfast: '#0072b2',
  'Holdfast, all cores': '#56a4d9',
  '@tus/server': '#d55e00',
  tusd: '#009e73',
  'tusd, no hashes': '#5cc4a4',
}

const scaled = (series: Series, factor: number): Series =>
  series.map((value) => (value === null ? null : value * factor))

const KINDS: readonly Kind[] = [
  {
    file: 'cpu-large.svg',
    title: 'Processor time of large uploads',
    subtitle: 'seconds of the server for each GiB; less is better',
    unit: 'GiB',
    values: ({ cpu }) => cpu,
    digits: 2,
  },
  {
    file: 'cpu-small.svg',
    title: 'Processor time of small uploads',
    subtitle: 'milliseconds of the server for each upload; less is better',
    unit: 'upload',
    values: ({ cpu }) => scaled(cpu, 1_000),
    digits: 2,
  },
  {
    file: 'rate-large.svg',
    title: 'Throughput of large uploads',
    subtitle: 'MiB a second, with clients and S3 on the same machine; more is better',
    unit: 'GiB',
    values: ({ rate }, { scenario }) => scaled(rate, unitsOf(scenario).rateFactor),
    digits: 0,
  },
  {
    file: 'rate-small.svg',
    title: 'Rate of small uploads',
    subtitle: 'uploads a second, with clients and S3 on the same machine; more is better',
    unit: 'upload',
    values: ({ rate }) => rate,
    digits: 0,
  },
  {
    file: 'memory.svg',
    title: 'Memory',
    subtitle: 'MB of resident memory of the server, at most; less is better',
    unit: 'both',
    values: ({ peak }) => scaled([peak], 1 / 1e6),
    digits: 0,
  },
  {
    file: 'requests.svg',
    title: 'Requests to S3',
    subtitle: 'for each small upload; less is better',
    unit: 'upload',
    values: (figures) => [requestsOf(figures)],
    digits: 1,
  },
]

export function plotsOf({ results }: Results): Plot[] {
  return KINDS.flatMap(({ file, title, subtitle, unit, values, digits }) => {
    const groups = results
      .filter(({ scenario }) => unit === 'both' || scenario.unit === unit)
      .map((result) => ({
        name: result.scenario.name,
        bars: Object.entries(result.figures).flatMap(([name, figures]) => barOf(name, values(figures, result), digits)),
      }))
      .filter(({ bars }) => bars.length > 0)
    return groups.length > 0 ? [{ file, title, svg: barChart({ title, subtitle, groups }) }] : []
  })
}

function barOf(name: string, values: Series, digits: number): Bar[] {
  const spread = spreadOf(values)
  if (!spread) return []
  const { median, least, greatest } = spread
  return [{ name, colour: COLOURS[name] ?? '#c7903c', value: median, least, greatest, label: median.toFixed(digits) }]
}
