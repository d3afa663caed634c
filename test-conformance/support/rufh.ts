/**
 * What a client of the IETF draft says, in each interop version, through any `send`.
 * @module
 */
import assert from 'node:assert/strict'
import type { Send } from './grounds.js'
import { bodyOf, type Content } from './tus.js'

export const VERSIONS: readonly number[] = [3, 4, 5, 6, 7, 8, 9]
export const NEWEST = 9
/** What differs between versions has nothing to do with sizes: one of them is enough for large bodies. */
export const largeFor = (version: number, size: number): number => (version === NEWEST ? size : 2_000)

export const PARTIAL = 'application/partial-upload'
export const PROBLEM = 'https://iana.org/assignments/http-problem-types#'

export type Fields = Record<string, string>

/** The field that names the version. */
export const speaking = (version: number): Fields => ({ 'Upload-Draft-Interop-Version': String(version) })

/** The field that says whether the upload ends with this request. */
export const completing = (version: number, isLast: boolean): Fields =>
  version === 3 ? { 'Upload-Incomplete': isLast ? '?0' : '?1' } : { 'Upload-Complete': isLast ? '?1' : '?0' }

/** The head of an append, without a length. */
export const appending = (version: number, offset: number, isLast: boolean): Fields => ({
  ...speaking(version),
  ...completing(version, isLast),
  'Content-Type': PARTIAL,
  'Upload-Offset': String(offset),
})

/** What an answer says of completeness, in words that do not depend on the version; undefined if nothing. */
export function completeness(version: number, { headers }: Response): boolean | undefined {
  const field = headers.get(version === 3 ? 'Upload-Incomplete' : 'Upload-Complete')
  if (field === null) return undefined
  assert.match(field, /^\?[01]$/)
  return (field === '?1') === (version !== 3)
}

/** Seconds, bytes: by their names in Upload-Limit. */
export function limitsOf({ headers }: Response): Record<string, number> | undefined {
  const field = headers.get('Upload-Limit')
  if (field === null) return undefined
  assert.match(field, /^[a-z*][a-z0-9_.*-]*=\d+(, [a-z*][a-z0-9_.*-]*=\d+)*$/)
  return Object.fromEntries(
    field
      .split(', ')
      .map((member) => member.split('='))
      .map(([name, value]) => [name, Number(value)]),
  )
}

export const offsetOf = ({ headers }: Response): string | null => headers.get('Upload-Offset')

/** A failure with its problem. */
export async function problem(
  answer: Response | Promise<Response>,
  status: number,
  type?: string,
): Promise<Record<string, unknown>> {
  const response = await answer
  const text = await response.text()
  assert.equal(response.status, status, text)
  assert.equal(response.headers.get('Content-Type'), 'application/problem+json')
  const found = JSON.parse(text) as Record<string, unknown>
  if (type !== undefined) assert.equal(found.type, PROBLEM + type, text)
  return found
}

export function rufhClient(send: Send, version: number) {
  const post = (isLast: boolean, body?: Content, fields: Fields = {}): Promise<Response> =>
    send('/files', {
      method: 'POST',
      headers: { ...speaking(version), ...completing(version, isLast), ...fields },
      ...bodyOf(body),
    })
  const append = (
    url: string,
    offset: number,
    isLast: boolean,
    body: Content,
    fields: Fields = {},
  ): Promise<Response> =>
    send(url, { method: 'PATCH', headers: { ...appending(version, offset, isLast), ...fields }, ...bodyOf(body) })
  const head = (url: string, fields: Fields = {}): Promise<Response> =>
    send(url, { method: 'HEAD', headers: { ...speaking(version), ...fields } })
  return {
    post,
    append,
    head,
    /** The URL of a new upload that is not complete. */
    async create(body?: Content, fields: Fields = {}): Promise<string> {
      const created = await post(false, body, fields)
      assert.equal(created.status, 201, await created.text())
      return created.headers.get('Location')!
    },
    /** The URL of a complete upload. */
    async upload(bytes: Content): Promise<string> {
      const created = await post(true, bytes)
      assert.equal(created.status, 201, await created.text())
      return created.headers.get('Location')!
    },
    get: (url: string): Promise<Response> => send(url, { headers: speaking(version) }),
    cancel: (url: string, fields: Fields = {}): Promise<Response> =>
      send(url, { method: 'DELETE', headers: { ...speaking(version), ...fields } }),
    options: (): Promise<Response> => send('/files', { method: 'OPTIONS', headers: speaking(version) }),
    completeness: (answer: Response): boolean | undefined => completeness(version, answer),
    async offset(url: string): Promise<string | null> {
      return offsetOf(await head(url))
    },
    async content(url: string): Promise<Buffer> {
      const read = await send(url)
      assert.equal(read.status, 200, url)
      return Buffer.from(await read.arrayBuffer())
    },
  }
}
