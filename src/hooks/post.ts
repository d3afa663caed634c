/**
 * One POST of JSON, over a connection that is kept.
 * @module
 */
import http from 'node:http'
import https from 'node:https'
import { Retryable } from './attempts.js'

export interface Posting {
  readonly url: URL
  readonly agent: http.Agent
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Bytes of the answer's body. */
  readonly sizeLimit: number
  readonly signal: AbortSignal
}

export interface Posted {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** Undefined if it is larger than the limit. */
  readonly text: string | undefined
}

/** @throws Retryable for what the network does */
export async function post(posting: Posting): Promise<Posted> {
  const sent = send(posting)
  try {
    return await sent.answer
  } catch (error) {
    // A kept connection may be closed by the other side just now. That is no try: a new one will do.
    const isStale = sent.request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
    const failure = isStale ? await send(posting).answer.catch((second) => second as Error) : error
    if (!(failure instanceof Error)) return failure as Posted
    throw new Retryable(failure.message, { cause: failure })
  }
}

function send({ url, agent, headers, body, sizeLimit, signal }: Posting) {
  const { request: open } = url.protocol === 'https:' ? https : http
  const request = open(url, {
    method: 'POST',
    agent,
    signal,
    headers: { ...headers, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
  })
  const answer = new Promise<Posted>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      const { statusCode: status = 0, headers } = response
      readText(response, sizeLimit).then((text) => resolve({ status, headers, text }), reject)
    })
  })
  request.end(body)
  return { request, answer }
}

async function readText(response: http.IncomingMessage, sizeLimit: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    // Leaving the loop closes the connection.
    if (size > sizeLimit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
