/**
 * What guards bytes on their way to S3: their CRC32, and where the provider does not take that, Content-MD5.
 * @module
 */
import type { StoreLogger } from '../context.js'
import type { Capabilities } from '../provider/capabilities.js'
import type { Call, Operations, Payload } from './call.js'
import { S3Fault } from './faults.js'

/** @param provider read and, when it turns out to refuse the header, corrected */
export function guarded(call: Call, provider: Capabilities, logger: StoreLogger): Call {
  return async (name, input, signal) => {
    if (name !== 'putObject' && name !== 'uploadPart') return call(name, input, signal)
    const put = input as Operations['putObject' | 'uploadPart'][0]
    if (put.body.crc32 === undefined) return call(name, input, signal)
    const byMd5 = { ...put, body: withMd5(put.body) }
    if (!provider.checksums) return call(name, byMd5 as typeof input, signal)
    try {
      return await call(name, input, signal)
    } catch (error) {
      if (!(error instanceof S3Fault) || error.status !== 501) throw error
      const output = await call(name, byMd5 as typeof input, signal)
      if (provider.checksums) logger.warn({}, 'the provider refuses x-amz-checksum-crc32; Content-MD5 guards the bytes')
      provider.checksums = false
      return output
    }
  }
}

const withMd5 = ({ length, chunks }: Payload): Payload => ({ length, crc32: undefined, md5: true, chunks })
