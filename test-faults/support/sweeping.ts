/**
 * Sweeps on request, for scenarios: a server under test has a path for it, which no client of uploads would know.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Holdfast, SweepReport } from '../../src/server.js'
import { Broken } from './client.js'
import type { Run } from './run.js'

export const SWEEP = '/sweep'

export interface Sweeping {
  /** Milliseconds by which the clock of the node is ahead of that of the others, from now on. */
  ahead: number
  keepExpired: number
}

/** @returns a listener that sweeps when it is asked to, and else asks the other one */
export function sweepable(
  holdfast: Holdfast,
  turnClock: (ahead: number) => void,
  other: (request: IncomingMessage, response: ServerResponse) => void,
) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname !== SWEEP) {
      other(request, response)
      return
    }
    turnClock(Number(searchParams.get('ahead')))
    holdfast.sweep({ keepExpired: Number(searchParams.get('keepExpired')) }).then(
      (report) => response.end(JSON.stringify(report)),
      (error) => response.writeHead(500).end(String(error)),
    )
  }
}

const TRIES = 12
const PAUSE = 40
/** Milliseconds for one sweep. */
const TIMEOUT = 20_000

/** As cron does: again and again, until nothing went wrong. */
export async function sweepAll(run: Run, node: string, { ahead, keepExpired }: Sweeping): Promise<SweepReport> {
  let last = ''
  for (let tries = 1; tries <= TRIES; tries++) {
    const url = new URL(`${SWEEP}?ahead=${ahead}&keepExpired=${keepExpired}`, await run.url(node))
    try {
      const answer = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(TIMEOUT) })
      last = await answer.text()
      const report = answer.ok ? (JSON.parse(last) as SweepReport) : undefined
      if (report?.problems === 0 && report.busy === 0) return report
    } catch (error) {
      last = String(error)
    }
    run.recovered()
    await sleep(PAUSE)
  }
  throw new Broken('stuck', `sweeps come to nothing, again and again (${last})`)
}
