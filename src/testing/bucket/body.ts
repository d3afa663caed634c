/**
 * The body of a request: unwrapped from aws-chunked, taken in as a blob or as text, and checked against what the head
 * promised about it.
 * @module
 */
import type { Signed } from './auth.js'
import type { Blobs, Segment } from './blobs.js'
import { ChunkedDecoder, ChunkSignatures } from './chunked.js'
import {
  checkDigests,
  type DigestName,
  Digests,
  digestsFor,
  type Expectations,
  type Headers,
  parseExpectations,
} from './digests.js'
import { S3Error } from './errors.js'

const MAX_TEXT = 2 * 1024 * 1024

export interface RequestBody {
  /** How many bytes `bytes` gives, where the head says it. */
  readonly length: number | undefined
  /** The decoded bytes, to be read once. */
  bytes(): AsyncIterable<Buffer>
  /** Complete when `bytes` is at its end. */
  readonly trailers: Headers
}

/** x-amz-content-sha256 → whether chunks are signed, and whether trailers are. */
const CHUNKED: Record<string, { signed: boolean; trailer: boolean }> = {
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, trailer: true },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, trailer: true },
}

export function openBody(headers: Headers, signed: Signed, source: () => AsyncIterable<Buffer>): RequestBody {
  const kind = CHUNKED[signed.payload]
  if (kind === undefined) {
    if (signed.payload !== 'UNSIGNED-PAYLOAD' && !/^[0-9a-f]{64}$/.test(signed.payload)) {
      throw new S3Error(
        'InvalidArgument',
        'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING-* value or a valid sha256 value.',
      )
    }
    return { length: integer(headers.get('content-length')), bytes: source, trailers: new Map() }
  }
  const length = integer(headers.get('x-amz-decoded-content-length'))
  if (length === undefined) throw new S3Error('MissingContentLength')
  const signatures = kind.signed ? new ChunkSignatures(signed) : undefined
  const decoder = new ChunkedDecoder(signatures, kind.signed && kind.trailer)
  return { length, bytes: () => decode(decoder, source(), length), trailers: decoder.trailers }
}

async function* decode(decoder: ChunkedDecoder, framed: AsyncIterable<Buffer>, length: number): AsyncGenerator<Buffer> {
  let given = 0
  for await (const piece of framed) {
    for (const bytes of decoder.push(piece)) {
      given += bytes.length
      if (given > length) throw new S3Error('IncompleteBody')
      yield bytes
    }
  }
  decoder.finish()
  if (given !== length) throw new S3Error('IncompleteBody')
}

function integer(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new S3Error('InvalidArgument', 'The content length is not a number.')
  return value
}

export interface Received extends Segment {
  readonly digests: ReadonlyMap<DigestName, Buffer>
  readonly expected: Expectations
}

/** Stores the body as a blob, which nothing names yet. It is kept only if it is what the head promised. */
export async function receive(
  blobs: Blobs,
  { headers, body }: { headers: Headers; body: RequestBody },
  needed: readonly DigestName[],
): Promise<Received> {
  const expected = parseExpectations(headers)
  const digests = new Digests([...needed, ...digestsFor(expected)])
  const segment = await writeDigested(blobs, body.bytes(), digests)
  try {
    checkDigests(expected, segment.digests, body.trailers)
  } catch (error) {
    await blobs.discard([segment.blob])
    throw error
  }
  return { ...segment, expected }
}

/** Stores bytes as a blob, which nothing names yet, and digests them. */
export async function writeDigested(blobs: Blobs, bytes: AsyncIterable<Buffer>, digests: Digests) {
  try {
    const segment = await blobs.write(bytes, (some) => digests.update(some))
    try {
      return { ...segment, digests: await digests.finish() }
    } catch (error) {
      await blobs.discard([segment.blob])
      throw error
    }
  } finally {
    digests.cancel()
  }
}

/** Reads a body that is XML. Bounded. */
export async function readText({ headers, body }: { headers: Headers; body: RequestBody }): Promise<string> {
  const expected = parseExpectations(headers)
  const digests = new Digests(digestsFor(expected))
  const pieces: Buffer[] = []
  let size = 0
  for await (const bytes of body.bytes()) {
    size += bytes.length
    if (size > MAX_TEXT) throw new S3Error('MalformedXML', 'The XML is larger than 2 MiB.')
    pieces.push(bytes)
  }
  const text = Buffer.concat(pieces)
  digests.update(text)
  checkDigests(expected, await digests.finish(), body.trailers)
  return text.toString('utf8')
}
