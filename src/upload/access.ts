/**
 * Who may do what: the application's `authorize`, or a token that it signed, says so before anything is done. An upload that
 * has an owner is nobody else's.
 * @module
 */
import { UploadError } from '../errors.js'
import type { Metadata, UploadInfo } from '../store/info.js'
import type { Store } from '../store/store.js'
import type { Command, Ground } from './command.js'
import type { HookCalls } from './hook-calls.js'
import type { Limits } from './hooks.js'
import type { TokenGrant, Tokens } from './tokens.js'

/** What a request may do, once that is decided. */
export interface Access extends TokenGrant {
  readonly limits: Limits
}

export interface GateOptions {
  store: Store
  calls: HookCalls
  tokens: Tokens | undefined
  /** Of all; what a grant says goes before. */
  limits: Limits
}

export type Asked = Exclude<Command, { kind: 'options' }>

export class Gate {
  readonly #options: GateOptions

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** @throws UploadError ERR_ACCESS_DENIED, or as the hook says · ERR_INVALID_TOKEN · ERR_UPLOAD_NOT_FOUND */
  async admit(command: Asked, { request, token }: Ground): Promise<Access> {
    const { calls, tokens, limits } = this.#options
    const id = command.kind === 'create' ? undefined : command.id
    if (tokens !== undefined && token !== undefined) {
      return this.#accessBy(tokens.grantOf(token, { verb: command.kind, id }))
    }
    if (request !== undefined && calls.has('authorize')) {
      const upload = id === undefined ? undefined : await this.#look(id)
      const grant = await calls.ask('authorize', { request, verb: command.kind, upload })
      const access = this.#accessBy(grant ?? {})
      if (upload !== undefined && !isVisible(upload, access)) throw new UploadError('ERR_UPLOAD_NOT_FOUND')
      return access
    }
    if (tokens !== undefined && request !== undefined) throw new UploadError('ERR_INVALID_TOKEN')
    return { limits, anyOwner: true }
  }

  #accessBy(grant: TokenGrant): Access {
    const { limits } = this.#options
    const maxSize = Math.min(limits.maxSize ?? Infinity, grant.limits?.maxSize ?? Infinity)
    return { ...grant, limits: { ...limits, ...grant.limits, ...(maxSize < Infinity ? { maxSize } : {}) } }
  }

  /** What this process remembers will do: an owner never changes. */
  async #look(id: string): Promise<UploadInfo | undefined> {
    try {
      return (await this.#options.store.open(id, { cached: true })).info
    } catch (error) {
      if (error instanceof UploadError && error.status === 404) return undefined
      throw error
    }
  }
}

/** What has an owner is not there for others. */
export const isVisible = ({ owner }: UploadInfo, { owner: asking, anyOwner }: Access): boolean =>
  anyOwner === true || owner === undefined || owner === asking

/** @throws UploadError ERR_UNSUPPORTED_TYPE. What a client claims is not what it sends: this is no check of content. */
export function mustBeOfType(metadata: Metadata, types: readonly string[] | undefined): void {
  if (types === undefined) return
  const claimed = metadata.filetype || metadata.type || metadata.contentType || ''
  const essence = claimed.split(';', 1)[0]!.trim().toLowerCase()
  const isTaken = types.some((type) => {
    const taken = type.toLowerCase()
    return taken.endsWith('/*') ? essence.startsWith(taken.slice(0, -1)) : taken === '*' || taken === essence
  })
  if (isTaken) return
  throw new UploadError('ERR_UNSUPPORTED_TYPE', {
    message: `Files of this type are not taken here, but ${types.join(', ')}.`,
  })
}
