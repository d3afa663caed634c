/**
 * An upload from another store, finished or not, under the same ID: its client goes on here where it was there. What a crash
 * leaves is an upload like any other, so whoever copies again goes on with it.
 * @module
 */
import { type FailureCode, UploadError } from '../errors.js'
import type { NewUpload, UploadInfo } from '../store/info.js'
import type { Exported } from '../store/inspect.js'
import type { Body, Store, UploadHandle } from '../store/store.js'
import { present } from './present.js'
import type { Writers } from './writers.js'

export type CopyOutcome =
  /** All that could be read is here now. */
  | 'copied'
  /** It was here before, or has gone on here since. */
  | 'there'
  /** Another upload has its ID here. */
  | 'conflict'
  /** It cannot go on there, nor can it here. */
  | 'cannot'
  /** Somebody writes it here. */
  | 'busy'

/** What came of copying one upload. */
export interface Copied {
  /** Whether it is here now, and what was done for that. */
  outcome: CopyOutcome
  /** As it is here; undefined if it is not. */
  info?: UploadInfo | undefined
  /** Why not. */
  reason?: string | undefined
}

/** How an upload is copied. */
export interface CopyOptions {
  /** Only says what would be done. */
  dryRun?: boolean | undefined
  /** Told of bytes as they are copied. */
  onBytes?: ((bytes: number) => void) | undefined
  /** Ends the copying. */
  signal?: AbortSignal | undefined
}

const BUSY: readonly FailureCode[] = ['ERR_UPLOAD_LOCKED', 'ERR_CONFLICT', 'ERR_COMPLETION_PENDING']

/** @throws UploadError, of either store */
export async function copy(
  store: Store,
  writers: Writers,
  source: Exported,
  options: CopyOptions = {},
): Promise<Copied> {
  const { id, obstacle, readable, info } = source
  if (obstacle !== undefined) return { outcome: 'cannot', reason: obstacle }
  if (info.concat?.kind === 'final' && info.state !== 'complete') {
    return { outcome: 'cannot', reason: 'its partial uploads are not joined yet' }
  }
  if (options.dryRun) {
    const here = await seen(store, id)
    return (here && refusalOf(here, source)) ?? { outcome: 'copied', info: { ...info, offset: readable } }
  }
  try {
    return await writers.exclusively(id, 0, async ({ lease }) => {
      const handle = await openOrCreate(store, source, lease)
      const refused = refusalOf(handle.info, source)
      if (refused) return refused
      const outcome = await fill(handle, source, options)
      return { outcome, info: handle.info }
    })
  } catch (error) {
    if (!(error instanceof UploadError)) throw error
    if (BUSY.includes(error.code)) return { outcome: 'busy' }
    const { code } = error
    if (code === 'ERR_INVALID_ID') return { outcome: 'cannot', reason: 'Its ID cannot be one here.' }
    if (code === 'ERR_MAX_SIZE_EXCEEDED' || code === 'ERR_METADATA_TOO_LARGE') {
      return { outcome: 'cannot', reason: error.message }
    }
    throw error
  }
}

/** Without changing anything. */
async function seen(store: Store, id: string): Promise<UploadInfo | undefined> {
  try {
    return (await store.inspector?.().inspect(id))?.info
  } catch (error) {
    if (error instanceof UploadError && error.status === 404) return undefined
    throw error
  }
}

type Lease = NonNullable<Parameters<Store['open']>[1]>['lease']

async function openOrCreate(store: Store, source: Exported, lease: Lease): Promise<UploadHandle> {
  try {
    return await store.open(source.id, { lease })
  } catch (error) {
    if (!(error instanceof UploadError) || error.status !== 404) throw error
    return store.create(newOf(source), { lease })
  }
}

/** The final upload of a concatenation is an upload by itself, once it is there: what it was made of may not come along. */
function newOf({ id, info }: Exported): NewUpload {
  const { length, metadata, metadataField, concat, digests, deadline, owner, key, object, maxSize } = info
  const partial = concat?.kind === 'partial' ? concat : undefined
  const known = present({ concat: partial, digests, deadline, owner, key, object, maxSize })
  return { id, length, metadata, metadataField, ...known }
}

/** Why nothing is to be copied into what is here under the ID. */
function refusalOf(here: UploadInfo, { info, readable }: Exported): Copied | undefined {
  const conflict = (reason: string): Copied => ({ outcome: 'conflict', info: here, reason })
  if (here.state === 'failed') return conflict(`It has ended here: ${here.failure}`)
  const isOther = here.length !== undefined && info.length !== undefined && here.length !== info.length
  if (isOther) return conflict(`Here it has a length of ${here.length} bytes, and there of ${info.length}.`)
  const isOfOthers = JSON.stringify(sorted(here.metadata)) !== JSON.stringify(sorted(info.metadata))
  if (isOfOthers) return conflict('Here it has other metadata than there.')
  if (here.state !== 'open' || here.offset > readable) return { outcome: 'there', info: here }
  return undefined
}

const sorted = (metadata: Record<string, string>): [string, string][] =>
  Object.entries(metadata).sort(([one], [other]) => (one < other ? -1 : 1))

async function fill(handle: UploadHandle, source: Exported, { onBytes, signal }: CopyOptions): Promise<CopyOutcome> {
  const { readable, info } = source
  const isWhole = info.length === readable
  const before = handle.info.offset
  if (before === readable && !isWhole) return before > 0 ? 'there' : 'copied'
  while (handle.info.offset < readable) {
    const at = handle.info.offset
    const body = bodyOf(source.read(at), readable - at, onBytes)
    const stop = (): void => body.stop()
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    try {
      await handle.append(at, body, { completes: isWhole ? 'at-length' : 'no', ...present({ signal }) })
    } finally {
      signal?.removeEventListener('abort', stop)
    }
    // What came is committed; the next run goes on there.
    if (body.failure !== undefined) throw body.failure
    if (signal?.aborted) return 'busy'
    if (handle.info.offset === at) throw new UploadError('ERR_STORE_UNAVAILABLE', { message: 'No byte was stored.' })
  }
  if (isWhole && handle.info.state !== 'complete') await handle.finish()
  return 'copied'
}

interface Content extends Body {
  /** What reading it has thrown: the body ended there. */
  readonly failure: unknown
}

function bodyOf(content: AsyncIterable<Uint8Array>, length: number, onBytes?: (bytes: number) => void): Content {
  let ended: Body['ended']
  let failure: unknown
  return {
    length,
    get ended() {
      return ended
    },
    get failure() {
      return failure
    },
    stop() {
      ended ??= 'stopped'
    },
    async *[Symbol.asyncIterator]() {
      try {
        for await (const chunk of content) {
          if (ended !== undefined) return
          onBytes?.(chunk.byteLength)
          yield chunk
        }
        ended ??= 'end'
      } catch (error) {
        failure = error
        ended ??= 'disconnected'
      }
    },
  }
}
