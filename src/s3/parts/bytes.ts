/**
 * Where the bytes of a part wait for S3: in memory, as the chunks that came from the socket, never joined; or, when
 * memory is used up and a temporary directory is set, in a file.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'

export interface Bytes {
  /** Adds to the end. A promise only where the caller must wait. */
  add(chunk: Uint8Array): Promise<void> | undefined
  /** The bytes without the first `skip` of them, as often as asked. */
  chunks(skip?: number): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Gives the room back; nothing may be asked afterwards. */
  discard(): void
}

export class MemoryBytes implements Bytes {
  #chunks: Uint8Array[]

  constructor(chunks: readonly Uint8Array[] = []) {
    this.#chunks = [...chunks]
  }

  add(chunk: Uint8Array): undefined {
    this.#chunks.push(chunk)
  }

  chunks(skip = 0): readonly Uint8Array[] {
    return skip === 0 ? this.#chunks : withoutFirst(this.#chunks, skip)
  }

  discard(): void {
    this.#chunks = []
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
