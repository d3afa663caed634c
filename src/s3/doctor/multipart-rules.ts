/**
 * The rules of multipart uploads that differ between providers: how small and how many parts may be, what Complete takes,
 * and whether parts can be copied.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { ListPartsCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3'
import type { Refusal } from './diagnose.js'
import { bytesPayload, freshPayload, readAll, textPayload } from './payload.js'
import { brief, type Room } from './room.js'

const MiB = 1024 * 1024
/** What no provider takes for a part but the last, unless it takes any. */
const SMALL = 64 * 1024

export async function multipartRules(room: Room): Promise<void> {
  const source = await twoParts(room)
  await smallParts(room)
  await manyParts(room)
  await wrongChecksum(room)
  if (source) await copies(room, source)
}

const begin = async (room: Room, name: string): Promise<{ key: string; uploadId: string }> => {
  const key = room.key(name, 'object')
  const { uploadId } = await room.call('createMultipartUpload', { key, contentType: undefined, metadata: {} })
  return { key, uploadId }
}

/** @returns the key and size of the object, as a source of copies */
async function twoParts(room: Room): Promise<{ key: string; size: number } | undefined> {
  const upload = await begin(room, 'two-parts')
  const first = randomBytes(room.options.minPartSize ?? 5 * MiB)
  const one = await room.call('uploadPart', { ...upload, partNumber: 1, body: bytesPayload(first) })
  const before = await room.call('uploadPart', { ...upload, partNumber: 2, body: textPayload('replaced') })
  const again = await room.ask(room.call('uploadPart', { ...upload, partNumber: 2, body: textPayload('last') }))
  const [two, tail] = again.refusal ? [before, 'replaced'] : [again.output, 'last']
  await listing(room, upload, two.etag)
  if (again.refusal) tellFixed(room, again.refusal)
  else await foreignPart(room, upload, one.etag, before.etag)
  const parts = [one, two].map(({ etag }, index) => ({ partNumber: index + 1, etag }))
  const completed = await room.ask(room.call('completeMultipartUpload', { ...upload, parts }))
  if (completed.refusal) {
    const meaning = 'No upload of more than one part can be finished.'
    room.find('Multipart uploads', 'Completing two parts', 'failure', brief(completed.refusal), meaning)
    return undefined
  }
  const bytes = await readAll((await room.call('getObject', { key: upload.key })).body)
  const isRight = bytes.equals(Buffer.concat([first, Buffer.from(tail)]))
  const found = isRight
    ? `${first.length / MiB} MiB + ${tail.length} bytes, the same when read`
    : 'other bytes when read'
  room.find('Multipart uploads', 'Completing two parts', isRight ? 'ok' : 'failure', found)
  const isEmpty = completed.output.etag.replaceAll('"', '') === ''
  if (isEmpty)
    room.find('Multipart uploads', 'ETag of a completed upload', 'info', 'empty', 'The server asks with HeadObject.')
  await completeAgain(room, upload, parts)
  return { key: upload.key, size: bytes.length }
}

function tellFixed(room: Room, refusal: Refusal): void {
  const meaning =
    'Where bytes were sent that did not count (a wrong Upload-Checksum, two clients at once), the right ones cannot take ' +
    'their place: such an upload fails, and its client begins anew.'
  room.find('Multipart uploads', 'A part sent again with other bytes', 'warning', `refused: ${brief(refusal)}`, meaning)
}

/** Pages of one part each, as long lists come; and the part that was sent last under its number. */
async function listing(room: Room, upload: { key: string; uploadId: string }, last: string): Promise<void> {
  const { client, bucket } = room.options
  const at = { Bucket: bucket, Key: upload.key, UploadId: upload.uploadId }
  const page = await room.ask(client.send(new ListPartsCommand({ ...at, MaxParts: 1 })))
  const next = page.output?.NextPartNumberMarker
  const second =
    page.output && (await room.ask(client.send(new ListPartsCommand({ ...at, PartNumberMarker: String(next) }))))
  const pages = [page.output, second?.output].map((output) => output?.Parts ?? [])
  const isPaged = page.output?.IsTruncated === true && pages[0]!.length === 1
  const isRight = pages[1]!.length === 1 && pages[1]![0]!.PartNumber === 2
  if (page.refusal) return
  if (isPaged && isRight) room.find('Multipart uploads', 'ListParts in pages', 'ok', 'yes')
  else if (pages[0]!.length === 2) room.find('Multipart uploads', 'ListParts in pages', 'info', 'all on one page')
  else
    room.find(
      'Multipart uploads',
      'ListParts in pages',
      'failure',
      'pages are wrong',
      'Large uploads cannot be completed.',
    )
  const listed = pages.flat().find(({ PartNumber }) => PartNumber === 2)
  const isLast = listed?.ETag?.replaceAll('"', '') === last.replaceAll('"', '')
  const meaning = 'A part that is sent again must take the place of the one before it.'
  if (!isLast) room.find('Multipart uploads', 'A part sent again', 'failure', 'the older one is listed', meaning)
}

/** Complete must find out that a part is another than the one that was committed. */
async function foreignPart(
  room: Room,
  upload: { key: string; uploadId: string },
  first: string,
  replaced: string,
): Promise<void> {
  const parts = [first, replaced].map((etag, index) => ({ partNumber: index + 1, etag }))
  const { refusal } = await room.ask(room.raw('completeMultipartUpload', { ...upload, parts }))
  if (refusal)
    return room.find('Multipart uploads', 'Completing with a replaced part', 'ok', `refused: ${brief(refusal)}`)
  const meaning =
    'ETags are not compared: where two clients send different bytes for one upload, the object may hold those that were ' +
    'not committed.'
  room.find('Multipart uploads', 'Completing with a replaced part', 'warning', 'not refused', meaning)
}

async function completeAgain(
  room: Room,
  upload: { key: string; uploadId: string },
  parts: { partNumber: number; etag: string }[],
): Promise<void> {
  const { refusal } = await room.ask(room.raw('completeMultipartUpload', { ...upload, parts }))
  const found = refusal ? brief(refusal) : 'answered as the first time'
  const meaning = refusal ? 'The server asks with HeadObject what became of it.' : undefined
  room.find('Multipart uploads', 'Completing once more', 'ok', found, meaning)
}

async function smallParts(room: Room): Promise<void> {
  const upload = await begin(room, 'small-parts')
  const one = await room.call('uploadPart', { ...upload, partNumber: 1, body: bytesPayload(randomBytes(SMALL)) })
  const two = await room.call('uploadPart', { ...upload, partNumber: 2, body: textPayload('last') })
  const parts = [one, two].map(({ etag }, index) => ({ partNumber: index + 1, etag }))
  const { refusal } = await room.ask(room.raw('completeMultipartUpload', { ...upload, parts }))
  const least = (room.options.minPartSize ?? 5 * MiB) / MiB
  if (refusal)
    room.find('Multipart uploads', 'Parts of 64 KiB', 'ok', `refused: ${brief(refusal)}; of ${least} MiB taken`)
  else room.find('Multipart uploads', 'Parts of 64 KiB', 'ok', 'taken, too')
}

/** The highest part numbers; and whether Complete lets parts out, which a writer that died may have left. */
async function manyParts(room: Room): Promise<void> {
  const upload = await begin(room, 'many-parts')
  const one = await room.call('uploadPart', { ...upload, partNumber: 1, body: freshPayload() })
  const at = async (partNumber: number): Promise<boolean> =>
    (await room.ask(room.call('uploadPart', { ...upload, partNumber, body: freshPayload() }))).refusal === undefined
  const most = (await at(10_000)) ? 10_000 : (await at(1_000)) ? 1_000 : 0
  if (most > 0) room.facts.maxMultipartParts = most
  const meaning = 'Parts of large uploads are made larger, so that fewer are needed.'
  if (most === 10_000) room.find('Multipart uploads', 'Number of parts', 'ok', '10,000')
  else
    room.find(
      'Multipart uploads',
      'Number of parts',
      most ? 'info' : 'warning',
      most ? '1,000 of 10,000' : 'under 1,000',
      meaning,
    )
  const parts = [{ partNumber: 1, etag: one.etag }]
  const { refusal } = await room.ask(room.raw('completeMultipartUpload', { ...upload, parts }))
  if (!refusal) room.find('Multipart uploads', 'Completing without some parts', 'ok', 'they are dropped')
  else if (most > 0) {
    const why = 'Complete must name all parts that were sent. Holdfast leaves none of its own behind.'
    room.find('Multipart uploads', 'Completing without some parts', 'info', `refused: ${brief(refusal)}`, why)
  }
}

async function wrongChecksum(room: Room): Promise<void> {
  if (room.facts.checksums === false) return
  const upload = await begin(room, 'checksum')
  const right = await room.ask(room.call('uploadPart', { ...upload, partNumber: 1, body: freshPayload('right') }))
  const wrong = await room.ask(room.raw('uploadPart', { ...upload, partNumber: 1, body: freshPayload('wrong') }))
  const what = 'CRC32 of a part'
  if (right.refusal) return room.find('Multipart uploads', what, 'warning', `refused: ${brief(right.refusal)}`)
  if (wrong.refusal) return room.find('Multipart uploads', what, 'ok', 'verified')
  const meaning = 'Bytes that change on their way are not found out by the service: use https.'
  room.find('Multipart uploads', what, 'warning', 'taken, but not verified', meaning)
}

async function copies(room: Room, source: { key: string; size: number }): Promise<void> {
  const { client, bucket } = room.options
  const { key, uploadId } = await begin(room, 'copy')
  const CopySource = `${bucket}/${encodeURIComponent(source.key)}`
  const copy = (PartNumber: number, range?: string) =>
    room.ask(
      client.send(
        new UploadPartCopyCommand({
          Bucket: bucket,
          Key: key,
          UploadId: uploadId,
          PartNumber,
          CopySource,
          ...(range ? { CopySourceRange: range } : {}),
        }),
      ),
    )
  const whole = await copy(1)
  const range = await copy(2, `bytes=0-${source.size - 5}`)
  const refusal = whole.refusal ?? range.refusal
  room.facts.copiesParts = refusal === undefined
  const { parts } = refusal ? { parts: [] } : await room.call('listParts', { key, uploadId, after: 0 })
  const isRight = parts[0]?.size === source.size && parts[1]?.size === source.size - 4
  const meaning = 'Joining partial uploads then means reading and writing their bytes.'
  if (refusal) room.find('Multipart uploads', 'UploadPartCopy', 'info', brief(refusal), meaning)
  else if (isRight) room.find('Multipart uploads', 'UploadPartCopy', 'ok', 'whole objects and ranges')
  else
    room.find(
      'Multipart uploads',
      'UploadPartCopy',
      'warning',
      `copies ${parts.map(({ size }) => size).join(' and ')} bytes`,
      meaning,
    )
}
