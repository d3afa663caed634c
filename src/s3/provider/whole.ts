/**
 * Asks whether a completion refuses an object that has not the CRC32 that was said, and takes the right one; and whether that
 * also holds where a part is a copy. It is worth having, and never worth failing for.
 * @module
 */
import { crc32 } from 'node:zlib'
import { type Call, type Payload, payloadOf, type Stored } from '../call/call.js'
import { isClear, S3Fault } from '../call/faults.js'
import type { Capabilities } from './capabilities.js'

/** As notes call it. */
export const FULL_OBJECT = 'x-amz-checksum-type: FULL_OBJECT'

export interface OfWhole {
  fullObjectChecksums: Capabilities['fullObjectChecksums']
  /** Why it is `none`. */
  note?: string
}

interface Upload {
  key: string
  uploadId: string
}

/** The one part of an upload, and what it should hold. */
type Part = Stored & { of: Payload }

/**
 * @param ask answers clearly, or throws
 * @param key of an object, which is replaced
 */
export async function askOfWhole(ask: Call, key: string, bytes: Uint8Array): Promise<OfWhole> {
  const sent = await reasonAgainst(() => complete(ask, key, (upload) => sendPart(ask, upload, bytes), true))
  if (sent !== undefined) return { fullObjectChecksums: 'none', note: `${FULL_OBJECT} is ${sent}` }
  const copied = await reasonAgainst(() => complete(ask, key, (upload) => copyPart(ask, upload, bytes), false))
  return { fullObjectChecksums: copied === undefined ? 'all' : 'sent' }
}

/** It does not do what is asked for. */
class Without extends Error {}

async function reasonAgainst(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof Without) return error.message
    if (!(error instanceof S3Fault)) throw error
    return `refused (${[error.status || '', error.code].filter(Boolean).join(' ')})`
  }
}

/** @throws Without, or S3Fault, if the provider does not verify an object of this part */
async function complete(
  ask: Call,
  key: string,
  make: (upload: Upload) => Promise<Part>,
  triesWrong: boolean,
): Promise<void> {
  const input = { key, contentType: 'text/plain', metadata: {}, fullObject: true }
  const { uploadId, fullObject } = await ask('createMultipartUpload', input)
  const upload = { key, uploadId }
  let isOpen = true
  try {
    if (!fullObject) throw new Without('ignored')
    const { etag, of } = await make(upload)
    const parts = [{ partNumber: 1, etag, crc32: of.crc32 }]
    const end = (crc: number): Promise<Stored> =>
      ask('completeMultipartUpload', { ...upload, parts, whole: { crc32: crc >>> 0, size: of.length } })
    if (triesWrong && !(await isRefused(end(of.crc32! ^ 1)))) {
      isOpen = false
      throw new Without('taken, but not verified')
    }
    await end(of.crc32!)
    isOpen = false
  } finally {
    if (isOpen) await ask('abortMultipartUpload', upload).catch(() => undefined)
  }
}

const payload = (bytes: Uint8Array): Payload => payloadOf([bytes], bytes.length, crc32(bytes))

async function sendPart(ask: Call, upload: Upload, bytes: Uint8Array): Promise<Part> {
  const body = payload(bytes)
  return { ...(await ask('uploadPart', { ...upload, partNumber: 1, body })), of: body }
}

/**
 * A range: VersityGW takes the checksum of all of the source for that of it. Where a source so small must be copied whole, the
 * whole.
 */
async function copyPart(ask: Call, upload: Upload, bytes: Uint8Array): Promise<Part> {
  const copy = async (length: number, range: string | undefined): Promise<Part> => {
    const input = { ...upload, partNumber: 1, source: upload.key, range, sourceEtag: undefined }
    const copied = await ask('uploadPartCopy', input)
    if (copied.etag === '') throw new Without('not of copies')
    return { ...copied, of: payload(bytes.subarray(0, length)) }
  }
  try {
    return await copy(bytes.length - 1, `bytes=0-${bytes.length - 2}`)
  } catch (error) {
    if (!(error instanceof S3Fault && isClear(error))) throw error
    return copy(bytes.length, undefined)
  }
}

/** @throws what says nothing of the provider */
async function isRefused(request: Promise<unknown>): Promise<boolean> {
  try {
    await request
    return false
  } catch (error) {
    if (error instanceof S3Fault && isClear(error)) return true
    throw error
  }
}
