/**
 * Starts a service for hooks (grpc-server.mjs) in a process of its own.
 * @module
 */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface Called {
  request: Record<string, unknown>
  metadata: Record<string, unknown>
  /** Milliseconds to its deadline when it came. */
  left: number
}

/** A reply in the fields of hook.proto, a status, or undefined for silence. */
export type Answering = (called: Called) => { reply: object } | { code: number; details?: string } | undefined

export interface Tls {
  cert: string
  key: string
  /** Whose certificates are taken; undefined if nobody is asked for one. */
  clients?: string
}

export async function startGrpcServer(test: Pick<TestContext, 'after'>, answer: Answering, tls?: Tls, port = 0) {
  const received: Called[] = []
  let cancelled = 0
  const child = fork(join(import.meta.dirname, 'grpc-server.mjs'), [JSON.stringify({ tls, port })], { execArgv: [] })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  test.after(stop)
  const bound = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)))
    child.on('message', (message: { port?: number; call?: number; cancelled?: boolean } & Called) => {
      if (message.port !== undefined) return resolve(message.port)
      if (message.cancelled) return void cancelled++
      const { request, metadata, left } = message
      received.push({ request, metadata, left })
      const given = answer({ request, metadata, left })
      if (given) child.send({ call: message.call, ...given })
    })
  })
  return {
    endpoint: `127.0.0.1:${bound}`,
    port: bound,
    received,
    stop,
    get cancelled() {
      return cancelled
    },
  }
}
