/**
 * `holdfast repair`: mends what crashes left of uploads, where that is safe.
 * @module
 */
import type { Repair, RepairReport } from '../server.js'
import type { Inspector, Remedy } from '../store/inspect.js'
import { UsageError } from './failure.js'
import { findingsOf } from './inspect.js'
import type { Options } from './read-options.js'
import { harmless, type Paint, painter } from './table.js'
import { FOUND, forEach, idsOf, isGone, type Out, openProgress, printLine, reasonOf, withServer } from './tools.js'

interface Counts {
  seen: number
  mended: number
  /** Those with something that is still wrong, or to be done. */
  left: number
  busy: number
  /** Objects that no record names. */
  orphans: number
  problems: number
}

/** @returns the exit status */
export async function repair(
  ids: readonly string[],
  options: Options<'repair'>,
  out: Out = process.stdout,
): Promise<number> {
  if (options.all === ids.length > 0) throw new UsageError('repair: name uploads by their IDs, or all with --all.')
  const { dryRun, parallel, json } = options
  const counts: Counts = { seen: 0, mended: 0, left: 0, busy: 0, orphans: 0, problems: 0 }
  const paint = painter(out.isTTY === true, process.env)
  const interrupted = await withServer(options, 'repair', async ({ holdfast, inspector, signal }) => {
    if (!dryRun) await holdfast.ready()
    const progress = openProgress()
    const work = async (id: string): Promise<void> => {
      try {
        const report = await holdfast.repair(id, { dryRun })
        count(counts, report)
        progress?.clear()
        if (json) printLine(out, report)
        else out.write(textOf(report, options.all, paint))
      } catch (error) {
        // It was removed since it was listed.
        if (options.all && isGone(error)) return
        counts.problems++
        progress?.clear()
        console.error(`${harmless(id)}: could not be looked at: ${reasonOf(error)}`)
      } finally {
        counts.seen++
        progress?.count('looked at', counts.seen)
      }
    }
    try {
      await forEach(idsOf(inspector, ids, options.prefix), { parallel, signal }, work)
      if (options.all) await removeOrphans(inspector, options, counts, signal, out)
    } finally {
      progress?.close()
    }
    return signal.aborted
  })
  if (!json) out.write(summaryOf(counts, dryRun, interrupted))
  return counts.problems > 0 || interrupted ? 1 : counts.left > 0 || (dryRun && counts.orphans > 0) ? FOUND : 0
}

async function removeOrphans(
  inspector: Inspector,
  { prefix, dryRun, json }: Options<'repair'>,
  counts: Counts,
  signal: AbortSignal,
  out: Out,
): Promise<void> {
  for await (const orphan of inspector.orphans?.(prefix) ?? []) {
    if (signal.aborted) return
    const { place, size } = orphan
    const isRemoved = dryRun || (await orphan.remove())
    if (isRemoved) counts.orphans++
    if (json) printLine(out, { orphan: place, size, outcome: dryRun ? 'due' : isRemoved ? 'done' : 'nothing' })
    else if (isRemoved)
      out.write(`${harmless(place)}: no record names it: ${dryRun ? 'would be removed' : 'removed'}\n`)
  }
}

function count(counts: Counts, { repairs, left }: RepairReport): void {
  const has = (outcome: Repair['outcome']): boolean => repairs.some((one) => one.outcome === outcome)
  if (has('done') || has('due')) counts.mended++
  if (has('busy')) counts.busy++
  if (has('failed')) counts.problems++
  if (left.length > 0) counts.left++
}

const MEANINGS: Readonly<Record<Remedy, string>> = {
  adopt: 'write the record of the other server anew as one of ours',
  complete: 'drive it to its end',
  settle: 'mark it as failed, since committed bytes are gone',
  expire: 'end it, since it has expired',
  strays: 'abort multipart uploads that its record does not name',
  tidy: 'remove what is left beside it',
}

const OUTCOMES: Readonly<Record<Repair['outcome'], string>> = {
  done: 'done',
  due: 'would be done',
  nothing: 'there was no need any more',
  busy: 'left alone: somebody writes it now',
  waiting: 'it waits for its partial uploads',
  failed: 'FAILED',
}

/** @param briefly nothing of uploads with which nothing is */
function textOf({ id, repairs, left }: RepairReport, briefly: boolean, paint: Paint): string {
  const told = briefly ? repairs.filter(({ outcome }) => outcome !== 'waiting') : repairs
  if (briefly && told.length === 0 && left.length === 0) return ''
  const lines = told.map(({ remedy, outcome, reason }) => {
    const colour = outcome === 'failed' ? 'red' : outcome === 'done' ? 'green' : 'blue'
    const why = reason === undefined ? '' : `: ${harmless(reason)}`
    return `  ${MEANINGS[remedy]}: ${paint(colour, OUTCOMES[outcome])}${why}`
  })
  const rest = left.length > 0 ? findingsOf(left, paint) : told.length > 0 ? [] : ['  nothing to do']
  return `${[paint('bold', harmless(id)), ...lines, ...rest].join('\n')}\n`
}

function summaryOf(
  { seen, mended, left, busy, orphans, problems }: Counts,
  dryRun: boolean,
  interrupted: boolean,
): string {
  const parts = [
    `${seen} looked at`,
    `${mended} ${dryRun ? 'would be mended' : 'mended'}`,
    ...(orphans > 0 ? [`${orphans} that no record names ${dryRun ? 'would be removed' : 'removed'}`] : []),
    ...(left > 0 ? [`${left} with something left that is wrong or due`] : []),
    ...(busy > 0 ? [`${busy} written by somebody now`] : []),
    ...(problems > 0 ? [`${problems} could not be mended`] : []),
    ...(interrupted ? ['interrupted'] : []),
  ]
  return `${parts.join(', ')}\n`
}
