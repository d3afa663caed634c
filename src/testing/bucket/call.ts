/**
 * What an operation is given and what it answers.
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { Content } from './blobs.js'
import type { RequestBody } from './body.js'
import { type ChecksumAlgorithm, type ChecksumType, checksumHeader, type Headers } from './digests.js'
import { S3Error } from './errors.js'
import type { Quirks } from './quirks.js'
import type { Route } from './route.js'
import { hidesDigest, type Settings } from './settings.js'
import type { Store } from './store.js'
import { document, parseXml, type Xml, type XmlNode } from './xml.js'

export interface Context {
  readonly store: Store
  readonly region: string
  readonly minPartSize: number
  readonly maxListSize: number
  readonly quirks: Quirks
  /** Milliseconds since 1970. */
  now(): number
}

export interface Call extends Route {
  readonly headers: Headers
  readonly body: RequestBody
}

export interface Answer {
  readonly status: number
  readonly headers?: Record<string, string | number | undefined>
  readonly body?: string
  /** Instead of `body`. */
  readonly content?: Content
}

export type Operation = (context: Context, call: Call) => Promise<Answer>

export function xmlAnswer(root: string, children: readonly Xml[], headers: Answer['headers'] = {}): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body: document(root, children) }
}

/** The root of an XML body, which must have this name. */
export function readRoot(text: string, name: string): XmlNode {
  const root = parseXml(text)
  if (root?.name !== name) throw new S3Error('MalformedXML')
  return root
}

/** The ETag of new content. */
export const etagFor = ({ quirks }: Context, md5: Buffer, settings?: Settings): string =>
  (quirks.opaqueEtags || hidesDigest(settings) ? randomBytes(16) : md5).toString('hex')

export const quote = (etag: string) => `"${etag}"`
export const isoTime = (time: number) => new Date(time).toISOString()
export const httpTime = (time: number) => new Date(time).toUTCString()

interface StoredChecksum {
  algorithm: ChecksumAlgorithm
  type?: ChecksumType
  value: string
}

export function checksumHeaders(checksum: StoredChecksum | undefined): Record<string, string> {
  if (checksum === undefined) return {}
  const type = checksum.type === undefined ? {} : { 'x-amz-checksum-type': checksum.type }
  return { [checksumHeader(checksum.algorithm)]: checksum.value, ...type }
}

/** A decimal number in a query, or `fallback` if it is absent. */
export function parseCount(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined || text === '') return fallback
  if (!/^\d{1,10}$/.test(text))
    throw new S3Error('InvalidArgument', `Provided ${name} not an integer or within integer range`)
  return Number(text)
}
