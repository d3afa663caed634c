/**
 * The committed bytes of an upload in S3, for another store. S3 gives no part of an unfinished multipart upload, so who wants
 * those bytes has it completed: the parts that are committed become an object under the upload's key. A note beside the record
 * tells afterwards that this was done, and what the object must be.
 * @module
 */
import { UploadError } from '../../errors.js'
import type { Exported, ExportOptions } from '../../store/inspect.js'
import { resumed } from '../../store/measure.js'
import { payloadOf } from '../call/call.js'
import { asStoreFailure, means } from '../call/faults.js'
import type { S3Context } from '../context.js'
import { headObject } from '../look.js'
import type { Segment } from '../record/record.js'
import type { Sight } from './sight.js'

/** A run of bytes of one object. */
interface Piece {
  key: string
  etag: string
  length: number
}

type Readable = Pick<Exported, 'readable' | 'obstacle' | 'read'>

/** What the note says: the multipart upload that was completed, and what came of it. */
interface Note {
  uploadId: string
  parts: number
  bytes: number
  tail: Segment[]
}

/** @throws UploadError ERR_STORE_UNAVAILABLE · ERR_STORE_REFUSED */
export async function exportOf(context: S3Context, sight: Sight, options: ExportOptions): Promise<Readable> {
  const { upload, keys, object } = sight
  if (upload.state === 'complete') {
    const isThere = object?.length === upload.offset && object.etag === upload.etag
    if (!isThere) return nothing('its object is not there, or is another one')
    return readableOf(context, [{ key: keys.object, etag: object.etag, length: object.length }])
  }
  const ended = await noteOf(context, sight)
  if (ended) return readableOf(context, await piecesOf(context, sight, ended))
  if (upload.state === 'failed') return nothing(upload.failure ?? 'it has failed')
  if (upload.joined?.kind === 'final') return nothing('its partial uploads are not joined yet')
  const { parts, uploadId } = upload
  if (parts === 0 || uploadId === undefined) return readableOf(context, tailOf(sight, upload.tail))
  if (sight.parts === 'gone') return nothing('its multipart upload is gone')
  if (!options.endUnfinished) {
    return nothing('S3 gives no part of an unfinished multipart upload: it can only be ended there')
  }
  const note = { uploadId, parts, bytes: upload.partBytes, tail: upload.tail }
  await endAt(context, sight, note)
  return readableOf(context, await piecesOf(context, sight, note))
}

const nothing = (obstacle: string): Readable => ({ readable: 0, obstacle, read: async function* () {} })

const tailOf = ({ keys }: Sight, tail: readonly Segment[]): Piece[] =>
  tail.map(({ slot, etag, length }) => ({ key: keys.slot(slot), etag, length }))

const noteKey = ({ keys }: Sight): string => `${keys.record.slice(0, -'.info'.length)}.exported`

/** @returns undefined if it was not ended for an export, or is another upload since */
async function noteOf({ call }: S3Context, sight: Sight): Promise<Note | undefined> {
  if (sight.parts !== 'gone' && sight.upload.state !== 'failed') return undefined
  try {
    const { body } = await call('getObject', { key: noteKey(sight) })
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    const note = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Note
    return note.uploadId === sight.upload.uploadId ? note : undefined
  } catch (error) {
    if (means(error, 'missing-object')) return undefined
    throw asStoreFailure(error)
  }
}

/** Noted first: after a crash in between, the note tells what was about to be done, and the multipart upload whether it was. */
async function endAt({ call }: S3Context, sight: Sight, note: Note): Promise<void> {
  const text = Buffer.from(JSON.stringify(note))
  const { keys, parts } = sight
  const named = (parts as Exclude<Sight['parts'], 'gone' | undefined>).filter(
    ({ partNumber }) => partNumber <= note.parts,
  )
  try {
    const body = payloadOf([text], text.length)
    await call('putObject', { key: noteKey(sight), body, data: false, contentType: 'application/json' })
    await call('completeMultipartUpload', { key: keys.object, uploadId: note.uploadId, parts: [...named] })
  } catch (error) {
    throw asStoreFailure(error)
  }
}

/** The object of the parts, and the tail. @throws UploadError ERR_STORE_CORRUPT if it is not what was noted */
async function piecesOf({ call }: S3Context, sight: Sight, { bytes, tail }: Note): Promise<Piece[]> {
  const { keys } = sight
  const object = await headObject(call, keys.object)
  if (object?.length !== bytes) {
    const cause = new Error(`the object that was made of the parts has ${object?.length} bytes, not ${bytes}`)
    throw new UploadError('ERR_STORE_CORRUPT', { cause })
  }
  return [{ key: keys.object, etag: object.etag, length: bytes }, ...tailOf(sight, tail)]
}

function readableOf(context: S3Context, pieces: readonly Piece[]): Readable {
  const readable = pieces.reduce((sum, { length }) => sum + length, 0)
  return { readable, obstacle: undefined, read: (first) => bytesOf(context, pieces, first) }
}

async function* bytesOf({ call }: S3Context, pieces: readonly Piece[], first: number): AsyncGenerator<Uint8Array> {
  let before = 0
  for (const { key, etag, length } of pieces) {
    const skip = Math.max(0, first - before)
    before += length
    if (skip >= length) continue
    yield* resumed(length - skip, async (at) => {
      const range = `bytes=${skip + at}-${length - 1}`
      return (await call('getObject', { key, range, ifMatch: etag })).body
    })
  }
}
