/**
 * The status page: what the server does now, for its operator. Who asks has to know the password; without one, only who sits at
 * the machine itself is answered.
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { asUploadError } from '../errors.js'
import type { Snapshot } from '../status/snapshot.js'
import { PlainError } from './failure.js'
import type { Page } from './listen.js'

type Request = Parameters<Page>[0]

export interface StatusPageOptions {
  /** `user:password`; undefined: only for requests of this machine, by its own name. */
  readonly auth: string | undefined
  /** What is shown. */
  readonly snapshot: () => Promise<Snapshot>
  /** Ends an upload. @throws UploadError */
  readonly terminate: (id: string) => Promise<void>
}

const BASE = '/status/'

const FILES = {
  '': ['status/index.html', 'text/html; charset=utf-8'],
  'status.js': ['status/status.js', 'text/javascript; charset=utf-8'],
  'status.css': ['status/status.css', 'text/css; charset=utf-8'],
  'style.css': ['style.css', 'text/css; charset=utf-8'],
  'icon.svg': ['icon.svg', 'image/svg+xml'],
} as const

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'self'; frame-ancestors 'none'",
}

/** Bytes of a request's body. */
const MOST = 4_096

/** @throws PlainError if the package was not built */
export function createStatusPage(options: StatusPageOptions): Page {
  const files = new Map<string, { content: Buffer; type: string }>(
    Object.entries(FILES).map(([path, [name, type]]) => [path, { content: read(name), type }]),
  )
  return (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0]!
    if (path !== BASE.slice(0, -1) && !path.startsWith(BASE)) return false
    response.on('error', () => undefined)
    const answer = (status: number, text = '', fields: Record<string, string> = {}): void => {
      response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8', ...fields })
      response.end(request.method === 'HEAD' ? '' : text)
    }
    const refusal = whyNot(request, options.auth)
    if (refusal !== undefined) answer(...refusal)
    else void serve(request, path.slice(BASE.length), answer).catch(() => response.destroy())
    return true
  }

  async function serve(request: Request, name: string, answer: Answer): Promise<void> {
    if (request.method === 'POST' && name === 'terminate') return terminate(request, answer)
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return answer(405, 'Ask with GET.\n', { Allow: 'GET, HEAD' })
    // So that the names in the page are relative to its folder.
    if (request.url?.split('?', 1)[0] === BASE.slice(0, -1)) return answer(308, '', { Location: BASE })
    if (name === 'data') {
      return answer(200, JSON.stringify(await options.snapshot()), { 'Content-Type': 'application/json' })
    }
    const file = files.get(name)
    if (!file) return answer(404, 'There is nothing here.\n')
    answer(200, file.content.toString('utf8'), { 'Content-Type': file.type })
  }

  /** The field of its own keeps other sites from sending it: browsers would ask first, and get no permission. */
  async function terminate(request: Request, answer: Answer): Promise<void> {
    if (request.headers['x-holdfast'] !== 'status') return answer(403, 'This is for the status page alone.\n')
    const id = idIn(await bodyOf(request))
    if (id === undefined) return answer(400, 'The body must be JSON with an id.\n')
    try {
      await options.terminate(id)
      answer(204)
    } catch (error) {
      const { status, code, message } = asUploadError(error)
      answer(status, `${code}: ${message}\n`)
    }
  }
}

type Answer = (status: number, text?: string, fields?: Record<string, string>) => void

/** The machine's own names for itself. A page of another site can make a browser send a request here, but under its own name. */
const OWN_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i

const OWN_ADDRESS = /^(?:127\.|::1$|::ffff:127\.)/

/** What proxies add. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

function whyNot(request: Request, auth: string | undefined): Parameters<Answer> | undefined {
  if (auth !== undefined) {
    const [scheme = '', given = ''] = (request.headers.authorization ?? '').split(' ')
    const isRight = /^basic$/i.test(scheme) && isSame(Buffer.from(given, 'base64').toString('utf8'), auth)
    if (isRight) return undefined
    return [
      401,
      'The status page needs its user and password.\n',
      { 'WWW-Authenticate': 'Basic realm="Holdfast", charset="UTF-8"' },
    ]
  }
  const host = request.headers.host ?? String(request.headers[':authority'] ?? '')
  const isHere = OWN_ADDRESS.test(request.socket?.remoteAddress ?? '') && OWN_HOST.test(host)
  if (isHere && FORWARDED.every((name) => request.headers[name] === undefined)) return undefined
  return [403, 'The status page is for this machine alone, unless --ui-auth sets a user and a password.\n']
}

/** In a time that tells nothing. */
function isSame(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) => createHash('sha256').update(text).digest())
  return timingSafeEqual(first!, second!)
}

function idIn(text: string): string | undefined {
  try {
    const { id } = JSON.parse(text) as { id?: unknown }
    return typeof id === 'string' && id !== '' ? id : undefined
  } catch {
    return undefined
  }
}

async function bodyOf(request: Request): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MOST) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function read(name: string): Buffer {
  try {
    return readFileSync(new URL(`../ui/${name}`, import.meta.url))
  } catch (error) {
    throw new PlainError(`The page is not built (${name} is missing): run \`npm run build\`.`, { cause: error })
  }
}
