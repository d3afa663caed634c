/**
 * Asks whether a completion refuses an object that has not the CRC32 that was said, and takes the right one: a multipart
 * upload of one part, a copy if the provider makes such. It is worth having, and never worth failing for.
 * @module
 */
import type { Call, Payload, Stored } from '../call/call.js'
import { isClear, S3Fault } from '../call/faults.js'
import type { Capabilities } from './capabilities.js'

/** As notes call it. */
export const FULL_OBJECT = 'x-amz-checksum-type: FULL_OBJECT'

export interface OfWhole {
  fullObjectChecksums: Capabilities['fullObjectChecksums']
  /** Why it is `none`. */
  note?: string
}

const none = (why: string): OfWhole => ({ fullObjectChecksums: 'none', note: `${FULL_OBJECT} is ${why}` })

/**
 * @param ask answers clearly, or throws
 * @param key of an object, which is replaced
 * @param content what it holds
 */
export async function askOfWhole(ask: Call, key: string, content: Payload): Promise<OfWhole> {
  try {
    const input = { key, contentType: 'text/plain', metadata: {}, fullObject: true }
    const { uploadId, fullObject } = await ask('createMultipartUpload', input)
    return await completed(ask, { key, uploadId }, fullObject === true, content)
  } catch (error) {
    if (!(error instanceof S3Fault)) throw error
    return none(`refused (${[error.status || '', error.code].filter(Boolean).join(' ')})`)
  }
}

async function completed(
  ask: Call,
  upload: { key: string; uploadId: string },
  isTaken: boolean,
  body: Payload,
): Promise<OfWhole> {
  let isOpen = true
  try {
    if (!isTaken || body.crc32 === undefined) return none('ignored')
    const copied = await copiedPart(ask, upload)
    const { etag } = copied ?? (await ask('uploadPart', { ...upload, partNumber: 1, body }))
    const parts = [{ partNumber: 1, etag, crc32: body.crc32 }]
    const complete = (crc32: number): Promise<Stored> =>
      ask('completeMultipartUpload', { ...upload, parts, whole: { crc32: crc32 >>> 0, size: body.length } })
    const refusal = await complete(body.crc32 ^ 1).then(() => undefined, refused)
    isOpen = refusal !== undefined
    if (!isOpen) return none('taken, but not verified')
    await complete(body.crc32)
    isOpen = false
    return { fullObjectChecksums: copied ? 'all' : 'sent' }
  } finally {
    if (isOpen) await ask('abortMultipartUpload', upload).catch(() => undefined)
  }
}

/** @returns undefined if it is refused */
async function copiedPart(ask: Call, upload: { key: string; uploadId: string }): Promise<Stored | undefined> {
  const input = { ...upload, partNumber: 1, source: upload.key, range: undefined, sourceEtag: undefined }
  const copied = await ask('uploadPartCopy', input).catch((error) => void refused(error))
  return copied?.etag === '' ? undefined : copied
}

/** @throws `error` if it says nothing of the provider */
function refused(error: unknown): S3Fault {
  if (error instanceof S3Fault && isClear(error)) return error
  throw error
}
