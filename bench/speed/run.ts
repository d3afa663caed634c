/**
 * `npm run bench`: each server in turn, in front of the same sink, in one run; the figures are read as ratios. Arguments: parts
 * of scenario names to run those alone; `--all` for the long ones too; `--servers=floor,Holdfast`; `--json=FILE`.
 * @module
 */
import { execFileSync, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Load, Measured } from './load.js'
import { type Figures, report } from './report.js'
import { SCENARIOS, type Scenario } from './scenarios.js'
import { type Contender, floor, forgetPeak, holdfast, tusd, tusNode, usageOf } from './servers.js'
import type { SinkCounts, SinkOptions } from './sink.js'

const CONTENDERS: readonly Contender[] = [
  floor,
  holdfast,
  tusNode,
  tusd('tusd', []),
  tusd('tusd, no hashes', ['-s3-disable-content-hashes']),
]

const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))

/** A certificate for 127.0.0.1, made for this run. */
function certificate(): { key: string; cert: string; path: string } {
  const [key, path] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', path]
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...made, ...subject], { stdio: 'ignore' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(path, 'utf8'), path }
}

interface Child {
  ask<Answer>(message: object): Promise<Answer>
  readonly first: Promise<unknown>
  stop(): void
}

function start(script: string, ...args: string[]): Child {
  const child = fork(join(import.meta.dirname, script), args, { execArgv: ['--import', 'tsx'] })
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      child.once('message', resolve)
      child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)))
    })
  return {
    first: next().catch(() => undefined),
    ask<Answer>(message: object) {
      const answer = next()
      child.send(message)
      return answer as Promise<Answer>
    },
    stop: () => void child.kill('SIGKILL'),
  }
}

async function measure(contender: Contender, scenario: Scenario): Promise<Figures> {
  const tls = scenario.tls ? certificate() : undefined
  const options: SinkOptions = { latency: scenario.latency ?? 0, ...(tls ? { tls } : {}) }
  const sink = start('sink.ts', JSON.stringify(options))
  const port = await sink.first
  const environment: Record<string, string> = tls ? { NODE_EXTRA_CA_CERTS: tls.path, SSL_CERT_FILE: tls.path } : {}
  const server = await contender.start(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, environment)
  const load = start('load.ts')
  try {
    const { url, pid } = server
    const { count, atOnce, size, chunk, rate } = scenario
    const ask = (load_: Omit<Load, 'url'>): Promise<Measured> => load.ask({ url, ...load_ })
    // Code is compiled, connections are open and memory has been used once.
    const isSmall = scenario.unit === 'upload'
    await ask({ count: isSmall ? 300 : 2, atOnce: isSmall ? 16 : 2, size: Math.min(size, 32 * 1024 * 1024), chunk })
    await sink.ask<SinkCounts>({})
    forgetPeak(pid)
    const before = usageOf(pid)
    const measured = await ask({ count, atOnce, size, chunk, rate })
    const after = usageOf(pid)
    const { requests, bytes } = await sink.ask<SinkCounts>({})
    const all = Object.values(requests).reduce((sum, number) => sum + number, 0)
    const units = scenario.unit === 'upload' ? count : (count * size) / 2 ** 30
    return {
      cpu: (after.cpu - before.cpu) / units,
      rate: units / (measured.duration / 1_000),
      requests: all / count,
      amplification: bytes / (count * size),
      created: measured.created,
      concluded: measured.concluded,
      peak: after.peak,
      failures: measured.failures,
    }
  } finally {
    load.stop()
    await server.stop()
    sink.stop()
  }
}

const args = process.argv.slice(2)
const option = (name: string): string | undefined =>
  args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
const wanted = args.filter((arg) => !arg.startsWith('--'))
const names = option('servers')?.split(',')
const contenders = CONTENDERS.filter(({ name }) => names === undefined || names.includes(name))
const isWanted = ({ name, long = false }: Scenario): boolean =>
  wanted.length > 0 ? wanted.some((part) => name.includes(part)) : args.includes('--all') || !long
const results: { scenario: Scenario; figures: Record<string, Figures> }[] = []
try {
  for (const scenario of SCENARIOS.filter(isWanted)) {
    const figures: Record<string, Figures> = {}
    for (const contender of contenders) {
      process.stderr.write(`${scenario.name}: ${contender.name}\n`)
      figures[contender.name] = await measure(contender, scenario)
    }
    results.push({ scenario, figures })
    console.log(report([{ scenario, figures }]))
  }
  const machine = {
    date: new Date().toISOString(),
    node: process.version,
    cpus: cpus().length,
    model: cpus()[0]?.model,
  }
  const file = option('json')
  if (file) writeFileSync(file, `${JSON.stringify({ machine, results }, undefined, 1)}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
