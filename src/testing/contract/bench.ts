/**
 * What every row of the contract works with: stores over the same data, IDs, and the steps that rows share.
 * @module
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { type FailureCode, UploadError } from '../../errors.js'
import type { NewUpload } from '../../store/info.js'
import type { AppendOptions, ByteRange, CreateOptions, Store, UploadHandle } from '../../store/store.js'
import { bodyOf, chunksOf } from './body.js'

/** A store under the contract, and what the contract must know of it. */
export interface StoreHarness {
  /** A new Store over the same data as the ones before it: what a restarted process, or another one, would open. */
  open(): Promise<Store>
  /** Bytes; sizes around which this store works differently. Each is uploaded whole and in two halves. At most 32 MiB. */
  interestingSizes?: readonly number[]
  /** Names of all that is still stored for the ID: objects, records, locks, unfinished parts. */
  leftovers?(id: string): Promise<string[]>
  /**
   * Rules that cannot be kept on this ground, with the reason: their rows run and are reported as todo, whatever comes
   * of them. For a backend that does not do what the store needs; not for a store that has yet to be finished.
   */
  exceptions?: readonly { readonly rule: RegExp; readonly why: string }[]
  /** Called once, after all rows. */
  cleanup?(): Promise<void>
}

/** One row is one rule. `needs` names the ability without which the row is skipped. */
export type Row = readonly [rule: string, run: (bench: Bench) => Promise<void>, needs?: keyof Store['abilities']]

export const KiB = 1024
export const MiB = 1024 * KiB

/** Codes with which a writer may learn that another one was faster. */
export const LOST: readonly FailureCode[] = [
  'ERR_CONFLICT',
  'ERR_UPLOAD_LOCKED',
  'ERR_MISMATCHED_OFFSET',
  'ERR_UPLOAD_INTERRUPTED',
  'ERR_COMPLETION_PENDING',
]

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const newId = (): string => `contract-${randomBytes(9).toString('hex')}`

/** Refuses unless the promise rejects with an UploadError that has one of the codes. */
export async function rejectsWith(promise: Promise<unknown>, ...codes: readonly FailureCode[]): Promise<UploadError> {
  const error = await promise.then(
    (value) => assert.fail(`resolved with ${String(value)} instead of failing with ${codes.join(' or ')}`),
    (reason: unknown) => reason,
  )
  if (!(error instanceof UploadError)) throw error
  assert.ok(codes.includes(error.code), `failed with ${error.code} instead of ${codes.join(' or ')}: ${error.stack}`)
  return error
}

/** The whole content, or a range of it. */
export async function contentOf(handle: UploadHandle, range?: ByteRange): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await handle.read(range)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Appends these bytes at the committed offset, and holds the store to having committed all of them. */
export async function appendBytes(
  handle: UploadHandle,
  bytes: Uint8Array,
  options: AppendOptions & { chunk?: number } = {},
): Promise<number> {
  const { chunk = 64 * KiB, ...rest } = options
  const { offset } = handle.info
  const committed = await handle.append(offset, bodyOf(chunksOf(bytes, chunk), { length: bytes.byteLength }), rest)
  assert.equal(committed, offset + bytes.byteLength, 'append commits all that came')
  assert.equal(handle.info.offset, committed, 'info.offset is what append returned')
  return committed
}

export class Bench {
  readonly harness: StoreHarness
  readonly #context: TestContext
  readonly #stores: Store[] = []

  constructor(harness: StoreHarness, context: TestContext) {
    this.harness = harness
    this.#context = context
  }

  /** A fresh store; it is closed when the row ends. */
  async store(): Promise<Store> {
    const store = await this.harness.open()
    this.#stores.push(store)
    return store
  }

  /** The upload as a fresh store sees it. */
  async reopen(id: string): Promise<UploadHandle> {
    return (await this.store()).open(id)
  }

  /** A new upload, in a fresh store unless one is given. */
  async create(length: number | undefined, more: Partial<NewUpload & CreateOptions> & { store?: Store } = {}) {
    const { store = await this.store(), appendFollows = false, ...rest } = more
    const upload = { id: newId(), length, metadata: {}, metadataField: undefined, ...rest }
    return store.create(upload, { appendFollows })
  }

  /** A finished upload with this content. */
  async finished(content: Uint8Array): Promise<UploadHandle> {
    const handle = await this.create(content.byteLength)
    if (content.byteLength > 0) await appendBytes(handle, content)
    await handle.finish()
    return handle
  }

  /** Holds a fresh store to having finished the upload with exactly this content. */
  async mustBeFinished(id: string, content: Uint8Array): Promise<void> {
    const handle = await this.reopen(id)
    assert.equal(handle.info.state, 'complete')
    assert.equal(handle.info.offset, content.byteLength)
    assert.equal(handle.info.length, content.byteLength)
    assert.equal(sha256(await contentOf(handle)), sha256(content), 'the content is what was sent')
  }

  /** Skips the row; it must return then. */
  skip(why: string): void {
    this.#context.skip(why)
  }

  async close(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close()
  }
}
