/**
 * The bytes that one append holds for the next part: the tail before them, the piece that fills, and the room that
 * both take, in the memory budget or in a temporary file.
 * @module
 */
import type { Payload } from './call/call.js'
import type { Reservation } from './parts/budget.js'
import { type Bytes, FileBytes, MemoryBytes } from './parts/bytes.js'
import { Piece, payloadAfter } from './parts/piece.js'
import { type Segment, tailLength } from './record/record.js'
import { readSegments } from './tail.js'
import type { S3Upload } from './upload.js'

const NO_BYTES = new MemoryBytes()

/** Stands for a reservation where the piece waits in a file. */
const ON_DISK: Reservation = { bytes: 0, filled: () => undefined, release: () => undefined }

export class Held {
  /** Segments before the piece that belong to the same part. */
  tail: readonly Segment[]
  piece = new Piece()
  readonly #upload: S3Upload
  /** The bytes of the tail, if they were loaded. */
  #tailBytes: Bytes | undefined
  #room: Reservation | undefined

  constructor(upload: S3Upload) {
    this.#upload = upload
    this.tail = upload.record.tail
  }

  /** Whether there is room to add to the piece. */
  get hasRoom(): boolean {
    return this.#room !== undefined
  }

  /** Whether there is, and adding waits for nothing. */
  get takesAtOnce(): boolean {
    return this.#room !== undefined && this.piece.bytes instanceof MemoryBytes
  }

  /** Bytes, tail included. */
  get length(): number {
    return tailLength(this.tail) + this.piece.length
  }

  /**
   * Makes room for a piece of at most `bytes`, waiting for it where it must.
   * @param withTail loads the tail too, since the piece will end in one part with it
   * @param hurry called when others wait for the room
   * @param signal ends the wait
   * @param unread bytes of the body that are in memory while it waits
   * @returns false if the wait was ended
   */
  async makeRoom(
    bytes: number,
    withTail: boolean,
    hurry: () => void,
    signal?: AbortSignal,
    unread?: number,
  ): Promise<boolean> {
    const { budget, temporaryDirectory } = this.#upload.context
    const wanted = bytes + (withTail ? tailLength(this.tail) : 0)
    if (temporaryDirectory === undefined) this.#room = await budget.reserve(wanted, hurry, signal, unread)
    else this.#room = budget.tryReserve(wanted, hurry) ?? this.#inFile(temporaryDirectory)
    if (this.#room === undefined) return false
    if (withTail) await this.loadTail()
    return true
  }

  #inFile(directory: string): Reservation {
    this.piece = new Piece(new FileBytes(directory))
    return ON_DISK
  }

  async loadTail(): Promise<void> {
    if (this.#tailBytes || this.tail.length === 0) return
    const { context, keys, tailBytes } = this.#upload
    const inFile = this.#room === ON_DISK ? context.temporaryDirectory : undefined
    const bytes = tailBytes ?? (inFile ? new FileBytes(inFile) : new MemoryBytes())
    if (bytes !== tailBytes) {
      // A record that was remembered may name slots that another process has used again since.
      const read = readSegments(context.call, keys, this.tail, bytes)
      this.tail = await read.catch((error) => this.#upload.throwIfCurrent(error))
    }
    this.#tailBytes = bytes
  }

  /** The tail without its first `keep` segments, and the piece. The tail must be loaded unless all of it is kept. */
  payload(keep = 0): Payload {
    const skip = tailLength(this.tail.slice(0, keep))
    return payloadAfter(this.tail.slice(keep), this.#tailBytes ?? NO_BYTES, this.piece, skip)
  }

  /** All bytes held, if they are in memory; from then on they are never used for others. */
  inMemory(): MemoryBytes | undefined {
    const before = this.#tailBytes ?? (this.tail.length === 0 ? NO_BYTES : this.#upload.tailBytes)
    if (!(this.piece.bytes instanceof MemoryBytes) || !(before instanceof MemoryBytes)) return undefined
    return new MemoryBytes([...before.chunks(), ...this.piece.bytes.chunks()])
  }

  /** The part is full: its room waits for S3 from now on, not for a client. */
  filled(): void {
    this.#room?.filled()
  }

  /** Begins a new piece after `tail`. @returns what gives back the room of the one before */
  letGo(tail: readonly Segment[]): () => void {
    const bytes = [this.piece.bytes, this.#tailBytes]
    const room = this.#room
    this.tail = tail
    this.piece = new Piece()
    this.#tailBytes = undefined
    this.#room = undefined
    return () => {
      for (const held of bytes) held?.discard()
      room?.release()
    }
  }
}
