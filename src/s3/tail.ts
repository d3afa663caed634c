/**
 * Tail segments: committed bytes that are too few for a part. A slot that the committed record names is never written
 * (docs/invariants.md, 4); a free one only under a condition, so that of two writers one finds out.
 * @module
 */

import { randomBytes } from 'node:crypto'
import { UploadError } from '../errors.js'
import { combineCrc32 } from '../store/crc32.js'
import { crc32 } from '../store/crc32-of.js'
import type { Call, Payload } from './call/call.js'
import { asStoreFailure, means, S3Fault } from './call/faults.js'
import type { Keys } from './keys.js'
import { headObject } from './look.js'
import { TOKEN_MARK } from './object-head.js'
import type { Bytes } from './parts/bytes.js'
import type { Segment } from './record/record.js'

/**
 * A segment's object ends with a nonce after the client's bytes. ETags are content hashes at most providers, and a
 * client sends the same bytes again after an interruption: without the nonce, a condition on the ETag could hold for a
 * write that belongs to another life of the slot.
 */
export const NONCE_BYTES = 16

/** What to do when a slot holds something that the record does not know. */
export interface SlotOwner {
  /** What the slot held when last known: an ETag, or null. */
  known(slot: number): string | null
  /**
   * Commits the record anew with `etag` as the slot's content. Whoever wrote the slot did so on the record of before,
   * so its commit fails from now on, and the slot may be overwritten.
   */
  fence(slot: number, etag: string | null): Promise<void>
}

/** @throws UploadError ERR_CONFLICT · ERR_STORE_UNAVAILABLE */
export async function writeSegment(
  call: Call,
  keys: Keys,
  owner: SlotOwner,
  slot: number,
  bytes: Payload,
): Promise<Segment> {
  const nonce = randomBytes(NONCE_BYTES)
  const body = withNonce(bytes, nonce)
  const token = nonce.toString('hex')
  const key = keys.slot(slot)
  let etag = await putSegment(call, key, body, token, owner.known(slot))
  if (etag === undefined) {
    const found = await headObject(call, key)
    await owner.fence(slot, found?.etag ?? null)
    etag = await putSegment(call, key, body, token, found?.etag ?? null)
  }
  if (etag === undefined) throw new UploadError('ERR_CONFLICT')
  return { slot, etag, length: bytes.length, crc32: bytes.crc32 }
}

function withNonce(bytes: Payload, nonce: Uint8Array): Payload {
  return {
    length: bytes.length + NONCE_BYTES,
    crc32: combineCrc32(bytes.crc32, crc32(nonce), NONCE_BYTES),
    chunks: () => {
      const chunks = bytes.chunks()
      return Symbol.iterator in chunks ? [...chunks, nonce] : followedBy(chunks, nonce)
    },
    returned: () => bytes.returned?.(),
  }
}

async function* followedBy(chunks: AsyncIterable<Uint8Array>, last: Uint8Array): AsyncIterable<Uint8Array> {
  yield* chunks
  yield last
}

/** @returns undefined if the slot holds something else than expected */
async function putSegment(
  call: Call,
  key: string,
  body: Payload,
  token: string,
  expected: string | null,
): Promise<string | undefined> {
  try {
    const condition = expected === null ? { ifAbsent: true } : { ifMatch: expected }
    return (await call('putObject', { key, body, data: true, metadata: { [TOKEN_MARK]: token }, ...condition })).etag
  } catch (error) {
    if (means(error, 'denied', 'refused', 'contradiction')) throw asStoreFailure(error)
    // A lost answer, or a refusal of the retry of what was done: the token tells.
    const found = await headObject(call, key)
    if (found?.metadata[TOKEN_MARK] === token) return found.etag
    if (means(error, 'precondition', 'missing-object', 'conflict')) return undefined
    throw asStoreFailure(error)
  }
}

/** Segments that are read at once: none waits for the answer before it, and little lies in memory meanwhile. */
const READ_AT_ONCE = { segments: 16, bytes: 2 * 1024 * 1024 }

/**
 * Reads the bytes of segments into `into`, verified against their checksums.
 * @returns the segments, now that all checksums are known
 * @throws UploadError ERR_STORE_CORRUPT if one is not what was committed · ERR_STORE_UNAVAILABLE
 */
export async function readSegments(call: Call, keys: Keys, tail: readonly Segment[], into: Bytes): Promise<Segment[]> {
  const read: Segment[] = []
  for (let rest = tail; rest.length > 0; ) {
    const some = firstOf(rest)
    // The first may be large, and goes where it belongs as it comes. The others wait for it.
    const waiting: Uint8Array[][] = some.map(() => [])
    const reading = some.map((segment, index) =>
      readSegment(call, keys, segment, (chunk) => (index === 0 ? into.add(chunk) : void waiting[index]!.push(chunk))),
    )
    const sums = await Promise.all(reading)
    for (const chunk of waiting.flat()) await into.add(chunk)
    read.push(...some.map((segment, index) => ({ ...segment, crc32: sums[index] })))
    rest = rest.slice(some.length)
  }
  return read
}

/** As many as are read at once; at least one. */
function firstOf(tail: readonly Segment[]): readonly Segment[] {
  let bytes = 0
  const end = tail.findIndex(({ length }, index) => {
    bytes += length
    return index > 0 && (bytes > READ_AT_ONCE.bytes || index === READ_AT_ONCE.segments)
  })
  return end === -1 ? tail : tail.slice(0, end)
}

async function readSegment(
  call: Call,
  keys: Keys,
  { slot, length, etag, crc32: sum }: Segment,
  add: (chunk: Uint8Array) => Promise<void> | undefined,
): Promise<number> {
  const corrupt = (cause: unknown): UploadError => new UploadError('ERR_STORE_CORRUPT', { cause })
  try {
    const { body } = await call('getObject', { key: keys.slot(slot), range: `bytes=0-${length - 1}`, ifMatch: etag })
    let seen = 0
    let crc = 0
    for await (const chunk of body) {
      await add(chunk)
      seen += chunk.length
      crc = crc32(chunk, crc)
    }
    if (seen < length) throw new S3Fault('getObject', 0, 'ShortBody', `${seen} of ${length} bytes`)
    const isOther = seen !== length || (sum !== undefined && crc !== sum)
    if (isOther) throw corrupt(new Error(`slot ${slot} holds other bytes than were committed`))
    return crc
  } catch (error) {
    if (error instanceof UploadError) throw error
    if (means(error, 'precondition', 'missing-object')) throw corrupt(error)
    throw asStoreFailure(error instanceof S3Fault ? error : new S3Fault('getObject', 0, '', String(error), error))
  }
}
