/**
 * `Hooks` that ask another process: each event becomes a message, a transport carries it, and its reply decides. What a
 * transport throws never has a `status`: a hook that could not be asked has refused nothing.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { UploadError } from '../errors.js'
import type { HookContext, HookName, HookRequest, Hooks } from '../upload/hooks.js'
import { decideCreate, decideFinish, decideProgress, decideTerminate } from './decide.js'
import { DEFAULT_EVENTS, HOOK_TYPES, type HookMessage, type HookReply, type HookType } from './message.js'
import { messageOf, type Told } from './tusd.js'

/** What all transports may be told. */
export interface HookEventOptions {
  /**
   * Which events are told. Default: as tusd, all but `pre-finish` and `pre-terminate`.
   * @throws UploadError ERR_INVALID_OPTIONS for a name that is none
   */
  readonly events?: readonly HookType[] | undefined
  /**
   * Names of the header fields of the client's request that are part of the message. Default: all of them, as in tusd:
   * Authorization and Cookie too.
   */
  readonly payloadHeaders?: readonly string[] | undefined
}

/** Hooks that keep connections. */
export interface RemoteHooks extends Hooks {
  /**
   * Whether they can ever work with these options. It does not look whether the other side is there.
   * @throws UploadError ERR_INVALID_OPTIONS: a package or a file is missing
   */
  ready(): Promise<void>
  /** Ends connections. */
  close(): Promise<void>
}

/** One message on its way. */
export interface HookCall {
  readonly message: HookMessage
  /** Undefined where no request is behind it. */
  readonly request: HookRequest | undefined
  /** Whether anybody reads the reply. That of an event that has happened is not read. */
  readonly wantsReply: boolean
  /** Ends the call. */
  readonly signal: AbortSignal
}

/** Carries a message and brings its reply. @throws Error without a `status`: it could not be told */
export type Transport = (call: HookCall) => Promise<HookReply>

const NAMES = {
  'pre-create': 'onCreate',
  'post-create': 'onCreated',
  'post-receive': 'onProgress',
  'pre-finish': 'onFinish',
  'post-finish': 'onFinished',
  'pre-terminate': 'onTerminate',
  'post-terminate': 'onTerminated',
} as const satisfies Record<HookType, HookName>

const DECIDES = ['pre-create', 'post-receive', 'pre-finish', 'pre-terminate']

/** @throws UploadError ERR_INVALID_OPTIONS */
export function hooksOver(
  transport: Transport,
  { events = DEFAULT_EVENTS, payloadHeaders }: HookEventOptions = {},
): Hooks {
  const visible = payloadHeaders && new Set(payloadHeaders.map((name) => name.toLowerCase()))
  const ask = async (type: HookType, told: Told, { signal }: HookContext): Promise<HookReply> => {
    const message = messageOf(type, told, visible)
    const wantsReply = DECIDES.includes(type)
    try {
      return await transport({ message, request: told.request, wantsReply, signal })
    } catch (error) {
      throw new Error(`the hook ${type} could not be asked: ${(error as Error).message}`, { cause: error })
    }
  }
  const once = <Event extends Omit<Told, 'deliveryId'>>(event: Event): Told => ({ ...event, deliveryId: randomUUID() })
  const all: Required<Omit<Hooks, 'authorize'>> = {
    onCreate: async (event, context) => decideCreate(await ask('pre-create', once(event), context)),
    onProgress: async (event, context) => decideProgress(await ask('post-receive', once(event), context)),
    onFinish: async (event, context) => decideFinish(await ask('pre-finish', once(event), context)),
    onTerminate: async (event, context) => decideTerminate(await ask('pre-terminate', once(event), context)),
    onCreated: async (event, context) => void (await ask('post-create', event, context)),
    onFinished: async (event, context) => void (await ask('post-finish', event, context)),
    onTerminated: async (event, context) => void (await ask('post-terminate', event, context)),
  }
  return Object.fromEntries(events.map((type) => [nameOf(type), all[nameOf(type)]]))
}

function nameOf(type: HookType): (typeof NAMES)[HookType] {
  if (Object.hasOwn(NAMES, type)) return NAMES[type]
  throw new UploadError('ERR_INVALID_OPTIONS', {
    message: `events: there is no hook ${type}, only ${HOOK_TYPES.join(', ')}.`,
  })
}
