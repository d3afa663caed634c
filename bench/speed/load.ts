/**
 * Clients, in a process of their own: each creates an upload by POST and sends it by PATCH, in one request or in chunks. Told by
 * messages, each answered with what was measured.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, Connection } from './client.js'
import { MARKER, markerOf, now } from './marker.js'

export interface Load {
  url: string
  /** Uploads in all, and at once. */
  count: number
  atOnce: number
  /** Bytes of each. */
  size: number
  /** Bytes of each PATCH; undefined for one PATCH. */
  chunk?: number | undefined
  /** Bytes a second of each client; undefined for as fast as it goes. */
  rate?: number | undefined
  /** Seconds after which no further upload begins; undefined for all of `count`. */
  seconds?: number | undefined
  /** Seconds in all. What is not done by then has failed. */
  patience: number
}

/** What went wrong, how often, and seconds after which it did first. */
export type Failures = Record<string, { times: number; first: number }>

export interface Measured {
  /** Milliseconds in all. */
  duration: number
  failures: Failures
  /** Uploads that were begun, and that were answered as complete. */
  begun: number
  done: number
  /** Milliseconds until POST was answered, of each upload. */
  posts: number[]
  /** Milliseconds from the client's last byte to the final answer, of each upload. */
  ends: number[]
  /** When the first PATCH began: the number of the upload, and milliseconds on the clock of marker.ts. */
  starts: [serial: number, at: number][]
}

const BYTES = Buffer.alloc(1024 * 1024, 'holdfast')
/** Milliseconds between what a slow client sends. */
const TICK = 1_000

let serial = 0

async function run(load: Load): Promise<Measured> {
  const measured: Measured = { duration: 0, failures: {}, begun: 0, done: 0, posts: [], ends: [], starts: [] }
  const open = new Set<Connection>()
  const started = now()
  const enough = started + (load.seconds ?? Number.POSITIVE_INFINITY) * 1_000
  let isOver = false
  const lane = async (): Promise<void> => {
    let connection: Connection | undefined
    while (measured.begun < load.count && now() < enough && !isOver) {
      measured.begun++
      if (!connection || connection.isClosed) {
        if (connection) open.delete(connection)
        connection = new Connection(Number(new URL(load.url).port))
        open.add(connection)
      }
      try {
        await upload(connection, load, measured)
        measured.done++
      } catch (error) {
        const text = isOver ? `not done within ${load.patience} s` : (error as Error).message
        const { times, first } = measured.failures[text] ?? { times: 0, first: (now() - started) / 1_000 }
        measured.failures[text] = { times: times + 1, first }
        connection.close()
      }
    }
  }
  const end = setTimeout(() => {
    isOver = true
    for (const connection of open) connection.close()
  }, load.patience * 1_000)
  await Promise.all(Array.from({ length: Math.min(load.atOnce, load.count) }, lane))
  clearTimeout(end)
  for (const connection of open) connection.close()
  const never = load.count - measured.begun
  if (isOver && never > 0) {
    measured.failures[`not begun within ${load.patience} s`] = { times: never, first: load.patience }
  }
  return { ...measured, duration: now() - started }
}

async function upload(connection: Connection, load: Load, { posts, ends, starts }: Measured): Promise<void> {
  const { url, size, chunk = size, rate } = load
  const began = now()
  const posted = connection.answer()
  await connection.write(headOf('POST', url, { 'Upload-Length': size, 'Content-Length': 0 }))
  const location = expect('POST', 201, await posted).headers.get('location')
  if (!location) throw new Error('POST: 201 without Location')
  posts.push(now() - began)
  const target = new URL(location, url).href
  const number = serial++
  for (let offset = 0; offset < size; offset += chunk) {
    const length = Math.min(chunk, size - offset)
    const head = headOf('PATCH', target, {
      'Content-Type': 'application/offset+octet-stream',
      'Upload-Offset': offset,
      'Content-Length': length,
    })
    if (offset === 0) starts.push([number, now()])
    const answered = connection.answer()
    await send(connection, head, offset === 0 ? markerOf(number) : Buffer.alloc(0), length, rate)
    const sent = now()
    expect('PATCH', 204, await answered)
    if (offset + length === size) ends.push(Math.max(0, now() - sent))
  }
}

function headOf(method: string, url: string, fields: Record<string, string | number>): string {
  const { host, pathname } = new URL(url)
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\nTus-Resumable: 1.0.0\r\n${lines.join('')}\r\n`
}

function expect(method: string, status: number, answer: Answer): Answer {
  if (answer.status === status) return answer
  throw new Error(`${method}: ${answer.status} ${answer.body.trim().split('\n')[0]?.slice(0, 200)}`)
}

/** @returns when the system has taken the last byte */
async function send(
  connection: Connection,
  head: string,
  marker: Buffer,
  length: number,
  rate: number | undefined,
): Promise<void> {
  const piece = rate === undefined ? BYTES.length : Math.min(BYTES.length, (rate * TICK) / 1_000)
  let begin: (Buffer | string)[] = [head, marker]
  for (let left = length - marker.length; left > 0 && !connection.isClosed; ) {
    const bytes = Math.min(piece, left)
    left -= bytes
    await connection.write(...begin, BYTES.subarray(0, bytes))
    begin = []
    if (rate !== undefined && left > 0) await sleep(TICK)
  }
}

process.on('message', (load: Load) => {
  if (load.size <= MARKER) throw new Error('an upload has room for its marker')
  run(load).then((measured) => process.send?.(measured))
})
process.once('disconnect', () => process.exit())
process.send?.('ready')
