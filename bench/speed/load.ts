/**
 * Clients, in a process of their own: each creates an upload by POST and sends it by PATCH, in one request or in chunks. Told by
 * messages, each answered with what was measured.
 * @module
 */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

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
}

export interface Measured {
  /** Milliseconds in all. */
  duration: number
  failures: string[]
  /** Milliseconds until POST was answered, and from the last byte to the answer of the last PATCH: the median upload. */
  created: number
  concluded: number
}

const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = Buffer.alloc(256 * 1024, 'holdfast')
/** How often a slow client sends. */
const TICK = 1_000

async function run({ url, count, atOnce, size, chunk = size, rate }: Load): Promise<Measured> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  const [created, concluded, failures]: [number[], number[], string[]] = [[], [], []]
  const started = performance.now()
  let next = 0
  const client = async (): Promise<void> => {
    while (next++ < count) {
      try {
        const at = performance.now()
        const location = await create(agent, url, size)
        created.push(performance.now() - at)
        for (let offset = 0; offset < size; offset += chunk) {
          const waited = await patch(agent, location, offset, Math.min(chunk, size - offset), rate)
          if (offset + chunk >= size) concluded.push(waited)
        }
      } catch (error) {
        failures.push(`${String(error)} after ${Math.round(performance.now() - started)} ms`)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, client))
  agent.destroy()
  const duration = performance.now() - started
  return { duration, failures: failures.slice(0, 5), created: median(created), concluded: median(concluded) }
}

const median = (values: number[]): number => values.sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN

function create(agent: http.Agent, url: string, size: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { ...TUS, 'Upload-Length': size, 'Content-Length': 0 }
    const request = http.request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume().on('end', () => {
        const { location } = response.headers
        if (response.statusCode === 201 && location) resolve(new URL(location, url).href)
        else reject(new Error(`POST: ${response.statusCode}`))
      })
    })
    request.on('error', reject).end()
  })
}

/** @returns milliseconds from the last byte to the answer */
function patch(
  agent: http.Agent,
  url: string,
  offset: number,
  length: number,
  rate: number | undefined,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...TUS,
      'Content-Type': 'application/offset+octet-stream',
      'Upload-Offset': offset,
      'Content-Length': length,
    }
    let sent = 0
    const request = http.request(url, { method: 'PATCH', agent, headers }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 204) resolve(performance.now() - sent)
        else reject(new Error(`PATCH: ${response.statusCode}`))
      })
    })
    request.on('error', reject)
    request.setNoDelay(true)
    send(request, length, rate).then(() => {
      sent = performance.now()
      request.end()
    }, reject)
  })
}

async function send(request: http.ClientRequest, length: number, rate: number | undefined): Promise<void> {
  const piece = rate === undefined ? BYTES.length : Math.min(BYTES.length, (rate * TICK) / 1_000)
  for (let left = length; left > 0; ) {
    const bytes = Math.min(piece, left)
    left -= bytes
    const goesOn = request.write(bytes === BYTES.length ? BYTES : BYTES.subarray(0, bytes))
    if (!goesOn) await drained(request)
    if (rate !== undefined && left > 0) await sleep(TICK)
  }
}

function drained(request: http.ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off('drain', done).off('close', done)
      resolve()
    }
    request.on('drain', done).on('close', done)
  })
}

process.on('message', (load: Load) => {
  run(load).then(
    (measured) => process.send?.(measured),
    (error) => process.send?.({ duration: Number.NaN, failures: [String(error)], created: 0, concluded: 0 }),
  )
})
process.once('disconnect', () => process.exit())
