/**
 * `holdfast verify`: reads uploads, and says whether they are what their records say.
 * @module
 */
import type { Verification } from '../store/inspect.js'
import { UsageError } from './failure.js'
import { findingsOf } from './inspect.js'
import { bytes } from './ls.js'
import type { Options } from './read-options.js'
import { harmless, painter } from './table.js'
import {
  FOUND,
  forEach,
  idsOf,
  isGone,
  type Out,
  openProgress,
  printLine,
  reasonOf,
  type Tool,
  withTool,
} from './tools.js'

type VerifyOptions = Options<'verify'>

interface Counts {
  good: number
  wrong: number
  unfinished: number
  unknown: number
  /** Those that could not be looked at. */
  problems: number
  /** Bytes. */
  read: number
}

/** @returns the exit status */
export async function verify(
  ids: readonly string[],
  options: VerifyOptions,
  out: Out = process.stdout,
): Promise<number> {
  if (options.all === ids.length > 0) throw new UsageError('verify: name uploads by their IDs, or all with --all.')
  const counts: Counts = { good: 0, wrong: 0, unfinished: 0, unknown: 0, problems: 0, read: 0 }
  const interrupted = await withTool(options, 'verify', async (tool) => {
    await verifyAll(ids, options, tool, counts, out)
    return tool.signal.aborted
  })
  if (!options.json) out.write(summaryOf(counts, interrupted))
  return counts.wrong > 0 ? FOUND : counts.problems > 0 || interrupted ? 1 : 0
}

async function verifyAll(
  ids: readonly string[],
  options: VerifyOptions,
  { inspector, signal }: Tool,
  counts: Counts,
  out: Out,
): Promise<void> {
  const progress = openProgress()
  const paint = painter(out.isTTY === true, process.env)
  const { quick, parallel, json } = options
  let done = 0
  const work = async (id: string): Promise<void> => {
    try {
      const onBytes = (count: number): void => {
        counts.read += count
        progress?.count('verified', done, counts.read)
      }
      const found = await inspector.verify(id, { quick, onBytes })
      counts[found.result]++
      progress?.clear()
      if (json) printLine(out, lineOf(found))
      else if (ids.length > 0 || found.result === 'wrong') out.write(textOf(found, paint))
    } catch (error) {
      // It was removed since it was listed.
      if (options.all && isGone(error)) return
      counts.problems++
      progress?.clear()
      console.error(`${harmless(id)}: could not be verified: ${reasonOf(error)}`)
    } finally {
      done++
    }
  }
  await forEach(idsOf(inspector, ids, options.prefix), { parallel, signal }, work).finally(() => progress?.close())
}

function lineOf({ id, author, info, result, read, crc32, findings }: Verification): object {
  return { id, author, state: info?.state ?? 'unknown', result, offset: info?.offset, read, crc32, findings }
}

const MEANINGS: Readonly<Record<Verification['result'], string>> = {
  good: 'as its record says',
  wrong: 'NOT what its record says',
  unfinished: 'not complete; what is committed is there, as far as can be told',
  unknown: 'there, and nothing is known that its bytes could be compared with',
}

function textOf({ id, result, read, findings }: Verification, paint: ReturnType<typeof painter>): string {
  const colour = result === 'wrong' ? 'red' : result === 'good' ? 'green' : 'blue'
  const how = read > 0 ? ` (${bytes(read)} read)` : ''
  const said = findings.filter(({ level }) => level === 'wrong')
  const more = said.length > 0 ? `${findingsOf(said, paint).join('\n')}\n` : ''
  return `${harmless(id)}: ${paint(colour, MEANINGS[result])}${how}\n${more}`
}

function summaryOf(counts: Counts, interrupted: boolean): string {
  const { good, wrong, unfinished, unknown, problems, read } = counts
  const parts = [
    [good, 'good'],
    [wrong, 'wrong'],
    [unfinished, 'unfinished'],
    [unknown, 'without a checksum to compare with'],
    [problems, 'could not be verified'],
  ] as const
  const said = parts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : [])).join(', ') || 'no uploads'
  return `${said}; ${bytes(read)} read${interrupted ? '; interrupted' : ''}\n`
}
