/**
 * Digests of whole uploads: computed while the bytes come, over as many requests as they take, and from the stored
 * content where some of them came to another process, or before a restart.
 * @module
 */
import { createHash, type Hash } from 'node:crypto'
import { UploadError } from '../errors.js'
import type { Digests, UploadInfo } from '../store/info.js'
import type { Body, FinishOptions } from '../store/store.js'
import { tapped } from './checksum.js'

type Name = keyof Digests
type Gate = NonNullable<FinishOptions['beforeComplete']>

/** Uploads whose digests are kept between two requests. Forgetting one costs reading its content. */
const MOST = 1_000

/** The digests of an upload from its start to an offset. */
class Running {
  readonly #hashes: readonly (readonly [Name, Hash])[]
  offset = 0

  constructor(digests: Digests) {
    this.#hashes = (Object.keys(digests) as Name[]).map((name) => [name, createHash(name.replace('-', ''))] as const)
  }

  update(chunk: Uint8Array): void {
    for (const [, hash] of this.#hashes) hash.update(chunk)
    this.offset += chunk.byteLength
  }

  values(): Digests {
    return Object.fromEntries(this.#hashes.map(([name, hash]) => [name, hash.copy().digest('base64')]))
  }
}

export interface Followed {
  body: Body
  /** For the store; undefined if the client said nothing of the whole content. */
  beforeComplete: Gate | undefined
  /** The append ended well, and so many bytes are committed. */
  settle(offset: number): void
}

export class WholeDigests {
  /** Oldest first. */
  readonly #known = new Map<string, Running>()

  /** Digests a body that is about to be appended to the upload. */
  follow({ id, digests, offset }: UploadInfo, body: Body): Followed {
    if (digests === undefined) return { body, beforeComplete: undefined, settle: () => undefined }
    const running = offset === 0 ? new Running(digests) : this.#known.get(id)
    this.#known.delete(id)
    if (running?.offset !== offset) return { body, beforeComplete: gateOf(digests), settle: () => undefined }
    return {
      body: tapped(body, (chunk) => running.update(chunk)),
      beforeComplete: async () => {
        if (!areEqual(running.values(), digests)) throw new UploadError('ERR_DIGEST_MISMATCH')
      },
      settle: (committed) => {
        if (running.offset === committed) this.#keep(id, running)
      },
    }
  }

  /** For a store that makes the object of what it has. */
  gate({ digests }: UploadInfo): FinishOptions {
    return digests ? { beforeComplete: gateOf(digests) } : {}
  }

  #keep(id: string, running: Running): void {
    this.#known.set(id, running)
    const oldest = this.#known.keys().next().value
    if (this.#known.size > MOST && oldest !== undefined) this.#known.delete(oldest)
  }
}

/** Digests the stored content. What is refused here is refused for ever, so a read that went wrong must not be the cause. */
const gateOf =
  (digests: Digests): Gate =>
  async (read) => {
    const found = await digestsOf(read, digests)
    if (areEqual(found, digests)) return
    const again = await digestsOf(read, digests)
    if (areEqual(again, digests)) return
    if (areEqual(again, found)) throw new UploadError('ERR_DIGEST_MISMATCH')
    const cause = new Error('the stored content was read twice, and was not the same')
    throw new UploadError('ERR_STORE_UNAVAILABLE', { cause, retryAfter: 1_000 })
  }

/** @throws UploadError ERR_STORE_UNAVAILABLE, or what the store throws */
async function digestsOf(read: Parameters<Gate>[0], digests: Digests): Promise<Digests> {
  const running = new Running(digests)
  try {
    for await (const chunk of await read()) running.update(chunk)
  } catch (error) {
    if (error instanceof UploadError) throw error
    throw new UploadError('ERR_STORE_UNAVAILABLE', { cause: error, retryAfter: 1_000 })
  }
  return running.values()
}

const areEqual = (one: Digests, other: Digests): boolean =>
  (Object.keys(other) as Name[]).every((name) => one[name] === other[name])
