/**
 * Which final uploads wait for a partial one: a small object beside its record, so that whoever writes the partial upload
 * is not disturbed. It only hastens things: a final upload that nobody noted is driven when somebody asks for it.
 * @module
 */
import { UploadError } from '../../errors.js'
import { payloadOf } from '../call/call.js'
import { asStoreFailure, means, S3Fault } from '../call/faults.js'
import type { S3Context } from '../context.js'

/** Final uploads that are remembered; the latest count. */
const MOST = 100

/** Tries at adding to what others add to at the same time. */
const ROUNDS = 5

interface Noted {
  ids: string[]
  /** Undefined if there is no such object yet. */
  etag: string | undefined
}

/** @throws UploadError ERR_STORE_UNAVAILABLE */
export async function noteWaiting(context: S3Context, key: string, finalId: string): Promise<void> {
  for (let round = 1; ; round++) {
    const { ids, etag } = await read(context, key)
    if (ids.includes(finalId)) return
    const text = Buffer.from(JSON.stringify([...ids, finalId].slice(-MOST)))
    const condition = etag === undefined ? { ifAbsent: true } : { ifMatch: etag }
    const put = {
      key,
      body: payloadOf([text], text.length),
      data: false,
      contentType: 'application/json',
      ...condition,
    }
    try {
      await context.call('putObject', put)
      return
    } catch (error) {
      if (!means(error, 'precondition', 'conflict', 'missing-object') || round === ROUNDS) throw asStoreFailure(error)
    }
  }
}

/** @throws UploadError ERR_STORE_UNAVAILABLE */
export async function readWaiting(context: S3Context, key: string): Promise<string[]> {
  return (await read(context, key)).ids
}

async function read({ call }: S3Context, key: string): Promise<Noted> {
  try {
    const { etag, body } = await call('getObject', { key })
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    return { ids: parse(Buffer.concat(chunks).toString('utf8')), etag }
  } catch (error) {
    if (means(error, 'missing-object')) return { ids: [], etag: undefined }
    if (error instanceof UploadError) throw error
    throw asStoreFailure(error instanceof S3Fault ? error : new S3Fault('getObject', 0, '', String(error), error))
  }
}

/** What cannot be read is written anew. */
function parse(text: string): string[] {
  try {
    const ids: unknown = JSON.parse(text)
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}
