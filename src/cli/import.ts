/**
 * `holdfast import`: uploads of other servers taken over, where they are or from another place.
 * @module
 */
import type { Copied, Holdfast } from '../server.js'
import type { Author, Exported, Exporter, Inspector, RecordEntry, Summary } from '../store/inspect.js'
import { measure } from '../store/measure.js'
import { type Source, sourceOf } from './import-source.js'
import { bytes } from './ls.js'
import type { Options } from './read-options.js'
import { harmless } from './table.js'
import { FOUND, forEach, type Out, openProgress, printLine, reasonOf, type Tool, withServer } from './tools.js'

/** `converted`: its record was written anew; `wrong`: what is here is not what is there. */
type Outcome = Copied['outcome'] | 'converted' | 'wrong' | 'failed'

interface Imported {
  id: string
  author: Author
  outcome: Outcome
  state?: string | undefined
  /** Bytes that are committed here. */
  offset?: number | undefined
  length?: number | undefined
  reason?: string | undefined
}

interface Run extends Tool {
  holdfast: Holdfast
  options: Options<'import'>
  onBytes: (bytes: number) => void
}

type Work = (entry: RecordEntry, run: Run) => Promise<Imported | undefined>

/** @returns the exit status */
export async function importUploads(options: Options<'import'>, out: Out = process.stdout): Promise<number> {
  const counts = new Map<Outcome, number>()
  let read = 0
  const interrupted = await withServer(options, 'import', async (tool) => {
    const source = await sourceOf(options, tool.logger)
    const progress = openProgress()
    let done = 0
    const onBytes = (count: number): void => {
      read += count
      progress?.count('imported', done, read)
    }
    const run = { ...tool, options, onBytes }
    if (!options.dryRun) await tool.holdfast.ready()
    const work = workOf(source, tool.inspector)
    try {
      await forEach(
        (source?.exporter ?? tool.inspector).records(options.prefix),
        { ...options, ...tool },
        async (entry) => {
          const imported = await tried(work, entry, run)
          if (!imported) return
          counts.set(imported.outcome, (counts.get(imported.outcome) ?? 0) + 1)
          progress?.count('imported', ++done, read)
          progress?.clear()
          if (options.json) printLine(out, imported)
          else out.write(textOf(imported, options.dryRun))
        },
      )
      return tool.signal.aborted
    } finally {
      progress?.close()
      await source?.close()
    }
  })
  if (!options.json) out.write(summaryOf(counts, read, options.dryRun, interrupted))
  const has = (...outcomes: Outcome[]): boolean => outcomes.some((outcome) => counts.has(outcome))
  return has('failed', 'busy') || interrupted ? 1 : has('cannot', 'conflict', 'wrong') ? FOUND : 0
}

async function tried(work: Work, entry: RecordEntry, run: Run): Promise<Imported | undefined> {
  try {
    return await work(entry, run)
  } catch (error) {
    return { id: entry.name, author: 'unknown', outcome: 'failed', reason: reasonOf(error) }
  }
}

const workOf = (source: Source | undefined, inspector: Inspector): Work =>
  source ? (entry, run) => copyFrom(source.exporter, entry, run) : (entry, run) => convert(inspector, entry, run)

const told = ({ id, author }: Summary, outcome: Outcome, more: Partial<Imported> = {}): Imported => ({
  id,
  author,
  outcome,
  ...more,
})

/** In place: the record of another server is written anew as one of ours. What is ours already is not told. */
async function convert(inspector: Inspector, entry: RecordEntry, run: Run): Promise<Imported | undefined> {
  const { dryRun, verify } = run.options
  const summary = await entry.read()
  if (!summary || summary.author === 'holdfast') return undefined
  const { id, info } = summary
  if (!info) return told(summary, 'cannot', { reason: 'It is no record that can be read.' })
  const { state, offset, length } = info
  if (state === 'failed') return told(summary, 'cannot', { state, offset, length, reason: info.failure })
  const reads = verify && state === 'complete' && !dryRun
  const found = reads ? await inspector.verify(id, { onBytes: run.onBytes }) : undefined
  if (found?.result === 'wrong') {
    return told(summary, 'wrong', { state, reason: found.findings.find(({ level }) => level === 'wrong')?.text })
  }
  const measured =
    found?.crc32 !== undefined && info.etag !== undefined ? { crc32: found.crc32, etag: info.etag } : undefined
  const report = await run.holdfast.repair(id, { only: ['adopt'], dryRun, ...(measured ? { measured } : {}) })
  const [adopted] = report.repairs
  const outcome = OUTCOMES[adopted?.outcome ?? 'nothing'] ?? 'failed'
  return told(summary, outcome, { state, offset, length, reason: adopted?.reason })
}

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  done: 'converted',
  due: 'converted',
  nothing: 'there',
  busy: 'busy',
}

/** From elsewhere. */
async function copyFrom(exporter: Exporter, entry: RecordEntry, run: Run): Promise<Imported | undefined> {
  const { dryRun, verify } = run.options
  const summary = await entry.read()
  if (!summary) return undefined
  const { id, info } = summary
  if (!info) return told(summary, 'cannot', { reason: 'It is no record that can be read.' })
  const { source, refused } = await sourceFor(exporter, id, run)
  const copied = refused ?? (await run.holdfast.copy(source, { dryRun, onBytes: run.onBytes, signal: run.signal }))
  const { state, offset, length } = copied.info ?? {}
  const isWhole = state === 'complete' && (copied.outcome === 'copied' || copied.outcome === 'there')
  const reason = verify && isWhole && !dryRun ? await difference(source, run) : undefined
  if (reason !== undefined) return told(summary, 'wrong', { state, offset, length, reason })
  return told(summary, copied.outcome, { state, offset, length, reason: copied.reason })
}

/** An upload is ended there only once its record is here. */
async function sourceFor(
  exporter: Exporter,
  id: string,
  { options: { dryRun, endUnfinished }, holdfast }: Run,
): Promise<{ source: Exported; refused?: Copied }> {
  const source = await exporter.export(id)
  if (!endUnfinished || source.obstacle === undefined || source.info.state !== 'open') return { source }
  if (dryRun) return { source: { ...source, obstacle: undefined, readable: source.info.offset } }
  const begun = await holdfast.copy({ ...source, obstacle: undefined, readable: 0 })
  if (begun.outcome !== 'copied' && begun.outcome !== 'there') return { source, refused: begun }
  return { source: await exporter.export(id, { endUnfinished }) }
}

/** Both read once more. @returns what differs */
async function difference(source: Exported, { inspector, onBytes }: Run): Promise<string | undefined> {
  const [there, here] = await Promise.all([
    measure(source.read(0), {}, onBytes),
    inspector.verify(source.id, { onBytes }),
  ])
  const bad = here.findings.find(({ level }) => level === 'wrong')
  if (bad) return bad.text
  if (there.crc32 === here.crc32 && there.length === here.info?.offset) return undefined
  return `The CRC32 is ${there.crc32} there and ${here.crc32} here, of ${there.length} and ${here.info?.offset} bytes.`
}

const MEANINGS: Readonly<Record<Outcome, string>> = {
  copied: 'copied',
  converted: 'converted',
  there: 'there already',
  conflict: 'NOT copied: another upload has its ID',
  cannot: 'cannot go on',
  busy: 'left alone: somebody writes it now',
  wrong: 'NOT the same',
  failed: 'FAILED',
}

const asIf: Readonly<Partial<Record<Outcome, string>>> = { copied: 'would be copied', converted: 'would be converted' }

function textOf({ id, author, outcome, state, offset, length, reason }: Imported, dryRun: boolean): string {
  const what = (dryRun && asIf[outcome]) || MEANINGS[outcome]
  const where = offset === undefined ? '' : `, ${state}, ${offset} of ${length ?? '?'} bytes`
  return `${harmless(id)} (${author}): ${what}${where}${reason ? `: ${harmless(reason)}` : ''}\n`
}

function summaryOf(counts: Map<Outcome, number>, read: number, dryRun: boolean, interrupted: boolean): string {
  const parts = [...counts].map(([outcome, count]) => `${count} ${(dryRun && asIf[outcome]) || MEANINGS[outcome]}`)
  if (parts.length === 0) parts.push('no uploads of other servers')
  return `${parts.join(', ')}; ${bytes(read)} read${interrupted ? '; interrupted, the next run goes on' : ''}\n`
}
