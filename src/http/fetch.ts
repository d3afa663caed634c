/**
 * The adapter for Web-standard handlers, Request → Response: Hono, Next's route handlers, Bun, Deno, workers.
 * @module
 */
import { UploadError } from '../errors.js'
import type { RequestHead, ResponseHead } from '../protocol/message.js'
import { announcedLength, BodyQueue } from './body.js'
import { type Content, type Exchange, giveUp, type Serve } from './exchange.js'

/** `const handle = fetchHandler(holdfast)`, then `handle(request)` for each request under the base path. */
export function fetchHandler(target: { serve: Serve }): (request: Request) => Promise<Response> {
  return (request) =>
    new Promise((resolve, reject) => {
      // What throws in here rejects, too.
      target.serve(exchangeOf(request, resolve)).catch(reject)
    })
}

/** Bytes and milliseconds for which the rest of an unwanted body is read and thrown away. */
const LINGER_BYTES = 4 * 1024 * 1024
const LINGER_TIME = 1_000

function exchangeOf(request: Request, respond: (response: Response) => void): Exchange {
  let reader: Reader | undefined
  let queue: BodyQueue | undefined
  return {
    head: headOf(request),
    body(limit, idleTimeout, minRate) {
      if (request.bodyUsed || request.body?.locked || isMissing(request)) throw new UploadError('ERR_BODY_CONSUMED')
      reader = request.body?.getReader()
      queue = bodyOf(request, reader, limit, idleTimeout, minRate)
      return queue
    },
    async answer(head, content) {
      // What nobody read by now, nobody will.
      queue?.stop()
      respond(responseOf(request, head, content))
      if (reader) void discard(reader)
    },
  }
}

/** The fields announce a body, and there is none: a framework did not pass it on. It must not be taken for an empty one. */
const isMissing = ({ body, headers }: Request): boolean =>
  body === null && (Number(headers.get('content-length')) > 0 || headers.has('transfer-encoding'))

type Reader = ReadableStreamDefaultReader<Uint8Array>

/**
 * Frameworks destroy the connection when a body is cancelled, and the answer with it: so it goes out first, and what comes is
 * discarded for a while. A no-op at the end of the body.
 */
async function discard(reader: Reader): Promise<void> {
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), LINGER_TIME)
  try {
    let left = LINGER_BYTES
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      left -= step.value.length
      // The client is paused, so that it looks.
      if (left < 0) return
    }
  } catch {
    // It is gone.
  }
  clearTimeout(timer)
}

function responseOf(request: Request, { status, fields, text }: ResponseHead, content: Content | undefined): Response {
  const isEmpty = status === 204 || status === 304 || request.method === 'HEAD'
  const stream = content && streamOf(content, announcedLength(fields['Content-Length']))
  try {
    if (!isEmpty) return new Response(stream ?? text ?? null, { status, headers: fields })
    stream?.cancel().catch(() => undefined)
    return new Response(null, { status, headers: fields })
  } catch {
    // A field that cannot be sent is a bug below; it must not leave the client without an answer.
    stream?.cancel().catch(() => undefined)
    return new Response(null, { status: 500 })
  }
}

function headOf(request: Request): RequestHead {
  const url = new URL(request.url)
  const fields: Record<string, string> = Object.fromEntries(request.headers)
  fields.host ??= url.host
  return {
    method: request.method,
    target: url.pathname + url.search,
    fields,
    encrypted: url.protocol === 'https:',
    remoteAddress: undefined,
  }
}

function bodyOf(
  request: Request,
  reader: Reader | undefined,
  limit: number,
  idleTimeout: number,
  minRate?: number,
): BodyQueue {
  let isPaused = true
  let isReading = false
  const pump = async (): Promise<void> => {
    if (isReading || !reader) return
    isReading = true
    try {
      while (!isPaused) {
        const { done, value } = await reader.read()
        if (done) return queue.finish('end')
        queue.push(value)
      }
    } catch {
      queue.finish('disconnected')
    } finally {
      isReading = false
    }
  }
  const source = {
    pause(): void {
      isPaused = true
    },
    resume(): void {
      isPaused = false
      void pump()
    },
  }
  const length = announcedLength(request.headers.get('content-length'))
  const queue = new BodyQueue(source, length, limit, idleTimeout, minRate)
  if (!reader) queue.finish('end')
  request.signal.addEventListener('abort', () => queue.finish('disconnected'), { once: true })
  if (request.signal.aborted) queue.finish('disconnected')
  return queue
}

/** Content as a stream that reads ahead of nobody, stops when the client goes, and breaks if its length is not true. */
function streamOf(content: Content, length: number | undefined): ReadableStream<Uint8Array> {
  const iterator = content[Symbol.asyncIterator]()
  let left = length ?? Number.POSITIVE_INFINITY
  let hasBegun = false
  const release = async (): Promise<void> => {
    if (hasBegun) await iterator.return?.()
    else giveUp(content)
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        hasBegun = true
        const { done, value } = await iterator.next()
        left -= done ? 0 : value.length
        if (left < 0 || (done && left > 0 && length !== undefined)) {
          release().catch(() => undefined)
          throw new Error('the content is not as long as its Content-Length')
        }
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: release,
    },
    { highWaterMark: 0 },
  )
}
