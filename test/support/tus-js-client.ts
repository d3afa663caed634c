/**
 * tus-js-client as an application uses it, and what a test does to it.
 * @module
 */
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { DefaultHttpStack, type FileReader, type HttpStack, Upload, type UploadOptions } from 'tus-js-client'

/** The client has it, its types do not: interop versions 5 (`ietf-draft-03`) and 6 (`ietf-draft-05`) of the IETF draft. */
export type Options = UploadOptions & { protocol?: 'tus-v1' | 'ietf-draft-03' | 'ietf-draft-05' }

export interface Sent {
  url: string
  /** Method of each request, in order. */
  methods: string[]
  /** Offset at which each PATCH began. */
  offsets: number[]
}

/**
 * Uploads to the end.
 * @param stopAt bytes of the file after which the upload is stopped in the middle of a request, and then started again
 */
export function upload(bytes: Buffer, options: Options, stopAt: readonly number[] = []): Promise<Sent> {
  const methods: string[] = []
  const offsets: number[] = []
  return new Promise((resolve, reject) => {
    const stop = async (): Promise<void> => {
      await sending.abort()
      // The client takes the end of the aborted request for a failure if it runs again by then.
      await sleep(50)
      sending.start()
    }
    const sending: Upload = new Upload(bytes, {
      retryDelays: null,
      ...(stopAt.length > 0 ? { fileReader: stopping(bytes, [...stopAt], stop) } : {}),
      onBeforeRequest(request) {
        methods.push(request.getMethod())
        if (request.getMethod() === 'PATCH') offsets.push(Number(request.getHeader('Upload-Offset')))
      },
      onError: reject,
      onSuccess: () => resolve({ url: sending.url!, methods, offsets }),
      ...options,
    })
    sending.start()
  })
}

/** Reads a file in pieces, and at each stop has the upload aborted instead of reading on. */
function stopping(bytes: Buffer, stops: number[], stop: () => Promise<void>): FileReader {
  async function* read(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; at += 65_536) {
      if (at >= stops[0]!) {
        stops.shift()
        // So that the server has received most of what was read.
        await sleep(100)
        await stop()
        return await new Promise(() => undefined)
      }
      yield bytes.subarray(at, Math.min(at + 65_536, end))
    }
  }
  return {
    openFile: async () => ({
      size: bytes.length,
      async slice(start, end) {
        const last = Math.min(end, bytes.length)
        const value = Object.assign(Readable.from(read(start, last), { objectMode: false }), { size: last - start })
        return { value, done: last >= bytes.length }
      },
      close: () => undefined,
    }),
  }
}

/** Sends each request to the next one of these origins, as a balancer without sticky sessions does. */
export function alternating(origins: readonly string[]): HttpStack {
  const stack = new DefaultHttpStack({})
  let turn = 0
  return {
    getName: () => 'alternating',
    createRequest: (method, url) =>
      stack.createRequest(method, new URL(new URL(url).pathname, origins[turn++ % origins.length]).href),
  }
}
