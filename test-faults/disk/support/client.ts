/**
 * A client of a server in its own process: one that speaks tus over no socket, remembers what it was told, and after
 * any failure does what clients do: asks for the offset and goes on there.
 * @module
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BodyQueue } from '../../../src/http/body.js'
import type { Serve } from '../../../src/http/exchange.js'
import type { ResponseHead } from '../../../src/protocol/message.js'

export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** What a client knows of its upload; a client that lives on after a server died goes on with it. */
export interface Known {
  location?: string | undefined
  /** The largest offset that it was told. */
  told: number
  /** All bytes were acknowledged. */
  finished: boolean
  /** The termination was acknowledged. */
  ended: boolean
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export interface Answer {
  status: number
  fields: Record<string, string>
  content: Uint8Array
}

/** A promise to a client was broken. */
export class Broken extends Error {}

const TUS = { 'tus-resumable': '1.0.0', host: 'localhost' }

export class Client {
  readonly content: Uint8Array
  readonly known: Known
  readonly #serve: Serve
  /** Called when something changed in what it knows, before anything else happens. */
  readonly onKnown: (known: Known) => void
  /** Called between two attempts. */
  readonly #patience: (answer: Answer) => Promise<void> | void

  constructor(
    serve: Serve,
    content: Uint8Array,
    options: {
      known?: Known
      onKnown?: (known: Known) => void
      patience?: (answer: Answer) => Promise<void> | void
    } = {},
  ) {
    this.#serve = serve
    this.content = content
    this.known = options.known ?? { told: 0, finished: false, ended: false }
    this.onKnown = options.onKnown ?? (() => undefined)
    this.#patience = options.patience ?? (() => undefined)
  }

  /** @param bytes of the content, to go with the creation; undefined for a creation without a body */
  async create(length: number | undefined, bytes?: number): Promise<Answer> {
    const size = length === undefined ? { 'upload-defer-length': '1' } : { 'upload-length': String(length) }
    const body = bytes === undefined ? {} : { 'content-type': 'application/offset+octet-stream' }
    const answer = await this.#send('POST', '/files', { ...size, ...body }, this.content.subarray(0, bytes ?? 0))
    if (answer.status === 201) this.#learn({ location: answer.fields.location })
    this.#hear(answer)
    return answer
  }

  /** Sends the bytes from the offset up to `end`. */
  async append(
    offset: number,
    end: number,
    options: { fields?: Record<string, string>; checksum?: boolean; chunks?: Chunks } = {},
  ): Promise<Answer> {
    const bytes = this.content.subarray(offset, end)
    const digest = `sha256 ${createHash('sha256').update(bytes).digest('base64')}`
    const fields = {
      'content-type': 'application/offset+octet-stream',
      'upload-offset': String(offset),
      ...(options.checksum ? { 'upload-checksum': digest } : {}),
      ...options.fields,
    }
    const answer = await this.#send('PATCH', this.known.location ?? '', fields, bytes, options.chunks)
    this.#hear(answer)
    if (
      answer.status === 204 &&
      Number(answer.fields['upload-offset']) === this.content.byteLength &&
      this.#isLast(fields)
    )
      this.#learn({ finished: true })
    return answer
  }

  #deferred = false
  #isLast(fields: Record<string, string>): boolean {
    return !this.#deferred || fields['upload-length'] !== undefined
  }

  /** The length will be told by an append. */
  async createDeferred(): Promise<Answer> {
    this.#deferred = true
    return this.create(undefined)
  }

  async offset(): Promise<Answer> {
    const answer = await this.#send('HEAD', this.known.location ?? '', {})
    this.#hear(answer)
    return answer
  }

  async terminate(): Promise<Answer> {
    const answer = await this.#send('DELETE', this.known.location ?? '', {})
    if (answer.status === 204) this.#learn({ ended: true })
    return answer
  }

  read(): Promise<Answer> {
    return this.#send('GET', this.known.location ?? '', {})
  }

  /** Whatever happened before: uploads the rest. @throws Broken */
  async resume(): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const answer =
        this.known.location === undefined ? await this.create(this.content.byteLength) : await this.offset()
      if (answer.status === 200) {
        const at = Number(answer.fields['upload-offset'])
        const isDeferred = answer.fields['upload-defer-length'] !== undefined
        if (at === this.content.byteLength && !isDeferred) return this.#learn({ finished: true })
        const fields = isDeferred ? { 'upload-length': String(this.content.byteLength) } : {}
        const next = await this.append(at, this.content.byteLength, { fields })
        if (next.status !== 204) await this.#patience(next)
      } else if (answer.status === 404 || answer.status === 410) {
        throw new Broken(`an upload that was told of is ${answer.status}`)
      } else if (answer.status !== 201) await this.#patience(answer)
    }
    throw new Broken('the upload does not go on')
  }

  /** Whatever happened before: terminates. @throws Broken */
  async end(): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const answer = await this.terminate()
      if ([204, 404, 410].includes(answer.status)) return this.#learn({ ended: true })
      await this.#patience(answer)
    }
    throw new Broken('the upload cannot be terminated')
  }

  #hear({ status, fields }: Answer): void {
    const offset = fields['upload-offset']
    // A refused creation tells the offset of an upload that nobody can ask for.
    if (offset === undefined || this.known.location === undefined) return
    if (status === 200 && Number(offset) < this.known.told)
      throw new Broken(`the offset ${this.known.told} was told before, and now it is ${offset}`)
    if (Number(offset) > this.content.byteLength) throw new Broken(`the offset ${offset} is past what was sent`)
    if (Number(offset) > this.known.told) this.#learn({ told: Number(offset) })
  }

  #learn(news: Partial<Known>): void {
    Object.assign(this.known, news)
    this.onKnown(this.known)
  }

  async #send(
    method: string,
    target: string,
    fields: Record<string, string>,
    body?: Uint8Array,
    chunks: Chunks = piecesOf(body ?? new Uint8Array()),
  ): Promise<Answer> {
    const length = body === undefined ? {} : { 'content-length': String(body.byteLength) }
    const url = target.replace(/^https?:\/\/[^/]*/, '')
    let answer: Answer | undefined
    await this.#serve({
      head: {
        method,
        target: url,
        fields: { ...TUS, ...length, ...fields },
        encrypted: false,
        remoteAddress: undefined,
      },
      body: (limit, idleTimeout) => queueOf(chunks, body?.byteLength ?? 0, limit, idleTimeout),
      inform: () => undefined,
      async answer(head: ResponseHead, content) {
        const parts: Uint8Array[] = []
        const cut = await gather(content, parts)
        // What is cut is an answer that the client did not get.
        answer = { status: cut ? 599 : head.status, fields: lowered(head.fields), content: Buffer.concat(parts) }
      },
    })
    if (answer === undefined) throw new Broken('a request was not answered')
    return answer
  }
}

/** @returns whether the content broke off */
async function gather(content: AsyncIterable<Uint8Array> | undefined, parts: Uint8Array[]): Promise<boolean> {
  try {
    for await (const part of content ?? []) parts.push(part)
    return false
  } catch {
    return true
  }
}

const lowered = (fields: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]))

/** Several chunks, so that they are written by one call with several buffers. */
function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  const half = Math.ceil(bytes.byteLength / 2)
  if (bytes.byteLength > 0) yield bytes.subarray(0, half)
  if (bytes.byteLength > half) yield bytes.subarray(half)
}

function queueOf(chunks: Chunks, length: number, limit: number, idleTimeout: number): BodyQueue {
  const queue = new BodyQueue({ pause: () => undefined, resume: () => undefined }, length, limit, idleTimeout)
  const push = async (): Promise<void> => {
    for await (const chunk of chunks) queue.push(chunk)
    queue.finish('end')
  }
  push().catch(() => queue.finish('disconnected'))
  return queue
}

/** Waits a little, as clients do. */
export const aWhile = (): Promise<void> => sleep(5)
