/**
 * `holdfast serve --workers` as processes: requests on connections of their own, and what the log says of who served them.
 * @module
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import https from 'node:https'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, startServer } from '../cli/command.js'
import { PATCH_TYPE, TUS } from './stack.js'

/** One line of the log. */
export type Line = Record<string, unknown> & { message: string; worker?: number }

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** A PATCH that brings less than it said, and then nothing. */
export interface Stalled {
  /** Undefined if the connection broke. */
  readonly answer: Promise<Answer | undefined>
  send(bytes: Uint8Array): Promise<void>
}

export interface WorkersServer extends Command {
  readonly url: string
  /** What was logged until now. */
  lines(message?: string): Line[]
  /** Resolves when so many lines are there. */
  logged(message: string, count?: number): Promise<Line[]>
  /** Which workers have answered requests, sorted. */
  servedBy(): number[]
  /** Process IDs by place, as the primary tells at SIGUSR2; and the sums that it tells. */
  counters(): Promise<{ pids: Map<number, number>; each: Line[]; sum: Line }>
}

export async function startWorkers(
  context: Pick<TestContext, 'after'>,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<WorkersServer> {
  const common = ['serve', '--port', '0', '--workers', '2', '--verbose', '--log-format', 'json']
  const server = await startServer(context, [...common, ...args], environment)
  const lines = (message?: string): Line[] => {
    const all = server.stderr.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []))
    return message === undefined ? all : all.filter((line) => line.message === message)
  }
  const logged = async (message: string, count = 1): Promise<Line[]> => {
    await until(() => lines(message).length >= count, `the log says '${message}' ${count} times: ${server.stderr}`)
    return lines(message)
  }
  return Object.assign(server, {
    lines,
    logged,
    servedBy: () => [...new Set(lines('request').map(({ worker }) => worker!))].sort(),
    async counters() {
      const before = lines('counters').length
      server.child.kill('SIGUSR2')
      const told = (): Line[] => lines('counters').slice(before)
      await until(() => told().at(-1) !== undefined && told().at(-1)!.worker === undefined)
      const each = told().filter(({ worker }) => worker !== undefined)
      const pids = new Map(each.map(({ worker, pid }) => [worker!, pid as number]))
      return { pids, each, sum: told().at(-1)! }
    },
  })
}

export async function until(holds: () => boolean | Promise<boolean>, what = 'in time', time = 15_000): Promise<void> {
  const end = performance.now() + time
  while (!(await holds())) {
    assert.ok(performance.now() < end, what)
    await sleep(20)
  }
}

/** On a connection of its own, so that any worker may have it. */
export function ask(
  url: string,
  method: string,
  fields: Record<string, string> = {},
  body?: Uint8Array,
  ca?: string,
): Promise<Answer> {
  const { answer, request } = begin(url, method, { ...fields, 'Content-Length': String(body?.length ?? 0) }, ca)
  request.end(body)
  return answer
}

function begin(url: string, method: string, fields: Record<string, string>, ca?: string) {
  const headers = { ...TUS, ...fields }
  const client = url.startsWith('https:') ? https : http
  const request = client.request(url, { method, headers, agent: false, ...(ca ? { ca } : {}) })
  const answer = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more
      })
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      response.on('error', reject)
    })
  })
  return { answer, request }
}

export async function create(url: string, length: number, ca?: string): Promise<string> {
  const { status, headers } = await ask(url, 'POST', { 'Upload-Length': String(length) }, undefined, ca)
  assert.equal(status, 201)
  return headers.location!
}

export const append = (url: string, offset: number, body: Uint8Array, ca?: string): Promise<Answer> =>
  ask(url, 'PATCH', { ...PATCH_TYPE, 'Upload-Offset': String(offset) }, body, ca)

/** @returns undefined if it was not 200 */
export async function offsetAt(url: string, ca?: string): Promise<number | undefined> {
  const { status, headers } = await ask(url, 'HEAD', {}, undefined, ca)
  return status === 200 ? Number(headers['upload-offset']) : undefined
}

export async function stall(url: string, offset: number, length: number, bytes: Uint8Array): Promise<Stalled> {
  const fields = { ...PATCH_TYPE, 'Upload-Offset': String(offset), 'Content-Length': String(length) }
  const { answer, request } = begin(url, 'PATCH', fields)
  const send = (more: Uint8Array): Promise<void> => new Promise((resolve) => request.write(more, () => resolve()))
  await send(bytes)
  return { answer: answer.catch(() => undefined), send }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
