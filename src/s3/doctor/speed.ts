/**
 * How long small requests take, and how fast parts go. Each key is written twice at most, for providers that take one
 * write a second for each.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { bytesPayload, freshPayload, readAll } from './payload.js'
import type { Latency, Measures } from './report.js'
import { brief, type Room, refusalOf } from './room.js'

const MiB = 1024 * 1024
/** A commit takes a swap; above this each request of a client waits noticeably. */
const SLOW_SWAP = 1_000

export async function speed(room: Room): Promise<void> {
  try {
    room.measures.latency = await latencies(room)
    tellLatencies(room, room.measures.latency)
    await throughput(room)
  } catch (error) {
    if (room.options.signal?.aborted) throw error
    room.find('Speed', 'Measuring', 'warning', brief(refusalOf(error)), 'The requests failed that were to be measured.')
  }
}

type Kind = keyof NonNullable<Measures['latency']>

async function latencies(room: Room): Promise<NonNullable<Measures['latency']>> {
  const rounds = room.options.quick ? 4 : 20
  const times: Record<Kind, number[]> = { put: [], get: [], head: [], swap: [] }
  const timed = async <Output>(kind: Kind, request: () => Promise<Output>): Promise<Output> => {
    const started = performance.now()
    const output = await request()
    times[kind].push(performance.now() - started)
    return output
  }
  const interval = room.facts.writeInterval ?? 0
  const written: { key: string; etag: string; at: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const key = room.key(`latency-${round}`)
    const input = { key, body: freshPayload(), data: false }
    const { etag } = await timed('put', () => room.raw('putObject', input))
    written.push({ key, etag, at: Date.now() })
    await timed('get', async () => readAll((await room.raw('getObject', { key })).body))
    await timed('head', () => room.raw('headObject', { key }))
  }
  const { conditionalWrites } = room.facts
  for (const { key, etag, at } of written) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, at + interval - Date.now())))
    const bare = etag.replaceAll('"', '')
    const condition = { quoted: { ifMatch: `"${bare}"` }, unquoted: { ifMatch: bare }, none: {} }[
      conditionalWrites ?? 'quoted'
    ]
    await timed('swap', () => room.raw('putObject', { key, body: freshPayload(), data: false, ...condition }))
  }
  return Object.fromEntries(Object.entries(times).map(([kind, all]) => [kind, summary(all)]))
}

/** At least one value. */
export function summary(times: readonly number[]): Latency {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!
  return { p50: round(at(0.5)), p95: round(at(0.95)) }
}

const round = (milliseconds: number): number => Math.round(milliseconds * 10) / 10

const NAMES: Record<Kind, string> = {
  put: 'A small PutObject',
  get: 'A small GetObject',
  head: 'A HeadObject',
  swap: 'A commit of a record',
}

function tellLatencies(room: Room, all: NonNullable<Measures['latency']>): void {
  for (const [kind, { p50, p95 }] of Object.entries(all) as [Kind, Latency][]) {
    const isSlow = kind === 'swap' && p50 > SLOW_SWAP
    const meaning = isSlow ? 'Each request of a client waits for one: run the server nearer to the bucket.' : undefined
    const found = `${Math.round(p50)} ms; of 20, one takes ${Math.round(p95)} ms`
    room.find('Speed', NAMES[kind], isSlow ? 'warning' : 'ok', found, meaning)
  }
}

async function throughput(room: Room): Promise<void> {
  const { quick, minPartSize = 5 * MiB } = room.options
  const count = quick ? 2 : 4
  const size = quick ? minPartSize : Math.max(8 * MiB, minPartSize)
  const key = room.key('throughput', 'object')
  const { uploadId } = await room.call('createMultipartUpload', { key, contentType: undefined, metadata: {} })
  const body = bytesPayload(randomBytes(size))
  const started = performance.now()
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  await Promise.all(numbers.map((partNumber) => room.call('uploadPart', { key, uploadId, partNumber, body })))
  const rate = (count * size) / ((performance.now() - started) / 1_000)
  room.measures.throughput = Math.round(rate)
  const found = `${(rate / MiB).toFixed(rate < 10 * MiB ? 1 : 0)} MiB/s, ${count} of ${size / MiB} MiB at once`
  room.find('Speed', 'Parts', 'ok', found)
  await room.call('abortMultipartUpload', { key, uploadId })
}
