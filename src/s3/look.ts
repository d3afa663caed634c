/**
 * Looking at what S3 holds, where "nothing" is an answer.
 * @module
 */
import type { Call, ListedPart, Operations } from './call/call.js'
import { asStoreFailure, means } from './call/faults.js'

/**
 * @param offset committed bytes, to be told with a failure
 * @param checksum whether S3 is to tell it, too
 * @returns undefined if there is no such object
 * @throws UploadError ERR_STORE_UNAVAILABLE
 */
export async function headObject(
  call: Call,
  key: string,
  offset?: number,
  checksum = false,
): Promise<Operations['headObject'][1] | undefined> {
  try {
    return await call('headObject', { key, checksum })
  } catch (error) {
    if (means(error, 'missing-object')) return undefined
    throw asStoreFailure(error, offset)
  }
}

/**
 * All parts that S3 holds, in order.
 * @param offset committed bytes, to be told with a failure
 * @returns undefined if S3 does not know the multipart upload
 * @throws UploadError ERR_STORE_UNAVAILABLE
 */
export async function listParts(
  call: Call,
  key: string,
  uploadId: string,
  offset?: number,
): Promise<ListedPart[] | undefined> {
  const all: ListedPart[] = []
  try {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: Operations['listParts'][1] = await call('listParts', { key, uploadId, after })
      all.push(...page.parts)
      after = page.next
    }
    return all.sort((one, other) => one.partNumber - other.partNumber)
  } catch (error) {
    if (means(error, 'missing-upload')) return undefined
    throw asStoreFailure(error, offset)
  }
}
