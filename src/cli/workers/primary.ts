/**
 * `holdfast serve --workers`: this process starts workers that listen on one address, settles between them who writes which
 * upload, and serves no request itself.
 * @module
 */
import cluster from 'node:cluster'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { settleClaims } from '../../lockers/cluster.js'
import type { Logger } from '../../server.js'
import { announce } from '../announce.js'
import { UsageError } from '../failure.js'
import { listen } from '../listen.js'
import { createLog } from '../log.js'
import { serveMetricsApart } from '../metrics-page.js'
import { needed, wantsMetrics } from '../observation.js'
import { CONFIG_TEXT_VARIABLE, configRead, type Options } from '../read-options.js'
import { onCountSignal, surviveBugs } from '../stop.js'
import { prepareSocket } from '../unix-socket.js'
import { breakOffWithIt } from './handed-over.js'
import { type OfWorker, PLACE_VARIABLE } from './messages.js'
import { Supervisor, type SupervisorOptions } from './supervisor.js'

/** What the processes of workers are started with, beside what this one was: options of node and V8, and variables. */
const WORKER: { readonly execArgv: readonly string[]; readonly env: Readonly<Record<string, string>> } = {
  execArgv: [],
  env: {},
}

/** @throws PlainError if nobody can listen there · UsageError */
export async function superviseWorkers(options: Options<'serve'>, workers: number): Promise<void> {
  if (!cluster.isPrimary) {
    throw new UsageError(
      '--workers: this process is a worker of another one already, so it cannot have some of its own.',
    )
  }
  const log = createLog({ verbose: options.verbose, level: options.logLevel, format: options.logFormat })
  const handedOn = options.config === undefined ? {} : { [CONFIG_TEXT_VARIABLE]: configRead() }
  if (options.workers === 'auto' && workers < availableParallelism()) {
    log.info(
      { workers, processors: availableParallelism() },
      'memory or requests to S3 do not go round for more workers',
    )
  }
  const port = options.unixSock === undefined ? await findPort(options) : await findSocket(options.unixSock)
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('../main.js', import.meta.url)),
    // Of an option that is given twice the last one counts.
    args: [
      ...process.argv.slice(2),
      ...(port === undefined ? [] : ['--port', String(port)]),
      '--workers',
      String(workers),
    ],
    execArgv: [...process.execArgv, ...WORKER.execArgv],
  })
  settleClaims(cluster)
  const gathered = wantsMetrics(options) ? await gather() : undefined
  const supervisor: Supervisor = new Supervisor({
    workers,
    log,
    timeout: options.drainDelay + options.shutdownTimeout,
    fork: (place) => breakOffWithIt(cluster.fork({ ...WORKER.env, ...handedOn, [PLACE_VARIABLE]: String(place) })),
    onEnd(code, sentence) {
      if (options.unixSock !== undefined) rmSync(options.unixSock, { force: true })
      end(supervisor, log, code, sentence)
    },
    onMessage(place, message) {
      showStatus(supervisor, place, message)
      gathered?.listeners.onMessage?.(place, message)
    },
    onWorkerEnded: gathered?.listeners.onWorkerEnded,
  })
  await gathered?.begin(supervisor, options, log)
  surviveBugs(log)
  steerBySignals(supervisor, log, options)
  await supervisor.start()
  announce(options, port)
}

/**
 * The port that all workers are to have, also if any that is free will do.
 * @throws PlainError if it is not to be had
 */
async function findPort({ host, port }: Options<'serve'>): Promise<number> {
  const server = createServer()
  const found = await listen(server, host, port)
  await new Promise((resolve) => server.close(resolve))
  return found
}

async function findSocket(path: string): Promise<undefined> {
  await prepareSocket(path)
  return undefined
}

/** Passes on what one worker shows of the others. */
function showStatus(supervisor: Supervisor, place: number, message: OfWorker): void {
  if (message.kind === 'status') {
    supervisor.tell(message.to, { kind: 'status-of', place, status: message.status })
  }
  if (message.kind !== 'look') return
  for (const other of supervisor.serving)
    if (other !== place) supervisor.tell(other, { kind: 'tell-status', to: place })
}

/** The metrics of all workers: for those of them that are asked, and on a port of its own if there is one. */
async function gather() {
  const { Gathering } = await needed('--expose-metrics', 'prom-client', () => import('./gathering.js'))
  let supervisor: Supervisor | undefined
  const gathering = new Gathering({
    ask(scrape) {
      const { serving } = supervisor!
      for (const place of serving) supervisor!.tell(place, { kind: 'tell-metrics', scrape })
      return serving
    },
  })
  const answer = async (place: number, scrape: number): Promise<void> => {
    const text = await gathering.text().catch(() => undefined)
    supervisor!.tell(place, { kind: 'scraped', scrape, text })
  }
  const listeners: Pick<SupervisorOptions, 'onMessage' | 'onWorkerEnded'> = {
    onMessage(place, message) {
      if (message.kind === 'metrics') gathering.told(place, message.scrape, message.metrics)
      if (message.kind === 'scrape') void answer(place, message.scrape)
    },
    onWorkerEnded: (place) => gathering.ended(place),
  }
  return {
    listeners,
    async begin(of: Supervisor, options: Options<'serve'>, log: Logger): Promise<void> {
      supervisor = of
      await serveMetricsApart(options, () => gathering.text(), log)
    },
  }
}

function steerBySignals(supervisor: Supervisor, log: Logger, { tlsCert }: Options<'serve'>): void {
  let isStopping = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      supervisor.kill()
      process.exit(1)
    }
    isStopping = true
    log.info({ signal }, 'stopping; again to stop at once')
    supervisor.stop()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  if (tlsCert !== undefined) process.on('SIGHUP', () => supervisor.readCertificate())
  onCountSignal(() => {
    for (const { worker, pid, counters } of supervisor.present) log.info({ worker, pid, ...counters }, 'counters')
    log.info({ ...supervisor.counters }, 'counters')
  })
}

function end(supervisor: Supervisor, log: Logger, code: number, sentence: string | undefined): void {
  if (supervisor.hasServed) log.info({ ...supervisor.counters }, 'stopped')
  if (sentence !== undefined) console.error(`holdfast: ${sentence}`)
  process.exit(code)
}
