/**
 * `holdfast ls`: the uploads of a store, those written last first.
 * @module
 */
import type { RecordEntry, Summary } from '../store/inspect.js'
import type { Options } from './read-options.js'
import { columns, harmless, type Paint, painter } from './table.js'
import { forEach, type Out, openProgress, printLine, reasonOf, withTool } from './tools.js'

type State = NonNullable<Options<'ls'>['state']>

/** One upload, as it is listed. Times are milliseconds since the epoch. */
export interface Listed {
  id: string
  state: State
  /** Who wrote its record. */
  author: Summary['author']
  /** Bytes. */
  offset?: number
  /** Bytes; absent while deferred. */
  length?: number | undefined
  createdAt?: number
  activeAt: number
  expiresAt?: number | undefined
  filename?: string | undefined
  failure?: string | undefined
  /** Of a concatenation: `partial` or `final`. */
  concat?: string | undefined
  owner?: string | undefined
}

/** @returns the exit status */
export async function ls(options: Options<'ls'>, out: Out = process.stdout): Promise<number> {
  const { found, listed, problems } = await withTool(options, 'ls', async ({ inspector, signal }) => {
    const found: Listed[] = []
    const now = Date.now()
    let listed = 0
    let problems = 0
    const progress = openProgress()
    await forEach(inspector.records(options.prefix), { parallel: options.parallel, signal }, async (entry) => {
      listed++
      progress?.count('records', listed)
      // What was written since is not older: that need not be read.
      if (now - entry.modifiedAt < (options.olderThan ?? 0)) return
      const one = await read(entry).catch((error) => {
        problems++
        progress?.clear()
        console.error(`${harmless(entry.name)}: could not be read: ${reasonOf(error)}`)
      })
      if (one && (options.state === undefined || one.state === options.state)) found.push(one)
    }).finally(() => progress?.close())
    return { found, listed, problems: problems > 0 || signal.aborted }
  })
  found.sort((one, other) => other.activeAt - one.activeAt || (one.id < other.id ? -1 : 1))
  const shown = found.slice(0, options.limit)
  if (options.json) for (const one of shown) printLine(out, one)
  else out.write(textOf(shown, found, listed, painter(out.isTTY === true, process.env)))
  return problems ? 1 : 0
}

async function read(entry: RecordEntry): Promise<Listed | undefined> {
  const summary = await entry.read()
  return summary && listedOf(summary, entry)
}

export function listedOf({ id, author, info }: Summary, { modifiedAt }: Pick<RecordEntry, 'modifiedAt'>): Listed {
  if (!info) return { id, state: 'unknown', author, activeAt: modifiedAt }
  const { state, offset, length, createdAt, expiresAt, metadata, failure, concat, owner } = info
  const filename = metadata.filename ?? metadata.name
  const activeAt = info.modifiedAt ?? modifiedAt
  const known = { id, state, author, offset, length, createdAt, activeAt, expiresAt, filename, failure }
  return { ...known, concat: concat?.kind, owner }
}

const HEAD = ['ID', 'STATE', 'BYTES', 'OF', '%', 'AGE', 'ACTIVE', 'EXPIRES', 'NAME']
const RIGHT = [2, 3, 4, 5, 6, 7]

function textOf(shown: readonly Listed[], found: readonly Listed[], listed: number, paint: Paint): string {
  const [head, ...lines] = columns([HEAD, ...shown.map((one) => cellsOf(one, Date.now()))], RIGHT)
  const table = shown.length > 0 ? [paint('bold', head!), ...lines, ''] : []
  return `${[...table, totalsOf(shown, found, listed)].join('\n')}\n`
}

function cellsOf({ offset, length, createdAt, expiresAt, activeAt, ...one }: Listed, now: number): string[] {
  const share = length === undefined || offset === undefined ? '' : length === 0 ? 100 : (offset / length) * 100
  return [
    harmless(one.id),
    one.state + (one.author === 'holdfast' || one.author === 'unknown' ? '' : ` (${one.author})`),
    offset === undefined ? '' : bytes(offset),
    offset === undefined ? '' : length === undefined ? '?' : bytes(length),
    share === '' ? '' : String(Math.floor(share)),
    createdAt ? showAge(now - createdAt) : '',
    showAge(now - activeAt),
    expiresAt === undefined ? '' : expiresAt > now ? `in ${showAge(expiresAt - now)}` : 'expired',
    harmless([one.filename ?? '', one.concat ? `(${one.concat})` : '', one.failure ?? ''].filter(Boolean).join(' ')),
  ]
}

function totalsOf(shown: readonly Listed[], found: readonly Listed[], listed: number): string {
  if (found.length === 0) return `No uploads; ${listed} records looked at.`
  const counts = new Map<string, number>()
  for (const { state } of found) counts.set(state, (counts.get(state) ?? 0) + 1)
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join(', ')
  const stored = found.reduce((sum, { state, offset = 0 }) => sum + (state === 'failed' ? 0 : offset), 0)
  const many = `${found.length} upload${found.length === 1 ? '' : 's'}`
  const some = shown.length < found.length ? `, ${shown.length} of them shown` : ''
  return `${many}: ${states}; ${bytes(stored)} stored${some}`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** For people: 1536 is 1.5 KiB. */
export function bytes(count: number): string {
  const unit = count < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(count) / 10))
  const value = count / 1024 ** unit
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** The largest unit that says something: 42s, 5m, 7h, 12d. */
export function showAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 2 * 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}
