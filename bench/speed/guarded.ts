/**
 * What the guard says of a run: what it reports, and what it asserts. Pure.
 * @module
 */
import { FLOOR, requestsOf } from './report.js'
import type { Figures, Result, Results } from './results.js'
import { ratioOf } from './statistics.js'

/** The ratio of one thing here and in the committed run, as text. */
export interface Comparison {
  what: string
  here: string
  there: string
}

const OURS = 'Holdfast'

/** Processor time as times the floor's, and requests to S3, scenario by scenario. */
export function compared(results: readonly Result[], before: Results): Comparison[] {
  return results.flatMap(({ scenario: { name }, figures }) => {
    const then = before.results.find(({ scenario }) => scenario.name === name)?.figures ?? {}
    return [
      { what: `${name}: processor time, to the floor`, here: timesFloor(figures), there: timesFloor(then) },
      { what: `${name}: requests to S3 for each upload`, here: requests(figures), there: requests(then) },
    ]
  })
}

function timesFloor({ [OURS]: ours, [FLOOR]: floor }: Record<string, Figures>): string {
  const ratio = ours && floor && ratioOf(ours.cpu, floor.cpu)
  return ratio ? ratio.median.toFixed(2) : '-'
}

const requests = ({ [OURS]: ours }: Record<string, Figures>): string => (ours ? requestsOf(ours).toFixed(1) : '-')

/** How many bytes of records and requests are added to the content, as a share of it. */
const RECORDS = 0.05

/** @returns sentences; none if all is well */
export function violations(results: readonly Result[]): string[] {
  return results.flatMap(({ scenario, figures }) => {
    const { name, unit, chunk, size } = scenario
    const failed = Object.entries(figures).flatMap(([server, { failures, uploads }]) =>
      Object.entries(failures).map(([text, { times }]) => `${name}: ${server} failed ${times} of ${uploads}: ${text}`),
    )
    const ours = figures[OURS]
    if (!ours || ours.cpu.every((seconds) => seconds === null)) return [...failed, `${name}: ${OURS} was not measured`]
    if (failed.length > 0) return failed
    const requests_ = requestsOf(ours)
    const most = chunk === undefined || chunk >= size || chunk >= 5 * 2 ** 20 ? 1 + RECORDS : 2
    return [
      ...(unit === 'upload' && requests_ !== 3 ? [`${name}: ${requests_} requests to S3 for an upload, not 3`] : []),
      ...(ours.amplification > most ? [`${name}: ${ours.amplification} bytes to S3 for each, more than ${most}`] : []),
    ]
  })
}
