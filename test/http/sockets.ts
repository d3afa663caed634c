/** A server around a small `serve`, and clients that say exactly what they are told. */
import assert from 'node:assert/strict'
import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Exchange, Serve } from '../../src/http/exchange.js'
import { nodeHandler } from '../../src/http/node.js'
import type { Body } from '../../src/store/store.js'

type Middleware = (request: IncomingMessage, next: () => void) => void

const closing: (() => Promise<void>)[] = []

/** For afterEach. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0)) await close()
}

/** @returns the port */
export async function listen(serve: Serve, before: Middleware = (_, next) => next()): Promise<number> {
  const handler = nodeHandler({ serve })
  const listener: http.RequestListener = (request, response) => before(request, () => handler(request, response))
  const server = http.createServer(listener).on('checkContinue', listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  closing.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** A client that says exactly what it is told, and keeps all that it hears. */
export function raw(port: number): { socket: net.Socket; heard: () => string; closed: Promise<void> } {
  const socket = net.connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => undefined)
  closing.push(async () => void socket.destroy())
  return { socket, heard: () => text, closed: new Promise((resolve) => socket.on('close', () => resolve())) }
}

export async function lengthOf(body: Body): Promise<number> {
  let length = 0
  for await (const chunk of body) length += chunk.length
  return length
}

export const ok = (exchange: Exchange, text: string): Promise<void> =>
  exchange.answer({ status: 200, fields: {}, text })

export const request = (method: string, length: number | string, more = ''): string =>
  `${method} /x HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n${more}\r\n`

export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 400, 'it did not happen in 4 s')
    await sleep(10)
  }
}
