/**
 * What is sent through a proxy: requests over TLS by HTTP/1.1 and HTTP/2, one that stands still in its middle, and a client
 * of the IETF draft over HTTP/2 that resumes until its file is there.
 * @module
 */
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { PATCH_TYPE, TUS } from '../test/support/stack.js'
import type { Front } from './fronts.js'

export type Protocol = 'HTTP/1.1' | 'HTTP/2'
export const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'HTTP/2']

export type Fields = Readonly<Record<string, string | number>>

export interface Heard {
  readonly status: number
  readonly fields: Readonly<Record<string, string | string[] | number | undefined>>
  readonly bytes: Buffer
  /** Status and fields of each answer before the last, 100 left out. */
  readonly interim: readonly { status: number; location: string | undefined }[]
}

export interface Open {
  /** Resolves when the bytes were taken, which may be never. */
  send(bytes: Uint8Array): Promise<void>
  end(bytes?: Uint8Array): void
  /** As a client that is killed, or whose network is gone. */
  vanish(): void
  readonly answer: Promise<Heard>
}

/** Begins a request; its body is sent piece by piece. */
export function open(protocol: Protocol, front: Front, method: string, path: string, fields: Fields): Open {
  const begin = protocol === 'HTTP/2' ? openHttp2 : openHttp1
  const { stream, answer, vanish } = begin(front, method, new URL(path, front.origin), fields)
  // Who is refused early may find the connection closed while it still sends; the answer says what was.
  stream.on('error', () => undefined)
  answer.catch(() => undefined)
  return {
    send: (bytes) => new Promise((resolve) => void stream.write(bytes, () => resolve())),
    end: (bytes) => void stream.end(bytes),
    vanish,
    answer,
  }
}

/** A whole request. */
export function ask(
  protocol: Protocol,
  front: Front,
  method: string,
  path: string,
  fields: Fields,
  body?: Uint8Array,
): Promise<Heard> {
  const { end, answer } = open(protocol, front, method, path, {
    ...fields,
    ...(body ? { 'content-length': body.length } : {}),
  })
  end(body)
  return answer
}

function openHttp1({ ca }: Front, method: string, url: URL, headers: Fields) {
  const request = https.request(url, { method, headers, ca, agent: false })
  const interim: { status: number; location: string | undefined }[] = []
  request.on('information', ({ statusCode, headers: { location } }) => interim.push({ status: statusCode, location }))
  const answer = new Promise<Heard>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      collect(response).then(
        (bytes) => resolve({ status: response.statusCode!, fields: response.headers, bytes, interim }),
        reject,
      )
    })
  })
  return { stream: request, answer, vanish: () => void request.destroy() }
}

function openHttp2({ ca, origin }: Front, method: string, url: URL, headers: Fields) {
  const session = http2.connect(origin, { ca })
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const stream = session.request(
    { ':method': method, ':path': url.pathname, ...lower },
    // Without it, a method that node takes for one without a body ends at once.
    { endStream: false },
  )
  const answer = answerOf(session, stream).finally(() => session.destroy())
  return { stream, answer, vanish: () => void session.destroy() }
}

function answerOf(session: ClientHttp2Session, stream: ClientHttp2Stream): Promise<Heard> {
  const interim: { status: number; location: string | undefined }[] = []
  stream.on('headers', (fields) => interim.push({ status: fields[':status']!, location: fields.location }))
  return new Promise((resolve, reject) => {
    session.on('error', reject)
    stream.on('error', reject)
    const onClose = (): void => reject(new Error(`the stream was closed without an answer (${stream.rstCode})`))
    stream.on('close', onClose)
    stream.on('response', (fields) => {
      stream.off('close', onClose)
      collect(stream).then((bytes) => resolve({ status: fields[':status']!, fields, bytes, interim }), reject)
    })
  })
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** @returns the path of a new upload of tus */
export async function create(protocol: Protocol, front: Front, length: number, fields: Fields = {}): Promise<string> {
  const { status, fields: told } = await ask(
    protocol,
    front,
    'POST',
    '/files/',
    { ...TUS, 'Upload-Length': length, ...fields },
    new Uint8Array(),
  )
  if (status !== 201) throw new Error(`creation is answered ${status}`)
  return new URL(String(told.location), front.origin).pathname
}

export const atOffset = (offset: number): Fields => ({ ...PATCH_TYPE, 'Upload-Offset': offset })

const RUFH = { 'upload-draft-interop-version': '6' }

/**
 * Uploads by the IETF draft over HTTP/2, in requests of `chunkSize` bytes. After whatever goes wrong it asks how far the
 * upload came, and goes on there.
 * @param onSent called with the offset after each request that came to its end
 * @returns the path, and how often something went wrong
 */
export async function uploadByRufh(
  front: Front,
  bytes: Buffer,
  chunkSize: number,
  onSent: (offset: number) => void,
): Promise<{ path: string; failures: number }> {
  const attempt = (method: string, path: string, fields: Fields, body?: Uint8Array) =>
    ask('HTTP/2', front, method, path, { ...RUFH, ...fields }, body).catch(() => undefined)
  let failures = 0
  const failed = async (): Promise<void> => {
    if (++failures > 100) throw new Error('a hundred requests failed')
    await sleep(100)
  }
  let path: string | undefined
  while (path === undefined) {
    const made = await attempt('POST', '/files/', { 'upload-complete': '?0' }, new Uint8Array())
    if (made?.status === 201) path = new URL(String(made.fields.location), front.origin).pathname
    else await failed()
  }
  for (let offset = 0; ; ) {
    const chunk = bytes.subarray(offset, offset + chunkSize)
    const complete = offset + chunk.length === bytes.length ? '?1' : '?0'
    const fields = {
      'content-type': 'application/partial-upload',
      'upload-offset': offset,
      'upload-complete': complete,
    }
    const answer = await attempt('PATCH', path, fields, chunk)
    if (answer && answer.status < 300) {
      offset += chunk.length
      onSent(offset)
      if (complete === '?1') return { path, failures }
      continue
    }
    await failed()
    const told = await attempt('HEAD', path, {})
    if (!told || told.status >= 300) continue
    if (told.fields['upload-complete'] === '?1') return { path, failures }
    offset = Number(told.fields['upload-offset'])
  }
}
