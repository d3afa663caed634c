/**
 * Upload-Metadata: pairs of a key and an optional Base64 value (tus 1.0.0, Creation). Strict both ways: a pair that is
 * dropped in silence is a file name that is lost.
 * @module
 */
import { UploadError } from '../../errors.js'
import type { Metadata } from '../../store/info.js'
import { parseBase64, trimBlanks } from '../fields.js'

const KEY = /^[\x21-\x2b\x2d-\x7e]+$/

/**
 * Any key is data, `__proto__` too. A blank around a comma is allowed, since joining repeated fields puts one there.
 * @param maxSize bytes of the field
 * @throws UploadError ERR_METADATA_TOO_LARGE · ERR_INVALID_METADATA
 */
export function parseMetadata(field: string | undefined, maxSize: number): Metadata {
  if (field === undefined || field === '') return {}
  if (Buffer.byteLength(field) > maxSize) throw new UploadError('ERR_METADATA_TOO_LARGE')
  const metadata = new Map<string, string>()
  for (const element of field.split(',')) {
    const [key, value] = parsePair(trimBlanks(element))
    if (metadata.has(key))
      throw new UploadError('ERR_INVALID_METADATA', { message: 'Upload-Metadata has a key twice.' })
    metadata.set(key, value)
  }
  // Defines properties instead of assigning them, so `__proto__` is a key like others.
  return Object.fromEntries(metadata)
}

function parsePair(element: string): [key: string, value: string] {
  const [key = '', value = '', ...rest] = element.split(' ')
  const bytes = parseBase64(value)
  if (!KEY.test(key) || bytes === undefined || rest.length > 0) throw new UploadError('ERR_INVALID_METADATA')
  return [key, decode(bytes)]
}

/**
 * The specification allows any bytes. Hooks and objects get them as text, with U+FFFD for what is none; HEAD tells the
 * field as it was sent, so nothing is lost to the client.
 */
function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

/**
 * The field that says the same; empty for no metadata. A key without a value stands alone. Keys that the field cannot
 * carry (records may come from elsewhere) are left out, since they could end the header.
 */
export function encodeMetadata(metadata: Metadata): string {
  return Object.entries(metadata)
    .filter(([key]) => KEY.test(key))
    .map(([key, value]) => (value === '' ? key : `${key} ${Buffer.from(value, 'utf8').toString('base64')}`))
    .join(',')
}
