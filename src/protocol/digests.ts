/**
 * Digest fields (RFC 9530), in both protocols alike: Content-Digest of a request's body, Repr-Digest of the whole upload.
 * A field that is no dictionary of byte sequences is ignored, as structured fields are; so are algorithms that are not
 * known here, or that must not be trusted (md5, sha).
 * @module
 */
import { Buffer } from 'node:buffer'
import { type Dictionary, parseDictionary } from 'structured-headers'
import { UploadError } from '../errors.js'
import type { Digests, UploadInfo } from '../store/info.js'
import type { Checksum } from '../upload/command.js'

/** Bytes of a digest; the strongest algorithm first. */
const LENGTHS = { 'sha-512': 64, 'sha-256': 32 } as const
type Name = keyof typeof LENGTHS

const NAMES = Object.keys(LENGTHS) as readonly Name[]

/** @throws UploadError ERR_INVALID_DIGEST */
export function parseReprDigest(field: string | undefined): Digests | undefined {
  const found = parse('Repr-Digest', field)
  if (found.length === 0) return undefined
  return Object.fromEntries(found.map(([name, digest]) => [name, Buffer.from(digest).toString('base64')]))
}

/** The strongest one of those that are known. @throws UploadError ERR_INVALID_DIGEST */
export function parseContentDigest(field: string | undefined): Checksum | undefined {
  const [strongest] = parse('Content-Digest', field)
  if (strongest === undefined) return undefined
  return { algorithm: strongest[0] === 'sha-512' ? 'sha512' : 'sha256', digest: strongest[1] }
}

function parse(fieldName: string, field: string | undefined): [Name, Uint8Array][] {
  const dictionary = dictionaryOf(field)
  return NAMES.flatMap((name) => {
    const value = dictionary?.get(name)?.[0]
    if (!(value instanceof ArrayBuffer)) return []
    if (value.byteLength === LENGTHS[name]) return [[name, new Uint8Array(value)]]
    const message = `A ${name} digest has ${LENGTHS[name]} bytes; the one in ${fieldName} has ${value.byteLength}.`
    throw new UploadError('ERR_INVALID_DIGEST', { message })
  })
}

function dictionaryOf(field: string | undefined): Dictionary | undefined {
  try {
    return field === undefined ? undefined : parseDictionary(field)
  } catch {
    return undefined
  }
}

/**
 * What is known of the whole content, once it is complete: what the client gave and was found to be true, and the CRC32.
 * That has no name in the registry of RFC 9530, so recipients who do not know it ignore it; its four bytes are in network
 * order.
 * @param wanted Want-Repr-Digest: what it prefers comes first, and what it does not take (0) is left out
 */
export function reprDigestFields(
  { state, digests = {}, crc32 }: UploadInfo,
  wanted?: string | undefined,
): Record<string, string> {
  if (state !== 'complete') return {}
  const known = new Map(NAMES.flatMap((name) => (digests[name] === undefined ? [] : [[name as string, digests[name]]])))
  if (crc32 !== undefined) known.set('crc32', base64OfInteger(crc32))
  const wish = wishOf(wanted)
  const members = [...known.keys()]
    .filter((name) => wish(name) > 0)
    .sort((one, other) => wish(other) - wish(one))
    .map((name) => `${name}=:${known.get(name)}:`)
  return members.length > 0 ? { 'Repr-Digest': members.join(', ') } : {}
}

/** From 0, not acceptable, to 10, most preferred. What is not spoken of comes last; it costs nothing to tell. */
function wishOf(field: string | undefined): (name: string) => number {
  const wishes = dictionaryOf(field)
  return (name) => {
    const wish = wishes?.get(name)?.[0]
    return typeof wish === 'number' && Number.isInteger(wish) && wish >= 0 && wish <= 10 ? wish : 0.5
  }
}

function base64OfInteger(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.toString('base64')
}
