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

  /** @throws UploadError ERR_DIGEST_MISMATCH */
  mustBe(digests: Digests): void {
    for (const [name, hash] of this.#hashes) {
      if (hash.copy().digest('base64') !== digests[name]) throw new UploadError('ERR_DIGEST_MISMATCH')
    }
  }
}

export interface Followed {
  body: Body
  /** For the store; undefined if the client said nothing of the whole content. */
  beforeComplete: Gate | undefined
  /** The request ended: so many bytes are committed. */
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
      beforeComplete: async () => running.mustBe(digests),
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

/** Digests the stored content. */
const gateOf =
  (digests: Digests): Gate =>
  async (read) => {
    const running = new Running(digests)
    for await (const chunk of await read()) running.update(chunk)
    running.mustBe(digests)
  }
