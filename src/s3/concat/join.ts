/**
 * From complete partial uploads to the object of a final one. Owned by nobody, like a completion: whoever asks drives it,
 * several at once if it must be, and a crash after any request leaves it to the next (docs/concatenation.md).
 *
 * The multipart upload and the layout of its parts are committed before the first part is made, so each driver makes the
 * same parts, and those that are there already need not be made again. `completing` is committed when all are there.
 * @module
 */
import { UploadError } from '../../errors.js'
import { combineCrc32 } from '../../store/crc32.js'
import type { Layout } from '../../store/file-info.js'
import type { FinishOptions } from '../../store/store.js'
import type { ListedPart, Operations } from '../call/call.js'
import { asStoreFailure, isServerError, means, S3Fault } from '../call/faults.js'
import { complete, isDropped } from '../complete.js'
import type { S3Context } from '../context.js'
import { listParts } from '../look.js'
import { objectHead } from '../object-head.js'
import { payloadAfter } from '../parts/piece.js'
import type { Capabilities } from '../provider/capabilities.js'
import { chainEtag, newNonce } from '../record/record.js'
import type { S3Upload } from '../upload.js'
import { chooseLayout, type Piece, planPieces, readPartSize } from './plan.js'
import { isOther, readRanges, type Source } from './source.js'

/** Pieces of one final upload that are made at once. */
const AT_ONCE = 10

/** How often a driver begins again because another one was faster, or S3 dropped the multipart upload. */
const ROUNDS = 5

/** What was begun cannot be gone on with; the record tells how it is now. */
class Again extends Error {}

/**
 * @param sources in order; not needed once the upload is `completing`
 * @throws UploadError
 */
export async function join(upload: S3Upload, sources: readonly Source[], options: FinishOptions): Promise<void> {
  for (let round = 1; upload.record.state === 'open'; round++) {
    try {
      await assemble(upload, sources)
    } catch (error) {
      const isOvertaken = error instanceof UploadError && error.code === 'ERR_CONFLICT' && upload.isStale
      if (round === ROUNDS || !(error instanceof Again || isOvertaken)) throw asStoreFailure(unwrapped(error))
      await upload.refresh()
    }
  }
  // Whoever lost the race to complete meets `complete` here, and `failed` is told by the caller.
  if (upload.record.state === 'completing') await complete(upload, options)
}

const unwrapped = (error: unknown): unknown =>
  error instanceof Again ? new UploadError('ERR_STORE_UNAVAILABLE', { cause: error, retryAfter: 1_000 }) : error

/** Makes all parts and commits them. */
async function assemble(upload: S3Upload, sources: readonly Source[]): Promise<void> {
  const { context, keys } = upload
  const sizes = sources.map(({ size }) => size)
  const listed = await begin(upload, sources)
  const pieces = planPieces(sizes, layoutOf(upload)!)
  const uploadId = upload.record.uploadId!
  await makeMissing(upload, sources, pieces, listed)
  const parts = await listParts(context.call, keys.object, uploadId)
  if (parts === undefined) throw new Again('the multipart upload is gone')
  const made = parts.filter(({ partNumber }) => partNumber <= pieces.length)
  const isWhole = made.length === pieces.length && pieces.every((piece, index) => isMade(piece, index, made[index]))
  if (!isWhole) return cannotCopy(upload, new Error('parts in S3 do not have the sizes of what was copied'))
  const length = sizes.reduce((sum, size) => sum + size, 0)
  const partsDigest = made.reduce((chain, { etag }) => chainEtag(chain, etag), '')
  const crc32 = sources.reduce((crc: number | undefined, source) => combineCrc32(crc, source.crc32, source.size), 0)
  const all = { parts: made.length, partBytes: length, partsDigest, offset: length, length, crc32 }
  await upload.commit({ ...all, state: 'completing' })
  upload.parts = made.map(({ etag, crc32 }) => ({ etag, crc32 }))
}

const layoutOf = ({ record }: S3Upload): Layout | undefined =>
  record.joined?.kind === 'final' ? record.joined.layout : undefined

const isMade = (piece: Piece, index: number, part: ListedPart | undefined): boolean =>
  part?.partNumber === index + 1 && part.size === piece.length

/**
 * Sees to it that the record names a multipart upload that is there, and a layout that can be made here.
 * @returns the parts that are there already
 */
async function begin(upload: S3Upload, sources: readonly Source[]): Promise<readonly ListedPart[]> {
  const { context, keys, record } = upload
  const sizes = sources.map(({ size }) => size)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const layout = layoutOf(upload)
  if (record.uploadId !== undefined && layout !== undefined) {
    const isTooLarge = !context.provider.copiesParts && layout.most > readPartSize(context.limits, total)
    const isUseless = isTooLarge || (record.fullObject && !mayBeVerified(context))
    const listed = isUseless ? undefined : await listParts(context.call, keys.object, record.uploadId)
    if (listed !== undefined) return listed
  }
  const isKnown = sources.every(({ crc32 }) => crc32 !== undefined)
  await beginAnew(
    upload,
    chooseLayout(context.limits, context.provider, sizes),
    total,
    isKnown && mayBeVerified(context),
  )
  return []
}

/** Whether the provider can verify the CRC32 of an object that is made as it makes it. */
const mayBeVerified = ({ provider: { fullObjectChecksums, copiesParts } }: S3Context): boolean =>
  fullObjectChecksums === 'all' || (fullObjectChecksums === 'sent' && !copiesParts)

async function beginAnew(upload: S3Upload, layout: Layout, length: number, verified: boolean): Promise<void> {
  const { record } = upload
  if (record.joined?.kind !== 'final') throw new UploadError('ERR_INVALID_CONCAT')
  const token = newNonce()
  const { uploadId, fullObject } = await createMultipart(upload, token, verified)
  try {
    await upload.commit({
      uploadId,
      token,
      fullObject: fullObject || undefined,
      length,
      joined: { ...record.joined, layout },
    })
  } catch (error) {
    const mayBeNamed = await upload.mayName(uploadId).catch(() => true)
    if (!mayBeNamed) await abort(upload, uploadId)
    throw error
  }
  // Nobody names the one before now.
  await abort(upload, record.uploadId)
}

async function createMultipart(
  upload: S3Upload,
  token: string,
  verified: boolean,
): Promise<Operations['createMultipartUpload'][1]> {
  const { context, keys, record } = upload
  const head = objectHead(record, token)
  // Until it is answered once and clearly, there may be one that nobody knows.
  const before = upload.mayHaveStrays
  upload.mayHaveStrays = true
  const created = await context.call('createMultipartUpload', { key: keys.object, ...head, fullObject: verified })
  upload.mayHaveStrays = before || created.mayHaveTwin === true
  return created
}

/** What is left is looked for when the upload is completed. */
async function abort(upload: S3Upload, uploadId: string | undefined): Promise<void> {
  await upload.abortMultipart(uploadId).catch(() => {
    upload.mayHaveStrays = true
  })
}

/** Makes the parts that are not there, several at a time. After a failure the others end first. */
async function makeMissing(
  upload: S3Upload,
  sources: readonly Source[],
  pieces: readonly Piece[],
  listed: readonly ListedPart[],
): Promise<void> {
  const there = new Map(listed.map((part) => [part.partNumber, part]))
  const missing = pieces
    .map((piece, index) => ({ piece, index }))
    .filter(({ piece, index }) => !isMade(piece, index, there.get(index + 1)))
  const giveUp = new AbortController()
  let failure: unknown
  const work = async (): Promise<void> => {
    for (let next = missing.shift(); next && failure === undefined; next = missing.shift()) {
      await make(upload, sources, next.piece, next.index + 1, giveUp.signal).catch((error) => {
        failure ??= error
        giveUp.abort()
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing.length) }, work))
  if (failure !== undefined) throw failure
}

async function make(
  upload: S3Upload,
  sources: readonly Source[],
  piece: Piece,
  partNumber: number,
  signal: AbortSignal,
): Promise<void> {
  const copies = piece.isCopy && upload.context.provider.copiesParts
  try {
    await (copies ? copy(upload, sources, piece, partNumber, signal) : send(upload, sources, piece, partNumber, signal))
  } catch (error) {
    if (means(error, 'missing-upload', 'missing-object')) throw await whatIsMissing(upload, error)
    // moto answers 500 for a multipart upload that another driver has completed.
    const isGone = isServerError(error) && (await isDropped(upload).catch(() => false))
    throw isGone ? new Again('the multipart upload is gone', { cause: error }) : error
  }
}

async function copy(
  upload: S3Upload,
  sources: readonly Source[],
  { ranges }: Piece,
  partNumber: number,
  signal: AbortSignal,
): Promise<void> {
  const { context, keys, record } = upload
  const [{ source, first, length }] = ranges as [Piece['ranges'][number]]
  const { key, etag: sourceEtag, size } = sources[source]!
  const range = length === size ? undefined : `bytes=${first}-${first + length - 1}`
  const input = { key: keys.object, uploadId: record.uploadId!, partNumber, source: key, range, sourceEtag }
  try {
    const { etag } = await copyUnderCondition(context, input, signal)
    if (etag === '') return cannotCopy(upload, new Error('UploadPartCopy: a success without a result'))
  } catch (error) {
    if (means(error, 'precondition')) throw isOther(sources[source]!, error)
    // MinIO copies no part into an object that is to be verified.
    if (record.fullObject && means(error, 'refused') && !isUnsupported(error)) return cannotVerify(upload, error)
    if (isUnsupported(error) || (await isIgnored(upload, partNumber, error))) return cannotCopy(upload, error)
    throw error
  }
}

type Copy = Operations['uploadPartCopy'][0]

/** Providers that take no condition on the source of a copy, as they were found out. */
const unconditional = new WeakSet<Capabilities>()

/**
 * The source must be the object that was completed. Cloudflare R2 takes no condition on it; there it is looked at first,
 * which is enough for an object that nobody replaces.
 */
async function copyUnderCondition(
  { call, provider }: S3Context,
  input: Copy,
  signal: AbortSignal,
): Promise<{ etag: string }> {
  if (!unconditional.has(provider)) {
    try {
      return await call('uploadPartCopy', input, signal)
    } catch (error) {
      if (!isUnsupported(error)) throw error
    }
  }
  const { etag } = await call('headObject', { key: input.source }, signal)
  if (bare(etag) !== bare(input.sourceEtag!)) {
    throw new S3Fault('uploadPartCopy', 412, 'PreconditionFailed', 'the source is another than expected')
  }
  const copied = await call('uploadPartCopy', { ...input, sourceEtag: undefined }, signal)
  unconditional.add(provider)
  return copied
}

const bare = (etag: string): string => etag.replaceAll('"', '')

const isUnsupported = (error: unknown): boolean =>
  error instanceof S3Fault && (error.status === 501 || error.code === 'NotImplemented')

/**
 * Some servers do not look at the source and store an empty part. They answer with an empty body, as S3 does when it
 * gives a copy up, so the part tells.
 */
async function isIgnored({ context, keys, record }: S3Upload, partNumber: number, error: unknown): Promise<boolean> {
  if (!(error instanceof S3Fault) || error.status < 500) return false
  const listed = await listParts(context.call, keys.object, record.uploadId!)
  return listed?.some((part) => part.partNumber === partNumber && part.size === 0) === true
}

/** From now on, objects of copied parts are made as before there were such checksums. */
function cannotVerify({ context, record }: S3Upload, cause: unknown): never {
  const message = 'the provider copies no part into an object whose checksum it is to verify; it copies without'
  if (context.provider.fullObjectChecksums === 'all') {
    context.logger.warn({ upload: record.id, error: String(cause) }, message)
    context.provider.fullObjectChecksums = 'sent'
  }
  throw new Again('the provider copies no verified parts', { cause })
}

/** From now on, bytes go through this process. */
function cannotCopy({ context, record }: S3Upload, cause: unknown): never {
  if (!context.provider.copiesParts) throw new UploadError('ERR_STORE_CORRUPT', { cause })
  context.provider.copiesParts = false
  const message = 'the provider copies no parts; partial uploads are read and sent again to be joined'
  context.logger.warn({ upload: record.id, error: String(cause) }, message)
  throw new Again('the provider copies no parts', { cause })
}

async function send(
  upload: S3Upload,
  sources: readonly Source[],
  { ranges }: Piece,
  partNumber: number,
  signal: AbortSignal,
): Promise<void> {
  const { context, keys, record } = upload
  const { piece, release } = await readRanges(context, sources, ranges, signal)
  try {
    const body = payloadAfter([], piece.bytes, piece)
    await context.call('uploadPart', { key: keys.object, uploadId: record.uploadId!, partNumber, body }, signal)
  } finally {
    release()
  }
}

/** A copy that is answered "not found": another driver completed or ended the upload, S3 dropped it, or a source is gone. */
async function whatIsMissing({ context, keys, record }: S3Upload, cause: S3Fault): Promise<Error> {
  const isThere = (await listParts(context.call, keys.object, record.uploadId!)) !== undefined
  return isThere ? new UploadError('ERR_CONFLICT', { cause }) : new Again('the multipart upload is gone', { cause })
}
