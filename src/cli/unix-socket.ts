/**
 * Listening on a Unix socket. One that a crash left behind is removed; one at which somebody listens, or what is no socket,
 * never. The system removes it when the server closes.
 * @module
 */
import { chmod, lstat, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { PlainError } from './failure.js'
import { BACKLOG } from './listen.js'

export interface UnixSocket {
  readonly path: string
  /** Undefined: what the umask leaves. */
  readonly perms: number | undefined
}

/** @throws PlainError saying why it cannot listen there */
export async function listenAtSocket(server: Server, { path, perms }: UnixSocket): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ path, backlog: BACKLOG }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    if (perms !== undefined) await chmod(path, perms)
  } catch (cause) {
    throw new PlainError(`Cannot listen on the socket ${path}: ${(cause as Error).message}.`, { cause })
  }
}

/**
 * Makes way for a socket, and tries it out.
 * @throws PlainError if something else is there, or it is not to be had
 */
export async function prepareSocket(path: string): Promise<void> {
  await removeStale(path)
  const server = createServer()
  await listenAtSocket(server, { path, perms: undefined })
  await new Promise((resolve) => server.close(resolve))
}

export async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw new PlainError(`${path} is no socket; remove it, or choose another --unix-sock.`)
  if (await isAnswered(path)) {
    throw new PlainError(`Another process listens on the socket ${path}; stop it, or choose another --unix-sock.`)
  }
  await rm(path, { force: true }).catch((cause: Error) => {
    throw new PlainError(`The socket ${path} is left from before and cannot be removed: ${cause.message}.`, { cause })
  })
}

/** Only a refusal shows that nobody listens any more. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
  })
}
