/**
 * What the operator's tools share: the store as they look at it, many uploads at once, and how they end. Exit statuses:
 * docs/tools.md.
 * @module
 */
import { asUploadError, UploadError } from '../errors.js'
import { createServer, type Holdfast, type Logger } from '../server.js'
import type { Inspector } from '../store/inspect.js'
import { PlainError } from './failure.js'
import { createLog } from './log.js'
import { asUsage, type Opened, openAll, type StoreFlags } from './open.js'
import type { CommandName } from './options.js'
import { Progress } from './progress.js'

/** What was looked for was found, and is not good: contradictions, other bytes, what cannot go on. */
export const FOUND = 3

export interface Tool extends Opened {
  inspector: Inspector
  logger: Logger
  /** Fires when the user interrupts: what goes on is ended between two uploads. */
  signal: AbortSignal
}

/** Opens the store, does the work, and closes all. @throws PlainError · UsageError */
export async function withTool<T>(
  options: StoreFlags,
  command: CommandName,
  work: (tool: Tool) => Promise<T>,
): Promise<T> {
  return opened(options, command, work, async ({ store, locker }) => {
    await store.close()
    await locker?.close?.()
  })
}

/** As `withTool`, with all that a server does about uploads, but nothing that listens. */
export async function withServer<T>(
  options: StoreFlags,
  command: CommandName,
  work: (tool: Tool & { holdfast: Holdfast }) => Promise<T>,
): Promise<T> {
  let holdfast: Holdfast | undefined
  const serving = (tool: Tool): Promise<T> => {
    const { store, locker, logger } = tool
    holdfast = createServer({ store, locker, logger, singleProcess: options.singleProcess })
    return work({ ...tool, holdfast })
  }
  return opened(options, command, serving, async () => holdfast?.close())
}

async function opened<T>(
  options: StoreFlags,
  command: CommandName,
  work: (tool: Tool) => Promise<T>,
  close: (opened: Opened) => Promise<void>,
): Promise<T> {
  const logger = createLog({ verbose: options.verbose, level: options.logLevel, format: options.logFormat })
  try {
    const all = await openAll(options, logger)
    const abort = new AbortController()
    const interrupt = (): void => abort.abort()
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
    try {
      const inspector = all.store.inspector?.()
      if (inspector === undefined) throw new PlainError('This store cannot be looked at by tools.')
      return await work({ ...all, inspector, logger, signal: abort.signal })
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      await close(all)
      await all.close?.()
    }
  } catch (thrown) {
    throw inWords(thrown, command)
  }
}

/** A failure as a sentence for whoever ran the command. */
export function inWords(thrown: unknown, command: CommandName): unknown {
  const error = asUsage(thrown, command)
  if (error !== thrown || !(thrown instanceof UploadError)) return error
  return new PlainError(reasonOf(thrown), { cause: thrown })
}

/** What went wrong with one upload of many. */
export function reasonOf(thrown: unknown): string {
  const { message, cause } = asUploadError(thrown)
  return `${message}${cause ? ` (${cause})` : ''}`
}

/** There is no such upload, or not any more. */
export const isGone = (error: unknown): boolean => error instanceof UploadError && error.status === 404

/** Does the work for each, some at once. @throws what the list throws, or the work */
export async function forEach<T>(
  list: AsyncIterable<T> | Iterable<T>,
  { parallel, signal }: { parallel: number; signal: AbortSignal },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in list ? list[Symbol.asyncIterator]() : list[Symbol.iterator]()
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const { done, value } = await iterator.next()
      if (done) return
      await work(value)
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: parallel }, run))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** The IDs that were named, or those of all records. @throws UsageError by the caller if neither */
export async function* idsOf(
  inspector: Inspector,
  named: readonly string[],
  prefix: string | undefined,
): AsyncGenerator<string> {
  if (named.length > 0) yield* named
  else for await (const entry of inspector.records(prefix)) yield entry.name
}

/** Drawn on a terminal; elsewhere there is none. */
export const openProgress = (): Progress | undefined => (process.stderr.isTTY ? new Progress() : undefined)

/** Where the answer of a command goes. */
export interface Out {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

/** One document a line. */
export const printLine = (out: Out, value: unknown): void => void out.write(`${JSON.stringify(value)}\n`)

/** One document. */
export const print = (out: Out, value: unknown): void => void out.write(`${JSON.stringify(value, undefined, 2)}\n`)
