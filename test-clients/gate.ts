/**
 * A connection that stands still when a test wants it to: it passes so many bytes of the client on, and loses the rest. So a client is killed in the middle of a request, however fast it sends.
 * @module
 */
import net, { type AddressInfo } from 'node:net'

export interface Gate {
  readonly port: number
  /** Passes `bytes` from here on, over all connections, and no more. Resolves when they have passed. */
  hold(bytes: number): Promise<void>
  /** Cuts all connections, and passes everything of new ones. */
  open(): void
  /** The heads of all requests that began with a packet of their own, one after the other. */
  readonly heads: string
  close(): Promise<void>
}

/** @param target port of 127.0.0.1 */
export async function startGate(target: () => number): Promise<Gate> {
  let left = Number.POSITIVE_INFINITY
  let reached: () => void = () => undefined
  let heads = ''
  const sockets = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(target(), '127.0.0.1')
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.on('end', () => other.end())
    }
    upstream.on('data', (chunk) => void client.write(chunk))
    client.on('data', (chunk) => {
      const start = chunk.subarray(0, 4_000).toString('latin1')
      if (/^[A-Z]+ \S+ HTTP\/1\.1\r\n/.test(start)) heads += start.slice(0, start.indexOf('\r\n\r\n') + 4)
      const passed = chunk.subarray(0, left)
      left -= passed.length
      if (!upstream.write(passed) || left === 0) client.pause()
      if (left === 0) reached()
    })
    upstream.on('drain', () => {
      if (left > 0) client.resume()
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  return {
    port: (server.address() as AddressInfo).port,
    get heads() {
      return heads
    },
    hold(bytes) {
      left = bytes
      return new Promise((resolve) => {
        reached = resolve
      })
    },
    open() {
      left = Number.POSITIVE_INFINITY
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
