/**
 * What guards bytes on their way to S3: their CRC32, and where the provider does not take that, Content-MD5; and what lets
 * S3 verify the whole of a multipart upload in the end. Where a provider turns out to refuse one of these, the request is
 * made without, and so are all that follow.
 * @module
 */
import type { StoreLogger } from '../context.js'
import type { Capabilities } from '../provider/capabilities.js'
import type { Call, OperationName, Operations, Payload, Stored } from './call.js'
import { means, S3Fault } from './faults.js'

type Create = Operations['createMultipartUpload']
type Put = 'putObject' | 'uploadPart'

/** @param provider read and, when it turns out to refuse a header, corrected */
export function guarded(call: Call, provider: Capabilities, logger: StoreLogger): Call {
  const create = creating(call, provider, logger)
  const put = putting(call, provider, logger)
  return async (name, input, signal) => {
    if (name === 'createMultipartUpload') return create(input as Create[0], signal) as never
    if (name === 'putObject' || name === 'uploadPart') return put(name, input as Operations[Put][0], signal) as never
    return call(name, input, signal)
  }
}

function creating(call: Call, provider: Capabilities, logger: StoreLogger) {
  return async (input: Create[0], signal: AbortSignal | undefined): Promise<Create[1]> => {
    const plain = { ...input, fullObject: false }
    const isWanted = input.fullObject && provider.fullObjectChecksums !== 'none'
    if (!isWanted) return call('createMultipartUpload', plain, signal)
    try {
      return await call('createMultipartUpload', input, signal)
    } catch (error) {
      if (!means(error, 'refused')) throw error
      const output = await call('createMultipartUpload', plain, signal)
      const message = 'the provider refuses x-amz-checksum-type: FULL_OBJECT; it verifies parts, and no whole objects'
      if (provider.fullObjectChecksums !== 'none') logger.warn({ error: String(error) }, message)
      provider.fullObjectChecksums = 'none'
      return output
    }
  }
}

function putting(call: Call, provider: Capabilities, logger: StoreLogger) {
  return async (name: Put, input: Operations[Put][0], signal: AbortSignal | undefined): Promise<Stored> => {
    const { crc32 } = input.body
    if (crc32 === undefined) return call(name, input as never, signal)
    const byMd5 = { ...input, body: withMd5(input.body) }
    if (!provider.checksums) return call(name, byMd5 as never, signal)
    try {
      return mustAgree(name, crc32, await call(name, input as never, signal))
    } catch (error) {
      if (!(error instanceof S3Fault) || error.status !== 501) throw error
      const output = await call(name, byMd5 as never, signal)
      if (provider.checksums) logger.warn({}, 'the provider refuses x-amz-checksum-crc32; Content-MD5 guards the bytes')
      provider.checksums = false
      return output
    }
  }
}

/** @throws S3Fault if S3 says that it stored other bytes */
function mustAgree(name: OperationName, crc32: number, stored: Stored): Stored {
  if (stored.crc32 === undefined || stored.crc32 === crc32) return stored
  throw new S3Fault(
    name,
    0,
    'OtherChecksum',
    `the CRC32 of what was sent is ${crc32}, and of what is stored ${stored.crc32}`,
  )
}

const withMd5 = (body: Payload): Payload => ({ ...body, crc32: undefined, md5: true })
