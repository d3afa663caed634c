/**
 * Runs scenarios: all servers are started and warmed up in the same way, and then take turns, round by round, so that a machine
 * that is slow for a while is slow for all of them.
 * @module
 */
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from '../../test/support/certificate.js'
import type { Load, Measured } from './load.js'
import { type Figures, figuresOf, type Result, type Round } from './results.js'
import type { Scenario } from './scenarios.js'
import { type Contender, folderOf, type Setting, type Started, slugOf } from './servers.js'
import type { SinkCounts, SinkOptions } from './sink.js'
import { forgetPeak, processesOf, usageOf } from './usage.js'

export interface Options {
  rounds: number
  /** Whether figures are meant to be compared: without, servers do a few uploads before. Default true. */
  isWarm?: boolean
  /** Where profiles and what servers print are left. */
  profile?: string | undefined
  log?: string | undefined
  /** For what is thrown away afterwards. */
  temporary: string
  say(text: string): void
}

/** Seconds that a round may take. */
const PATIENCE = 120

interface Child {
  readonly pid: number
  ask<Answer>(message: object | string): Promise<Answer>
  stop(): void
}

interface Lane {
  scenario: Scenario
  name: string
  bucket: string
  sink: Child
  server: Started | undefined
  rounds: Round[]
  /** Why it does not run, or no longer. */
  failure: string | undefined
}

/** Starts a script that sends a message when it is ready. */
async function start(script: string, ...args: string[]): Promise<{ child: Child; first: unknown }> {
  const child = fork(join(import.meta.dirname, script), args, { execArgv: ['--import', 'tsx'] })
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`${script} ended with ${code}`))
      child.once('exit', ended).once('message', (message) => {
        child.off('exit', ended)
        resolve(message)
      })
    })
  const first = await next()
  const ask = <Answer>(message: object | string): Promise<Answer> => {
    const answer = next() as Promise<Answer>
    child.send(message)
    return answer
  }
  return { first, child: { pid: child.pid!, ask, stop: () => void child.kill('SIGKILL') } }
}

/** @param scenarios that take turns, too */
export async function measure(
  scenarios: readonly Scenario[],
  contendersFor: (scenario: Scenario) => readonly Contender[],
  options: Options,
): Promise<Result[]> {
  const load = (await start('load.ts')).child
  const children: Child[] = [load]
  const lanes: Lane[] = []
  try {
    for (const scenario of scenarios) {
      const { sink, setting } = await startSink(scenario, options.temporary)
      children.push(sink)
      for (const contender of contendersFor(scenario))
        lanes.push(await open(scenario, contender, sink, setting, options))
    }
    for (const lane of lanes) await guarded(lane, () => warmUp(lane, load, options.isWarm !== false))
    const rounds = scenarios.some(({ once }) => once) ? 1 : options.rounds
    for (let round = 1; round <= rounds; round++) {
      for (const lane of lanes) {
        options.say(`${lane.scenario.name}, round ${round} of ${rounds}: ${lane.name}`)
        await guarded(lane, async () => void lane.rounds.push(await play(lane, load)))
      }
    }
  } finally {
    await Promise.all(lanes.map(({ server }) => server?.stop()))
    for (const child of children) child.stop()
  }
  return scenarios.map((scenario) => ({
    scenario,
    figures: Object.fromEntries(
      lanes.filter((lane) => lane.scenario === scenario).map((lane) => [lane.name, figuresWith(lane)]),
    ),
  }))
}

function figuresWith({ scenario, name, rounds, failure }: Lane): Figures {
  const figures = figuresOf(scenario, name, rounds)
  if (failure === undefined) return figures
  return { ...figures, failures: { ...figures.failures, [failure]: { times: 1, first: 0 } } }
}

async function startSink(
  { latency = 0, tls: isTls = false }: Scenario,
  temporary: string,
): Promise<{ sink: Child; setting: Pick<Setting, 'endpoint' | 'environment'> }> {
  const tls = isTls ? makeCertificate('127.0.0.1') : undefined
  const sinkOptions: SinkOptions = { latency, ...(tls ? { tls } : {}) }
  const { child: sink, first: port } = await start('sink.ts', JSON.stringify(sinkOptions))
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`
  return { sink, setting: { endpoint, environment: tls ? trusting(tls.cert, temporary) : {} } }
}

/** Node.js, Go, and the SDK of AWS for Go, which prefers a variable of its own. */
function trusting(certificate: string, folder: string): Record<string, string> {
  const path = join(folder, 'certificate.pem')
  writeFileSync(path, certificate)
  return { NODE_EXTRA_CA_CERTS: path, SSL_CERT_FILE: path, AWS_CA_BUNDLE: path }
}

async function open(
  scenario: Scenario,
  contender: Contender,
  sink: Child,
  setting: Pick<Setting, 'endpoint' | 'environment'>,
  { profile, log, say }: Options,
): Promise<Lane> {
  const { name } = contender
  const [bucket, place] = [slugOf(name), slugOf(scenario.name)]
  const lane: Lane = { scenario, name, bucket, sink, server: undefined, rounds: [], failure: undefined }
  say(`${scenario.name}: ${name} starts`)
  await guarded(lane, async () => {
    lane.server = await contender.start({
      ...setting,
      bucket,
      profile: profile && folderOf(profile, place, bucket),
      log: log && join(folderOf(log, place), `${bucket}.log`),
    })
  })
  return lane
}

/** What goes wrong with one server is told of it, and the others go on. */
async function guarded(lane: Lane, action: () => Promise<void>): Promise<void> {
  if (lane.failure !== undefined) return
  try {
    await action()
    const ended = lane.server?.ended()
    if (ended) throw new Error(`the server ${ended}`)
  } catch (error) {
    lane.failure = lane.server?.ended() ?? (error as Error).message
  }
}

const loadOf = ({ name: _name, unit: _unit, ...load }: Scenario): Omit<Load, 'url' | 'patience'> => load

/**
 * Seconds of the processor after which a server is warm: V8 has compiled what is called often, connections are open, memory has been
 * used once. A server of ours takes twice as long for the first thousand small uploads as for those after the third.
 */
const WARM = { upload: 3, GiB: 1.5 }

/** Seconds in which a server must have become warm, on a machine where it gets little of the processor. */
const WARMING = 20

/** The same processor time for each, and not the same number, since one that does more for each has done it more often then. */
async function warmUp({ scenario, bucket, sink, server }: Lane, load: Child, isLong: boolean): Promise<void> {
  const { url, pid } = server!
  const { unit, chunk } = scenario
  const size = Math.min(scenario.size, 32 * 1024 * 1024)
  const few = unit === 'upload' ? { count: 200, atOnce: 16 } : { count: 4, atOnce: 2 }
  // One of several processes has children that work.
  const wanted = usageOf(pid).cpu + WARM[unit] * Math.max(1, processesOf(pid).length - 1)
  const end = performance.now() + WARMING * 1_000
  do {
    await load.ask<Measured>({ url, size, chunk, ...few, patience: PATIENCE } satisfies Load)
    await sink.ask<SinkCounts>(bucket)
  } while (isLong && usageOf(pid).cpu < wanted && performance.now() < end)
}

async function play({ scenario, bucket, sink, server }: Lane, load: Child): Promise<Round> {
  const { url, pid } = server!
  forgetPeak(pid)
  const processes = [pid, load.pid, sink.pid]
  const before = processes.map(usageOf)
  const measured = await load.ask<Measured>({ ...loadOf(scenario), url, patience: PATIENCE })
  const after = processes.map(usageOf)
  const [server_, load_, sink_] = after.map(({ cpu }, index) => cpu - before[index]!.cpu) as [number, number, number]
  const counts = await sink.ask<SinkCounts>(bucket)
  return { measured, counts, cpu: { server: server_, load: load_, sink: sink_ }, peak: after[0]!.peak }
}
