/**
 * What a client says about an object besides its bytes: headers to be answered again, user metadata, tags. Pure.
 * @module
 */
import type { Headers } from './digests.js'
import { S3Error } from './errors.js'
import type { Description } from './records.js'
import { parseSettings } from './settings.js'
import { childrenOf, element, textOf, type Xml, type XmlNode } from './xml.js'

const STORED = [
  'content-type',
  'content-disposition',
  'cache-control',
  'content-language',
  'content-encoding',
  'expires',
]
const META = 'x-amz-meta-'
const MAX_METADATA = 2048
const MAX_TAGS = 10

/** Features whose headers this server refuses, rather than take the bytes and forget the promise. */
const REFUSED = ['x-amz-object-lock-', 'x-amz-write-offset-bytes', 'x-amz-grant-']

export function parseDescription(headers: Headers): Description {
  const refused = [...headers.keys()].find((name) => REFUSED.some((start) => name.startsWith(start)))
  if (refused !== undefined) throw new S3Error('NotImplemented', `This server does not take ${refused}.`)
  return {
    headers: storedHeaders(headers),
    metadata: parseMetadata(headers),
    tags: parseTags(headers.get('x-amz-tagging')),
    settings: parseSettings(headers),
  }
}

function storedHeaders(headers: Headers): Record<string, string> {
  const stored = STORED.flatMap((name) => {
    const value = name === 'content-encoding' ? withoutChunked(headers.get(name)) : headers.get(name)
    return value ? [[name, value] as const] : []
  })
  return { 'content-type': 'binary/octet-stream', ...Object.fromEntries(stored) }
}

/** aws-chunked is how the body travelled, not what the object is. */
const withoutChunked = (encoding: string | undefined) =>
  encoding
    ?.split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== 'aws-chunked' && coding !== '')
    .join(',')

function parseMetadata(headers: Headers): Record<string, string> {
  const entries = [...headers]
    .filter(([name]) => name.startsWith(META))
    .map(([name, value]) => [name.slice(META.length), value] as const)
  const size = entries.reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value, 'latin1'),
    0,
  )
  if (size > MAX_METADATA) throw new S3Error('MetadataTooLarge')
  return Object.fromEntries(entries)
}

export const metadataHeaders = ({ metadata }: Description) =>
  Object.fromEntries(Object.entries(metadata).map(([name, value]) => [META + name, value]))

/** `a=1&b=2`, from x-amz-tagging. */
function parseTags(text: string | undefined): Record<string, string> {
  const tags = [...new URLSearchParams(text ?? '')]
  return checkTags(tags)
}

/** The TagSet of a PutObjectTagging. */
export function readTags(root: XmlNode): Record<string, string> {
  const [set] = childrenOf(root, 'TagSet')
  if (set === undefined) throw new S3Error('MalformedXML')
  return checkTags(childrenOf(set, 'Tag').map((tag) => [textOf(tag, 'Key') ?? '', textOf(tag, 'Value') ?? '']))
}

function checkTags(tags: [name: string, value: string][]): Record<string, string> {
  if (tags.length > MAX_TAGS) throw new S3Error('BadRequest', 'Object tags cannot be greater than 10')
  const names = new Set(tags.map(([name]) => name))
  const fits = tags.every(([name, value]) => name.length >= 1 && name.length <= 128 && value.length <= 256)
  if (!fits || names.size < tags.length) throw new S3Error('InvalidTag')
  return Object.fromEntries(tags)
}

export const renderTags = (tags: Record<string, string>): Xml =>
  element(
    'TagSet',
    Object.entries(tags).map(([name, value]) => element('Tag', [element('Key', name), element('Value', value)])),
  )
