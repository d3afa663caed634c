/**
 * Hooks by files: a folder of programs named as the events are, such as `pre-create`, run as tusd runs them. A program that
 * is not there has nothing to say.
 * @module
 */
import { constants, statSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { UploadError } from '../errors.js'
import { mustBeBounded, within } from './attempts.js'
import { run } from './child.js'
import type { HookMessage, HookReply, HookType } from './message.js'
import { type HookCall, type HookEventOptions, hooksOver, type RemoteHooks } from './remote.js'
import { parseReply } from './tusd.js'

/** Where the stderr of the programs is told. */
export interface HookLogger {
  /** What a program has written. */
  info(fields: Record<string, unknown>, message: string): void
}

export interface FileHooksOptions extends HookEventOptions {
  /** The folder of the programs. They run in it. */
  readonly directory: string
  /** Milliseconds for one run, the wait for its turn included; then it and all it started are killed. Default: 30,000. */
  readonly timeout?: number | undefined
  /** How many run at once; others wait. Default: 16. */
  readonly concurrency?: number | undefined
  /** Bytes of stdout; more is a failure. Default: 64 KiB. */
  readonly sizeLimit?: number | undefined
  /** Variables of the programs, beside TUS_ID, TUS_SIZE, TUS_OFFSET. Default: those of this process, as in tusd. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Told each line that they write to stderr. Default: nobody. */
  readonly logger?: HookLogger | undefined
}

/** @throws UploadError ERR_INVALID_OPTIONS */
export function fileHooks(options: FileHooksOptions): RemoteHooks {
  const { timeout = 30_000, concurrency = 16, sizeLimit = 64 * 1024, logger, environment = process.env } = options
  for (const [name, value] of Object.entries({ timeout, concurrency, sizeLimit })) mustBeBounded(name, value, 1)
  const directory = resolve(options.directory)
  mustBeDirectory(directory)
  const inTurn = turns(concurrency)
  const transport = ({ message, wantsReply, signal }: HookCall): Promise<HookReply> =>
    within(timeout, signal, (limit) =>
      inTurn(limit, async () => {
        const { Type, Event } = message
        const program = await programOf(directory, Type)
        if (program === undefined) return {}
        const onLine = (line: string): void => logger?.info({ hook: Type, id: Event.Upload.ID, line }, 'hook says')
        const input = JSON.stringify(message)
        const variables = { ...environment, ...variablesOf(message) }
        const output = await run({
          program,
          directory,
          environment: variables,
          input,
          sizeLimit,
          onLine,
          signal: limit,
        })
        return wantsReply ? parseReply(output) : {}
      }),
    )
  return {
    ...hooksOver(transport, options),
    ready: async () => mustBeDirectory(directory),
    close: async () => undefined,
  }
}

const variablesOf = ({ Event: { Upload }, DeliveryID }: HookMessage): Record<string, string> => ({
  TUS_ID: Upload.ID,
  TUS_SIZE: String(Upload.Size),
  TUS_OFFSET: String(Upload.Offset),
  TUS_DELIVERY_ID: DeliveryID,
})

function mustBeDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return
  throw new UploadError('ERR_INVALID_OPTIONS', { message: `directory: there is no folder ${directory}.` })
}

/**
 * Looked at before it is run: "not found" of a run may also mean its interpreter, and that must not pass for a hook that is
 * not there. Nor must a folder that went away.
 * @returns undefined if there is none
 */
async function programOf(directory: string, type: HookType): Promise<string | undefined> {
  const program = join(directory, type)
  const failure = await access(program, constants.X_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  )
  if (failure === undefined) return program
  if (failure !== 'ENOENT') throw new Error(`its file cannot be executed (${failure})`)
  await access(directory).catch(() => {
    throw new Error('the folder of hooks is not there')
  })
  return undefined
}

/** At most so many at once; who waits is served in order, and leaves when its signal fires. */
function turns(most: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    if (running >= most) await turn(waiting, signal)
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}

function turn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      waiting.splice(waiting.indexOf(enter), 1)
      reject(new Error('its turn did not come in time'))
    }
    const enter = (): void => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    if (signal.aborted) return reject(new Error('its turn did not come in time'))
    signal.addEventListener('abort', leave, { once: true })
    waiting.push(enter)
  })
}
