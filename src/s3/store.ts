/**
 * The S3 store: creates and opens uploads. What it promises is in docs/invariants.md; the loop that moves the bytes is
 * append.ts.
 * @module
 */
import { UploadError } from '../errors.js'
import type { NewUpload } from '../store/info.js'
import type { Inspector } from '../store/inspect.js'
import type { StoreStats } from '../store/observer.js'
import type { CreateOptions, ListedUpload, OpenOptions, Store } from '../store/store.js'
import { removeLeftovers } from './clean-up.js'
import { chooseLayout } from './concat/plan.js'
import type { S3Context } from './context.js'
import { type CopiedObject, type CopyTarget, copyTo, moveTo, type Place } from './copy.js'
import { S3Inspector } from './inspect/inspector.js'
import { isUsableId, isUsableKey, type Keys, keysOf, objectIdsOf, prefixes } from './keys.js'
import { listUploads } from './list.js'
import { headObject } from './look.js'
import { chooseObject, mustHaveTags } from './object-options.js'
import { type ResolvedOptions, resolveOptions, type S3StoreOptions } from './options.js'
import { Budget } from './parts/budget.js'
import { choosePartSize } from './parts/plan.js'
import { AWS_CAPABILITIES } from './provider/capabilities.js'
import { learn, learnToRead } from './provider/learn.js'
import { tryOptions } from './provider/trial.js'
import { type Committed, readRecord } from './record/commit.js'
import { newRecord } from './record/record.js'
import { composeCall, type ServiceCall } from './service.js'
import { S3Upload } from './upload.js'

/** Uploads that are remembered between requests. Each costs a few KiB, and forgetting one costs a read. */
const MAX_REMEMBERED = 1_000

/** Tries of a move that others come before. */
const MOVES = 3

const NEEDS_LOCKER =
  'locker: this bucket has no conditional writes (If-Match, If-None-Match), so two writers of one upload must be kept ' +
  'apart otherwise (docs/locking.md): configure one, or promise with singleProcess that this is the only process.'

/** Uploads as objects of a bucket: S3, or what is compatible with it. */
export class S3Store implements Store {
  readonly abilities = { terminate: true, declareLength: true, concat: true, list: true }
  readonly #context: S3Context
  readonly #close: () => void
  readonly #stats: () => StoreStats
  /** Fills in what is not yet known of the provider. */
  readonly #learn: () => Promise<void>
  /** Once that succeeded. */
  #learnt: Promise<void> | undefined
  readonly #options: ResolvedOptions
  /** For other buckets, to which objects are copied. */
  readonly #others = new Map<string, ServiceCall>()
  readonly #learnToRead: () => Promise<void>
  #reading: Promise<void> | undefined
  #isExclusive = false
  /** Unfinished uploads that this process wrote last, oldest first. */
  readonly #remembered = new Map<string, S3Upload>()

  /** @throws UploadError ERR_INVALID_OPTIONS, for each combination that cannot work */
  constructor(options: S3StoreOptions) {
    const all = resolveOptions(options)
    const provider = { ...AWS_CAPABILITIES }
    const { call, plain, places, presign, close } = composeCall(all, provider)
    const { minPartSize, preferredPartSize, maxPartSize, maxMultipartParts, maxObjectSize } = all
    const budget = new Budget(all.bufferMemory)
    this.#close = close
    this.#options = all
    this.#stats = () => ({
      memory: { limit: budget.capacity, used: budget.used, waiting: budget.waiting },
      sending: { limit: places.limit, running: places.taken, waiting: places.waiting },
    })
    for (const observer of all.observers) observer.storeOpened?.(this.#stats)
    this.#context = {
      bucket: all.bucket,
      prefixes: prefixes(all.objectPrefix, all.metadataObjectPrefix),
      call,
      ...(presign ? { presign } : {}),
      overwrite: all.overwrite,
      provider,
      limits: { minPartSize, preferredPartSize, maxPartSize, maxMultipartParts, maxObjectSize },
      budget,
      temporaryDirectory: all.temporaryDirectory,
      mayFill: (partSize, pending) => {
        if (pending >= Math.min(all.maxBufferedParts, places.share)) return false
        // One fast upload must not take the memory that others wait for.
        const isQuarter = (pending + 1) * partSize <= all.bufferMemory / 4
        return isQuarter || (budget.waiting === 0 && budget.used + partSize <= all.bufferMemory)
      },
      commitInterval: all.commitInterval,
      now: all.now,
      logger: all.logger,
    }
    this.#learn = async () => {
      await learn(this.#context, plain, options)
      if (typeof all.object === 'object') mustHaveTags(all.object, provider)
      await tryOptions(call, all, this.#context.prefixes.objectPrefix)
    }
    this.#learnToRead = () => learnToRead(this.#context, options)
  }

  get maxObjectSize(): number {
    return this.#context.limits.maxObjectSize
  }

  /** What it has in hand now. */
  get stats(): StoreStats {
    return this.#stats()
  }

  /**
   * Finds out what the provider does, unless it is known (see `provider` and `capabilities`): a handful of requests on a
   * key of its own. Without it the first request finds out.
   */
  async ready({ exclusive }: { exclusive: boolean }): Promise<void> {
    this.#isExclusive ||= exclusive
    this.#learnt ??= this.#learn().catch((error) => {
      this.#learnt = undefined
      throw error
    })
    await this.#learnt
    if (this.#context.provider.conditionalWrites === 'none' && !this.#isExclusive) {
      throw new UploadError('ERR_INVALID_OPTIONS', { message: NEEDS_LOCKER })
    }
  }

  /** Whoever only looks writes nothing, and needs no locker. */
  get #learntToRead(): Promise<void> {
    this.#reading ??= (this.#learnt ?? this.#learnToRead()).catch((error) => {
      this.#reading = undefined
      throw error
    })
    return this.#reading
  }

  async create(upload: NewUpload, options: CreateOptions = {}): Promise<S3Upload> {
    await this.ready({ exclusive: false })
    if (!isUsableId(upload.id, this.#context.prefixes)) throw new UploadError('ERR_INVALID_ID')
    if (upload.length !== undefined) choosePartSize(this.#context.limits, upload.length, undefined)
    if (options.sizes) chooseLayout(this.#context.limits, this.#context.provider, options.sizes)
    const object = chooseObject(upload, this.#options, this.#context.provider)
    const key = await this.#keyOf(upload)
    const keys = keysOf(this.#context.prefixes, upload.id, key)
    const created = new S3Upload(this.#context, keys, newRecord({ ...upload, key, object }, this.#context.now()))
    created.lease = options.lease
    if (!options.appendFollows) await created.commit({})
    this.#remember(created)
    return created
  }

  /** @throws UploadError ERR_INVALID_KEY · ERR_OBJECT_EXISTS · ERR_STORE_UNAVAILABLE */
  async #keyOf({ id, key, concat }: NewUpload): Promise<string | undefined> {
    const { call, prefixes, overwrite } = this.#context
    // A partial upload is none that anybody looks for; of several with one key, each would replace the one before.
    const chosen = key === id || concat?.kind === 'partial' ? undefined : key
    if (chosen !== undefined && !isUsableKey(chosen, prefixes)) throw new UploadError('ERR_INVALID_KEY')
    const keys = keysOf(prefixes, id, chosen)
    const looks = [overwrite ? undefined : headObject(call, keys.object)]
    // The upload of that ID would take the multipart uploads of its key for its own.
    const isId = chosen !== undefined && isUsableId(chosen, prefixes)
    looks.push(isId ? headObject(call, keysOf(prefixes, chosen).record) : undefined)
    const [object, record] = await Promise.all(looks)
    if (object !== undefined) throw new UploadError('ERR_OBJECT_EXISTS')
    if (record !== undefined)
      throw new UploadError('ERR_INVALID_KEY', { message: 'The key is the ID of another upload.' })
    return chosen
  }

  async open(id: string, options: OpenOptions = {}): Promise<S3Upload> {
    await this.ready({ exclusive: false })
    const remembered = this.#remembered.get(id)
    const isGood = remembered !== undefined && !remembered.isStale && remembered.version !== undefined
    if (isGood && options.cached && !options.lease?.handedOver) return this.#remember(underLease(remembered, options))
    const { keys, committed } = await this.#find(id)
    const isKnown = isGood && remembered.version === committed.etag
    const known = isKnown ? remembered : new S3Upload(this.#context, keys, committed.record, committed)
    const opened = underLease(known, options)
    await opened.settleExpiry()
    await removeLeftovers(opened)
    return this.#remember(opened)
  }

  /** The record with this ID, under whichever name it is kept. @throws UploadError */
  async #find(id: string): Promise<{ keys: Keys; committed: Committed }> {
    for (const objectId of objectIdsOf(id, this.#context.prefixes)) {
      const keys = keysOf(this.#context.prefixes, objectId)
      const committed = await readRecord(this.#context, keys).catch((error) => {
        if (error instanceof UploadError && error.code === 'ERR_UPLOAD_NOT_FOUND') return undefined
        throw error
      })
      if (committed?.record.id === id) {
        return { keys: keysOf(this.#context.prefixes, objectId, committed.record.key), committed }
      }
      // The same name with the multipart upload of another ID, or with none, is no upload. All else is a wrong record.
      const isOfTusd = objectId !== id || committed?.record.id.startsWith(`${id}+`)
      if (committed && !isOfTusd) throw new UploadError('ERR_STORE_CORRUPT')
    }
    throw new UploadError('ERR_UPLOAD_NOT_FOUND')
  }

  async *list(): AsyncIterable<ListedUpload> {
    await this.ready({ exclusive: false })
    yield* listUploads(this.#context)
  }

  inspector(): Inspector {
    return new S3Inspector(this.#context, () => this.#learntToRead)
  }

  async close(): Promise<void> {
    for (const upload of this.#remembered.values()) upload.forgetTail()
    this.#remembered.clear()
    for (const { close } of this.#others.values()) close()
    this.#close()
  }

  /**
   * Copies the object of a complete upload inside S3. Safe to repeat, as after a crash: a copy that is there is found again by its
   * marks. Size and CRC32 of the copy are compared before it resolves. Another object under that key is replaced.
   * @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_INCOMPLETE_UPLOAD · ERR_UPLOAD_GONE · ERR_INVALID_KEY · ERR_INVALID_OPTIONS ·
   *   ERR_STORE_CORRUPT: the copy, or the object, is not what was uploaded · ERR_STORE_UNAVAILABLE: it can be repeated
   */
  async copyObject(id: string, target: CopyTarget): Promise<CopiedObject> {
    return copyTo(await this.open(id), this.#placeOf(target))
  }

  /**
   * Copies it so, commits in the record where it is now, and then removes it from where it was. From then on GET is 410, and
   * a termination ends the upload and leaves the object. Safe to repeat. To another place than before: ERR_CONFLICT.
   * @throws UploadError as for copyObject
   */
  async moveUpload(id: string, target: CopyTarget): Promise<CopiedObject> {
    const place = this.#placeOf(target)
    for (let attempt = 1; ; attempt++) {
      try {
        return await moveTo(await this.open(id), place)
      } catch (error) {
        // Somebody else has committed meanwhile, such as that an event was delivered.
        const isOvertaken = error instanceof UploadError && error.code === 'ERR_CONFLICT' && attempt < MOVES
        if (!isOvertaken) throw error
      }
    }
  }

  #placeOf(target: CopyTarget): Place {
    const { bucket, call } = this.#context
    const { bucket: other = bucket } = target
    if (other === bucket) return { ...target, bucket, call }
    const known = this.#others.get(other) ?? composeCall({ ...this.#options, bucket: other }, this.#context.provider)
    this.#others.set(other, known)
    return { ...target, bucket: other, call: known.call }
  }

  /** Only what may still be written is worth remembering; and of what another server may still write, nothing is. */
  #remember(upload: S3Upload): S3Upload {
    const { id } = upload.record
    const before = this.#remembered.get(id)
    if (before !== undefined && before !== upload) before.forgetTail()
    this.#remembered.delete(id)
    const ended = upload.record.state === 'complete' || upload.record.state === 'failed'
    if (ended || upload.isForeign) return upload
    this.#remembered.set(id, upload)
    const oldest = this.#remembered.entries().next().value
    if (this.#remembered.size > MAX_REMEMBERED && oldest) {
      oldest[1].forgetTail()
      this.#remembered.delete(oldest[0])
    }
    return upload
  }
}

/** Who opens it only to look leaves the lease of who writes it. */
function underLease(upload: S3Upload, { lease }: OpenOptions): S3Upload {
  if (lease !== undefined) upload.lease = lease
  return upload
}
