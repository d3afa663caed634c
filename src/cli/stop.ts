/**
 * How a server of the command ends: at the first signal in order, at the second at once.
 * @module
 */
import type { Server } from 'node:http'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Holdfast, Logger } from '../server.js'
import type { Http2Sessions } from './http2.js'

/** Milliseconds that answers have to reach their clients after everything was stored. */
const FAREWELL = 500

export interface Stoppable {
  readonly server: Server
  readonly http2?: Http2Sessions | undefined
  readonly holdfast: Pick<Holdfast, 'close' | 'counters' | 'drain'>
  readonly log: Logger
  /** Milliseconds that requests may take to end. */
  readonly timeout: number
  /** Milliseconds for which all is served as before, while it says that it is not ready. Default: 0. */
  readonly drainDelay?: number | undefined
  /** What else there is to close, afterwards. */
  readonly after?: (() => Promise<void>) | undefined
}

/** Ends the process in order at SIGTERM and SIGINT, and tells at SIGUSR2 what was done. */
export function stopOnSignals(stoppable: Stoppable): void {
  const { log, holdfast } = stoppable
  let isStopping = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(1)
    isStopping = true
    log.info({ signal }, 'stopping; again to stop at once')
    stop(stoppable).then(
      () => {
        log.info({ ...holdfast.counters }, 'stopped')
        process.exit(0)
      },
      (error: Error) => {
        log.error({ cause: error.message }, 'could not stop in order')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  onCountSignal(() => log.info({ ...holdfast.counters }, 'counters'))
  surviveBugs(log)
}

/** Where there is such a signal. */
export function onCountSignal(tell: () => void): void {
  if ('SIGUSR2' in constants.signals) process.on('SIGUSR2', tell)
}

/** Promises that nobody awaits, and exceptions that nobody catches, are logged and end nothing. */
export function surviveBugs(log: Logger): void {
  // What is acknowledged is committed, and a bug in one request must not end the others: it is told and survived.
  const report = (kind: string) => (reason: unknown) =>
    log.error({ cause: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason) }, kind)
  process.on('unhandledRejection', report('unhandled rejection'))
  process.on('uncaughtException', report('uncaught exception'))
  // Whoever read the log may be gone. To report that a line could not be written would take another line, for ever.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}

/** What arrived is stored and committed, and all connections end. */
export async function stop({ server, http2, holdfast, timeout, drainDelay = 0, after }: Stoppable): Promise<void> {
  holdfast.drain()
  if (drainDelay > 0) await sleep(drainDelay)
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  http2?.close()
  await holdfast.close({ timeout })
  server.closeIdleConnections()
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, FAREWELL))])
  server.closeAllConnections()
  http2?.destroy()
  await after?.()
}
