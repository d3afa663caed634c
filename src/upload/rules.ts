/**
 * What an upload takes and what it refuses, decided before a byte is read. Pure.
 * @module
 */
import { UploadError } from '../errors.js'
import type { UploadInfo } from '../store/info.js'
import type { Body, Completion } from '../store/store.js'
import type { Append, Create } from './command.js'
import type { StopReason } from './writers.js'

/** @throws UploadError ERR_MAX_SIZE_EXCEEDED · ERR_UPLOAD_SIZE_EXCEEDED */
export function admitCreate(command: Create, maxSize: number): void {
  if ((command.length ?? 0) > maxSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
  if (!command.withBody || command.bodyLength === undefined) return
  if (command.bodyLength > (command.length ?? Number.POSITIVE_INFINITY))
    throw new UploadError('ERR_UPLOAD_SIZE_EXCEEDED')
  if (command.bodyLength > maxSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED')
}

/** What clients are told of an upload whose deadline has passed, before and after its bytes were removed. */
export const EXPIRED = 'The upload has expired before all its bytes came; create a new one.'

/**
 * Its deadline has passed before it had all its bytes. What has them all is completed, however late that is.
 * @param now milliseconds since the epoch
 */
export function hasExpired(info: UploadInfo, now: number): boolean {
  if (info.state !== 'open' || info.deadline === undefined || now < info.deadline) return false
  return info.concat?.kind === 'final' || !wantsCompletion(info)
}

/**
 * @param now milliseconds since the epoch
 * @throws UploadError ERR_UPLOAD_GONE if the upload has ended badly, or has expired · ERR_UPLOAD_REJECTED if a hook has refused
 *   it
 */
export function mustBeAlive(info: UploadInfo, now: number): void {
  if (info.state === 'failed' && info.refusal) {
    const { status, message, ...answer } = info.refusal
    throw new UploadError('ERR_UPLOAD_REJECTED', { status, message, answer })
  }
  if (info.state === 'failed') {
    throw new UploadError('ERR_UPLOAD_GONE', info.failure === undefined ? {} : { message: info.failure })
  }
  if (hasExpired(info, now)) throw new UploadError('ERR_UPLOAD_GONE', { message: EXPIRED })
}

/**
 * Refuses an append that the upload cannot take, before a byte of its body is read.
 * @param now milliseconds since the epoch
 * @returns how many bytes the body may have at most
 * @throws UploadError ERR_MODIFY_FINAL · ERR_UPLOAD_GONE · ERR_MISMATCHED_OFFSET · ERR_LENGTH_ALREADY_DECLARED ·
 *   ERR_INVALID_UPLOAD_LENGTH · ERR_MAX_SIZE_EXCEEDED · ERR_UPLOAD_SIZE_EXCEEDED
 */
export function admitAppend(info: UploadInfo, command: Append, maxSize: number, now: number): number {
  // "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final upload URL", whatever its state.
  if (info.concat?.kind === 'final') throw new UploadError('ERR_MODIFY_FINAL')
  mustBeAlive(info, now)
  const { offset } = info
  if (command.offset !== offset) throw new UploadError('ERR_MISMATCHED_OFFSET', { offset })
  if (info.state === 'complete' && command.whenComplete === 'refuse') {
    throw new UploadError('ERR_UPLOAD_COMPLETED', { offset })
  }
  const declared = command.length
  if (declared !== undefined) {
    if (info.length !== undefined && info.length !== declared) throw new UploadError('ERR_LENGTH_ALREADY_DECLARED')
    if (declared < offset) {
      const message = 'Upload-Length is less than the bytes that were already stored.'
      throw new UploadError('ERR_INVALID_UPLOAD_LENGTH', { message, offset })
    }
    if (declared > maxSize) throw new UploadError('ERR_MAX_SIZE_EXCEEDED', { offset })
  }
  const length = info.length ?? declared
  const room = (length ?? maxSize) - offset
  if ((command.bodyLength ?? 0) > room) throw tooLong(length, offset)
  return room
}

const tooLong = (length: number | undefined, offset: number): UploadError =>
  new UploadError(length === undefined ? 'ERR_MAX_SIZE_EXCEEDED' : 'ERR_UPLOAD_SIZE_EXCEEDED', { offset })

/**
 * All bytes are there, or may be in the partial uploads, but the object is not yet.
 * @param atLength having all bytes is enough, as in tus; otherwise somebody must have said that these are all
 */
export function wantsCompletion(info: UploadInfo, atLength = true): boolean {
  const hasBytes = (atLength && info.length === info.offset) || info.concat?.kind === 'final'
  return info.state === 'completing' || (info.state === 'open' && hasBytes)
}

/**
 * What a body that did not end as it should means for the request that brought it. What arrived is committed by then.
 * @returns undefined if nothing is wrong
 */
export function complaint(
  body: Body,
  info: UploadInfo,
  completes: Completion,
  stopped: StopReason | undefined,
): UploadError | undefined {
  const { offset } = info
  if (body.ended === 'too-long') return tooLong(info.length, offset)
  const isShort = completes === 'yes' && body.ended === 'end' && info.state === 'open'
  if (isShort) return new UploadError('ERR_INCONSISTENT_UPLOAD_LENGTH', { offset })
  if (info.state === 'complete' || body.ended === 'end') return undefined
  if (body.ended === 'timeout') return new UploadError('ERR_READ_TIMEOUT', { offset })
  if (body.ended === 'disconnected') return new UploadError('ERR_UNEXPECTED_EOF', { offset })
  if (stopped === 'shutdown') return new UploadError('ERR_SERVER_SHUTDOWN', { offset, retryAfter: 1_000 })
  if (stopped === 'lost') return new UploadError('ERR_LOCKER_UNAVAILABLE', { offset, retryAfter: 1_000 })
  return new UploadError('ERR_UPLOAD_INTERRUPTED', { offset })
}
