/**
 * A client over a socket, which says exactly what it is told, and hears all responses: interim ones, too.
 * @module
 */
import assert from 'node:assert/strict'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RawResponse {
  status: number
  /** Names in lower case. */
  fields: Record<string, string>
  text: string
}

/** One request is sent at a time. */
export class RawClient {
  readonly #socket: net.Socket
  readonly #host: string
  #received = ''
  #closed = false

  constructor(origin: string) {
    const { hostname, port, host } = new URL(origin)
    this.#host = host
    this.#socket = net.connect(Number(port), hostname)
    this.#socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1')
    })
    this.#socket.on('error', () => undefined)
    this.#socket.on('close', () => {
      this.#closed = true
    })
  }

  /** The head of a request, whose Content-Length is among `fields` if it has one. */
  begin(method: string, target: string, fields: Record<string, string> = {}): void {
    const path = target.replace(/^https?:\/\/[^/]+/, '')
    const lines = Object.entries({ Host: this.#host, ...fields }).map(([name, value]) => `${name}: ${value}\r\n`)
    this.#socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** One chunk of a body in chunks. */
  chunk(bytes: Uint8Array): void {
    this.#socket.write(`${bytes.length.toString(16)}\r\n`)
    this.#socket.write(bytes)
    this.#socket.write('\r\n')
  }

  /** The end of a body in chunks. */
  end(trailers: Record<string, string> = {}): void {
    const lines = Object.entries(trailers).map(([name, value]) => `${name}: ${value}\r\n`)
    this.#socket.write(`0\r\n${lines.join('')}\r\n`)
  }

  /** The next response, interim or final, to a request that was not HEAD. */
  async response(): Promise<RawResponse> {
    await this.until(() => this.#received.includes('\r\n\r\n'), 'a response')
    const [head = ''] = this.#received.split('\r\n\r\n', 1)
    const [line = '', ...lines] = head.split('\r\n')
    const fields = Object.fromEntries(
      lines.map((text) => {
        const colon = text.indexOf(':')
        return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()]
      }),
    )
    const status = Number(line.split(' ')[1])
    this.#received = this.#received.slice(head.length + 4)
    const length = Number(fields['content-length'] ?? 0)
    await this.until(() => this.#received.length >= length, 'the content of a response')
    const text = this.#received.slice(0, length)
    this.#received = this.#received.slice(length)
    return { status, fields, text }
  }

  /** The final response, and the interim ones before it. */
  async final(): Promise<RawResponse & { interim: RawResponse[] }> {
    const interim: RawResponse[] = []
    for (;;) {
      const response = await this.response()
      if (response.status >= 200) return { ...response, interim }
      interim.push(response)
    }
  }

  /** Whether anything was received that no one has asked for. */
  get hasMore(): boolean {
    return this.#received !== ''
  }

  get isClosed(): boolean {
    return this.#closed
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    for (let tries = 0; !condition(); tries++) {
      assert.ok(tries < 1_000, `${what} did not come within 10 s`)
      await sleep(10)
    }
  }

  /** As a client that vanishes does. */
  close(): void {
    this.#socket.destroy()
  }
}
