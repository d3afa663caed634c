/**
 * `holdfast inspect`: one upload, from its record and from what is really stored.
 * @module
 */
import type { Finding, Inspection, Level } from '../store/inspect.js'
import { bytes, listedOf, showAge } from './ls.js'
import type { Options } from './read-options.js'
import { type Colour, columns, harmless, type Paint, painter, wrap } from './table.js'
import { FOUND, type Out, print, withTool } from './tools.js'

/** @returns the exit status */
export async function inspect(id: string, options: Options<'inspect'>, out: Out = process.stdout): Promise<number> {
  const found = await withTool(options, 'inspect', ({ inspector }) => inspector.inspect(id))
  if (options.json) print(out, found)
  else out.write(textOf(found, painter(out.isTTY === true, process.env)))
  return isBad(found.findings) ? FOUND : 0
}

/** Something contradicts, or is to be done. */
export const isBad = (findings: readonly Finding[]): boolean => findings.some(({ level }) => level !== 'note')

function textOf(found: Inspection, paint: Paint): string {
  const blocks = [
    paint('bold', harmless(found.id)),
    summaryOf(found).join('\n'),
    section('Record', found.record, paint),
    section('Stored', found.stored, paint),
    [paint('bold', 'Findings'), ...findingsOf(found.findings, paint)].join('\n'),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function summaryOf({ info, author, ...found }: Inspection): string[] {
  if (!info) return [`  written by  ${author}`]
  const { state, offset, length, activeAt, createdAt, expiresAt, filename, failure } = listedOf(
    { ...found, author, info },
    { modifiedAt: info.modifiedAt ?? 0 },
  )
  const now = Date.now()
  const rows: [string, string | undefined][] = [
    ['state', failure === undefined ? state : `${state}: ${failure}`],
    ['bytes', `${offset} of ${length ?? '?'} (${bytes(offset ?? 0)})`],
    ['name', filename],
    ['written by', author],
    ['created', createdAt ? `${time(createdAt)}, ${showAge(now - createdAt)} ago` : undefined],
    ['last active', activeAt ? `${time(activeAt)}, ${showAge(now - activeAt)} ago` : undefined],
    ['expires', expiresAt === undefined ? undefined : time(expiresAt)],
  ]
  return columns(rows.flatMap(([what, text]) => (text === undefined ? [] : [[`  ${what}`, harmless(text)]])))
}

const time = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** As JSON, but without the brackets around all of it. */
function section(title: string, value: Readonly<Record<string, unknown>> | undefined, paint: Paint): string {
  if (value === undefined) return ''
  const lines = JSON.stringify(value, undefined, 2).split('\n').slice(1, -1)
  return [paint('bold', title), ...lines.map(harmless)].join('\n')
}

const MARKS: Readonly<Record<Level, readonly [mark: string, colour: Colour]>> = {
  wrong: ['✗', 'red'],
  due: ['!', 'yellow'],
  note: ['i', 'blue'],
}

const REMEDIED = 'holdfast repair does something about it.'

/** One line each, wrapped, as the doctor does it. */
export function findingsOf(findings: readonly Finding[], paint: Paint, indent = '  '): string[] {
  if (findings.length === 0) return [`${indent}${paint('green', '✓')} What is stored is what the record says.`]
  const width = Math.max(40, (process.stdout.columns ?? 110) - indent.length - 4)
  return findings.flatMap(({ level, text, code, remedy }) => {
    const [mark, colour] = MARKS[level]
    const lines = wrap(harmless(`${text}${remedy && level !== 'note' ? ` (${REMEDIED})` : ''} [${code}]`), width)
    return lines.map((line, index) => `${indent}${index === 0 ? paint(colour, mark) : ' '} ${line}`)
  })
}
