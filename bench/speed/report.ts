/**
 * The figures as tables: a row for each server, with its ratio to the floor where there is one.
 * @module
 */
import type { Scenario } from './scenarios.js'

export interface Figures {
  /** Seconds of the processor for each GiB, or each upload. */
  cpu: number
  /** GiB, or uploads, a second. */
  rate: number
  /** Requests to S3 for each upload. */
  requests: number
  /** Bytes sent to S3 for each byte received. */
  amplification: number
  /** Milliseconds until POST was answered; and from the last byte to its answer. */
  created: number
  concluded: number
  /** Bytes of resident memory, at most. */
  peak: number
  failures: string[]
}

/** What was never measured, since all failed, comes as null. */
const told = (milliseconds: number | null): string => milliseconds?.toFixed(1) ?? '-'

export interface Result {
  scenario: Scenario
  figures: Record<string, Figures>
}

export function report(results: readonly Result[]): string {
  return results.map(tableOf).join('\n\n')
}

function tableOf({ scenario, figures }: Result): string {
  const isSmall = scenario.unit === 'upload'
  const cpu = isSmall ? 'CPU ms each' : 'CPU s/GiB'
  const rate = isSmall ? 'uploads/s' : 'MiB/s'
  const columns = [
    '',
    cpu,
    'to the floor',
    rate,
    'to the floor',
    'S3 requests each',
    'bytes out/in',
    'POST ms',
    'end ms',
    'peak MB',
  ]
  const base = figures.floor
  const rows = Object.entries(figures).map(([name, one]) => [
    one.failures.length > 0 ? `${name} (failed: ${one.failures[0]})` : name,
    (one.cpu * (isSmall ? 1_000 : 1)).toFixed(2),
    base ? (one.cpu / base.cpu).toFixed(2) : '',
    (one.rate * (isSmall ? 1 : 1_024)).toFixed(0),
    base ? (one.rate / base.rate).toFixed(2) : '',
    one.requests.toFixed(1),
    one.amplification.toFixed(2),
    told(one.created),
    told(one.concluded),
    (one.peak / 1e6).toFixed(0),
  ])
  const lines = [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `**${scenario.name}**\n\n${lines.join('\n')}`
}
