/**
 * Bytes on disk: files that are written once and never changed. A blob counts only when a record names it, so that one
 * left behind by a crash is rubbish, and `sweep` removes it at the next start. Safe against a killed process; for the
 * sake of speed nothing is synced, so not against a power cut.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes gathered for one write to disk; a second batch fills while the first is written. */
const BATCH = 1024 * 1024
const BATCH_PIECES = 512
const READ_SIZE = 256 * 1024

/** A blob, or what follows it in an object: the parts of an upload stay the files they were. */
export interface Segment {
  readonly blob: string
  readonly size: number
  /** The part number, if it was a part. */
  readonly part?: number
}

/** Sees bytes in passing, and may have the next ones wait. */
export type Observe = (bytes: Uint8Array) => Promise<void> | undefined

/** Bytes to be read once. `close` must be called, read or not. */
export interface Content {
  readonly bytes: AsyncIterable<Buffer>
  close(): void
}

export class Blobs {
  readonly #directory: string
  /** Blobs being read, with the number of readers. */
  readonly #readers = new Map<string, number>()
  /** Blobs to be removed when their last reader is done. */
  readonly #doomed = new Set<string>()

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Stores what `source` gives, and shows it to `observe` in passing. Leaves nothing behind when it fails. */
  async write(source: AsyncIterable<Uint8Array>, observe: Observe): Promise<Segment> {
    const blob = randomUUID()
    const file = await open(this.#path(blob), 'wx')
    try {
      const size = await fill(file, source, observe)
      await file.close()
      return { blob, size }
    } catch (error) {
      await file.close().catch(() => {})
      await this.discard([blob])
      throw error
    }
  }

  /** Reads bytes `start` to `end` (exclusive) of the segments in a row, which stay readable until it is closed. */
  read(segments: readonly Segment[], start: number, end: number): Content {
    const ids = segments.map(({ blob }) => blob)
    for (const id of ids) this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1)
    let open = true
    return {
      bytes: this.#read(segments, start, end),
      close: () => {
        if (open) this.#release(ids)
        open = false
      },
    }
  }

  /** Removes blobs that no record names any more. */
  async discard(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      if (this.#readers.has(id)) this.#doomed.add(id)
      else await rm(this.#path(id), { force: true })
    }
  }

  /** At start: removes every blob that is not `used`. */
  async sweep(used: ReadonlySet<string>): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    await this.discard((await readdir(this.#directory)).filter((id) => !used.has(id)))
  }

  async *#read(segments: readonly Segment[], start: number, end: number): AsyncGenerator<Buffer> {
    let offset = 0
    for (const { blob, size } of segments) {
      const [from, to] = [Math.max(start - offset, 0), Math.min(end - offset, size)]
      if (from < to) yield* createReadStream(this.#path(blob), { start: from, end: to - 1, highWaterMark: READ_SIZE })
      offset += size
    }
  }

  #release(ids: readonly string[]): void {
    for (const id of ids) {
      const readers = this.#readers.get(id)! - 1
      if (readers > 0) this.#readers.set(id, readers)
      else {
        this.#readers.delete(id)
        if (this.#doomed.delete(id)) void this.discard([id]).catch(() => {})
      }
    }
  }

  #path(id: string): string {
    return join(this.#directory, id)
  }
}

async function fill(file: FileHandle, source: AsyncIterable<Uint8Array>, observe: Observe) {
  let [size, held] = [0, 0]
  let batch: Uint8Array[] = []
  let writing = Promise.resolve()
  for await (const bytes of source) {
    batch.push(bytes)
    held += bytes.length
    size += bytes.length
    if (held >= BATCH || batch.length >= BATCH_PIECES) {
      await writing
      writing = flush(file, batch, held)
      // Awaited with the next batch or below; this only keeps a failure in between from counting as unhandled.
      writing.catch(() => {})
      batch = []
      held = 0
    }
    const pause = observe(bytes)
    if (pause !== undefined) await pause
  }
  await writing
  if (held > 0) await flush(file, batch, held)
  return size
}

async function flush(file: FileHandle, batch: Uint8Array[], bytes: number): Promise<void> {
  const { bytesWritten } = await file.writev(batch)
  if (bytesWritten !== bytes) throw new Error(`the disk took ${bytesWritten} of ${bytes} bytes`)
}
