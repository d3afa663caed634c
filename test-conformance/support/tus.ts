/**
 * What a tus client says, through any `send`.
 * @module
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Send } from './grounds.js'

export const TUS = { 'Tus-Resumable': '1.0.0' }
export const BYTES = { 'Content-Type': 'application/offset+octet-stream' }
export const MiB = 1024 * 1024

type Fields = Record<string, string>

/** What a body is given as. */
export type Content = string | Uint8Array | ReadableStream<Uint8Array>

export function tusClient(send: Send) {
  const post = (fields: Fields, body?: Content): Promise<Response> =>
    send('/files', { method: 'POST', headers: { ...TUS, ...fields }, ...bodyOf(body) })
  const patch = (url: string, offset: number | string, body: Content, fields: Fields = {}): Promise<Response> =>
    send(url, {
      method: 'PATCH',
      headers: { ...TUS, ...BYTES, 'Upload-Offset': `${offset}`, ...fields },
      ...bodyOf(body),
    })
  const head = (url: string, fields: Fields = TUS): Promise<Response> => send(url, { method: 'HEAD', headers: fields })
  const create = async (fields: Fields, body?: Content): Promise<string> => {
    const created = await post(fields, body)
    assert.equal(created.status, 201, await created.text())
    return created.headers.get('Location')!
  }
  return {
    post,
    patch,
    head,
    create,
    /** A finished upload. */
    async upload(bytes: Uint8Array, fields: Fields = {}): Promise<string> {
      const url = await create({ 'Upload-Length': String(bytes.length), ...fields })
      if (bytes.length > 0) assert.equal((await patch(url, 0, bytes)).status, 204)
      return url
    },
    options: (fields: Fields = {}): Promise<Response> => send('/files', { method: 'OPTIONS', headers: fields }),
    remove: (url: string): Promise<Response> => send(url, { method: 'DELETE', headers: TUS }),
    get: (url: string, fields: Fields = {}): Promise<Response> => send(url, { headers: fields }),
    async content(url: string): Promise<Buffer> {
      const read = await send(url)
      assert.equal(read.status, 200, url)
      return Buffer.from(await read.arrayBuffer())
    },
    async offset(url: string): Promise<string | null> {
      return (await head(url)).headers.get('Upload-Offset')
    },
    async extensions(): Promise<string[]> {
      const { headers } = await send('/files', { method: 'OPTIONS' })
      return (headers.get('Tus-Extension') ?? '').split(',')
    },
  }
}

/** Text as bytes, so that its length is known on each way. */
export function bodyOf(body: Content | undefined): RequestInit {
  if (body instanceof ReadableStream) return { body, duplex: 'half' } as RequestInit
  return body === undefined ? {} : { body: Buffer.from(body) }
}

/** Each of these fails with this status and this code, and says so in text. */
export async function refused(answer: Response | Promise<Response>, status: number, code?: string): Promise<Response> {
  const response = await answer
  const text = await response.text()
  assert.equal(response.status, status, text)
  if (code !== undefined) assert.ok(text.startsWith(`${code}:`), text)
  return response
}

/**
 * A body in pieces without a known length.
 * @param breaksAfter milliseconds after the last piece, when the client goes away
 */
export function pieces(list: readonly (string | Uint8Array)[], breaksAfter?: number): ReadableStream<Uint8Array> {
  const left = [...list]
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = left.shift()
        if (next !== undefined) return controller.enqueue(typeof next === 'string' ? Buffer.from(next) : next)
        if (breaksAfter === undefined) return controller.close()
        await sleep(breaksAfter)
        controller.error(new Error('the client goes away'))
      },
    },
    { highWaterMark: 0 },
  )
}

/** Pieces, and then nothing until `open` says so; for requests that are still under way when others come. */
export function held(list: readonly (string | Uint8Array)[]): {
  body: ReadableStream<Uint8Array>
  /** All pieces have left here, and have had time to arrive. */
  sent: Promise<void>
  open: () => void
} {
  let open = (): void => undefined
  let leave = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const sent = new Promise<void>((resolve) => {
    leave = resolve
  }).then(() => sleep(300))
  const left = [...list]
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = left.shift()
        if (next !== undefined) return controller.enqueue(typeof next === 'string' ? Buffer.from(next) : next)
        leave()
        await opened
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  return { body, sent, open }
}

/** Until it holds; an offset that is asked for on the way may be told by an upload that others write. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    assert.ok(tries < 400, `${what} did not come about`)
    await sleep(10)
  }
}

/**
 * For what takes an unknown time to arrive: what has not arrived when a connection breaks is lost with it, so a busy machine gets
 * more time.
 * @param attempt given milliseconds; whether all had arrived
 */
export async function patiently(attempt: (wait: number) => Promise<boolean>): Promise<void> {
  for (const wait of [100, 500, 2_500]) if (await attempt(wait)) return
  assert.fail('the bytes of a broken connection were not kept')
}

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64')
