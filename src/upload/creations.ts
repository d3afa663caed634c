/**
 * Creations: what becomes of a request for a new upload, with the application's word on it and with its first bytes.
 * @module
 */
import { UploadError } from '../errors.js'
import type { Answer, Metadata, NewUpload, UploadInfo } from '../store/info.js'
import type { UploadHandle } from '../store/store.js'
import { type Access, isVisible, mustBeOfType } from './access.js'
import type { Appends } from './appends.js'
import type { Create, Ground, Outcome } from './command.js'
import { admitFinal, noteAll } from './concatenate.js'
import { isWrong } from './finishing.js'
import type { Workshop } from './ground.js'
import type { CreateDecision } from './hooks.js'
import { newId } from './ids.js'
import { present } from './present.js'
import { admitCreate, mustBeAlive } from './rules.js'

type Final = NonNullable<Create['concat']> & { kind: 'final' }
type Created = Outcome & { kind: 'created' }

/** An upload as it is to be created, and what is added to the answer. */
interface Draft {
  upload: NewUpload
  answer: Answer | undefined
  /** Bytes that it may have. */
  maxSize: number
}

export class Creations {
  readonly #shop: Workshop
  readonly #appends: Appends

  constructor(shop: Workshop, appends: Appends) {
    this.#shop = shop
    this.#appends = appends
  }

  async create(command: Create, ground: Ground, access: Access): Promise<Outcome> {
    const { options, outbox } = this.#shop
    if (command.concat && !this.#concatenates) throw new UploadError('ERR_CONCATENATION_UNSUPPORTED')
    const draft = await this.#draft(command, ground, access)
    const { concat } = command
    const created =
      concat?.kind === 'final'
        ? await this.#createFinal(draft.upload, concat, ground, access)
        : await this.#create(command, draft, ground, access)
    const { info } = created
    options.counters.created++
    options.observer.created(info, ground.request)
    if (info.outbox) outbox.deliver(info, ground.request)
    return { ...created, ...present({ answer: draft.answer }) }
  }

  /** @throws UploadError if it is not to be created so */
  async #draft(command: Create, ground: Ground, access: Access): Promise<Draft> {
    const { options, outbox } = this.#shop
    const { length, concat, digests } = command
    const { owner, limits, key } = access
    const maxSize = Math.min(options.maxSize, limits.maxSize ?? Infinity)
    if (concat?.kind !== 'final') admitCreate(command, maxSize)
    const metadata = { ...allowed(command.metadata, options.allowedMetadata), ...access.metadata }
    if (concat?.kind !== 'partial') mustBeOfType(metadata, limits.types)
    const isAsSent =
      access.metadata === undefined && Object.keys(metadata).length === Object.keys(command.metadata).length
    const metadataField = isAsSent ? command.metadataField : undefined
    const bound = maxSize < options.maxSize ? maxSize : undefined
    const box = outbox.wants('created') ? (['created'] as const) : undefined
    const deadline = this.#deadline(options.expiresAfter)
    const rest = present({ concat, digests, deadline, owner, key, maxSize: bound, outbox: box })
    const upload: NewUpload = { id: newId(), length, metadata, metadataField, ...rest }
    if (!ground.request) return { upload, answer: undefined, maxSize }
    const decision = await options.calls.ask('onCreate', { request: ground.request, upload })
    if (!decision) return { upload, answer: undefined, maxSize }
    const least = Math.min(maxSize, decision.limits?.maxSize ?? Infinity)
    if (concat?.kind !== 'final') admitCreate(command, least)
    return { upload: this.#decided(upload, decision, least), answer: decision.answer, maxSize: least }
  }

  #decided(upload: NewUpload, decision: CreateDecision, maxSize: number): NewUpload {
    const { id, metadata, key, object, expiresAfter } = decision
    const deadline = this.#deadline(expiresAfter)
    const bound = maxSize < this.#shop.options.maxSize ? maxSize : undefined
    // What the client sent is no more what is told.
    const told = metadata && { metadata: textsOf(metadata), metadataField: undefined }
    return { ...upload, ...told, ...present({ id, key, object, deadline, maxSize: bound }) }
  }

  async #create(command: Create, { upload, maxSize }: Draft, ground: Ground, access: Access): Promise<Created> {
    const { writers, options, finishing, ended } = this.#shop
    const { store, yieldTimeout } = options
    const { length } = command
    const hasChecksum = command.checksum !== undefined || command.laterChecksum !== undefined
    const appends = command.withBody && (command.bodyLength !== 0 || hasChecksum)
    const isWhole = length === 0 && command.completes !== 'no'
    if (!appends && !isWhole) {
      const handle = await made(store.create(upload))
      ground.report?.({ kind: 'created', info: handle.info })
      return { kind: 'created', info: handle.info, appended: command.withBody }
    }
    return writers.exclusively(upload.id, yieldTimeout, async (writer) => {
      // Whoever is told of it now must find it.
      const appendFollows = ground.report === undefined
      const handle = await made(store.create(upload, { appendFollows, lease: writer.lease }))
      ground.report?.({ kind: 'created', info: handle.info })
      try {
        if (appends) await this.#appends.store(handle, writer, length ?? maxSize, command, ground, access)
        else {
          await finishing.orGiveUp(handle, () => handle.finish(finishing.of(handle, ground.request)))
          ended(handle.info, ground.request)
        }
        return { kind: 'created', info: handle.info, appended: command.withBody }
      } catch (error) {
        // Who knows where it is asks there.
        if (ground.report) throw error
        if (isWrong(error)) await this.#unmake(handle)
        return this.#salvage(upload.id, error)
      }
    })
  }

  /** Its content is not what the client said, or is refused, and nobody was told where it is. */
  async #unmake(handle: UploadHandle): Promise<void> {
    await handle.terminate?.().catch((error) => {
      this.#shop.options.warn(
        { upload: handle.info.id, error: String(error) },
        'a refused creation has left its record',
      )
    })
  }

  /** Of what is active now. A final upload has none of its own: it expires with its partial uploads. */
  #deadline(expiresAfter: number | undefined): number | undefined {
    return expiresAfter === undefined ? undefined : this.#shop.options.now() + expiresAfter
  }

  get #concatenates(): boolean {
    const { store, allowConcatenation } = this.#shop.options
    return allowConcatenation && store.abilities.concat === true
  }

  /** A final upload whose partial uploads are all complete is created with its object, or not at all. */
  async #createFinal(
    { deadline: _, ...draft }: NewUpload,
    concat: Final,
    ground: Ground,
    access: Access,
  ): Promise<Created> {
    const { completions, options } = this.#shop
    const { store, maxSize, maxConcatParts, now } = options
    const mayUse = (info: UploadInfo): boolean => isVisible(info, access)
    const bound = Math.min(maxSize, draft.maxSize ?? Infinity)
    const partials = await admitFinal(store, concat, { maxSize: bound, maxConcatParts, now, isVisible: mayUse })
    const { info } = await made(store.create({ ...draft, length: partials.length }, present({ sizes: partials.sizes })))
    if (!partials.sources) return { kind: 'created', info: await this.#waits(info, concat), appended: false }
    try {
      const completed = await completions.complete(info.id, ground.request)
      mustBeAlive(completed, now())
      return { kind: 'created', info: completed, appended: false }
    } catch (error) {
      await this.#forget(info.id)
      throw error
    }
  }

  /**
   * Each partial upload is told that this one waits for it. They are looked at once more after that: what was completed
   * before it could be told is seen here, and what is completed later finds the note.
   */
  async #waits(info: UploadInfo, { partials }: Final): Promise<UploadInfo> {
    const { completions, options } = this.#shop
    try {
      await noteAll(options.store, partials, info.id)
      return await completions.complete(info.id)
    } catch (error) {
      options.warn({ upload: info.id, error: String(error) }, 'a final upload waits until somebody asks for it')
      return info
    }
  }

  /** The client was not told of it, so nobody would ever ask for it. */
  async #forget(id: string): Promise<void> {
    const { writers, options } = this.#shop
    const { store, yieldTimeout, deletePartials, warn } = options
    const forgetting = writers.exclusively(id, yieldTimeout, async ({ lease }) => {
      const handle = await store.open(id, { lease })
      // The only copy of the bytes, perhaps.
      const mayBeJoined = handle.info.state === 'completing' && deletePartials
      if (!mayBeJoined) await handle.terminate?.()
    })
    await forgetting.catch((error) => {
      warn({ upload: id, error: String(error) }, 'a final upload that could not be created has left its record')
    })
  }

  /**
   * A creation whose first bytes could not be stored (whole) is still a creation, if its record is there: the client
   * is told where it stands and goes on from there.
   */
  async #salvage(id: string, error: unknown): Promise<Created> {
    const { store, now } = this.#shop.options
    const isStorage = error instanceof UploadError && error.status >= 500
    if (!isStorage) throw error
    const handle = await store.open(id).catch(() => {
      throw error
    })
    mustBeAlive(handle.info, now())
    return { kind: 'created', info: handle.info, appended: true }
  }
}

/** An ID that cannot be one is the application's mistake, not that of the client. */
async function made<T>(creation: Promise<T>): Promise<T> {
  return creation.catch((error: unknown) => {
    const isBadId = error instanceof UploadError && error.code === 'ERR_INVALID_ID'
    throw isBadId ? new UploadError('ERR_INTERNAL_SERVER_ERROR', { cause: error }) : error
  })
}

function allowed(metadata: Metadata, keys: readonly string[] | undefined): Metadata {
  if (keys === undefined) return metadata
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => keys.includes(key)))
}

/** Metadata are texts, whatever a hook in JavaScript returns. */
const textsOf = (metadata: Metadata): Metadata =>
  Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value ?? '')]))
