/**
 * The figures as tables in Markdown: a row for each server, with its ratios to the floor where there is one. Pure.
 * @module
 */
import type { Figures, Result, Results, Times } from './results.js'
import type { Scenario } from './scenarios.js'
import { median, ratioOf, type Series, type Spread, spreadOf } from './statistics.js'

/** What all are compared to. */
export const FLOOR = 'floor'

export const tablesOf = (results: readonly Result[]): string => results.map(sectionOf).join('\n\n')

/** How many numbers of a scenario's units are told, and in which. */
export function unitsOf({ unit }: Scenario): { cpu: string; cpuFactor: number; rate: string; rateFactor: number } {
  return unit === 'upload'
    ? { cpu: 'CPU ms/upload', cpuFactor: 1_000, rate: 'uploads/s', rateFactor: 1 }
    : { cpu: 'CPU s/GiB', cpuFactor: 1, rate: 'MiB/s', rateFactor: 1_024 }
}

function sectionOf({ scenario, figures }: Result): string {
  const { cpu, cpuFactor, rate, rateFactor } = unitsOf(scenario)
  const columns = [
    'server',
    cpu,
    'to the floor',
    rate,
    'to the floor',
    'S3 requests/upload',
    'bytes out/in',
    'POST ms',
    'first byte ms',
    'end ms',
    'peak MB',
  ]
  const base = figures[FLOOR]
  const rows = Object.entries(figures).map(([name, one]) => [
    Object.keys(one.failures).length > 0 ? `${name} (failures)` : name,
    number(scaled(median(one.cpu), cpuFactor), 2),
    name === FLOOR ? '1' : ratio(base && ratioOf(one.cpu, base.cpu)),
    number(scaled(median(one.rate), rateFactor), 0),
    name === FLOOR ? '1' : ratio(base && ratioOf(one.rate, base.rate)),
    number(requestsOf(one), 1),
    number(one.amplification, 2),
    times(one.post),
    times(one.firstByte),
    times(one.end),
    number(one.peak === null ? undefined : one.peak / 1e6, 0),
  ])
  const lines = [columns, columns.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
  const table = lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  const all = Object.values(figures)
  const beside = [
    `the clients used ${rangeOf(all, 'load', cpuFactor)}`,
    `S3 used ${rangeOf(all, 'sink', cpuFactor)} ${cpu}`,
  ]
  const notes = [
    `Beside the server ${beside.join(', and ')}.`,
    ...Object.entries(figures).flatMap(([name, one]) => [...failuresOf(name, one), ...limitsOf(name, one)]),
  ]
  return `**${scenario.name}**\n\n${table}${notes.map((note) => `\n\n${note}`).join('')}`
}

export const requestsOf = ({ requests }: Figures): number =>
  Object.values(requests).reduce((sum, value) => sum + value, 0)

const scaled = (value: number | undefined, factor: number): number | undefined =>
  value === undefined ? undefined : value * factor

const number = (value: number | undefined, digits: number): string =>
  value === undefined || !Number.isFinite(value) ? '-' : value.toFixed(digits)

/** What was never measured, since all failed, is null. */
const times = (both: Times): string => both.map((one) => (one === null ? '-' : one.toFixed(1))).join(' / ')

function ratio(spread: Spread | undefined): string {
  if (!spread) return '-'
  const { median: middle, least, greatest } = spread
  return least === greatest ? middle.toFixed(2) : `${middle.toFixed(2)} (${least.toFixed(2)}–${greatest.toFixed(2)})`
}

function failuresOf(name: string, { failures, uploads }: Figures): string[] {
  const told = Object.entries(failures).map(([text, { times: number_, first }]) => {
    return `${number_} × ${text} (${number_ > 1 ? 'the first ' : ''}after ${first.toFixed(1)} s)`
  })
  return told.length === 0 ? [] : [`Failures of ${name}, of ${uploads} uploads: ${told.join('; ')}.`]
}

/** From the server that was least work for them to the one that was most. */
function rangeOf(all: readonly Figures[], who: 'load' | 'sink', factor: number): string {
  const spread = spreadOf(all.map((one) => scaled(median(one[who]), factor) ?? null))
  if (!spread) return '-'
  const [least, greatest] = [spread.least.toFixed(2), spread.greatest.toFixed(2)]
  return least === greatest ? least : `${least} to ${greatest}`
}

/** From which share of one core the clients or S3 are what is measured. */
const BUSY = 0.85

/** A rate says little of the server where another process had no time left. */
function limitsOf(name: string, { load, sink, rate }: Figures): string[] {
  const shareOf = (cpu: Series): number =>
    median(cpu.map((seconds, round) => (seconds === null ? null : seconds * rate[round]!))) ?? 0
  return [['clients', shareOf(load)] as const, ['S3', shareOf(sink)] as const].flatMap(([who, share]) =>
    share < BUSY ? [] : [`${name}: the ${who} used ${(share * 100).toFixed(0)} % of a core, so the rate is theirs.`],
  )
}

/** On what a run was made, and with what. */
export function factsOf({ machine, versions, command }: Results): string {
  const rows = [...Object.entries(machine), ...Object.entries(versions), ['command', `\`${command.trim()}\``]]
  return ['| | |', '| --- | --- |', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n')
}
