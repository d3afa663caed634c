/**
 * `holdfast sweep`: one sweep over all uploads, for cron. Exits 1 if not all could be done.
 * @module
 */
import { prefixes } from '../s3/keys.js'
import { rulesFor } from '../s3/lifecycle/rules.js'
import { createServer, type SweepReport } from '../server.js'
import { openHooks } from './hooks.js'
import { createLog } from './log.js'
import { openAll } from './open.js'
import type { Options } from './read-options.js'
import { inWords } from './tools.js'

type SweepOptions = Options<'sweep'>

export async function sweep(options: SweepOptions): Promise<void> {
  if (options.lifecycle) return console.log(JSON.stringify(lifecycleFor(options), undefined, 2))
  // Whoever interrupts it ends it between two uploads.
  const abort = new AbortController()
  const interrupt = (): void => abort.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  const report = await swept(options, abort.signal)
  console.log(options.json ? JSON.stringify(report, undefined, 2) : textOf(report, options.dryRun))
  process.exitCode = report.problems > 0 || report.stopped ? 1 : 0
}

async function swept(options: SweepOptions, signal: AbortSignal): Promise<SweepReport> {
  const logger = createLog({ verbose: options.verbose, level: options.logLevel, format: options.logFormat })
  try {
    const { store, locker, close } = await openAll(options, logger)
    const { singleProcess, maxSize, deletePartials, keepExpired, abandonedAfter, dryRun } = options
    // What it completes, the application has a word in.
    const told = await openHooks(options, logger)
    const { hooks } = told
    const { hookTimeout } = options
    const settings = { singleProcess, maxSize, deletePartials, hookTimeout }
    const holdfast = createServer({ store, locker, hooks, logger, ...settings })
    try {
      await holdfast.ready()
      return await holdfast.sweep({ keepExpired, abandonedAfter, dryRun, signal })
    } finally {
      await holdfast.close()
      await told.close()
      await close?.()
    }
  } catch (thrown) {
    throw inWords(thrown, 'sweep')
  }
}

const MEANINGS: readonly [count: keyof Omit<SweepReport, 'stopped' | 'listed'>, meaning: string][] = [
  ['expired', 'had expired: ended, and their bytes removed'],
  ['completed', 'had all their bytes: completed'],
  ['failed', 'could never be complete: failed'],
  ['waiting', 'final uploads that wait for their partial ones'],
  ['tidied', 'finished: what was left beside them removed'],
  ['delivered', 'of which events were left: delivered'],
  ['removed', 'ended long ago: their records removed'],
  ['busy', 'written by somebody now: left alone'],
  ['problems', 'with which something went wrong: the log says what, the next sweep tries again'],
]

/** One line for each count that is not 0. */
function textOf(report: SweepReport, dryRun: boolean): string {
  const rows = MEANINGS.filter(([count]) => report[count] > 0)
  const lines = rows.map(([count, meaning]) => `${String(report[count]).padStart(8)}  ${meaning}`)
  const head = `${report.listed} records listed${dryRun ? '; nothing was changed, this is what would be done' : ''}`
  const tail = report.stopped ? ['Interrupted; the next sweep goes on.'] : []
  return [`${head}${rows.length > 0 ? ':' : ': nothing to do.'}`, ...lines, ...tail].join('\n')
}

const DAY = 86_400_000

/** As `aws s3api put-bucket-lifecycle-configuration --lifecycle-configuration` takes it. */
function lifecycleFor({ s3ObjectPrefix, s3MetadataObjectPrefix, abandonedAfter = 7 * DAY }: SweepOptions): object {
  return { Rules: rulesFor(prefixes(s3ObjectPrefix, s3MetadataObjectPrefix), { abortAfter: abandonedAfter }) }
}
