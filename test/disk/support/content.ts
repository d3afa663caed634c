/**
 * What tests of the disk store say again and again.
 * @module
 */
import type { NewUpload, UploadHandle } from '../../../src/store/index.js'

export const newUpload = (id: string, length: number | undefined): NewUpload => ({
  id,
  length,
  metadata: {},
  metadataField: undefined,
})

export async function contentOf(upload: UploadHandle): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await upload.read()) chunks.push(chunk)
  return Buffer.concat(chunks)
}
