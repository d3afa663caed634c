/**
 * Hooks from the options of the command. All that are set are asked: files, HTTP, gRPC, and then the stream is told.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { UploadError } from '../errors.js'
import { combineHooks } from '../hooks/combine.js'
import { HOOK_TYPES, type HookType } from '../hooks/message.js'
import type { RemoteHooks } from '../hooks/remote.js'
import type { Logger } from '../server.js'
import type { Hooks } from '../upload/hooks.js'
import { UsageError } from './failure.js'
import type { Options } from './read-options.js'

type HookOptions = Pick<Options<'serve'>, keyof Options<'serve'> & (`hook${string}` | 'progressHooksInterval')>

export interface OpenHooks {
  /** Undefined if none are set. */
  readonly hooks: Hooks | undefined
  /** Ends connections; after the server. */
  close(): Promise<void>
}

/** @throws UsageError · UploadError ERR_INVALID_OPTIONS */
export async function openHooks(options: HookOptions, logger: Logger): Promise<OpenHooks> {
  const shared = { events: eventsOf(options), payloadHeaders: options.hooksPayloadHeaders }
  const all: RemoteHooks[] = []
  const add = async (flag: string, value: string | undefined, open: () => Promise<RemoteHooks>): Promise<void> => {
    if (value === undefined) return
    try {
      const hooks = await open()
      await hooks.ready()
      all.push(hooks)
    } catch (error) {
      throw asFlag(error, flag)
    }
  }
  await add('hooks-dir', options.hooksDir, () => openFiles(options, shared, logger))
  await add('hooks-http', options.hooksHttp, () => openHttp(options, shared))
  await add('hooks-grpc', options.hooksGrpc, () => openGrpc(options, shared))
  await add('hooks-redis', options.hooksRedis, () => openRedis(options, shared))
  return {
    hooks: all.length === 0 ? undefined : combineHooks(...all),
    close: async () => void (await Promise.all(all.map((one) => one.close()))),
  }
}

/** Of the options of the library, those that are the flag itself, and those whose flag is named otherwise. */
const FLAGS: Readonly<Record<string, string>> = {
  url: '',
  endpoint: '',
  directory: '',
  hooks: '',
  clientCertificate: '-client-tls-certificate',
}

/** What the library calls impossible options, in the words of the command line. */
function asFlag(error: unknown, flag: string): unknown {
  if (!(error instanceof UploadError) || error.code !== 'ERR_INVALID_OPTIONS') return error
  const [, name = '', sentence = error.message] = /^(\w+): (.*)$/s.exec(error.message) ?? []
  const rest = FLAGS[name] ?? `-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  return new UsageError(`--${flag}${rest}: ${sentence.replaceAll('clientKey', '--hooks-grpc-client-tls-key')}`)
}

interface Shared {
  events: readonly HookType[]
  payloadHeaders: readonly string[] | undefined
}

/** As in tusd, an empty list means all. */
function eventsOf({ hooksEnabledEvents: names }: HookOptions): readonly HookType[] {
  const isEvent = (name: string): name is HookType => HOOK_TYPES.some((type) => type === name)
  const wrong = names.find((name) => !isEvent(name))
  if (wrong !== undefined) {
    throw new UsageError(`--hooks-enabled-events: there is no hook ${wrong}, only ${HOOK_TYPES.join(', ')}.`)
  }
  return names.length === 0 ? HOOK_TYPES : names.filter(isEvent)
}

async function openFiles({ hooksDir, hookTimeout }: HookOptions, shared: Shared, logger: Logger): Promise<RemoteHooks> {
  const { fileHooks } = await import('../hooks/file.js')
  return fileHooks({ ...shared, directory: hooksDir!, timeout: hookTimeout, logger })
}

async function openHttp(options: HookOptions, shared: Shared): Promise<RemoteHooks> {
  const { httpHooks } = await import('../hooks/http.js')
  return httpHooks({
    ...shared,
    url: options.hooksHttp!,
    retry: options.hooksHttpRetry,
    backoff: options.hooksHttpBackoff,
    timeout: options.hooksHttpTimeout,
    sizeLimit: options.hooksHttpSizeLimit,
    skipVerify: options.hooksHttpSkipVerify,
    forwardHeaders: options.hooksHttpForwardHeaders,
    secrets: options.hooksHttpSecret,
  })
}

async function openGrpc(options: HookOptions, shared: Shared): Promise<RemoteHooks> {
  const { grpcHooks } = await import('../hooks/grpc.js')
  return grpcHooks({
    ...shared,
    endpoint: options.hooksGrpc!,
    retry: options.hooksGrpcRetry,
    backoff: options.hooksGrpcBackoff,
    timeout: options.hooksGrpcTimeout,
    secure: options.hooksGrpcSecure,
    serverCertificate: await pemOf('server-tls-certificate', options.hooksGrpcServerTlsCertificate),
    clientCertificate: await pemOf('client-tls-certificate', options.hooksGrpcClientTlsCertificate),
    clientKey: await pemOf('client-tls-key', options.hooksGrpcClientTlsKey),
    forwardHeaders: options.hooksGrpcForwardHeaders,
  })
}

async function pemOf(flag: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--hooks-grpc-${flag}: ${path} cannot be read (${error.code}).`)
  })
}

/** A stream keeps what it is told, so that header fields are told only if they are named. */
async function openRedis(options: HookOptions, { events, payloadHeaders = [] }: Shared): Promise<RemoteHooks> {
  const { redisHooks, REDIS_EVENTS } = await import('../hooks/redis.js')
  return redisHooks({
    url: options.hooksRedis!,
    stream: options.hooksRedisStream,
    maxLength: options.hooksRedisMaxLength,
    events: REDIS_EVENTS.filter((event) => events.includes(event)),
    payloadHeaders,
  })
}
