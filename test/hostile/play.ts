/** Plays a script on a connection of its own, and hears what comes of it until the server closes. */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Script } from './wire.js'

export interface Heard {
  /** As Latin-1. */
  text: string
  /** The server closed the connection, or the client did itself. */
  isClosed: boolean
}

/** @param patience milliseconds from the last step until a connection that is still open counts as hanging */
export async function play(port: number, script: Script, patience: number): Promise<Heard> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const chunks: Buffer[] = []
  let isOver = false
  const closed = new Promise<void>((resolve) => {
    const done = (): void => {
      isOver = true
      resolve()
    }
    socket.on('close', done)
    // Whoever hears the end hears nothing more, and says so.
    socket.on('end', () => {
      socket.destroy()
      done()
    })
  })
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk))
  socket.on('error', () => undefined)
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), closed])
  for (const step of script) {
    if (isOver) break
    if ('send' in step) socket.write(Buffer.from(step.send, 'latin1'))
    else if ('wait' in step) await sleep(step.wait)
    else if ('end' in step) socket.end()
    else socket.resetAndDestroy()
  }
  const late = new AbortController()
  await Promise.race([closed, sleep(patience, undefined, { signal: late.signal }).catch(() => undefined)])
  late.abort()
  const isClosed = isOver
  socket.destroy()
  return { text: Buffer.concat(chunks).toString('latin1'), isClosed }
}
