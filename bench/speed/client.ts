/**
 * A client of HTTP/1.1, with as little work as can be, since it shares the machine with who is measured: one connection, one
 * request at a time, heads written by hand. Interim answers are passed over.
 * @module
 */
import net from 'node:net'

export interface Answer {
  status: number
  headers: Map<string, string>
  body: string
}

/** @returns the first final answer and the bytes that it took; undefined while it is incomplete */
export function parseAnswer(bytes: Buffer): { answer: Answer; taken: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [line = '', ...fields] = bytes.toString('latin1', 0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1])
  if (!status) throw new Error(`no answer of HTTP/1.1: ${line}`)
  if (status < 200) {
    const rest = parseAnswer(bytes.subarray(end + 4))
    return rest && { answer: rest.answer, taken: rest.taken + end + 4 }
  }
  const headers = new Map(
    fields.map((field) => [
      field.slice(0, field.indexOf(':')).toLowerCase(),
      field.slice(field.indexOf(':') + 1).trim(),
    ]),
  )
  const body = bodyOf(bytes, end + 4, status, headers)
  return body && { answer: { status, headers, body: body.text }, taken: body.end }
}

function bodyOf(
  bytes: Buffer,
  from: number,
  status: number,
  headers: Map<string, string>,
): { text: string; end: number } | undefined {
  if (headers.get('transfer-encoding') === 'chunked') return chunksOf(bytes, from)
  const length = headers.get('content-length')
  if (length === undefined && status !== 204) throw new Error(`an answer ${status} of no known length`)
  const end = from + Number(length ?? 0)
  return end > bytes.length ? undefined : { text: bytes.toString('utf8', from, end), end }
}

function chunksOf(bytes: Buffer, from: number): { text: string; end: number } | undefined {
  let text = ''
  for (let at = from; ; ) {
    const line = bytes.indexOf('\r\n', at)
    const length = line < 0 ? Number.NaN : Number.parseInt(bytes.toString('latin1', at, line), 16)
    const end = line + 2 + length + 2
    if (!(end <= bytes.length)) return undefined
    if (length === 0) return { text, end }
    text += bytes.toString('utf8', line + 2, end - 2)
    at = end
  }
}

export class Connection {
  readonly #socket: net.Socket
  #received: Buffer = Buffer.alloc(0)
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined
  #failure: Error | undefined

  constructor(port: number) {
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', (chunk) => this.#take(chunk))
    this.#socket.on('error', (error) => this.close(error))
    this.#socket.on('close', () => this.close(new Error('the server closed the connection')))
  }

  /** Another one is needed for the next request. */
  get isClosed(): boolean {
    return this.#failure !== undefined
  }

  /** The next answer. It may come before the request is sent. */
  answer(): Promise<Answer> {
    const answer = new Promise<Answer>((resolve, reject) => {
      if (this.#failure) reject(this.#failure)
      else this.#waiting = { resolve, reject }
    })
    // Who sends looks at it later; a connection that breaks by then is no rejection that nobody handles.
    answer.catch(() => undefined)
    return answer
  }

  /** Sends these at once. @returns when the system has taken all of them, or the connection has ended */
  write(...pieces: readonly (Buffer | string)[]): Promise<void> {
    return new Promise((resolve) => {
      const last = pieces.length - 1
      this.#socket.cork()
      for (const piece of pieces.slice(0, last)) this.#socket.write(piece)
      // A failure is told by `answer`, once.
      this.#socket.write(pieces[last]!, () => resolve())
      this.#socket.uncork()
    })
  }

  close(error = new Error('the connection was closed')): void {
    this.#failure ??= error
    this.#socket.destroy()
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length > 0 ? Buffer.concat([this.#received, chunk]) : chunk
    try {
      const parsed = this.#waiting && parseAnswer(this.#received)
      if (!parsed) return
      this.#received = this.#received.subarray(parsed.taken)
      this.#waiting?.resolve(parsed.answer)
      this.#waiting = undefined
      if (parsed.answer.headers.get('connection') === 'close') this.close()
    } catch (error) {
      this.close(error as Error)
    }
  }
}
