/**
 * The adapter for Web-standard handlers, Request → Response: Hono, Next's route handlers, Bun, Deno, workers.
 * @module
 */
import type { RequestHead } from '../protocol/message.js'
import { announcedLength, BodyQueue } from './body.js'
import type { Content, Exchange, Serve } from './exchange.js'

/** `const handle = fetchHandler(holdfast)`, then `handle(request)` for each request under the base path. */
export function fetchHandler(target: { serve: Serve }): (request: Request) => Promise<Response> {
  return (request) =>
    new Promise((resolve, reject) => {
      target.serve(exchangeOf(request, resolve)).catch(reject)
    })
}

function exchangeOf(request: Request, respond: (response: Response) => void): Exchange {
  return {
    head: headOf(request),
    body: (limit, idleTimeout) => bodyOf(request, limit, idleTimeout),
    // A Response has no interim ones before it.
    inform: () => undefined,
    async answer(head, content) {
      const hasBody = head.status !== 204 && head.status !== 304 && request.method !== 'HEAD'
      const body = hasBody ? (content ? streamOf(content) : (head.text ?? null)) : null
      respond(new Response(body, { status: head.status, headers: head.fields }))
    },
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

function bodyOf(request: Request, limit: number, idleTimeout: number): BodyQueue {
  const reader = request.body?.getReader()
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
      if (queue.ended !== undefined && queue.ended !== 'end') reader?.cancel().catch(() => undefined)
    },
    resume(): void {
      isPaused = false
      void pump()
    },
  }
  const queue = new BodyQueue(source, announcedLength(request.headers.get('content-length')), limit, idleTimeout)
  if (!reader) queue.finish('end')
  request.signal.addEventListener('abort', () => queue.finish('disconnected'), { once: true })
  if (request.signal.aborted) queue.finish('disconnected')
  return queue
}

/** Content as a stream that reads ahead of nobody and stops when the client goes. */
function streamOf(content: Content): ReadableStream<Uint8Array> {
  const iterator = content[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}
