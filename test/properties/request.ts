/**
 * One request by a client that does as it likes: sends in odd pieces, says its length or not, or leaves in the middle.
 * @module
 */
import http from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'

export interface Sent {
  method: string
  url: string
  fields: Record<string, string>
  body?: {
    bytes: Uint8Array
    /** Bytes of the writes, in turn. */
    chunks: readonly number[]
    saysLength: boolean
    /** Bytes after which the connection is cut. */
    cut: number | undefined
  }
}

export interface Answer {
  /** 0: there was none. */
  status: number
  fields: http.IncomingHttpHeaders
  body: Buffer
}

const NONE: Answer = { status: 0, fields: {}, body: Buffer.alloc(0) }
/** Milliseconds after which a request counts as unanswered: longer than anything that the server waits for. */
const PATIENCE = 20_000

/** Resolves however the request ends. */
export function send({ method, url, fields, body }: Sent): Promise<Answer> {
  return new Promise((resolve) => {
    const length: Record<string, string> = body?.saysLength ? { 'Content-Length': String(body.bytes.length) } : {}
    const headers = { 'Tus-Resumable': '1.0.0', ...fields, ...length }
    const request = http.request(url, { method, headers, agent: false })
    request.on('error', () => resolve(NONE))
    request.on('close', () => resolve(NONE))
    request.setTimeout(PATIENCE, () => request.destroy())
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => resolve(NONE))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, fields: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    if (body) void write(request, body)
    else request.end()
  })
}

async function write(request: http.ClientRequest, { bytes, chunks, cut }: NonNullable<Sent['body']>): Promise<void> {
  const all = cut === undefined ? bytes : bytes.subarray(0, cut)
  for (let at = 0, index = 0; at < all.length && !request.destroyed; index++) {
    const size = chunks.length === 0 ? all.length : chunks[index % chunks.length]!
    request.write(all.subarray(at, at + size))
    at += size
    await turn()
  }
  if (cut === undefined) request.end()
  else {
    // A head without a byte of the body is a request as well.
    request.flushHeaders()
    await new Promise((resolve) => setTimeout(resolve, 5))
    request.destroy()
  }
}
