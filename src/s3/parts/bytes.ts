/**
 * Where the bytes of a part wait for S3: in memory; or, when memory is used up and a temporary directory is set, in a file.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { freeNow } from '../../store/free.js'
import { BLOCK, giveBlocks, takeBlock } from './blocks.js'

export interface Bytes {
  /**
   * Adds to the end. A promise only where the caller must wait.
   * @param isOurs nobody else has the chunk: it may be empty afterwards, its memory given back
   */
  add(chunk: Uint8Array, isOurs?: boolean): Promise<void> | undefined
  /** The bytes without the first `skip` of them, as often as asked. They are lent until `returned` was called as often. */
  chunks(skip?: number): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Nothing reads any more what `chunks` gave. Not calling it is safe: the memory is then not used again, but collected. */
  returned(): void
  /** Gives the room back; nothing may be added or asked afterwards. What is lent stays. */
  discard(): void
}

/** Bytes up to which a chunk is small, and joined with others that are: each has some hundred bytes beside its own. */
const SMALL = 4 * 1024
const JOINED = 16 * 1024
const NOTHING = Buffer.alloc(0)

/**
 * The first bytes are kept as the chunks that came: a small upload is a few of them. What follows is copied into blocks that are
 * used again, so that a long upload makes no garbage.
 */
export class MemoryBytes implements Bytes {
  readonly #chunks: Uint8Array[]
  /** Those of them whose memory can be given back. */
  readonly #ours: Uint8Array[] = []
  #length = 0
  /** Where small chunks are joined, how much of it is in use, and where the ones in a row began that came last. */
  #joined = NOTHING
  #joinedTo = 0
  #rowFrom: number | undefined
  readonly #blocks: Buffer[] = []
  /** Bytes of the last block that are in use. */
  #fill = BLOCK
  #lent = 0
  #isDiscarded = false

  constructor(chunks: readonly Uint8Array[] = []) {
    this.#chunks = [...chunks]
  }

  add(chunk: Uint8Array, isOurs = false): undefined {
    const { length } = chunk
    if (this.#length >= BLOCK) {
      this.#copy(chunk)
      if (isOurs) freeNow(chunk)
    } else if (length < SMALL && this.#length > 0) this.#join(chunk)
    else {
      this.#rowFrom = undefined
      this.#chunks.push(chunk)
      if (isOurs) this.#ours.push(chunk)
    }
    this.#length += length
  }

  #copy(chunk: Uint8Array): void {
    for (let done = 0; done < chunk.length; ) {
      if (this.#fill === BLOCK) {
        this.#blocks.push(takeBlock())
        this.#fill = 0
      }
      const count = Math.min(BLOCK - this.#fill, chunk.length - done)
      const bytes = count === chunk.length ? chunk : chunk.subarray(done, done + count)
      this.#blocks.at(-1)?.set(bytes, this.#fill)
      this.#fill += count
      done += count
    }
  }

  #join(chunk: Uint8Array): void {
    if (this.#joinedTo + chunk.length > this.#joined.length) {
      this.#joined = Buffer.allocUnsafeSlow(JOINED)
      this.#joinedTo = 0
      this.#rowFrom = undefined
    }
    this.#joined.set(chunk, this.#joinedTo)
    if (this.#rowFrom !== undefined) this.#chunks.pop()
    this.#rowFrom ??= this.#joinedTo
    this.#joinedTo += chunk.length
    this.#chunks.push(this.#joined.subarray(this.#rowFrom, this.#joinedTo))
  }

  chunks(skip = 0): readonly Uint8Array[] {
    this.#lent++
    const blocks = this.#blocks.map((block, index) =>
      index === this.#blocks.length - 1 ? block.subarray(0, this.#fill) : block,
    )
    const all = [...this.#chunks, ...blocks]
    return skip === 0 ? all : withoutFirst(all, skip)
  }

  returned(): void {
    this.#lent--
    this.#giveBack()
  }

  discard(): void {
    this.#isDiscarded = true
    this.#giveBack()
  }

  /** What is lent is still being read, perhaps by a request that was given up: such memory must not change. */
  #giveBack(): void {
    if (!this.#isDiscarded || this.#lent > 0) return
    giveBlocks(this.#blocks.splice(0))
    for (const chunk of this.#ours.splice(0)) freeNow(chunk)
  }
}

function withoutFirst(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = []
  let left = count
  for (const chunk of chunks) {
    if (left < chunk.length) rest.push(left > 0 ? chunk.subarray(left) : chunk)
    left = Math.max(0, left - chunk.length)
  }
  return rest
}

/** How much is read from a file at once. */
const READ_SIZE = 256 * 1024

/** A file without a name: it is unlinked as soon as it is open, so that no crash leaves it behind. */
export class FileBytes implements Bytes {
  readonly #directory: string
  #file: Promise<FileHandle> | undefined
  #length = 0
  /** Sends that still read; the file is closed after the last of them. */
  #readers = 0
  #isDiscarded = false

  constructor(directory: string) {
    this.#directory = directory
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.#file ??= openNameless(this.#directory)
    const file = await this.#file
    const position = this.#length
    this.#length += chunk.length
    for (let done = 0; done < chunk.length; ) {
      done += (await file.write(chunk, done, chunk.length - done, position + done)).bytesWritten
    }
  }

  /** Counts for itself who reads. */
  returned(): void {}

  async *chunks(skip = 0): AsyncIterable<Uint8Array> {
    if (!this.#file) return
    this.#readers++
    try {
      const file = await this.#file
      for (let position = skip; position < this.#length; ) {
        const buffer = Buffer.allocUnsafe(Math.min(READ_SIZE, this.#length - position))
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
        if (bytesRead === 0) throw new Error('a temporary file is shorter than what was written to it')
        position += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      this.#readers--
      if (this.#isDiscarded) this.#close()
    }
  }

  discard(): void {
    this.#isDiscarded = true
    this.#close()
  }

  #close(): void {
    if (this.#readers > 0 || !this.#file) return
    this.#file.then((file) => file.close()).catch(() => undefined)
    this.#file = undefined
  }
}

async function openNameless(directory: string): Promise<FileHandle> {
  const path = join(directory, `holdfast-${randomBytes(12).toString('hex')}.tmp`)
  const file = await open(path, 'wx+', 0o600)
  await unlink(path)
  return file
}
