/**
 * Bytes of complete uploads, read to be sent again: what is too small to be copied inside S3, or all of it where the
 * provider copies no parts.
 * @module
 */
import { UploadError } from '../../errors.js'
import { asStoreFailure, means, S3Fault } from '../call/faults.js'
import type { S3Context } from '../context.js'
import type { Reservation } from '../parts/budget.js'
import { FileBytes } from '../parts/bytes.js'
import { Piece } from '../parts/piece.js'
import type { Range } from './plan.js'

/** The object of a complete upload. */
export interface Source {
  key: string
  etag: string
  /** Bytes. */
  size: number
  /** CRC32 of all of it, if it is known. */
  crc32: number | undefined
}

/** Reads of one range whose body breaks off; each is a whole round of retried requests. */
const READS = 4

export interface ReadPiece {
  piece: Piece
  /** Gives the room back. */
  release(): void
}

/**
 * Holds the bytes of these ranges, within the memory budget, or in a temporary file where there is no room.
 * @param signal ends the wait for room
 * @throws UploadError ERR_CONFLICT if a source is no longer there · ERR_STORE_CORRUPT · ERR_STORE_UNAVAILABLE
 */
export async function readRanges(
  context: S3Context,
  sources: readonly Source[],
  ranges: readonly Range[],
  signal: AbortSignal,
): Promise<ReadPiece> {
  const bytes = ranges.reduce((sum, { length }) => sum + length, 0)
  const { piece, room } = await makeRoom(context, bytes, signal)
  const release = (): void => {
    piece.bytes.discard()
    room?.release()
  }
  try {
    for (const range of ranges) await readRange(context, sources[range.source]!, range, piece)
    room?.filled()
    return { piece, release }
  } catch (error) {
    release()
    throw error
  }
}

async function makeRoom(
  { budget, temporaryDirectory }: S3Context,
  bytes: number,
  signal: AbortSignal,
): Promise<{ piece: Piece; room?: Reservation | undefined }> {
  // Filled by S3, not by a slow client: there is nothing to hurry.
  const hurry = (): void => undefined
  const now = temporaryDirectory === undefined ? undefined : budget.tryReserve(bytes, hurry)
  if (temporaryDirectory !== undefined && now === undefined)
    return { piece: new Piece(new FileBytes(temporaryDirectory)) }
  const room = now ?? (await budget.reserve(bytes, hurry, signal))
  if (room === undefined) throw new S3Fault('getObject', 0, 'ABORT_ERR', 'given up before it was sent')
  return { piece: new Piece(), room }
}

/** A body that breaks off is read on from where it did. */
async function readRange({ call }: S3Context, source: Source, range: Range, into: Piece): Promise<void> {
  const end = into.length + range.length
  for (let read = 1; into.length < end; read++) {
    const missing = end - into.length
    const last = range.first + range.length - 1
    const header = `bytes=${last - missing + 1}-${last}`
    try {
      const { body } = await call('getObject', { key: source.key, range: header, ifMatch: source.etag })
      for await (const chunk of body) {
        if (into.length + chunk.length > end) throw tooLong(source)
        await into.add(chunk)
      }
    } catch (error) {
      if (error instanceof UploadError) throw error
      if (means(error, 'precondition')) throw isOther(source, error)
      if (means(error, 'missing-object')) throw new UploadError('ERR_CONFLICT', { cause: error })
      if (error instanceof S3Fault && error.status !== 0) throw asStoreFailure(error)
      if (read === READS) throw asStoreFailure(asFault(error))
    }
    if (read === READS && into.length < end) throw asStoreFailure(asFault(new Error(`${source.key} ended early`)))
  }
}

const asFault = (error: unknown): S3Fault =>
  error instanceof S3Fault ? error : new S3Fault('getObject', 0, '', String(error), error)

/** The object of a partial upload is not the one that was completed. */
export const isOther = ({ key }: Source, cause: unknown): UploadError =>
  new UploadError('ERR_STORE_CORRUPT', { cause: new Error(`${key} is another object than was completed`, { cause }) })

const tooLong = ({ key }: Source): UploadError =>
  new UploadError('ERR_STORE_CORRUPT', { cause: new Error(`${key} gave more bytes than were asked for`) })
