/**
 * Requests signed by our own hand, for what an SDK would never send: wrong hashes, chunks with signatures, old dates.
 * @module
 */
import { createHash } from 'node:crypto'
import { canonicalRequest, sha256, sign, signingKey } from '../bucket/auth.js'

export interface Signer {
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export interface UnsignedRequest {
  readonly method: string
  readonly host: string
  /** Percent-encoded. */
  readonly path: string
  readonly query: readonly (readonly [name: string, value: string])[]
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
}

export interface Signature {
  readonly headers: Record<string, string>
  readonly signature: string
  /** For the chunks that follow. */
  readonly key: Buffer
  readonly date: string
  readonly scope: string
}

export const amzDate = (time: number) => new Date(time).toISOString().replace(/[-:]|\.\d+/g, '')

/** Signs with headers. `payload` goes into x-amz-content-sha256 as it is. */
export function signHeaders(request: UnsignedRequest, signer: Signer, payload: string, time = Date.now()): Signature {
  const date = amzDate(time)
  const headers = { ...request.headers, host: request.host, 'x-amz-date': date, 'x-amz-content-sha256': payload }
  const names = Object.keys(headers).sort()
  const { signature, key, scope } = signText({ ...request, headers }, names, payload, signer, date)
  const { accessKeyId } = signer.credentials
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},SignedHeaders=${names.join(';')},Signature=${signature}`
  return { headers: { ...headers, authorization }, signature, key, date, scope }
}

/** @returns the query of a presigned URL, `request`'s own parameters included */
export function presign(
  request: UnsignedRequest,
  signer: Signer,
  expires: number,
  time = Date.now(),
): [string, string][] {
  const date = amzDate(time)
  const headers = { ...request.headers, host: request.host }
  const names = Object.keys(headers).sort()
  const scope = `${date.slice(0, 8)}/${signer.region}/s3/aws4_request`
  const query: [string, string][] = [
    ...request.query.map(([name, value]): [string, string] => [name, value]),
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${signer.credentials.accessKeyId}/${scope}`],
    ['X-Amz-Date', date],
    ['X-Amz-Expires', String(expires)],
    ['X-Amz-SignedHeaders', names.join(';')],
  ]
  const { signature } = signText({ ...request, headers, query }, names, 'UNSIGNED-PAYLOAD', signer, date)
  return [...query, ['X-Amz-Signature', signature]]
}

function signText(request: UnsignedRequest, names: string[], payload: string, signer: Signer, date: string) {
  const scope = `${date.slice(0, 8)}/${signer.region}/s3/aws4_request`
  const key = signingKey(signer.credentials.secretAccessKey, date.slice(0, 8), signer.region)
  const headers = new Map(Object.entries(request.headers))
  const canonical = canonicalRequest({ ...request, headers }, names, payload)
  return { key, scope, signature: sign(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')) }
}

/** Frames a body as aws-chunked, each chunk signed; with a signed trailer if one is given. */
export function frameSigned(
  chunks: readonly Buffer[],
  seed: Signature,
  trailer?: readonly [name: string, value: string],
): Buffer {
  let previous = seed.signature
  const link = (kind: string, hashes: readonly string[]) => {
    previous = sign(seed.key, [kind, seed.date, seed.scope, previous, ...hashes].join('\n'))
    return previous
  }
  const framed = [...chunks, Buffer.alloc(0)].map((chunk) => {
    const hash = createHash('sha256').update(chunk).digest('hex')
    const signature = link('AWS4-HMAC-SHA256-PAYLOAD', [sha256(''), hash])
    const head = Buffer.from(`${chunk.length.toString(16)};chunk-signature=${signature}\r\n`)
    return chunk.length === 0 ? head : Buffer.concat([head, chunk, Buffer.from('\r\n')])
  })
  if (trailer === undefined) return Buffer.concat([...framed, Buffer.from('\r\n')])
  const line = `${trailer[0]}:${trailer[1]}`
  const signature = link('AWS4-HMAC-SHA256-TRAILER', [sha256(`${line}\n`)])
  return Buffer.concat([...framed, Buffer.from(`${line}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`)])
}
