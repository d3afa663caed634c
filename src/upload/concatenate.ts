/**
 * Final uploads: what they may be made of, and driving one to its end. Nobody owns that: the request that creates it, the
 * one that brings the last byte of a partial upload, and whoever asks for it later all do the same.
 * @module
 */
import { UploadError } from '../errors.js'
import { earlierOf } from '../store/file-info.js'
import type { Concat, UploadInfo } from '../store/info.js'
import type { FinishOptions, Store, UploadHandle } from '../store/store.js'
import { hasExpired, wantsCompletion } from './rules.js'

/** Partial uploads that are looked up at once. */
const AT_ONCE = 16

/** The partial uploads of a final one as they are now. */
export interface Partials {
  /** Bytes of each, in order; undefined while one is deferred. */
  sizes: number[] | undefined
  /** Bytes of all of them; undefined while one is deferred. */
  length: number | undefined
  /** Bytes that there will be at least. */
  atLeast: number
  /** When the first of those that are not complete expires, in milliseconds since the epoch. */
  expiresAt: number | undefined
  /** In order, if all are complete. */
  sources: UploadInfo[] | undefined
  /** What is wrong with one of them, in a sentence. */
  failure: string | undefined
}

/** Of one upload: undefined if there is none. */
type Look = (id: string) => Promise<UploadInfo | undefined>

/**
 * @param now milliseconds since the epoch
 * @throws UploadError if the store cannot tell
 */
export async function lookAt(ids: readonly string[], look: Look, now: number): Promise<Partials> {
  const found = await lookUp(ids, look, now)
  const infos = ids.flatMap((id) => found.get(id) ?? [])
  const broken = ids.findIndex((id) => found.has(id) && whatIsWrong(found.get(id), now) !== undefined)
  const lengths = infos.flatMap(({ length }) => length ?? [])
  const isKnown = lengths.length === ids.length
  return {
    sizes: isKnown ? lengths : undefined,
    length: isKnown ? sum(lengths) : undefined,
    atLeast: sum(infos.map(({ length, offset }) => length ?? offset)),
    expiresAt: infos.map(({ expiresAt }) => expiresAt).reduce(earlierOf, undefined),
    sources: isKnown && infos.every(({ state }) => state === 'complete') ? infos : undefined,
    failure:
      broken === -1 ? undefined : `Upload ${broken + 1} in Upload-Concat ${whatIsWrong(found.get(ids[broken]!), now)}.`,
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0)

function whatIsWrong(info: UploadInfo | undefined, now: number): string | undefined {
  if (info === undefined) return 'does not exist'
  if (info.concat?.kind !== 'partial') return 'is not a partial upload'
  if (hasExpired(info, now)) return 'has expired and will never be complete'
  return info.state === 'failed' ? 'has ended and will never be complete' : undefined
}

/**
 * No further than to the first one that is wrong: a list of ten thousand that do not exist costs its sender one request, and
 * must not cost as many of the store.
 */
async function lookUp(ids: readonly string[], look: Look, now: number): Promise<Map<string, UploadInfo | undefined>> {
  const found = new Map<string, UploadInfo | undefined>()
  await each(ids, async (id) => {
    const info = await look(id)
    found.set(id, info)
    return whatIsWrong(info, now) === undefined
  })
  return found
}

/** Several at a time, each once, until one of them returns false. */
async function each(ids: readonly string[], work: (id: string) => Promise<boolean>): Promise<void> {
  const left = [...new Set(ids)].reverse()
  const next = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) if (!(await work(id))) left.length = 0
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, next))
}

/** Tells the partial uploads that are not complete which final one waits for them. */
export async function noteAll(store: Store, partials: readonly string[], finalId: string): Promise<void> {
  await each(partials, async (id) => {
    const handle = await store.open(id)
    if (handle.info.state !== 'complete') await handle.noteFinal?.(finalId)
    return true
  })
}

/** The look of a store. What could never be an ID there is no upload, nor is what does not count for whoever asks. */
export function lookIn(store: Store, counts: (info: UploadInfo) => boolean = () => true): Look {
  return async (id) => {
    try {
      const { info } = await store.open(id)
      return counts(info) ? info : undefined
    } catch (error) {
      const isMissing = error instanceof UploadError && error.status === 404
      if (isMissing) return undefined
      throw error
    }
  }
}

export interface FinalLimits {
  /** Bytes; Infinity for no limit. */
  maxSize: number
  /** How many partial uploads a final one may name. */
  maxConcatParts: number
  /** Milliseconds since the epoch. */
  now: () => number
  /** Whether whoever asks may use an upload. */
  isVisible: (info: UploadInfo) => boolean
}

/** @throws UploadError ERR_INVALID_CONCAT · ERR_MAX_SIZE_EXCEEDED */
export async function admitFinal(
  store: Store,
  { partials }: Concat & { kind: 'final' },
  { maxSize, maxConcatParts, now, isVisible }: FinalLimits,
): Promise<Partials> {
  if (partials.length > maxConcatParts) {
    const message = `Upload-Concat names ${partials.length} uploads, and this server joins at most ${maxConcatParts}.`
    throw new UploadError('ERR_INVALID_CONCAT', { message })
  }
  const found = await lookAt(partials, lookIn(store, isVisible), now())
  if (found.failure !== undefined) throw new UploadError('ERR_INVALID_CONCAT', { message: found.failure })
  if (found.atLeast > maxSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
  return found
}

export interface Driver {
  store: Store
  /** Bytes; Infinity for no limit. */
  maxSize: number
  /** Milliseconds since the epoch. */
  now: () => number
  /** Makes the object of an upload that has all its bytes but no object yet. */
  complete(id: string): Promise<UploadInfo>
  /** What must hold of the object of a final upload. */
  gate(info: UploadInfo): FinishOptions
  /** Removes partial uploads that have been joined; undefined if they stay. Must not throw. */
  remove: ((ids: readonly string[]) => Promise<void>) | undefined
}

export const isFinal = (info: UploadInfo): info is UploadInfo & { concat: { kind: 'final' } } =>
  info.concat?.kind === 'final'

/** How often the partial uploads are looked at again because one ended in between. */
const LOOKS = 3

/**
 * Takes a final upload as far as it can go now: it is complete if its partial uploads are, failed if one of them is, and
 * otherwise stays open.
 * @returns with its length, as soon as that can be told, and with when it expires: with the first of its partial uploads
 * @throws UploadError
 */
export async function drive(handle: UploadHandle, driver: Driver): Promise<UploadInfo> {
  const { concat } = handle.info
  if (concat?.kind !== 'final') throw new Error('not a final upload')
  const ids = [...new Set(concat.partials)]
  for (let looks = 1; ; looks++) {
    if (!wantsCompletion(handle.info)) return handle.info
    const hasBytes = handle.info.state === 'completing'
    const found = hasBytes
      ? undefined
      : await lookAt(concat.partials, (id) => lookAndComplete(id, driver), driver.now())
    const reason = found && whyNever(found, driver.maxSize)
    if (reason !== undefined) await handle.fail(reason)
    else if (found && !found.sources) return waiting(handle.info, found)
    else {
      try {
        await mustHave(handle.concat).call(handle, found?.sources ?? [], finishing(handle.info, ids, driver))
      } catch (error) {
        if (isNever(error)) await handle.fail(error.message)
        else if (!(await hasChanged(error, handle, driver.store)) || looks === LOOKS) throw error
      }
    }
  }
}

/** The partial uploads go only once what was made of them is found to be right. */
function finishing(info: UploadInfo, ids: readonly string[], { gate, remove }: Driver): FinishOptions {
  const options = gate(info)
  if (!remove) return options
  const { beforeComplete, ...rest } = options
  return {
    ...rest,
    beforeComplete: async (read, size) => {
      await beforeComplete?.(read, size)
      await remove(ids)
    },
  }
}

const waiting = (info: UploadInfo, { length, expiresAt }: Partials): UploadInfo => ({
  ...info,
  length: info.length ?? length,
  expiresAt: earlierOf(info.expiresAt, expiresAt),
})

/** The store can never join them: of too many pieces, or too large together, which the lengths tell only now. */
const isNever = (error: unknown): error is UploadError =>
  error instanceof UploadError && (error.code === 'ERR_INVALID_CONCAT' || error.code === 'ERR_MAX_SIZE_EXCEEDED')

/** A source ended after the look at it; a conflict about the final itself is for whoever asks again. */
async function hasChanged(error: unknown, handle: UploadHandle, store: Store): Promise<boolean> {
  const isConflict = error instanceof UploadError && error.code === 'ERR_CONFLICT'
  return isConflict && handle.info.state === 'open' && (await store.open(handle.info.id)).info.state === 'open'
}

function whyNever({ failure, atLeast }: Partials, maxSize: number): string | undefined {
  if (failure !== undefined) return failure
  return atLeast > maxSize ? 'The partial uploads are larger together than this server accepts.' : undefined
}

function mustHave<T>(method: T | undefined): T {
  if (method === undefined) throw new UploadError('ERR_CONCATENATION_UNSUPPORTED')
  return method
}

/** A partial upload that a crash left without its object gets it now. */
async function lookAndComplete(id: string, { store, complete }: Driver): Promise<UploadInfo | undefined> {
  const info = await lookIn(store)(id)
  if (info === undefined || info.concat?.kind !== 'partial' || !wantsCompletion(info)) return info
  // Somebody else is at it, or S3 is slow: it is not complete yet, that is all.
  return complete(id).catch(() => info)
}
