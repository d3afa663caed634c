/**
 * Bytes to send, and bytes that came.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Payload, payloadOf } from '../call/call.js'

export const textPayload = (text: string): Payload => bytesPayload(Buffer.from(text))

export const bytesPayload = (bytes: Uint8Array, checksum?: 'right' | 'wrong'): Payload => {
  const crc = checksum && (crc32(bytes) ^ (checksum === 'wrong' ? 1 : 0)) >>> 0
  return payloadOf([bytes], bytes.length, crc)
}

/** A few bytes that nobody wrote before. */
export const freshPayload = (checksum?: 'right' | 'wrong'): Payload =>
  bytesPayload(Buffer.from(`Holdfast examines this bucket. ${randomBytes(12).toString('hex')}\n`), checksum)

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
