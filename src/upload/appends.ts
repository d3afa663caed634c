/**
 * Appends: a body, from what may be appended to what was committed of it.
 * @module
 */
import { UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { UploadHandle } from '../store/store.js'
import type { Access } from './access.js'
import { verified } from './checksum.js'
import type { Append, Create, Ground, Outcome } from './command.js'
import { isWrong } from './finishing.js'
import { terminate, type Workshop } from './ground.js'
import { paced } from './paced.js'
import { present } from './present.js'
import { type LastTold, Progress } from './progress.js'
import { admitAppend, complaint, hasExpired, wantsCompletion } from './rules.js'
import type { Writer } from './writers.js'

export class Appends {
  readonly #shop: Workshop
  /** How many uploads each client is writing. */
  readonly #active = new Map<string, number>()
  readonly #lastTold: LastTold = new Map()

  constructor(shop: Workshop) {
    this.#shop = shop
  }

  async append(command: Append, ground: Ground, access: Access): Promise<Outcome> {
    const info = await this.#appended(command, ground, access)
    this.#shop.completions.follow(info)
    return { kind: 'appended', info }
  }

  async #appended(command: Append, ground: Ground, access: Access): Promise<UploadInfo> {
    const { writers, options } = this.#shop
    const { store, yieldTimeout, now } = options
    return writers.exclusively(command.id, yieldTimeout, async (writer) => {
      const { handle, room } = await this.#openAt(command, writer)
      const wasComplete = handle.info.state === 'complete'
      if (wasComplete) await takeNothing(handle.info, writer, command, ground)
      else {
        if (command.length !== undefined && handle.info.length === undefined) await declare(handle, command.length)
        await this.store(handle, writer, Math.min(room, this.#bound(handle.info)), command, ground, access)
      }
      const isCompleted = !wasComplete && handle.info.state === 'complete'
      if (isCompleted || handle.info.offset > command.offset) return handle.info
      // Nothing was stored, so nothing has shown that the upload still is as this process remembers it.
      const { info } = await store.open(command.id)
      admitAppend(info, command, this.#bound(info), now())
      return info
    })
  }

  /** Bytes that the upload may have. */
  #bound({ maxSize = Infinity }: UploadInfo): number {
    return Math.min(maxSize, this.#shop.options.maxSize)
  }

  /** Opens for an append. What this process remembers will do, unless it disagrees with the client. */
  async #openAt(command: Append, { lease }: Writer): Promise<{ handle: UploadHandle; room: number }> {
    const { store, now } = this.#shop.options
    const cached = await store.open(command.id, { cached: true, lease })
    const { offset, state } = cached.info
    const isGood = offset === command.offset && state === 'open' && !hasExpired(cached.info, now())
    const handle = isGood ? cached : await store.open(command.id, { lease })
    return { handle, room: admitAppend(handle.info, command, this.#bound(handle.info), now()) }
  }

  /** Appends the body, and finishes the upload if the body completes it. */
  async store(
    handle: UploadHandle,
    writer: Writer,
    limit: number,
    command: Create | Append,
    ground: Ground,
    access: Access,
  ): Promise<void> {
    const release = this.#take(access, ground)
    try {
      await this.#store(handle, writer, limit, command, ground, access)
    } finally {
      release()
    }
  }

  /** @throws UploadError ERR_TOO_MANY_UPLOADS */
  #take({ owner, limits: { maxActive } }: Access, { request }: Ground): () => void {
    if (maxActive === undefined) return () => undefined
    const who = owner === undefined ? `at ${request?.remoteAddress}` : `owner ${owner}`
    const before = this.#active.get(who) ?? 0
    if (before >= maxActive) throw new UploadError('ERR_TOO_MANY_UPLOADS', { retryAfter: 2_000 })
    this.#active.set(who, before + 1)
    return () => {
      const left = this.#active.get(who)! - 1
      if (left === 0) this.#active.delete(who)
      else this.#active.set(who, left)
    }
  }

  async #store(
    handle: UploadHandle,
    writer: Writer,
    limit: number,
    command: Create | Append,
    ground: Ground,
    { limits }: Access,
  ): Promise<void> {
    const { digests, finishing, options, ended } = this.#shop
    const { observer, counters } = options
    const { request } = ground
    const taken = paced(ground.takeBody(limit), limits.maxRate)
    writer.reads(taken)
    observer.appendBegan(handle.info, request)
    const followed = digests.follow(handle.info, taken)
    const { completes } = command
    const { body, verify } = verified(followed.body, command)
    const progress = new Progress(this.#shop, this.#lastTold, handle, request, () => taken.stop())
    const finish = finishing.of(handle, request, followed.beforeComplete)
    const before = handle.info.offset
    let told = before
    const onCommit = (offset: number): void => {
      ground.report?.({ kind: 'stored', offset })
      this.#committed(handle.info, offset - told, ground)
      told = offset
      progress.tell()
    }
    const appending = {
      completes,
      signal: writer.signal,
      onCommit,
      ...finish,
      ...present({ verify, deadline: this.#putsOff }),
    }
    try {
      await finishing.orGiveUp(handle, async () => {
        followed.settle(await handle.append(before, body, appending))
        const isDone = completes === 'at-length' || (completes === 'yes' && taken.ended === 'end')
        if (wantsCompletion(handle.info, isDone)) await handle.finish(finish)
      })
    } catch (error) {
      // The store has found that it can never be complete. What was given up here is told already.
      if (handle.info.state === 'failed' && !isWrong(error)) ended(handle.info, request)
      throw error
    } finally {
      counters.bytesStored += handle.info.offset - before
      if (handle.info.offset > told) this.#committed(handle.info, handle.info.offset - told, ground)
      observer.appendEnded(handle.info, request)
      if (handle.info.state === 'complete') ended(handle.info, request)
    }
    if (progress.stopped && handle.info.state === 'open') {
      await terminate(this.#shop, handle, request)
      throw progress.stopped
    }
    const failure = complaint(taken, handle.info, completes, writer.stopped)
    const isOver = taken.ended === 'too-long' && command.whenTooLong === 'fail'
    if (failure && isOver && handle.info.state === 'open') {
      await handle.fail(failure.message)
      ended(handle.info, request)
    }
    if (failure) throw failure
  }

  /** Bytes are in the record now, and with them perhaps the upload itself, of which somebody is to be told. */
  #committed(info: UploadInfo, bytes: number, { request }: Ground): void {
    const { options, outbox } = this.#shop
    if (bytes > 0) options.observer.stored(info, bytes)
    if (info.outbox) outbox.deliver(info, request)
  }

  /** The deadline that goes with the bytes of an append; undefined: the one of before stays. */
  get #putsOff(): (() => number) | undefined {
    const { expiresAfter, expiresFrom, now } = this.#shop.options
    return expiresAfter === undefined || expiresFrom === 'creation' ? undefined : () => now() + expiresAfter
  }
}

async function declare(handle: UploadHandle, length: number): Promise<void> {
  if (!handle.declareLength) throw new UploadError('ERR_NOT_IMPLEMENTED')
  await handle.declareLength(length)
}

/**
 * Reads a body of no announced length for an upload that has all its bytes. Only then does a client that waits to be
 * invited (Expect) learn that its empty body is welcome: an answer instead of 100 is a refusal to many of them.
 */
async function takeNothing(info: UploadInfo, writer: Writer, command: Append, ground: Ground): Promise<void> {
  if (command.bodyLength !== undefined) return
  const body = ground.takeBody(0)
  writer.reads(body)
  for await (const _ of body);
  const failure = complaint(body, info, command.completes, writer.stopped)
  if (failure) throw failure
}
